import { K } from "../backend/index.js";
import type { DilatedGeometry } from "../backend/js/lib/pool.js";
import { checkDType, checkInteger, checkRank, checkTuple } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { Plans } from "../runtime/plans.js";
import { formatShape, numel, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape, Sizes, Spec } from "../types.js";
import { apply, defineOp, notDifferentiable } from "./op.js";

type One = readonly [Tensor];

/** Windows of fixed size, one entry for each of the one to three spatial dimensions. */
export interface FixedWindows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
}

/** Windows that give an output of this size: output i covers ⌊i·n/o⌋ up to ⌈(i + 1)·n/o⌉. Null keeps the input's size. */
export interface AdaptiveWindows {
  readonly outputSize: readonly (number | null)[];
}

export type Windows = FixedWindows | AdaptiveWindows;

/** Size of the output of adaptive pooling: one for all dimensions, or one for each; null keeps the input's. */
export type OutputSize = number | readonly (number | null)[];

export interface WindowOptions {
  readonly kernelSize: Sizes;
  /** Default: the kernel size, so that windows lie side by side. */
  readonly stride?: Sizes | null;
  /** On both sides; at most half the kernel size. Default 0. */
  readonly padding?: Sizes;
  /** Distance between the elements of a window. Default 1. */
  readonly dilation?: Sizes;
  /** Round the output size up: the last window may begin inside and end outside. Default false. */
  readonly ceilMode?: boolean;
}

/** Checks windows of `n` dimensions. Errors: ArgumentError, for a padding above half the kernel size too. */
export function checkWindows(op: string, n: number, options: WindowOptions): FixedWindows {
  const kernel = checkTuple(op, "kernelSize", options.kernelSize, n, 1);
  const stride = checkTuple(op, "stride", options.stride ?? kernel, n, 1);
  const padding = checkTuple(op, "padding", options.padding ?? 0, n, 0);
  const dilation = checkTuple(op, "dilation", options.dilation ?? 1, n, 1);
  padding.forEach((p, i) => {
    if (2 * p > kernel[i]!) {
      throw new ArgumentError(op, `padding is ${p}; expected at most half the kernel size ${kernel[i]}`);
    }
  });
  return { kernel, stride, padding, dilation, ceilMode: options.ceilMode ?? false };
}

/** Checks the output size of adaptive pooling of `n` dimensions. */
export function checkOutputSize(op: string, n: number, size: OutputSize): AdaptiveWindows {
  const list = Array.isArray(size) ? (size as readonly (number | null)[]) : new Array<number>(n).fill(size as number);
  if (list.length !== n) {
    throw new ArgumentError(op, `outputSize is [${list.join(", ")}]; expected an integer or ${n} of them`);
  }
  return { outputSize: list.map((s) => (s === null ? null : checkInteger(op, "outputSize", s, 1))) };
}

/** A pooling call, worked out: the output's shape, how many planes there are, and what the kernels are told about one. */
export interface Pooling {
  readonly shape: number[];
  readonly planes: number;
  readonly geometry: DilatedGeometry;
}

/** Lays windows over x [N, C, spatial…] or [C, spatial…]. Errors: ShapeError for another rank or an input that is too small. */
export function layWindows(op: string, x: Spec, windows: Windows): Pooling {
  checkDType(op, "input", x, "float32");
  const n = spatialRank(windows);
  checkRank(op, "input", x.shape, n + 1, n + 2);
  const lead = x.shape.slice(0, -n);
  const size = x.shape.slice(-n);
  if (size.includes(0)) {
    throw new ShapeError(op, `input ${formatShape(x.shape)} has no elements in a plane; expected sizes ≥ 1`);
  }
  const fixed = "kernel" in windows ? windows : (evenWindows(size, windows) ?? ADAPTIVE);
  const out =
    "kernel" in windows
      ? size.map((s, i) => fixedSize(op, x.shape, s, i, windows))
      : windows.outputSize.map((s, i) => s ?? size[i]!);
  return {
    shape: [...lead, ...out],
    planes: numel(lead),
    geometry: [
      ...three(size, 1),
      ...three(out, 1),
      ...three(fixed.kernel, 1),
      ...three(fixed.stride, fixed === ADAPTIVE ? 0 : 1),
      ...three(fixed.padding, 0),
      ...three(fixed.dilation, 1),
    ],
  };
}

