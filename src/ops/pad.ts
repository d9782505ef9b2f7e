import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { copyStrided } from "../layout.js";
import { formatShape, numel, withSize } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { bytesOf, type Ptr, type Shape, type Spec } from "../types.js";
import { fill } from "./copy.js";
import { apply, defineOp } from "./op.js";

type Unary = readonly [Tensor];
type One = readonly [Tensor];

/** What stands outside: one value, or elements of the input, mirrored without the edge, the nearest, or periodically. */
export const PAD_MODES = ["constant", "reflect", "replicate", "circular"] as const;

export type PadMode = (typeof PAD_MODES)[number];

/** Elements before and behind each dimension; a negative count cuts off. */
export type Pads = readonly (readonly [before: number, after: number])[];

/** Pads of the last dimensions in PyTorch's order, the last dimension first, for each dimension of `shape`. Checked. */
export function resolvePads(op: string, shape: Shape, pad: readonly number[]): Pads {
  const valid = Array.isArray(pad) && pad.length % 2 === 0 && pad.every((p) => Number.isInteger(p));
  if (!valid || pad.length > 2 * shape.length) {
    throw new ArgumentError(
      op,
      `pad is [${String(pad)}]; expected a pair of integers for each padded dimension of ${formatShape(shape)}, the last first`,
    );
  }
  return shape.map((_, d) => {
    const at = 2 * (shape.length - 1 - d);
    return [pad[at] ?? 0, pad[at + 1] ?? 0];
  });
}

/** x with more or fewer elements on each side. `op` is what messages start with. */
export function pad(x: Tensor, pads: Pads, mode: PadMode, value: number, op = "pad"): Tensor {
  if (mode === "constant") return apply(padConstantOp, [x], { pads, value, op })[0];
  const steps = pads.map(([before, after], dim) => ({ dim, before, after, mode, op }));
  for (const step of steps) paddedSpec(x, step);
  if (mode === "circular" && pads.flat().some((p) => p < 0)) {
    // What is left after cutting is what goes round.
    const cut = pads.map(([before, after]) => [Math.min(before, 0), Math.min(after, 0)] as const);
    const grow = pads.map(([before, after]) => [Math.max(before, 0), Math.max(after, 0)] as const);
    return pad(pad(x, cut, "constant", 0, op), grow, mode, value, op);
  }
  return steps.reduce((y, step) => (step.before === 0 && step.after === 0 ? y : padRepeat(y, step)), x);
}

interface ConstantAttrs {
  readonly pads: Pads;
  readonly value: number;
  readonly op: string;
}

/** y = value outside of x. Any dtype. */
export const padConstantOp = defineOp<Unary, One, ConstantAttrs>({
  name: "pad_constant",
  infer: ([x], { pads, op }) => {
    const shape = x.shape.map((n, d) => n + pads[d]![0] + pads[d]![1]);
    if (shape.some((n) => n < 0)) {
      throw new ShapeError(
        op,
        `pads ${formatPads(pads)} leave ${formatShape(shape)} of ${formatShape(x.shape)}; expected sizes ≥ 0`,
      );
    }
    return [{ shape, dtype: x.dtype }];
  },
  strided: true,
  forward: ([y], [x], { pads, value }) => {
    fill(y, value);
    // What the two have in common: x without what is cut off, at its place in y.
    const shape = x.shape.map((n, d) => n + Math.min(0, pads[d]![0]) + Math.min(0, pads[d]![1]));
    if (shape.some((n) => n <= 0)) return;
    const at = (t: Tensor, sign: 1 | -1): Ptr => {
      const offset = t.strides.reduce((o, s, d) => o + s * Math.max(0, sign * pads[d]![0]), 0);
      return (t.ptr + offset * bytesOf(t.dtype)) as Ptr;
    };
    copyStrided({ ptr: at(y, 1), strides: y.strides }, { ptr: at(x, -1), strides: x.strides }, shape, x.dtype);
  },
  saves: { inputs: [] },
  backward: ([g], _, __, { pads, op }) => [
    () =>
      pad(
        g,
        pads.map(([before, after]) => [-before, -after]),
        "constant",
        0,
        op,
      ),
  ],
});

interface RepeatAttrs {
  readonly dim: number;
  readonly before: number;
  readonly after: number;
  readonly mode: Exclude<PadMode, "constant">;
  readonly op: string;
}

function formatPads(pads: Pads): string {
  return `[${pads.map((p) => formatShape(p)).join(", ")}]`;
}

function paddedSpec(x: Spec, { dim, before, after, mode, op }: RepeatAttrs): Spec {
  checkDType(op, "input", x, "float32", "int32");
  const n = x.shape[dim]!;
  const size = n + before + after;
  const most = mode === "reflect" ? n - 1 : mode === "circular" ? n : n === 0 ? 0 : Infinity;
  if (Math.max(before, after) > Math.max(0, most) || size < 0 || Math.min(before, after) < -n) {
    throw new ShapeError(
      op,
      `padding [${before}, ${after}] of dim ${dim} of ${formatShape(x.shape)}; expected ${-n} to ${most} ` +
        `for ${mode} and no negative size`,
    );
  }
  return { shape: withSize(x.shape, dim, size), dtype: x.dtype };
}

/** y = x, continued beyond the ends of one dimension with its own elements. */
export const padRepeatOp = defineOp<Unary, One, RepeatAttrs>({
  name: "pad_repeat",
  infer: ([x], attrs) => [paddedSpec(x, attrs)],
  forward: ([y], [x], attrs) => K.pad_32(y.ptr, x.ptr, ...sizesOf(x.shape, y.shape, attrs)),
  saves: { inputs: [] },
  backward: ([g], [x], _, attrs) => [() => apply(padRepeatGradOp, [g], { ...attrs, size: x.shape[attrs.dim]! })[0]],
});

/** Adjoint: each element gathers the gradients of the places that repeat it. */
export const padRepeatGradOp = defineOp<Unary, One, RepeatAttrs & { size: number }>({
  name: "pad_repeat_grad",
  infer: ([g], { dim, size }) => [{ shape: withSize(g.shape, dim, size), dtype: "float32" }],
  forward: ([dx], [g], attrs) => K.pad_grad_f32(dx.ptr, g.ptr, ...sizesOf(dx.shape, g.shape, attrs)),
  saves: { inputs: [] },
  backward: ([gg], _, __, { size, ...attrs }) => [() => padRepeat(gg, attrs)],
});

function padRepeat(x: Tensor, attrs: RepeatAttrs): Tensor {
  return apply(padRepeatOp, [x], attrs)[0];
}

/** What the kernels take: sizes around and of the dimension, without and with padding; the count in front; the mode's number. */
function sizesOf(
  x: Shape,
  y: Shape,
  { dim, before, mode }: RepeatAttrs,
): [outer: number, n: number, m: number, inner: number, before: number, mode: number] {
  const inner = numel(x.slice(dim + 1));
  const number = { reflect: 0, replicate: 1, circular: 2 }[mode];
  return [numel(x.slice(0, dim)), x[dim]!, y[dim]!, inner, before, number];
}
