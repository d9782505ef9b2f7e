import { sameShape } from "../shape.js";
import type { Shape } from "../types.js";

/** Plans kept for one attributes object: a layer sees few shapes, and one more takes the place of the oldest. */
const KEPT = 4;

interface Entry<P> {
  readonly first: Shape;
  readonly second: Shape;
  readonly plan: P;
}

/**
 * What follows from an op's attributes and the shapes of up to two operands, worked out once: a layer that runs again finds it. The attributes
 * are known by identity, and what is kept goes with them; a plan holds no tensor.
 */
export class Plans<A extends object, P> {
  private readonly known = new WeakMap<A, Entry<P>[]>();

  /** `make` checks the shapes: where it throws, nothing is kept. */
  constructor(private readonly make: (attrs: A, first: Shape, second: Shape) => P) {}

  of(attrs: A, first: Shape, second: Shape = NONE): P {
    let entries = this.known.get(attrs);
    if (entries !== undefined) {
      for (let i = 0; i < entries.length; i++) {
        const entry = entries[i]!;
        if (alike(entry.first, first) && alike(entry.second, second)) return entry.plan;
      }
    }
    const plan = this.make(attrs, first, second);
    if (entries === undefined) {
      entries = [];
      this.known.set(attrs, entries);
    } else if (entries.length === KEPT) entries.shift();
    entries.push({ first, second, plan });
    return plan;
  }
}

const NONE: Shape = [];

function alike(a: Shape, b: Shape): boolean {
  return a === b || sameShape(a, b);
}
