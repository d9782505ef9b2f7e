import { checkDType } from "../check.js";
import { ArgumentError } from "../errors.js";
import { constant } from "../ops/copy.js";
import { scope } from "../scoping.js";
import { Tensor } from "../tensor.js";
import { stack } from "./rearrange.js";
import { norm } from "./statistics.js";

/** Keeps a norm of 0 from being divided by. */
export const NORM_EPS = 1e-6;

/** The float32 tensors of an iterable, or the one that stands in its place. */
export function floatList(op: string, tensors: Tensor | Iterable<Tensor>): readonly Tensor[] {
  if (tensors instanceof Tensor) return floatList(op, [tensors]);
  if (typeof tensors !== "object" || tensors === null || !(Symbol.iterator in tensors)) {
    throw new ArgumentError(op, `got ${String(tensors)}; expected tensors`);
  }
  const list = [...tensors];
  list.forEach((t, i) => {
    if (!(t instanceof Tensor)) throw new ArgumentError(op, `tensor ${i} is ${String(t)}; expected a tensor`);
    t.assertAlive(op);
    checkDType(op, `tensor ${i}`, t, "float32");
  });
  return list;
}

/** ‖(‖x₀‖, ‖x₁‖, …)‖: the norm of several tensors taken as one vector; 0 for none. */
export function totalNorm(tensors: readonly Tensor[], p: number): Tensor {
  // The largest magnitude of no elements is not defined.
  const filled = tensors.filter((t) => t.numel > 0);
  if (filled.length === 0) return constant([], 0);
  return scope(() => norm(stack(filled.map((t) => norm(t, { p }))), { p }));
}

/** What `clipGradNorm` multiplies gradients of this norm by. */
export function clipFactor(total: number, maxNorm: number): number {
  return Math.min(1, maxNorm / (total + NORM_EPS));
}
