import type { Generator } from "../random.js";
import { currentScope, type Scope } from "../runtime/scope.js";
import { forEachTensor } from "../scoping.js";
import { giveTo, noteUnscoped, type Tensor } from "../tensor.js";
import type { Dataset } from "./dataset.js";

/** Hands what a data set or a collate function made from data, and returns, to the batch's scope. */
type Claim = <R>(returned: R) => R;

/**
 * Makes something in a batch's scope. Tensors that the data set or the collate function make from data and return pass to the scope too,
 * unless they call `keep()` on them; in a synchronous loop nothing else would free them.
 */
export function claiming<R>(scope: Scope, make: (claim: Claim) => R): R {
  const made = new Set<Tensor>();
  const claim: Claim = (returned) => {
    if (made.size > 0) {
      forEachTensor(returned, (t) => {
        if (made.delete(t)) giveTo(scope, t);
      });
    }
    return returned;
  };
  return noteUnscoped(made, () => claim(make(claim)));
}

/** Makes something that is only used on the way to a sample: in a scope it belongs to that, so that it does not outlive the batch. */
export function inScope<R>(make: () => R): R {
  const scope = currentScope();
  return scope === null ? make() : claiming(scope, make);
}

/** The samples of these indices, each with its generator where there are some. `failed` learns the index if one cannot be made. */
export function fetchSamples<S>(
  dataset: Dataset<S>,
  indices: Int32Array,
  generators: readonly Generator[] | null,
  claim: Claim,
  failed: (index: number) => void = () => {},
): S[] {
  return Array.from(indices, (index, i) => {
    try {
      return claim(dataset.get(index, generators?.[i]));
    } catch (error) {
      failed(index);
      throw error;
    }
  });
}
