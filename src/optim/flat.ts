import { K } from "../backend/index.js";
import { ArgumentError } from "../errors.js";
import { norm } from "../functional/statistics.js";
import { copyStrided, rowMajor } from "../layout.js";
import { scope } from "../scoping.js";
import { withGradMode } from "../tape.js";
import { adopt, Tensor } from "../tensor.js";
import type { Ptr } from "../types.js";

// For optimizers that take all parameters as one vector. Vectors are float32 tensors of rank 1 in the innermost scope.

/** All parameters in order. */
export class FlatParameters {
  readonly size: number;

  constructor(private readonly params: readonly Tensor[]) {
    this.size = params.reduce((n, p) => n + p.numel, 0);
  }

  /** A copy of the values. */
  values(): Tensor {
    const out = vector(this.size);
    this.walk(out, (p, at) => copyStrided(at(p), p, p.shape, "float32"));
    return out;
  }

  /** A copy of the gradients, 0 where there is none. */
  gradients(): Tensor {
    const out = vector(this.size);
    this.walk(out, (p, at) => {
      if (p.grad === null) K.fill_32(at(p).ptr, 0, p.numel);
      else copyStrided(at(p), p.grad, p.shape, "float32");
    });
    return out;
  }

  /** Overwrites the parameters. */
  assign(values: Tensor): void {
    this.walk(values, (p, at) => {
      copyStrided(p, at(p), p.shape, "float32");
      p.storage.written();
    });
  }

  /** Calls `visit` with each parameter, and with where it lies in the vector. */
  private walk(flat: Tensor, visit: (p: Tensor, at: (p: Tensor) => Place) => void): void {
    let offset = 0;
    for (const p of this.params) {
      visit(p, () => ({ ptr: (flat.ptr + offset * 4) as Ptr, strides: rowMajor(p.shape).strides }));
      offset += p.numel;
    }
  }
}

interface Place {
  readonly ptr: Ptr;
  readonly strides: readonly number[];
}

/** A new vector, uninitialised. */
export function vector(n: number): Tensor {
  return adopt(Tensor.allocate([n], "float32", "optimizer"));
}

/** a·x + b·z as a new vector. */
export function combine(x: Tensor, z: Tensor, a: number, b: number): Tensor {
  const out = vector(x.numel);
  K.combine_f32(out.ptr, x.ptr, z.ptr, x.numel, a, b);
  return out;
}

/** y += a·x in place. */
export function accumulate(y: Tensor, x: Tensor, a: number): void {
  K.combine_f32(y.ptr, x.ptr, y.ptr, y.numel, a, 1);
}

/** y = a·y in place. */
export function scale(y: Tensor, a: number): void {
  K.combine_f32(y.ptr, y.ptr, y.ptr, y.numel, a, 0);
}

/** Σ x·z in float64. */
export function dot(x: Tensor, z: Tensor): number {
  return K.dot_f32(x.ptr, z.ptr, x.numel);
}

/** Σ |x|, or the largest |x|; 0 for no elements. */
export function sizeOf(x: Tensor, p: 1 | typeof Infinity): number {
  return x.numel === 0 ? 0 : scope(() => norm(x, { p }).item());
}

/** Calls a closure with recording on and reads the loss that it returns; temporaries are freed. */
export function evaluate<R>(name: string, closure: () => R): { readonly result: R; readonly loss: number } {
  const result = scope(() => withGradMode(true, closure));
  if (typeof result === "number") return { result, loss: result };
  if (result instanceof Tensor) return { result, loss: result.item() };
  throw new ArgumentError(name, `the closure returned ${String(result)}; expected the loss, a number or a tensor`);
}

/** Throws unless there is a closure. */
export function checkClosure<R>(name: string, closure: (() => R) | undefined): asserts closure is () => R {
  if (typeof closure !== "function") {
    throw new ArgumentError(
      name,
      `step() got ${String(closure)}; expected a closure that computes loss and gradients anew`,
    );
  }
}
