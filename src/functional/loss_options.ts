import { checkDType, checkInteger, checkNumber, checkOneOf, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { checkReduction, type Reduction } from "../ops/loss.js";
import { Tensor } from "../tensor.js";
import { pairwiseDistance } from "./distance.js";

// What the options of losses may be, once for the function and its module.

/** Checks one option, or gives its default where there is none. */
type Reader<T> = (op: string, name: string, value: unknown) => T;

type Schema = Readonly<Record<string, Reader<unknown>>>;

/** The options of a schema, all of them present. */
type Read<S extends Schema> = { readonly [N in keyof S]: ReturnType<S[N]> };

/** Checks a call's options, unknown names included, and fills in defaults. */
export function readOptions<S extends Schema>(op: string, options: object, schema: S): Read<S> {
  checkOptions(op, options, Object.keys(schema));
  const read = Object.entries(schema).map(([name, reader]) => [name, reader(op, name, Reflect.get(options, name))]);
  return Object.fromEntries(read) as Read<S>;
}

function orDefault<T>(fallback: T, read: Reader<T>): Reader<T> {
  return (op, name, value) => (value === undefined ? fallback : read(op, name, value));
}

export const REDUCTION = { reduction: orDefault<Reduction>("mean", (op, _, value) => checkReduction(op, value)) };

function number(fallback: number, min?: number, max?: number): Reader<number> {
  return orDefault(fallback, (op, name, value) => checkNumber(op, name, value, min, max));
}

function positive(fallback: number): Reader<number> {
  return orDefault(fallback, (op, name, value) => {
    const v = checkNumber(op, name, value);
    if (v > 0 && v < Infinity) return v;
    throw new ArgumentError(op, `${name} is ${v}; expected a finite number above 0`);
  });
}

function integer(fallback: number, min: number, max?: number): Reader<number> {
  return orDefault(fallback, (op, name, value) => checkInteger(op, name, value, min, max));
}

function flag(fallback: boolean): Reader<boolean> {
  return orDefault(fallback, (op, name, value) => {
    if (typeof value === "boolean") return value;
    throw new ArgumentError(op, `${name} is ${String(value)}; expected true or false`);
  });
}

function choice<T extends string>(fallback: T, allowed: readonly T[]): Reader<T> {
  return orDefault(fallback, (op, name, value) => checkOneOf(op, name, value, allowed));
}

/** A float32 tensor or null, the default. */
const factors: Reader<Tensor | null> = orDefault<Tensor | null>(null, (op, name, value) => {
  if (value === null) return null;
  if (!(value instanceof Tensor)) throw new ArgumentError(op, `${name} is ${String(value)}; expected a tensor or null`);
  checkDType(op, name, value, "float32");
  return value;
});

/** As `Reduction`; "batchmean" is the sum over the size of the first dimension. */
export type BatchReduction = Reduction | "batchmean";

const BATCH_REDUCTION = {
  reduction: choice<BatchReduction>("mean", ["none", "mean", "sum", "batchmean"]),
};

/** The distances of the rows of two tensors of one shape. */
export type Distance = (a: Tensor, b: Tensor) => Tensor;

const distance: Reader<Distance> = (op, name, value) => {
  if (value === undefined || value === null) return pairwiseDistance;
  if (typeof value === "function") return value as Distance;
  throw new ArgumentError(op, `${name} is ${String(value)}; expected a function of two tensors`);
};

/**
 * What discriminator (D, giving scores) and generator play for, σ being the sigmoid:
 * - "minimax": D maximises ln σ(real) + ln(1 − σ(fake)), the generator minimises it (I. Goodfellow et al., 2014, eq. 1);
 * - "nonSaturating": the generator maximises ln σ(fake) instead (ibid., section 3);
 * - "leastSquares": D brings real to 1 and fake to 0, the generator fake to 1, at cost ½·d² (X. Mao et al., 2017);
 * - "wasserstein": D maximises real − fake, the generator fake; D must be kept Lipschitz elsewhere (M. Arjovsky et al., 2017).
 */
export type GANObjective = "minimax" | "nonSaturating" | "leastSquares" | "wasserstein";

const OBJECTIVES: readonly GANObjective[] = ["minimax", "nonSaturating", "leastSquares", "wasserstein"];

export const NLL = { weight: factors, ignoreIndex: integer(-100, -(2 ** 31)), ...REDUCTION };
export const CROSS_ENTROPY = { ...NLL, labelSmoothing: number(0, 0, 1) };
export const BCE = { weight: factors, ...REDUCTION };
export const BCE_WITH_LOGITS = { weight: factors, posWeight: factors, ...REDUCTION };
export const SMOOTH_L1 = { beta: number(1, 0), ...REDUCTION };
export const HUBER = { delta: positive(1), ...REDUCTION };
export const KL_DIV = { logTarget: flag(false), ...BATCH_REDUCTION };
export const GAUSSIAN_NLL = { full: flag(false), eps: positive(1e-6), ...REDUCTION };
export const POISSON_NLL = { logInput: flag(true), full: flag(false), eps: positive(1e-8), ...REDUCTION };
export const GAUSSIAN_KL = BATCH_REDUCTION;
export const HINGE_EMBEDDING = { margin: number(1), ...REDUCTION };
export const COSINE_EMBEDDING = { margin: number(0), ...REDUCTION };
export const MARGIN_RANKING = { margin: number(0), ...REDUCTION };
export const TRIPLET_MARGIN = {
  margin: number(1),
  p: number(2, 0),
  eps: number(1e-6),
  swap: flag(false),
  ...REDUCTION,
};
export const TRIPLET_MARGIN_WITH_DISTANCE = {
  distanceFunction: distance,
  margin: number(1),
  swap: flag(false),
  ...REDUCTION,
};
export const MULTI_MARGIN = { p: integer(1, 1, 2), margin: number(1), weight: factors, ...REDUCTION };
export const MULTILABEL_SOFT_MARGIN = { weight: factors, ...REDUCTION };
export const CTC = { blank: integer(0, 0), zeroInfinity: flag(false), ...REDUCTION };
export const GAN = { objective: choice("nonSaturating", OBJECTIVES), ...REDUCTION };
