import { checkInteger, checkNumber, checkOneOf, checkOptions, checkRank } from "../check.js";
import { ArgumentError } from "../errors.js";
import {
  type Filter,
  INTERPOLATE_OPTIONS,
  INTERPOLATION_MODES,
  type InterpolationMode,
  resample,
} from "../ops/upsample.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from "./avgpool.js";

export type { InterpolationMode } from "../ops/upsample.js";

export interface InterpolateOptions {
  /** Spatial sizes of the result; one for all dimensions, or one for each. Either this or `scaleFactor`. */
  readonly size?: number | readonly number[] | null;
  /** How many times larger the result is, rounded down to whole elements. */
  readonly scaleFactor?: number | readonly number[] | null;
  /** "nearest" (default) and "nearest-exact" repeat elements, the others weigh neighbours; "area" is adaptive average pooling. */
  readonly mode?: InterpolationMode;
  /** True: the centres of the outer elements coincide. False (default): their outer edges. Only for linear and cubic modes. */
  readonly alignCorners?: boolean | null;
  /** Work with the ratio of the sizes instead of the given `scaleFactor`. Default false. */
  readonly recomputeScaleFactor?: boolean | null;
  /** Weigh all elements that an output covers where the image shrinks. Only for bilinear and bicubic. Default false. */
  readonly antialias?: boolean;
}

/** Filters of the modes that have a fixed number of dimensions. */
const FIXED: Readonly<Record<string, readonly [filter: Filter, rank: number]>> = {
  linear: ["linear", 1],
  bilinear: ["linear", 2],
  trilinear: ["linear", 3],
  bicubic: ["cubic", 2],
};

const OP = "Upsample";

/**
 * Resamples an image to another size. With s = (i + ½)·n/m − ½, or s = i·(n − 1)/(m − 1) for alignCorners, output i of m from n elements is
 * between elements ⌊s⌋ and ⌊s⌋ + 1 (linear modes), the cubic through the four around s ("bicubic"), element ⌊i·n/m⌋ ("nearest") or
 * ⌊(i + ½)·n/m⌋ ("nearest-exact"); each dimension by itself.
 * Shape: [N, C, L], [N, C, H, W] or [N, C, D, H, W] → [N, C, size…]; linear takes the first, bilinear and bicubic the second, trilinear
 * the third, the other modes any.
 * Errors: ArgumentError unless just one of size and scaleFactor is given, and for options that the mode has no use for.
 */
export function interpolate(x: Tensor, options: InterpolateOptions = {}): Tensor {
  checkOptions(OP, options, INTERPOLATE_OPTIONS);
  const mode = checkOneOf(OP, "mode", options.mode ?? "nearest", INTERPOLATION_MODES);
  const [filter, rank] = FIXED[mode] ?? [mode, null];
  if (rank === null) checkRank(OP, "input", x.shape, 3, 4, 5);
  else checkRank(OP, `input of mode "${mode}"`, x.shape, rank + 2);
  checkUse("alignCorners", options.alignCorners ?? null, mode, ["linear", "bilinear", "trilinear", "bicubic"]);
  checkUse("antialias", options.antialias || null, mode, ["bilinear", "bicubic"]);
  const from = x.shape.slice(2);
  const { to, scales } = target(from, options);
  if (mode === "area")
    return [adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d][x.ndim - 3]!(x, { outputSize: to });
  return resample(x, {
    filter: filter as Filter,
    alignCorners: options.alignCorners ?? false,
    antialias: options.antialias ?? false,
    from,
    to,
    scales,
    adjoint: false,
  });
}

function checkUse(what: string, value: unknown, mode: string, modes: readonly string[]): void {
  if (value === null || modes.includes(mode)) return;
  throw new ArgumentError(
    OP,
    `${what} is ${String(value)} with mode "${mode}"; expected it only with ${modes.join(", ")}`,
  );
}

/** Sizes of the result, and the enlargements that the user wants to be taken at their word. */
function target(from: Shape, options: InterpolateOptions): { to: number[]; scales: (number | null)[] } {
  const { size = null, scaleFactor = null, recomputeScaleFactor = null } = options;
  if ((size === null) === (scaleFactor === null)) {
    throw new ArgumentError(
      OP,
      `${size === null ? "neither" : "both"} of size and scaleFactor given; expected one of them`,
    );
  }
  if (size !== null) {
    if (recomputeScaleFactor)
      throw new ArgumentError(OP, "recomputeScaleFactor with size; expected it with scaleFactor");
    const to = perDimension("size", size, from.length).map((n) => checkInteger(OP, "size", n, 1));
    return { to, scales: from.map(() => null) };
  }
  const factors = perDimension("scaleFactor", scaleFactor, from.length).map((f) => {
    if (checkNumber(OP, "scaleFactor", f, 0, 2 ** 31) === 0) {
      throw new ArgumentError(OP, "scaleFactor is 0; expected a number above 0");
    }
    return f;
  });
  const to = from.map((n, d) => Math.floor(n * factors[d]!));
  return { to, scales: recomputeScaleFactor ? from.map(() => null) : factors };
}

function perDimension(what: string, value: number | readonly number[] | null, rank: number): readonly number[] {
  if (!Array.isArray(value)) return new Array<number>(rank).fill(value as number);
  if (value.length !== rank) {
    throw new ArgumentError(OP, `${what} is [${value.join(", ")}]; expected a number or ${rank} of them`);
  }
  return value as readonly number[];
}
