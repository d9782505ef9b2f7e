import { checkInteger, checkNumber } from "../check.js";
import { ArgumentError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { scope } from "../scoping.js";
import type { Tensor } from "../tensor.js";
import { checkClosure, evaluate, FlatParameters, vector } from "./flat.js";
import { type LearningRate, Optimizer, type OptimizerSpec, type ParamGroupInput, type Params } from "./optimizer.js";

export interface NewtonOptions extends LearningRate {
  /** Share of the Newton step that is made. Default 1. */
  lr: number;
  /** λ that is added to the diagonal of the Hessian at least. Default 0. */
  damping: number;
  /** The Hessian comes from gradients at p ± eps·max(1, |p|). Default 5e-3. */
  eps: number;
  /** More parameters are refused: a step calls the closure 2·n + 1 times and solves an n × n system. Default 1000. */
  maxParams: number;
}

const SPEC: OptimizerSpec<NewtonOptions> = {
  name: "Newton",
  defaults: { lr: 1, damping: 0, eps: 5e-3, maxParams: 1000 },
  check: (options) => {
    checkNumber("Newton", "lr", options.lr, 0);
    checkNumber("Newton", "damping", options.damping, 0);
    checkNumber("Newton", "eps", options.eps, Number.MIN_VALUE);
    checkInteger("Newton", "maxParams", options.maxParams, 1);
  },
};

/**
 * Newton's method for small models: p −= lr·(H + λI)⁻¹·g. The Hessian H is computed by central differences of the gradient, which is
 * float32 itself: expect about four correct digits. Where it is singular or not positive definite, λ grows from `damping` until
 * H + λI is, so that the step goes downhill.
 * `step(closure)` calls the closure 2·n + 1 times for n parameters; it clears the gradients, computes the loss, calls backward and returns
 * the loss, always on the same data and without dropout. It returns the loss before the step. There is no state; all parameters are one group.
 */
export class Newton extends Optimizer<NewtonOptions> {
  constructor(params: Params<NewtonOptions>, options: Partial<NewtonOptions> = {}) {
    super(SPEC, params, options);
    const { params: list, maxParams } = this.paramGroups[0]!;
    const { size } = new FlatParameters(list);
    if (size > maxParams) {
      throw new ArgumentError("Newton", `got ${size} parameters; expected at most ${maxParams} (option maxParams)`);
    }
  }

  /** Errors: ArgumentError for a second group. */
  override addParamGroup(group: ParamGroupInput<NewtonOptions>): void {
    if (this.paramGroups.length > 0) throw new ArgumentError("Newton", "got a second parameter group; expected one");
    super.addParamGroup(group);
  }

  step(): void;
  step<R>(closure: () => R): R;
  step<R>(closure?: () => R): R {
    checkClosure("Newton", closure);
    return scope(() => {
      const { params, lr, damping, eps } = this.paramGroups[0]!;
      const flat = new FlatParameters(params);
      const x = Float64Array.from(flat.values().data());
      const { result } = evaluate("Newton", closure);
      const g = flat.gradients().data();
      const gradientAt = (values: Float64Array): ArrayLike<number> =>
        scope(() => {
          assign(flat, values);
          evaluate("Newton", closure);
          return flat.gradients().data();
        });
      const step = solveDamped(hessian(gradientAt, x, eps), g, damping);
      assign(
        flat,
        x.map((value, i) => value - lr * step[i]!),
      );
      return result;
    });
  }
}

function assign(flat: FlatParameters, values: Float64Array): void {
  const v: Tensor = vector(values.length);
  arena.view(v.ptr, values.length, "float32").set(values);
  flat.assign(v);
  v.dispose();
}

/** Rows of the Hessian at x, made symmetric. */
function hessian(gradientAt: (x: Float64Array) => ArrayLike<number>, x: Float64Array, eps: number): Float64Array[] {
  const rows = Array.from(x, (value, i) => {
    const h = eps * Math.max(1, Math.abs(value));
    // What float32 makes of the two places decides how far they are apart.
    const [low, high] = [Math.fround(value - h), Math.fround(value + h)];
    const at = (place: number): ArrayLike<number> => gradientAt(x.map((v, j) => (i === j ? place : v)));
    const [below, above] = [at(low), at(high)];
    return Float64Array.from(x, (_, j) => (above[j]! - below[j]!) / (high - low));
  });
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j < i; j++) {
      const mean = (row[j]! + rows[j]![i]!) / 2;
      row[j] = mean;
      rows[j]![i] = mean;
    }
  }
  return rows;
}

/** Below this share of its diagonal element, a pivot counts as 0: that is what differences of float32 gradients leave of it. */
const LEAST_PIVOT = 1e-4;
/** First damping of a Hessian that needs one, as a share of its largest element. */
const FIRST_DAMPING = 1e-4;
const MAX_DAMPINGS = 40;

/** (H + λI)⁻¹·g with the first λ in a growing series for which H + λI is positive definite; NaN if there is none. */
function solveDamped(h: readonly Float64Array[], g: ArrayLike<number>, damping: number): Float64Array {
  const largest = h.reduce((most, row) => row.reduce((m, v) => Math.max(m, Math.abs(v)), most), 0);
  let lambda = damping;
  for (let i = 0; i < MAX_DAMPINGS; i++) {
    const factor = cholesky(h, lambda);
    if (factor !== null) return substitute(factor, g);
    lambda = Math.max(10 * lambda, FIRST_DAMPING * (largest || 1));
  }
  return new Float64Array(g.length).fill(NaN);
}

/** Rows of the lower triangle L with L·Lᵀ = H + λI; null if that is not positive definite. */
function cholesky(h: readonly Float64Array[], lambda: number): Float64Array[] | null {
  const rows: Float64Array[] = [];
  for (const [i, source] of h.entries()) {
    const row = new Float64Array(i + 1);
    for (let j = 0; j <= i; j++) {
      let sum = source[j]! + (i === j ? lambda : 0);
      const diagonal = Math.abs(sum);
      const other = i === j ? row : rows[j]!;
      for (let k = 0; k < j; k++) sum -= row[k]! * other[k]!;
      if (i !== j) row[j] = sum / other[j]!;
      else if (sum > LEAST_PIVOT * diagonal) row[j] = Math.sqrt(sum);
      else return null;
    }
    rows.push(row);
  }
  return rows;
}

/** Solves L·Lᵀ·x = b. */
function substitute(rows: readonly Float64Array[], b: ArrayLike<number>): Float64Array {
  const n = rows.length;
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i]! -= rows[i]![k]! * x[k]!;
    x[i]! /= rows[i]![i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= rows[k]![i]! * x[k]!;
    x[i]! /= rows[i]![i]!;
  }
  return x;
}