function spatialRank(windows: Windows): number {
  return "kernel" in windows ? windows.kernel.length : windows.outputSize.length;
}

/** Tells the kernels, by a stride of 0, to work out windows of different sizes themselves. */
const ADAPTIVE: FixedWindows = { kernel: [], stride: [], padding: [], dilation: [], ceilMode: false };

/** Adaptive windows as fixed ones, if all of them come out alike. */
function evenWindows(size: Shape, { outputSize }: AdaptiveWindows): FixedWindows | null {
  const step = size.map((s, i) => s / (outputSize[i] ?? s));
  if (!step.every((s) => Number.isInteger(s) && s > 0)) return null;
  return { kernel: step, stride: step, padding: [], dilation: [], ceilMode: false };
}

/** ⌊(n + 2p − d(k − 1) − 1)/s⌋ + 1, rounded up instead if asked, but no window begins in the padding behind. */
function fixedSize(op: string, shape: Shape, n: number, i: number, windows: FixedWindows): number {
  const [k, s, p, d] = [windows.kernel[i]!, windows.stride[i]!, windows.padding[i]!, windows.dilation[i]!];
  const room = n + 2 * p - d * (k - 1) - 1;
  let out = (windows.ceilMode ? Math.ceil(room / s) : Math.floor(room / s)) + 1;
  if (windows.ceilMode && (out - 1) * s >= n + p) out--;
  if (out < 1) {
    throw new ShapeError(
      op,
      `input ${formatShape(shape)} is too small; expected at least ${Math.max(1, d * (k - 1) + 1 - 2 * p)} in dim ` +
        `${shape.length - windows.kernel.length + i} (kernel ${k}, padding ${p}, dilation ${d})`,
    );
  }
  return out;
}

function three(values: readonly number[], fill: number): [number, number, number] {
  return [values.at(-3) ?? fill, values.at(-2) ?? fill, values.at(-1) ?? fill];
}

function nameOf(windows: Windows): string {
  return `${"kernel" in windows ? "" : "Adaptive"}MaxPool${spatialRank(windows)}d`;
}

const plans = new Plans<Windows, Pooling>((windows, shape) =>
  layWindows(nameOf(windows), { shape, dtype: "float32" }, windows),
);

function lay(x: Spec, windows: Windows): Pooling {
  if (x.dtype !== "float32") checkDType(nameOf(windows), "input", x, "float32");
  return plans.of(windows, x.shape);
}

/** y = max over each window; padding counts as −∞, and NaN is above everything. */
export const maxPoolOp = defineOp<One, One, Windows>({
  name: "max_pool",
  infer: ([x], windows) => [{ shape: lay(x, windows).shape, dtype: "float32" }],
  forward: ([y], [x], windows) => {
    const { planes, geometry } = lay(x, windows);
    K.maxpool_f32(y.ptr, x.ptr, planes, ...geometry);
  },
  window: (_, windows) => ("kernel" in windows ? windows : null),
  saves: { outs: [0] },
  backward: ([g], [x], [y], windows) => [() => maxPoolGrad(g, x, y, windows)],
});

export const maxPoolGradOp = defineOp<readonly [Tensor, Tensor, Tensor], One, Windows>({
  name: "max_pool_grad",
  infer: ([, x]) => [x],
  forward: ([dx], [g, x, y], windows) => {
    const { planes, geometry } = lay(x, windows);
    K.maxpool_grad_f32(dx.ptr, g.ptr, x.ptr, y.ptr, planes, ...geometry);
  },
  saves: { inputs: [1, 2] },
  backward: ([gg], [, x, y], _, windows) => [() => maxPoolGather(gg, x, y, windows), null, null],
});

/** The values of v where x has its maxima: adjoint of the gradient. */
export const maxPoolGatherOp = defineOp<readonly [Tensor, Tensor, Tensor], One, Windows>({
  name: "max_pool_gather",
  infer: ([, , y]) => [y],
  forward: ([out], [v, x, y], windows) => {
    const { planes, geometry } = lay(x, windows);
    K.maxpool_gather_f32(out.ptr, v.ptr, x.ptr, y.ptr, planes, ...geometry);
  },
  saves: { inputs: [1, 2] },
  backward: ([g], [, x, y], _, windows) => [() => maxPoolGrad(g, x, y, windows), null, null],
});

