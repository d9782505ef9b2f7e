// Between the inputs of the benchmarks and this library's tensors.
import { scope, type Tensor, tensor } from "quadlane";
import type { Integers, Values } from "../inputs.js";
import type { Job } from "../serve.js";

export function toTensor({ shape, data }: Values | Integers): Tensor {
  return tensor(data, { shape });
}

export function values(t: Tensor): Float32Array {
  return Float32Array.from(t.data());
}

export function dispose(tensors: Iterable<Tensor>): void {
  for (const t of tensors) t.dispose();
}

/** A work that is one call on fixed operands. */
export function callJob(operands: readonly Tensor[], call: () => Tensor): Job {
  return {
    run: () => scope(() => void call()),
    outputs: () => scope(() => [values(call())]),
    dispose: () => dispose(operands),
  };
}
