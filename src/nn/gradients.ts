import { K } from "../backend/index.js";
import { checkNumber, checkOptions } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { cat } from "../functional/copy.js";
import { clipFactor, floatList, totalNorm } from "../functional/total_norm.js";
import { materialize } from "../layout.js";
import { constant, copyInto, narrow, reshape } from "../ops/copy.js";
import { noGrad } from "../scoping.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Ptr } from "../types.js";

/** The gradients that are there. */
function gradientsOf(op: string, params: Tensor | Iterable<Tensor>): readonly Tensor[] {
  return floatList(op, params).flatMap((p) => (p.grad === null ? [] : [p.grad]));
}

/** Overwrites a gradient by a kernel that works in place on n elements. */
function rewrite(g: Tensor, kernel: (g: Ptr, n: number) => void): void {
  const flat = g.isContiguous ? g : materialize(g);
  kernel(flat.ptr, g.numel);
  if (flat === g) g.storage.written();
  else {
    copyInto(g, flat);
    flat.dispose();
  }
}

export interface ClipGradNormInPlaceOptions {
  /** Order of the norm; Infinity for the largest element. Default 2. */
  readonly normType?: number;
  /** Throw if the norm is infinite or NaN, before anything is changed. Default false. */
  readonly errorIfNonfinite?: boolean;
}

/**
 * Makes the gradients of parameters shorter, in place, so that their norm, taken over all of them as one vector, is at most `maxNorm`:
 * g ← g·min(1, maxNorm/(‖g‖ + 1e-6)). Returns the norm as it was, a scalar. Parameters without a gradient are passed over.
 */
export function clipGradNorm_(
  params: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options: ClipGradNormInPlaceOptions = {},
): Tensor {
  const op = "clipGradNorm_";
  checkOptions(op, options, ["normType", "errorIfNonfinite"]);
  const grads = gradientsOf(op, params);
  checkNumber(op, "maxNorm", maxNorm, 0);
  const normType = checkNumber(op, "normType", options.normType ?? 2);
  const total = noGrad(() => totalNorm(grads, normType));
  const norm = total.item();
  if (options.errorIfNonfinite && !Number.isFinite(norm)) {
    throw new ArgumentError(op, `the norm of the gradients is ${norm}; expected a finite one (errorIfNonfinite)`);
  }
  const factor = clipFactor(norm, maxNorm);
  if (factor !== 1) for (const g of grads) rewrite(g, (ptr, n) => K.affine_f32(ptr, ptr, n, factor, 0));
  return total;
}

/** Clamps the gradients of parameters to [−clipValue, clipValue], in place. Parameters without a gradient are passed over. */
export function clipGradValue_(params: Tensor | Iterable<Tensor>, clipValue: number): void {
  const op = "clipGradValue_";
  const grads = gradientsOf(op, params);
  checkNumber(op, "clipValue", clipValue, 0);
  for (const g of grads) rewrite(g, (ptr, n) => K.clamp_f32(ptr, ptr, n, -clipValue, clipValue));
}

/** All elements of the parameters, in order, as one vector; differentiable. */
export function parametersToVector(params: Tensor | Iterable<Tensor>): Tensor {
  const list = floatList("parametersToVector", params);
  return list.length === 0 ? constant([0], 0) : cat(list.map((p) => reshape(p, [-1])));
}

/** Overwrites the parameters with the elements of a vector, in order. Errors: ShapeError unless it has as many elements as they. */
export function vectorToParameters(vector: Tensor, params: Tensor | Iterable<Tensor>): void {
  const op = "vectorToParameters";
  const [v] = floatList(op, vector);
  const list = floatList(op, params);
  const count = list.reduce((n, p) => n + p.numel, 0);
  if (vector.ndim !== 1 || vector.numel !== count) {
    throw new ShapeError(op, `vector has shape ${formatShape(vector.shape)}; expected [${count}]`);
  }
  noGrad(() => {
    let at = 0;
    for (const p of list) {
      copyInto(p, reshape(narrow(v!, 0, at, p.numel), p.shape));
      at += p.numel;
    }
  });
}
