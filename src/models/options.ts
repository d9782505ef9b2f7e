// What the image models have in common: their options, and how channel counts are scaled.
import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";

/** Options that every image model takes. */
export interface ImageModelOptions {
  /** Length of the output. Default 1000. */
  readonly numClasses?: number;
  /** Channels of the image. Default 3. */
  readonly inChannels?: number;
  /** Factor of all channel counts inside. Default 1. */
  readonly widthMult?: number;
  /** A variant for images of 28 to 32 pixels: the first layers keep the size or shrink it less. Default false. */
  readonly small?: boolean;
}

/** The common options with their defaults. */
export interface ImageModelSettings {
  readonly numClasses: number;
  readonly inChannels: number;
  readonly widthMult: number;
  readonly small: boolean;
}

/** Names of options that are probabilities. */
const PROBABILITIES = ["dropout", "dropoutAux", "attentionDropout", "dropRate", "stochasticDepthProb"];

/** Checks the common options, and that there are no others but those of the model itself. */
export function imageSettings(
  op: string,
  options: ImageModelOptions,
  others: readonly string[] = [],
  numClasses = 1000,
): ImageModelSettings {
  checkOptions(op, options, ["numClasses", "inChannels", "widthMult", "small", ...others]);
  // Before any layer is made, so that a wrong one leaves nothing behind.
  for (const key of PROBABILITIES) {
    const p: unknown = others.includes(key) ? Reflect.get(options, key) : undefined;
    if (p !== undefined) checkNumber(op, key, p, 0, 1);
  }
  return {
    numClasses: checkInteger(op, "numClasses", options.numClasses ?? numClasses, 1),
    inChannels: checkInteger(op, "inChannels", options.inChannels ?? 3, 1),
    widthMult: positive(op, "widthMult", options.widthMult ?? 1),
    small: checkBoolean(op, "small", options.small ?? false),
  };
}

/** A number above 0. */
export function positive(op: string, what: string, value: unknown): number {
  const number = checkNumber(op, what, value, 0, 1e6);
  if (number === 0) throw new ArgumentError(op, `${what} is 0; expected a number above 0`);
  return number;
}

export function checkBoolean(op: string, what: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw new ArgumentError(op, `${what} is ${String(value)}; expected true or false`);
  return value;
}

/** Integers of at least `min`: `length` of them, or one or more if that is not told. */
export function checkCounts(
  op: string,
  what: string,
  values: unknown,
  min: number,
  length?: number,
): readonly number[] {
  if (!Array.isArray(values) || values.length !== (length ?? Math.max(values.length, 1))) {
    throw new ArgumentError(op, `${what} is ${String(values)}; expected a list of ${length ?? "one or more"} integers`);
  }
  return values.map((value, i) => checkInteger(op, `${what}[${i}]`, value, min));
}

/** channels · factor, rounded to a multiple of `divisor` that is not 0; channels themselves for factor 1. */
export function scaled(channels: number, factor: number, divisor = 1): number {
  return factor === 1 ? channels : Math.max(divisor, Math.round((channels * factor) / divisor) * divisor);
}

/** v rounded to a multiple of `divisor` that is not 0 and at least 0.9 v, as the MobileNets and their successors count channels. */
export function makeDivisible(v: number, divisor = 8): number {
  const near = Math.max(divisor, Math.floor((v + divisor / 2) / divisor) * divisor);
  return near < 0.9 * v ? near + divisor : near;
}
