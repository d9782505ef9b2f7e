import { K, type Kernels } from "../backend/index.js";
import { checkDType } from "../check.js";
import { forLeading, padTo4 } from "../layout.js";
import { broadcastShapes, broadcastStrides, collapse, contiguousStrides, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { bytesOf, type Ptr, type Spec } from "../types.js";
import { apply, defineOp } from "./op.js";
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

function inferArithmetic(op: string, a: Spec, b: Spec): Spec[] {
  checkDType(op, "first operand", a, "float32");
  checkDType(op, "second operand", b, "float32");
  return [{ shape: broadcastShapes(op, a.shape, b.shape), dtype: "float32" }];
}

export const addOp = defineOp<Binary, One>({
  name: "add",
  infer: ([a, b]) => inferArithmetic("add", a, b),
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(K.add_f32, y, a, b),
  saves: { inputs: [] },
  backward: ([g], [a, b]) => [() => sumTo(g, a.shape), () => sumTo(g, b.shape)],
});

export const subOp = defineOp<Binary, One>({
  name: "sub",
  infer: ([a, b]) => inferArithmetic("sub", a, b),
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(K.sub_f32, y, a, b),
  saves: { inputs: [] },
  backward: ([g], [a, b]) => [() => sumTo(g, a.shape), () => sumTo(neg(g), b.shape)],
});

export const mulOp = defineOp<Binary, One>({
  name: "mul",
  infer: ([a, b]) => inferArithmetic("mul", a, b),
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(K.mul_f32, y, a, b),
  backward: ([g], [a, b]) => [() => sumTo(mul(g, b), a.shape), () => sumTo(mul(g, a), b.shape)],
});

export const divOp = defineOp<Binary, One>({
  name: "div",
  infer: ([a, b]) => inferArithmetic("div", a, b),
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(K.div_f32, y, a, b),
  backward: ([g], [a, b]) => [() => sumTo(div(g, b), a.shape), () => sumTo(neg(div(mul(g, a), mul(b, b))), b.shape)],
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

export const negOp = defineOp<Unary, One>({
  name: "neg",
  infer: ([x]) => {
    checkDType("neg", "input", x, "float32");
    return [x];
  },
  forward: ([y], [x]) => K.neg_f32(y.ptr, x.ptr, x.numel),
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
  saves: { inputs: [] },
  backward: ([g], _, __, { scale }) => [() => affine(g, scale, 0)],
});

/** scale · x + shift, with plain numbers. */
export function affine(x: Tensor, scale: number, shift: number): Tensor {
  return apply(affineOp, [x], { scale, shift })[0];
}
