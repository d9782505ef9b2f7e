import { checkInteger, checkNoOptions, checkOptions, type NoOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import * as ops from "../ops/einsum.js";
import { Tensor } from "../tensor.js";

export interface EinsumOptions {
  readonly equation: string;
}

/**
 * Sums of products over named dimensions, called `einsum(a, b, …, { equation: "ij,jk->ik" })`. Each letter names a dimension; what is
 * not in the result is summed. A letter twice in one operand is its diagonal; "..." stands for any dimensions, which broadcast;
 * without "->" the result has the letters that appear once, in alphabetical order. Any number of operands: they are multiplied pair
 * by pair, as batched matrix products, cheapest pair first. Errors: sizes that disagree, letters that do not fit the shapes.
 */
export function einsum(...call: readonly [...operands: Tensor[], options: EinsumOptions]): Tensor {
  const options = call.at(-1);
  if (options === undefined || options instanceof Tensor || typeof options.equation !== "string") {
    throw new ArgumentError("einsum", "the last argument has no equation; expected { equation: string }");
  }
  checkOptions("einsum", options, ["equation"]);
  const operands = call.slice(0, -1);
  operands.forEach((x, i) => {
    if (!(x instanceof Tensor)) throw new ArgumentError("einsum", `operand ${i} is ${String(x)}; expected a tensor`);
  });
  return ops.einsum(options.equation, operands as Tensor[]);
}

export interface TensordotOptions {
  /** How many last dimensions of a meet the first ones of b, or the dimensions of each. Default 2. */
  readonly dims?: number | readonly [readonly number[], readonly number[]];
}

/** Σ a · b over pairs of dimensions. Shapes: the other dimensions of a, then those of b. */
export function tensordot(a: Tensor, b: Tensor, options: TensordotOptions = {}): Tensor {
  checkOptions("tensordot", options, ["dims"]);
  const { dims = 2 } = options;
  if (typeof dims !== "number") return ops.tensordot(a, b, dims[0], dims[1]);
  checkInteger("tensordot", "dims", dims, 0, Math.min(a.ndim, b.ndim));
  const count = Array.from({ length: dims }, (_, i) => i);
  return ops.tensordot(
    a,
    b,
    count.map((i) => a.ndim - dims + i),
    count,
  );
}

/** Kronecker product: every element of a times the whole of b. Shape: products of the sizes, aligned at the end. */
export function kron(a: Tensor, b: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("kron", none);
  return ops.kron(a, b);
}
