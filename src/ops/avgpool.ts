import { K } from "../backend/index.js";
import type { AverageGeometry } from "../backend/js/lib/pool.js";
import { checkNumber } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import type { Shape, Spec } from "../types.js";
import { layWindows, type Windows } from "./maxpool.js";
import { apply, defineOp } from "./op.js";

type One = readonly [Tensor];

export interface AveragePooling {
  readonly windows: Windows;
  /** Whether the padding counts in the divisor. */
  readonly countIncludePad: boolean;
  /** Divides by this instead of the window's size. */
  readonly divisorOverride: number | null;
}

function lay(x: Spec, attrs: AveragePooling): { shape: Shape; planes: number; geometry: AverageGeometry } {
  const { windows, countIncludePad, divisorOverride } = attrs;
  const op = "kernel" in windows ? `AvgPool${windows.kernel.length}d` : `AdaptiveAvgPool${windows.outputSize.length}d`;
  const { shape, planes, geometry } = layWindows(op, x, windows);
  const [d, h, w, od, oh, ow, kd, kh, kw, sd, sh, sw, pd, ph, pw] = geometry;
  const pad = countIncludePad ? 1 : 0;
  const divisor = divisorOverride ?? 0;
  return { shape, planes, geometry: [d, h, w, od, oh, ow, kd, kh, kw, sd, sh, sw, pd, ph, pw, pad, divisor] };
}

/** y = (1/m) Σ over each window of m elements. */
export const avgPoolOp = defineOp<One, One, AveragePooling>({
  name: "avg_pool",
  infer: ([x], attrs) => [{ shape: lay(x, attrs).shape, dtype: "float32" }],
  forward: ([y], [x], attrs) => {
    const { planes, geometry } = lay(x, attrs);
    K.avgpool_f32(y.ptr, x.ptr, planes, ...geometry);
  },
  window: (_, { windows }) => ("kernel" in windows ? windows : null),
  saves: { inputs: [] },
  backward: ([g], [x], _, attrs) => [() => apply(avgPoolGradOp, [g], { ...attrs, shape: x.shape })[0]],
});

/** Spreads g evenly over each window of an input of this shape. */
export const avgPoolGradOp = defineOp<One, One, AveragePooling & { shape: Shape }>({
  name: "avg_pool_grad",
  infer: (_, { shape }) => [{ shape, dtype: "float32" }],
  forward: ([dx], [g], attrs) => {
    const { planes, geometry } = lay(dx, attrs);
    K.avgpool_grad_f32(dx.ptr, g.ptr, planes, ...geometry);
  },
  saves: { inputs: [] },
  backward: ([gg], _, __, attrs) => [() => avgPool(gg, attrs)],
});

export function avgPool(x: Tensor, attrs: AveragePooling): Tensor {
  return apply(avgPoolOp, [x], attrs)[0];
}

/** Checks the exponent of Lp pooling. */
export function checkNorm(op: string, p: number): number {
  if (checkNumber(op, "normType", p, 0, Number.MAX_VALUE) === 0) {
    throw new ArgumentError(op, "normType is 0; expected a number above 0");
  }
  return p;
}
