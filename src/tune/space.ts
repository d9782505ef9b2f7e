import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";

/** What a parameter can be: JSON's scalars. */
export type ParamValue = number | string | boolean | null;

/** One dimension of a search space, as plain data. */
export type Dimension<T extends ParamValue = ParamValue> = (
  | { readonly kind: "uniform"; readonly low: number; readonly high: number }
  | { readonly kind: "logUniform"; readonly low: number; readonly high: number }
  | { readonly kind: "integer"; readonly low: number; readonly high: number; readonly log: boolean }
  | { readonly kind: "choice"; readonly values: readonly ParamValue[] }
) & {
  /** Only for the compiler: the type of the values. */
  readonly type?: T;
};

/** Dimensions by name. */
export type SearchSpace = Readonly<Record<string, Dimension>>;

/** The parameters that a space describes. */
export type ParamsOf<S extends SearchSpace = SearchSpace> = {
  readonly [K in keyof S]: S[K] extends Dimension<infer T> ? T : never;
};

/** A real number, every one in [low, high] as likely. Errors: ArgumentError unless low < high, both finite. */
export function uniform(low: number, high: number): Dimension<number> {
  checkRange("uniform", low, high);
  return { kind: "uniform", low, high };
}

/** A real number whose logarithm is uniform: for learning rates. Errors: ArgumentError unless 0 < low < high. */
export function logUniform(low: number, high: number): Dimension<number> {
  checkRange("logUniform", low, high);
  if (low <= 0) throw new ArgumentError("logUniform", `low is ${low}; expected a number above 0`);
  return { kind: "logUniform", low, high };
}

/** An integer from low to high, both included; with `log` its logarithm is spread evenly. Errors: ArgumentError for other bounds. */
export function integer(low: number, high: number, options: { readonly log?: boolean } = {}): Dimension<number> {
  checkOptions("integer", options, ["log"]);
  const log = options.log ?? false;
  checkInteger("integer", "low", low, log ? 1 : -(2 ** 31));
  checkInteger("integer", "high", high, low);
  return { kind: "integer", low, high, log };
}

/** One of several values, each as likely; they have no order. Errors: ArgumentError for none, or values that JSON does not keep. */
export function choice<const T extends ParamValue>(values: readonly T[]): Dimension<T> {
  if (!Array.isArray(values) || values.length === 0) {
    throw new ArgumentError("choice", `values are ${String(values)}; expected a list with at least one`);
  }
  for (const v of values) {
    const plain = v === null || typeof v === "string" || typeof v === "boolean" || Number.isFinite(v);
    if (!plain)
      throw new ArgumentError(
        "choice",
        `a value is ${String(v)}; expected a string, a finite number, a boolean or null`,
      );
  }
  if (new Set(values).size < values.length)
    throw new ArgumentError("choice", "a value is there twice; expected it once");
  return { kind: "choice", values: [...values] };
}

function checkRange(op: string, low: number, high: number): void {
  checkNumber(op, "low", low, -Number.MAX_VALUE, Number.MAX_VALUE);
  checkNumber(op, "high", high, -Number.MAX_VALUE, Number.MAX_VALUE);
  if (low >= high) throw new ArgumentError(op, `low is ${low} and high ${high}; expected low < high`);
}

/** Throws unless it is an object of dimensions. */
export function checkSpace(op: string, space: SearchSpace): void {
  if (typeof space !== "object" || space === null || Object.keys(space).length === 0) {
    throw new ArgumentError(op, "space has no dimension; expected an object such as { lr: tune.logUniform(1e-4, 1) }");
  }
  for (const [name, dimension] of Object.entries(space)) {
    const kind: unknown = dimension?.kind;
    if (!["uniform", "logUniform", "integer", "choice"].includes(String(kind))) {
      throw new ArgumentError(
        op,
        `"${name}" is no dimension; expected one made by uniform, logUniform, integer or choice`,
      );
    }
  }
}

/** The value at u in [0, 1): all values of the dimension as u runs through it. */
export function valueAt(dimension: Dimension, u: number): ParamValue {
  switch (dimension.kind) {
    case "uniform":
      return clamp(dimension.low + u * (dimension.high - dimension.low), dimension.low, dimension.high);
    case "logUniform":
      return clamp(dimension.low * (dimension.high / dimension.low) ** u, dimension.low, dimension.high);
    case "integer": {
      const { low, high, log } = dimension;
      // Each integer owns the stretch from a half below it to a half above it.
      const [from, to] = [low - 0.5, high + 0.5];
      return clamp(Math.round(log ? from * (to / from) ** u : from + u * (to - from)), low, high);
    }
    case "choice":
      return dimension.values[Math.min(dimension.values.length - 1, Math.floor(u * dimension.values.length))]!;
  }
}

/** Where a value lies in [0, 1]; of a choice, its place in the list. */
export function positionOf(dimension: Dimension, value: ParamValue): number {
  if (dimension.kind === "choice") return dimension.values.indexOf(value);
  const v = Number(value);
  const { low, high } = dimension;
  if (dimension.kind === "uniform") return (v - low) / (high - low);
  if (dimension.kind === "logUniform") return Math.log(v / low) / Math.log(high / low);
  const [from, to] = [low - 0.5, high + 0.5];
  return dimension.log ? Math.log(v / from) / Math.log(to / from) : (v - from) / (to - from);
}

/** Whether a value is one of the dimension's. */
export function isIn(dimension: Dimension, value: unknown): value is ParamValue {
  if (dimension.kind === "choice") return dimension.values.some((v) => v === value);
  if (typeof value !== "number" || !(value >= dimension.low && value <= dimension.high)) return false;
  return dimension.kind !== "integer" || Number.isInteger(value);
}

function clamp(v: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, v));
}
