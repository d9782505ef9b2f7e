import { K, type Kernels } from "../backend/index.js";
import { checkDType } from "../check.js";
import type { Tensor } from "../tensor.js";
import type { DType, Ptr } from "../types.js";
import { affine, mul } from "./arithmetic.js";
import { clone, constant } from "./copy.js";
import { apply, defineOp, type Op } from "./op.js";

type Unary = readonly [Tensor];
type Binary = readonly [Tensor, Tensor];
type One = readonly [Tensor];

/** Names of the kernels with the parameters of F, no more and no less. */
type KernelOf<F extends (...args: never[]) => void> = {
  [N in keyof Kernels]: Kernels[N] extends F
    ? Parameters<F>["length"] extends Parameters<Kernels[N]>["length"]
      ? N
      : never
    : never;
}[keyof Kernels];

/** Kernels (y, x, n). */
type MapKernel = KernelOf<(y: Ptr, x: Ptr, n: number) => void>;

/** Kernels (y, a, b, n). */
type ZipKernel = KernelOf<(y: Ptr, a: Ptr, b: Ptr, n: number) => void>;

interface Elementwise {
  /** The kernel for each dtype that the op takes. */
  readonly float32: MapKernel;
  readonly int32?: MapKernel;
  /** First word of messages; default: the name. */
  readonly prefix?: string;
  /** The gradient from g and from what `reads` names: the input (default) or the output. */
  readonly backward: (g: Tensor, saved: Tensor) => Tensor;
  readonly reads?: "input" | "output" | "nothing";
}

/** An op y = f(x), element by element. */
export function elementwise(name: string, definition: Elementwise): Op<Unary, One, void> {
  const { float32, int32, prefix = name, backward, reads = "input" } = definition;
  const dtypes: DType[] = int32 === undefined ? ["float32"] : ["float32", "int32"];
  return defineOp<Unary, One>({
    name,
    infer: ([x]) => {
      checkDType(prefix, "input", x, ...dtypes);
      return [x];
    },
    forward: ([y], [x]) => K[x.dtype === "int32" ? int32! : float32](y.ptr, x.ptr, x.numel),
    inPlace: [0],
    saves: { inputs: reads === "input" ? [0] : [], outs: reads === "output" ? [0] : [] },
    backward: ([g], [x], [y]) => [() => backward(g, reads === "output" ? y : x)],
  });
}

/**
 * The op dx = f(g, v) that gives an element-wise op's gradient, v being its input or output. It is linear in g, so its derivative by
 * g is itself; `second` is the one by v, null where f is piecewise constant in v.
 */
export function elementwiseGrad(
  name: string,
  kernel: ZipKernel,
  second: ((gg: Tensor, g: Tensor, v: Tensor) => Tensor) | null,
): Op<Binary, One, void> {
  const op: Op<Binary, One, void> = defineOp<Binary, One>({
    name,
    infer: ([g]) => [g],
    forward: ([dx], [g, v]) => K[kernel](dx.ptr, g.ptr, v.ptr, g.numel),
    backward: ([gg], [g, v]) => [() => zip(op, gg, v), second && (() => second(gg, g, v))],
  });
  return op;
}

/** Applies an element-wise op. */
export function map(op: Op<Unary, One, void>, x: Tensor): Tensor {
  return apply(op, [x], undefined)[0];
}

/** Applies an element-wise op of two operands. */
export function zip(op: Op<Binary, One, void>, a: Tensor, b: Tensor): Tensor {
  return apply(op, [a, b], undefined)[0];
}

/** The gradient of a function that is constant between its steps. */
function zeros(g: Tensor): Tensor {
  return constant(g.shape, 0);
}

export const reluGradOp = elementwiseGrad("relu_grad", "relu_grad_f32", null);
export const reluOp = elementwise("relu", {
  float32: "relu_f32",
  prefix: "ReLU",
  reads: "output",
  backward: (g, y) => zip(reluGradOp, g, y),
});

