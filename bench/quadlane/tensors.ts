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

/** Tensors or modules. */
export type Disposables = Iterable<{ dispose(): void }>;

export function dispose(all: Disposables): void {
  for (const one of all) one.dispose();
}

/** A work that is one call on fixed operands. */
export function callJob(operands: Disposables, call: () => Tensor): Job {
  return {
    run: () => scope(() => void call()),
    outputs: () => scope(() => [values(call())]),
    dispose: () => dispose(operands),
  };
}
