/**
 * True while memory counts more than time: kernels then read weights as they lie, nothing is kept of them in another form, and what traces or rewrites
 * a graph keeps nothing that can be done without.
 */
export let frugal = false;

/** Runs `fn` with `frugal` as given. */
export function withFrugality<R>(on: boolean, fn: () => R): R {
  const saved = frugal;
  frugal = on;
  try {
    return fn();
  } finally {
    frugal = saved;
  }
}
