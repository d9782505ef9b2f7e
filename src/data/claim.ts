import { currentScope } from "../runtime/scope.js";
import { forEachTensor } from "../scoping.js";
import { giveTo, noteUnscoped, type Tensor } from "../tensor.js";

/**
 * Runs `make` and gives the tensors in its result that were made from data to the innermost scope, so that they are freed with it.
 * Those on which `keep()` was called, and those that existed before, are left alone.
 */
export function claimed<R>(make: () => R): R {
  const scope = currentScope();
  if (scope === null) return make();
  const made = new Set<Tensor>();
  const result = noteUnscoped(made, make);
  if (made.size > 0) {
    forEachTensor(result, (t) => {
      if (made.delete(t)) giveTo(scope, t);
    });
  }
  return result;
}