export const absGradOp = elementwiseGrad("abs_grad", "abs_grad_f32", null);
export const absOp = elementwise("abs", {
  float32: "abs_f32",
  int32: "abs_i32",
  backward: (g, x) => zip(absGradOp, g, x),
});

export const signOp = elementwise("sign", {
  float32: "sign_f32",
  int32: "sign_i32",
  reads: "nothing",
  backward: zeros,
});
export const floorOp = elementwise("floor", { float32: "floor_f32", reads: "nothing", backward: zeros });
export const ceilOp = elementwise("ceil", { float32: "ceil_f32", reads: "nothing", backward: zeros });
export const roundOp = elementwise("round", { float32: "round_f32", reads: "nothing", backward: zeros });

export const sqrtGradOp = elementwiseGrad("sqrt_grad", "sqrt_grad_f32", (gg, g, y) =>
  mul(gg, affine(mul(g, map(squareOp, map(reciprocalOp, y))), -0.5, 0)),
);
export const sqrtOp = elementwise("sqrt", {
  float32: "sqrt_f32",
  reads: "output",
  backward: (g, y) => zip(sqrtGradOp, g, y),
});

export const rsqrtGradOp = elementwiseGrad("rsqrt_grad", "rsqrt_grad_f32", (gg, g, y) =>
  mul(gg, affine(mul(g, map(squareOp, y)), -1.5, 0)),
);
export const rsqrtOp = elementwise("rsqrt", {
  float32: "rsqrt_f32",
  reads: "output",
  backward: (g, y) => zip(rsqrtGradOp, g, y),
});

export const reciprocalGradOp = elementwiseGrad("reciprocal_grad", "reciprocal_grad_f32", (gg, g, y) =>
  mul(gg, affine(mul(g, y), -2, 0)),
);
export const reciprocalOp = elementwise("reciprocal", {
  float32: "reciprocal_f32",
  reads: "output",
  backward: (g, y) => zip(reciprocalGradOp, g, y),
});

export const squareGradOp = elementwiseGrad("square_grad", "square_grad_f32", (gg, g) => affine(mul(gg, g), 2, 0));
export const squareOp = elementwise("square", {
  float32: "square_f32",
  backward: (g, x) => zip(squareGradOp, g, x),
});

/** Bounds of clamp; ±Infinity where there is none. */
interface Bounds {
  readonly min: number;
  readonly max: number;
}

export const clampOp = defineOp<Unary, One, Bounds>({
  name: "clamp",
  infer: ([x]) => {
    checkDType("clamp", "input", x, "float32", "int32");
    return [x];
  },
  forward: ([y], [x], { min, max }) => {
    if (x.dtype === "float32") K.clamp_f32(y.ptr, x.ptr, x.numel, min, max);
    else K.clamp_i32(y.ptr, x.ptr, x.numel, saturated(min), saturated(max));
  },
  inPlace: [0],
  backward: ([g], [x], _, bounds) => [() => clampGrad(g, x, bounds)],
});

/** The nearest int32. */
function saturated(v: number): number {
  return Math.min(Math.max(v, -(2 ** 31)), 2 ** 31 - 1);
}

export const clampGradOp = defineOp<Binary, One, Bounds>({
  name: "clamp_grad",
  infer: ([g]) => [g],
  forward: ([dx], [g, x], { min, max }) => K.clamp_grad_f32(dx.ptr, g.ptr, x.ptr, g.numel, min, max),
  saves: { inputs: [1] },
  backward: ([gg], [, x], _, bounds) => [() => clampGrad(gg, x, bounds), null],
});

export function clampGrad(g: Tensor, x: Tensor, bounds: Bounds): Tensor {
  return apply(clampGradOp, [g, x], bounds)[0];
}

/** min(max(x, min), max). */
export function clamp(x: Tensor, min: number, max: number): Tensor {
  return min === -Infinity && max === Infinity ? clone(x) : apply(clampOp, [x], { min, max })[0];
}

export function relu(x: Tensor): Tensor {
  return map(reluOp, x);
}
