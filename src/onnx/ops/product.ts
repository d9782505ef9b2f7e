import * as F from "../../functional/index.js";
import { det } from "../../functional/linalg.js";
import { cast } from "../../ops/copy.js";
import type { Tensor } from "../../tensor.js";
import { as, type Inputs, maybeAt, needed, tensorAt } from "../arguments.js";
import { isReal } from "../elements.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";

/** Products of integers are exact as long as sums stay below 2^24. */
function product(a: Tensor, b: Tensor): Tensor {
  const y = F.matmul(cast(a, "float32"), cast(b, "float32"));
  return a.dtype === "int32" ? cast(y, "int32") : y;
}

function runMatMul(node: NodeView, inputs: Inputs): [Arg] {
  const a = needed(node, inputs, 0);
  return [as(a, product(a.tensor, tensorAt(node, inputs, 1)))];
}

/** y = alpha · op(a) op(b) + beta · c. */
export function runGemm(node: NodeView, inputs: Inputs): [Arg] {
  const arg = needed(node, inputs, 0);
  const transposed = (t: Tensor, name: string): Tensor =>
    node.int(name, 0) !== 0 ? F.transpose(t, { dim0: 0, dim1: 1 }) : t;
  const alpha = node.float("alpha", 1);
  const beta = node.float("beta", 1);
  const a = transposed(arg.tensor, "transA");
  const weight = tensorAt(node, inputs, 1);
  const c = maybeAt(inputs, 2);
  if (node.int("transB", 0) !== 0 && alpha === 1 && beta === 1 && c?.ndim === 1 && c.numel === weight.shape[0]) {
    return [as(arg, F.linear(a, weight, c))];
  }
  const y = product(a, transposed(weight, "transB"));
  const scaled = (t: Tensor, factor: number): Tensor => (factor === 1 ? t : F.mul(t, factor));
  const sum = c === null ? scaled(y, alpha) : F.add(scaled(y, alpha), scaled(c, beta));
  return [as(arg, isReal(arg.elem) ? sum : cast(sum, "int32"))];
}

function runEinsum(node: NodeView, inputs: Inputs): [Arg] {
  const first = needed(node, inputs, 0);
  const operands = inputs.map((_, i) => tensorAt(node, inputs, i));
  return [as(first, F.einsum(...operands, { equation: node.string("equation") }))];
}

function runDet(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  return [as(x, det(x.tensor))];
}

export const GEMM = ["alpha", "beta", "transA", "transB"];

/** Products of matrices. */
export const products: OperatorTable = {
  MatMul: [{ since: 6, attributes: [], run: runMatMul }],
  Gemm: [
    { since: 6, attributes: [...GEMM, "broadcast"], run: runGemm },
    { since: 7, attributes: GEMM, run: runGemm },
  ],
  Einsum: [{ since: 12, attributes: ["equation"], run: runEinsum }],
  Det: [{ since: 11, attributes: [], run: runDet }],
};
