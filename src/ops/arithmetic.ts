import { K, type Kernels } from "../backend/index.js";
import { checkDType } from "../check.js";
import { forLeading, padTo4 } from "../layout.js";
import { broadcastShapes, broadcastStrides, collapse, contiguousStrides, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { bytesOf, type DType, type Ptr, type Spec } from "../types.js";
import { apply, defineOp, notDifferentiable } from "./op.js";
import { sumTo } from "./reduce.js";

type Unary = readonly [Tensor];
type Binary = readonly [Tensor, Tensor];
type One = readonly [Tensor];

/** y contiguous over four dimensions; the operands are read through strides. */
export type BroadcastKernel = Kernels["add_f32"];

/** Runs a kernel over the broadcast of two operands, its dimensions merged as far as both layouts allow. */
export function runBroadcast(kernel: BroadcastKernel, y: Tensor, a: Tensor, b: Tensor): void {
  if (y.numel === 0) return;
  if (sameShape(a.shape, b.shape) && a.isContiguous && b.isContiguous) {
    kernel(y.ptr, a.ptr, b.ptr, 1, 1, 1, y.numel, 0, 0, 0, 1, 0, 0, 0, 1);
    return;
  }
  const { shape, strides } = collapse(y.shape, [
    contiguousStrides(y.shape),
    broadcastStrides(a.shape, a.strides, y.shape),
    broadcastStrides(b.shape, b.strides, y.shape),
  ]);
  const [n0, n1, n2, n3] = padTo4(shape, 1);
  const [a0, a1, a2, a3] = padTo4(strides[1]!, 0);
  const [b0, b1, b2, b3] = padTo4(strides[2]!, 0);
  forLeading(shape, strides, (o) => {
    const py = (y.ptr + o[0]! * bytesOf(y.dtype)) as Ptr;
    const pa = (a.ptr + o[1]! * bytesOf(a.dtype)) as Ptr;
    const pb = (b.ptr + o[2]! * bytesOf(b.dtype)) as Ptr;
    kernel(py, pa, pb, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3);
  });
}

/** Operands of one dtype, which is also the result's. */
export function inferBroadcast(op: string, a: Spec, b: Spec, ...dtypes: DType[]): Spec {
  checkDType(op, "first operand", a, ...dtypes);
  checkDType(op, "second operand", b, a.dtype);
  return { shape: broadcastShapes(op, a.shape, b.shape), dtype: a.dtype };
}

export const addOp = defineOp<Binary, One>({
  name: "add",
  infer: ([a, b]) => [inferBroadcast("add", a, b, "float32", "int32")],
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(y.dtype === "int32" ? K.add_i32 : K.add_f32, y, a, b),
  inPlace: [0, 1],
  saves: { inputs: [] },
  backward: ([g], [a, b]) => [() => sumTo(g, a.shape), () => sumTo(g, b.shape)],
});

export const subOp = defineOp<Binary, One>({
  name: "sub",
  infer: ([a, b]) => [inferBroadcast("sub", a, b, "float32", "int32")],
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(y.dtype === "int32" ? K.sub_i32 : K.sub_f32, y, a, b),
  inPlace: [0, 1],
  saves: { inputs: [] },
  backward: ([g], [a, b]) => [() => sumTo(g, a.shape), () => sumTo(neg(g), b.shape)],
});

export const mulOp = defineOp<Binary, One>({
  name: "mul",
  infer: ([a, b]) => [inferBroadcast("mul", a, b, "float32", "int32")],
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(y.dtype === "int32" ? K.mul_i32 : K.mul_f32, y, a, b),
  inPlace: [0, 1],
  backward: ([g], [a, b]) => [() => sumTo(mul(g, b), a.shape), () => sumTo(mul(g, a), b.shape)],
});

export const divOp = defineOp<Binary, One>({
  name: "div",
  infer: ([a, b]) => [inferBroadcast("div", a, b, "float32")],
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(K.div_f32, y, a, b),
  inPlace: [0, 1],
  backward: ([g], [a, b]) => [() => sumTo(div(g, b), a.shape), () => sumTo(neg(div(mul(g, a), mul(b, b))), b.shape)],
});

export const minimumOp = defineOp<Binary, One>({
  name: "minimum",
  infer: ([a, b]) => [inferBroadcast("minimum", a, b, "float32", "int32")],
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(y.dtype === "int32" ? K.minimum_i32 : K.minimum_f32, y, a, b),
  inPlace: [0, 1],
  backward: ([g], [a, b]) => [
    () => sumTo(mul(g, maximumShare(b, a)), a.shape),
    () => sumTo(mul(g, maximumShare(a, b)), b.shape),
  ],
});

export const maximumOp = defineOp<Binary, One>({
  name: "maximum",
  infer: ([a, b]) => [inferBroadcast("maximum", a, b, "float32", "int32")],
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(y.dtype === "int32" ? K.maximum_i32 : K.maximum_f32, y, a, b),
  inPlace: [0, 1],
  backward: ([g], [a, b]) => [
    () => sumTo(mul(g, maximumShare(a, b)), a.shape),
    () => sumTo(mul(g, maximumShare(b, a)), b.shape),
  ],
});

/** ∂max(a, b)/∂a: ties are split evenly. */
export const maximumShareOp = defineOp<Binary, One>({
  name: "maximum_share",
  infer: ([a, b]) => [inferBroadcast("maximum_share", a, b, "float32")],
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(K.maximum_share_f32, y, a, b),
  backward: notDifferentiable("it is constant between its steps"),
});

export function add(a: Tensor, b: Tensor): Tensor {
  return apply(addOp, [a, b], undefined)[0];
}
export function sub(a: Tensor, b: Tensor): Tensor {
  return apply(subOp, [a, b], undefined)[0];
}
export function mul(a: Tensor, b: Tensor): Tensor {
  return apply(mulOp, [a, b], undefined)[0];
}
export function div(a: Tensor, b: Tensor): Tensor {
  return apply(divOp, [a, b], undefined)[0];
}
export function minimum(a: Tensor, b: Tensor): Tensor {
  return apply(minimumOp, [a, b], undefined)[0];
}
export function maximum(a: Tensor, b: Tensor): Tensor {
  return apply(maximumOp, [a, b], undefined)[0];
}
function maximumShare(a: Tensor, b: Tensor): Tensor {
  return apply(maximumShareOp, [a, b], undefined)[0];
}

export const negOp = defineOp<Unary, One>({
  name: "neg",
  infer: ([x]) => {
    checkDType("neg", "input", x, "float32", "int32");
    return [x];
  },
  forward: ([y], [x]) => (x.dtype === "int32" ? K.neg_i32 : K.neg_f32)(y.ptr, x.ptr, x.numel),
  inPlace: [0],
  saves: { inputs: [] },
  backward: ([g]) => [() => neg(g)],
});

export function neg(x: Tensor): Tensor {
  return apply(negOp, [x], undefined)[0];
}

export const affineOp = defineOp<Unary, One, { scale: number; shift: number }>({
  name: "affine",
  infer: ([x]) => {
    checkDType("affine", "input", x, "float32");
    return [x];
  },
  forward: ([y], [x], { scale, shift }) => K.affine_f32(y.ptr, x.ptr, x.numel, scale, shift),
  inPlace: [0],
  saves: { inputs: [] },
  backward: ([g], _, __, { scale }) => [() => affine(g, scale, 0)],
});

/** scale · x + shift, with plain numbers. */
export function affine(x: Tensor, scale: number, shift: number): Tensor {
  return apply(affineOp, [x], { scale, shift })[0];
}
