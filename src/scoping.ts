import { Scope } from "./runtime/scope.js";
import { withGradMode } from "./tape.js";
import { adoptUnscoped, Tensor } from "./tensor.js";

/**
 * Runs `fn` and frees every tensor that ops made in it, but for those in its return value (arrays and plain objects are searched),
 * which pass to the enclosing scope. Without a function it opens a scope that closes at the end of the block: `using s = scope()`.
 * Scopes belong to synchronous code: do not await while one is open.
 */
export function scope(): Scope;
export function scope<R>(fn: () => R): R;
export function scope<R>(fn?: () => R): R | Scope {
  const s = new Scope();
  if (fn === undefined) return s;
  try {
    const result = fn();
    forEachTensor(result, (t) => {
      if (t.scope === s) moveOut(t, s);
    });
    return result;
  } finally {
    s.close();
  }
}

function moveOut(t: Tensor, from: Scope): void {
  const to = from.enclosing;
  if (to !== null) to.add(t);
  else {
    t.scope = null;
    adoptUnscoped(t);
  }
}

/** Runs `fn` in a scope of its own with nothing recorded for autograd; its result passes to the enclosing scope. */
export function noGrad<R>(fn: () => R): R {
  return withGradMode(false, () => scope(fn));
}

/** Runs `fn` with recording switched on, inside a `noGrad` too. */
export function enableGrad<R>(fn: () => R): R {
  return withGradMode(true, fn);
}

/** Calls `visit` for every tensor in nested arrays and plain objects. */
export function forEachTensor(value: unknown, visit: (t: Tensor) => void): void {
  if (value instanceof Tensor) visit(value);
  else if (Array.isArray(value)) for (const v of value) forEachTensor(v, visit);
  else if (value instanceof Map) for (const v of value.values()) forEachTensor(v, visit);
  else if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    for (const v of Object.values(value)) forEachTensor(v, visit);
  }
}
