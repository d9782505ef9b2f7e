import { K, type Kernels } from "../backend/index.js";
import { checkDType } from "../check.js";
import { DTypeError } from "../errors.js";
import { forLeading, padTo4 } from "../layout.js";
import { broadcastShapes, broadcastStrides, collapse, contiguousStrides, formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Ptr } from "../types.js";
import { type BroadcastKernel, inferBroadcast, runBroadcast } from "./arithmetic.js";
import { zero } from "./copy.js";
import { apply, defineOp, notDifferentiable, type Op } from "./op.js";
import { sumTo } from "./reduce.js";

type Binary = readonly [Tensor, Tensor];
type One = readonly [Tensor];

const NO_GRADIENT = notDifferentiable("its result is bool");

/** Names of the kernels that walk two broadcast operands. */
type BroadcastName = { [N in keyof Kernels]: Kernels[N] extends BroadcastKernel ? N : never }[keyof Kernels];

/** An op y = a ∘ b with a bool result. */
function comparison(name: string, float32: BroadcastName, int32: BroadcastName): Op<Binary, One, void> {
  return defineOp<Binary, One>({
    name,
    infer: ([a, b]) => [{ shape: inferBroadcast(name, a, b, "float32", "int32").shape, dtype: "bool" }],
    strided: true,
    forward: ([y], [a, b]) => runBroadcast(K[a.dtype === "int32" ? int32 : float32], y, a, b),
    backward: NO_GRADIENT,
  });
}

export const eqOp = comparison("eq", "eq_f32", "eq_i32");
export const neOp = comparison("ne", "ne_f32", "ne_i32");
export const ltOp = comparison("lt", "lt_f32", "lt_i32");
export const leOp = comparison("le", "le_f32", "le_i32");

/** Applies a comparison to operands of one dtype, float32 or int32. */
export function compare(op: Op<Binary, One, void>, a: Tensor, b: Tensor): Tensor {
  return apply(op, [a, b], undefined)[0];
}

export const logicalAndOp = defineOp<Binary, One>({
  name: "logicalAnd",
  infer: ([a, b]) => [inferBroadcast("logicalAnd", a, b, "bool")],
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(K.logical_and_bool, y, a, b),
  inPlace: [0, 1],
  backward: NO_GRADIENT,
});

export const logicalOrOp = defineOp<Binary, One>({
  name: "logicalOr",
  infer: ([a, b]) => [inferBroadcast("logicalOr", a, b, "bool")],
  strided: true,
  forward: ([y], [a, b]) => runBroadcast(K.logical_or_bool, y, a, b),
  inPlace: [0, 1],
  backward: NO_GRADIENT,
});

export const logicalNotOp = defineOp<readonly [Tensor], One>({
  name: "logicalNot",
  infer: ([x]) => {
    checkDType("logicalNot", "input", x, "bool");
    return [x];
  },
  forward: ([y], [x]) => K.logical_not_bool(y.ptr, x.ptr, x.numel),
  inPlace: [0],
  backward: NO_GRADIENT,
});

export function logicalAnd(a: Tensor, b: Tensor): Tensor {
  return apply(logicalAndOp, [a, b], undefined)[0];
}
export function logicalOr(a: Tensor, b: Tensor): Tensor {
  return apply(logicalOrOp, [a, b], undefined)[0];
}
export function logicalNot(x: Tensor): Tensor {
  return apply(logicalNotOp, [x], undefined)[0];
}

export const whereOp = defineOp<readonly [Tensor, Tensor, Tensor], One>({
  name: "where",
  infer: ([c, a, b]) => {
    checkDType("where", "condition", c, "bool");
    checkDType("where", "first choice", a, "float32", "int32");
    if (b.dtype !== a.dtype) {
      throw new DTypeError(
        "where",
        `second choice ${formatShape(b.shape)} is ${b.dtype}; expected ${a.dtype} as the first`,
      );
    }
    return [{ shape: broadcastShapes("where", c.shape, broadcastShapes("where", a.shape, b.shape)), dtype: a.dtype }];
  },
  strided: true,
  forward: ([y], [c, a, b]) => {
    if (y.numel === 0) return;
    const operands = [c, a, b].map((t) => broadcastStrides(t.shape, t.strides, y.shape));
    const { shape, strides } = collapse(y.shape, [contiguousStrides(y.shape), ...operands]);
    const n = padTo4(shape, 1);
    const [sc, sa, sb] = [padTo4(strides[1]!, 0), padTo4(strides[2]!, 0), padTo4(strides[3]!, 0)];
    forLeading(shape, strides, (o) => {
      const at = (t: Tensor, k: number, bytes: number): Ptr => (t.ptr + o[k]! * bytes) as Ptr;
      K.where_32(at(y, 0, 4), at(c, 1, 1), at(a, 2, 4), at(b, 3, 4), ...n, ...sc, ...sa, ...sb);
    });
  },
  inPlace: [1, 2],
  saves: { inputs: [0] },
  backward: ([g], [c, a, b]) => [
    null,
    () => sumTo(where(c, g, zero()), a.shape),
    () => sumTo(where(c, zero(), g), b.shape),
  ],
});

/** condition ? a : b, with broadcasting of all three. */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  return apply(whereOp, [condition, a, b], undefined)[0];
}
