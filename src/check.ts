import { ArgumentError, DTypeError, ShapeError } from "./errors.js";
import { formatShape, sameShape } from "./shape.js";
import type { DType, Shape, Spec } from "./types.js";

/** Refuses options that nobody reads, by name. */
export function checkOptions(op: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new ArgumentError(op, `options are ${describe(options)}; expected an object with ${known.join(", ")}`);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      const list = known.length === 0 ? "it takes none" : `expected one of ${known.join(", ")}`;
      throw new ArgumentError(op, `unknown option "${key}"; ${list}`);
    }
  }
}

/** Refuses names of inputs or outputs that nobody has; with `all`, missing ones too. */
export function checkNames(
  op: string,
  what: "input" | "output",
  given: unknown,
  known: readonly string[],
  all: boolean,
): void {
  const expected = `expected ${known.map((name) => `"${name}"`).join(", ")}`;
  if (typeof given !== "object" || given === null || ArrayBuffer.isView(given)) {
    throw new ArgumentError(op, `${what}s come without names; expected an object with ${known.join(", ")}`);
  }
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new ArgumentError(op, `there is no ${what} "${unknown}"; ${expected}`);
  const missing = all ? known.find((name) => !Object.hasOwn(given, name)) : undefined;
  if (missing !== undefined) throw new ArgumentError(op, `${what} "${missing}" is missing; ${expected}`);
}

/** The end of a parameter list that takes no options. */
export type NoOptions = readonly [];

/**
 * Refuses an object of options where none are taken. What else is surplus is ignored, as everywhere in JavaScript, so that
 * `tensors.map(relu)` works.
 */
export function checkNoOptions(op: string, surplus: readonly unknown[]): void {
  for (const value of surplus) {
    if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
      checkOptions(op, value, []);
    }
  }
}

export function checkDType(op: string, what: string, spec: Spec, ...allowed: DType[]): void {
  if (!allowed.includes(spec.dtype)) {
    throw new DTypeError(op, `${what} ${formatShape(spec.shape)} is ${spec.dtype}; expected ${allowed.join(" or ")}`);
  }
}

export function checkRank(op: string, what: string, shape: Shape, ...allowed: number[]): void {
  if (!allowed.includes(shape.length)) {
    throw new ShapeError(
      op,
      `${what} has shape ${formatShape(shape)} of rank ${shape.length}; expected rank ${allowed.join(" or ")}`,
    );
  }
}

/** Throws unless an operand, where there is one, is float32 and of exactly this shape. */
export function checkOperand(op: string, what: string, spec: Spec | null, shape: Shape, context: string): void {
  if (spec === null) return;
  checkDType(op, what, spec, "float32");
  if (!sameShape(spec.shape, shape)) {
    throw new ShapeError(
      op,
      `${what} has shape ${formatShape(spec.shape)}; expected ${formatShape(shape)} (${context})`,
    );
  }
}

export function checkInteger(op: string, what: string, value: unknown, min: number, max = 2 ** 31 - 1): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw new ArgumentError(op, `${what} is ${describe(value)}; expected an integer from ${min} to ${max}`);
  }
  return value;
}

export function checkNumber(op: string, what: string, value: unknown, min = -Infinity, max = Infinity): number {
  if (typeof value !== "number" || Number.isNaN(value) || value < min || value > max) {
    const range = min === -Infinity && max === Infinity ? "a number" : `a number from ${min} to ${max}`;
    throw new ArgumentError(op, `${what} is ${describe(value)}; expected ${range}`);
  }
  return value;
}

export function checkOneOf<T extends string>(op: string, what: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((a) => a === value);
  if (found === undefined) {
    throw new ArgumentError(
      op,
      `${what} is ${describe(value)}; expected one of ${allowed.map((a) => `"${a}"`).join(", ")}`,
    );
  }
  return found;
}

/** One integer for all of `n` dimensions, or one for each. */
export function checkTuple(op: string, what: string, value: unknown, n: number, min: number): number[] {
  if (typeof value === "number") return new Array<number>(n).fill(checkInteger(op, what, value, min));
  if (!Array.isArray(value) || value.length !== n) {
    throw new ArgumentError(op, `${what} is ${describe(value)}; expected an integer or ${n} of them`);
  }
  return value.map((v) => checkInteger(op, what, v, min));
}

export function describe(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (Array.isArray(value)) return `[${value.map(describe).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return value.constructor?.name ? `a ${value.constructor.name}` : "an object";
  return String(value);
}
