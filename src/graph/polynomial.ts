import { addOp, affineOp, mulOp, negOp, subOp } from "../ops/arithmetic.js";
import { powScalarOp } from "../ops/transcendental.js";
import { squareOp } from "../ops/unary.js";
import type { Draft } from "./draft.js";
import type { Value } from "./graph.js";
import { runs } from "./node.js";

/** Coefficients by the exponents of the variables, as "1,0" for the first variable alone. */
export type Polynomial = ReadonlyMap<string, number>;

/** Products of more variables than this are none of the functions that are looked for. */
const MOST = 8;

/**
 * What a value computes from others of the same shape by sums, products and powers with numbers; null if there is anything else in it.
 * However an exporter writes a function, its polynomial is the same.
 */
export function polynomial(value: Value, variables: readonly Value[], draft: Draft, depth = 0): Polynomial | null {
  const at = variables.indexOf(value);
  if (at >= 0) return new Map([[variables.map((_, i) => (i === at ? 1 : 0)).join(), 1]]);
  const number = draft.scalar(value);
  if (number !== null) return new Map([[variables.map(() => 0).join(), number]]);
  const node = draft.maker(value);
  if (node === null || depth > MOST || node.symbolic !== undefined) return null;
  const operand = (i: number): Polynomial | null => polynomial(node.inputs[i]!, variables, draft, depth + 1);
  const constant = (n: number): Polynomial => new Map([[variables.map(() => 0).join(), n]]);
  if (runs(node, affineOp)) {
    const { scale, shift } = node.attrs;
    return sum(product(operand(0), constant(scale)), constant(shift));
  }
  if (runs(node, negOp)) return product(operand(0), constant(-1));
  if (runs(node, addOp)) return sum(operand(0), operand(1));
  if (runs(node, subOp)) return sum(operand(0), product(operand(1), constant(-1)));
  if (runs(node, mulOp)) return product(operand(0), operand(1));
  const x = operand(0);
  if (runs(node, squareOp)) return product(x, x);
  if (!runs(node, powScalarOp)) return null;
  const { exponent } = node.attrs;
  if (!Number.isInteger(exponent) || exponent < 1 || exponent > MOST) return null;
  return Array.from({ length: exponent - 1 }).reduce<Polynomial | null>((power) => product(power, x), x);
}

function sum(a: Polynomial | null, b: Polynomial | null): Polynomial | null {
  if (a === null || b === null) return null;
  const out = new Map(a);
  for (const [key, n] of b) out.set(key, (out.get(key) ?? 0) + n);
  return out;
}

function product(a: Polynomial | null, b: Polynomial | null): Polynomial | null {
  if (a === null || b === null) return null;
  const out = new Map<string, number>();
  for (const [p, m] of a) {
    for (const [q, n] of b) {
      const other = q.split(",").map(Number);
      const key = p
        .split(",")
        .map((e, i) => Number(e) + other[i]!)
        .join();
      out.set(key, (out.get(key) ?? 0) + m * n);
    }
  }
  return out;
}

/** Whether a polynomial has these coefficients, as closely as exporters round theirs, and no others. */
export function isPolynomial(found: Polynomial | null, want: Readonly<Record<string, number>>): boolean {
  if (found === null) return false;
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-5 * Math.max(Math.abs(b), 1e-3);
  const known = Object.entries(want).every(([key, n]) => near(found.get(key) ?? 0, n));
  return known && [...found].every(([key, n]) => key in want || Math.abs(n) < 1e-8);
}