/** Where in its plane of x each maximum is, int32. */
export const maxPoolIndexOp = defineOp<readonly [Tensor, Tensor], One, Windows>({
  name: "max_pool_index",
  infer: ([, y]) => [{ shape: y.shape, dtype: "int32" }],
  forward: ([index], [x, y], windows) => {
    const { planes, geometry } = lay(x, windows);
    K.maxpool_index_i32(index.ptr, x.ptr, y.ptr, planes, ...geometry);
  },
  backward: notDifferentiable("a place is no differentiable quantity"),
});

export function maxPool(x: Tensor, windows: Windows): Tensor {
  return apply(maxPoolOp, [x], windows)[0];
}

function maxPoolGrad(g: Tensor, x: Tensor, y: Tensor, windows: Windows): Tensor {
  return apply(maxPoolGradOp, [g, x, y], windows)[0];
}

function maxPoolGather(v: Tensor, x: Tensor, y: Tensor, windows: Windows): Tensor {
  return apply(maxPoolGatherOp, [v, x, y], windows)[0];
}

export function maxPoolIndex(x: Tensor, y: Tensor, windows: Windows): Tensor {
  return apply(maxPoolIndexOp, [x, y], windows)[0];
}

/** What max pooling returns: the output, or with `returnIndices` output and indices. */
export type Pooled<R extends boolean> = R extends true ? [Tensor, Tensor] : Tensor;

export function pooled<R extends boolean>(x: Tensor, windows: Windows, returnIndices: R | undefined): Pooled<R> {
  const y = maxPool(x, windows);
  return (returnIndices ? [y, maxPoolIndex(x, y, windows)] : y) as Pooled<R>;
}

/** The spatial part of the output's shape. */
type UnpoolAttrs = { readonly size: Shape };

/** y = x at the places that max pooling has told, 0 elsewhere; where two inputs go to one place, the later one stays. */
export const maxUnpoolOp = defineOp<readonly [Tensor, Tensor], One, UnpoolAttrs>({
  name: "max_unpool",
  infer: ([x, index], { size }) => {
    const op = `MaxUnpool${size.length}d`;
    checkDType(op, "input", x, "float32");
    checkDType(op, "indices", index, "int32");
    checkRank(op, "input", x.shape, size.length + 1, size.length + 2);
    if (!sameShape(index.shape, x.shape)) {
      throw new ShapeError(
        op,
        `indices are ${formatShape(index.shape)}; expected ${formatShape(x.shape)}, as the input`,
      );
    }
    return [{ shape: [...x.shape.slice(0, -size.length), ...size], dtype: "float32" }];
  },
  forward: ([y], [x, index], { size }) => {
    const n = numel(x.shape.slice(-size.length));
    const planes = numel(x.shape.slice(0, -size.length));
    K.maxunpool_f32(y.ptr, x.ptr, index.ptr, planes, n, numel(size));
  },
  saves: { inputs: [1] },
  backward: ([g], [, index], _, attrs) => [() => apply(maxUnpoolGradOp, [g, index], attrs)[0], null],
});

export const maxUnpoolGradOp = defineOp<readonly [Tensor, Tensor], One, UnpoolAttrs>({
  name: "max_unpool_grad",
  infer: ([, index]) => [{ shape: index.shape, dtype: "float32" }],
  forward: ([dx], [g, index], { size }) => {
    const n = numel(index.shape.slice(-size.length));
    const planes = numel(index.shape.slice(0, -size.length));
    K.maxunpool_grad_f32(dx.ptr, g.ptr, index.ptr, planes, n, numel(size));
  },
  saves: { inputs: [1] },
  backward: ([gg], [, index], _, attrs) => [() => maxUnpool(gg, index, attrs.size), null],
});

export function maxUnpool(x: Tensor, index: Tensor, size: Shape): Tensor {
  return apply(maxUnpoolOp, [x, index], { size })[0];
}
