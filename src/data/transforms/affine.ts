import { checkNumber, checkOneOf, checkOptions } from "../../check.js";
import { ArgumentError } from "../../errors.js";
import { add, mul, sub } from "../../functional/arithmetic.js";
import { affineGrid, gridSample } from "../../functional/grid_sample.js";
import { cast, constant } from "../../ops/copy.js";
import type { Generator } from "../../random.js";
import type { Tensor } from "../../tensor.js";
import { between, checkRange, imageTransform, type Range, type SampleTransform, uniforms, values } from "./image.js";

export interface WarpOptions {
  /** How pixels between pixels are found; integers and booleans always take the nearest. Default "nearest", as in torchvision. */
  readonly interpolation?: "nearest" | "bilinear";
  /** What comes in from outside. Default 0. */
  readonly fill?: number;
  /** The point that stays, [x, y] in pixels from the upper left corner. Default: the middle. */
  readonly center?: readonly [x: number, y: number];
}

export interface RandomAffineOptions extends WarpOptions {
  /** The largest shifts to either side, as shares of width and height. Default: none. */
  readonly translate?: readonly [x: number, y: number];
  /** Factors of the size. Default: none. */
  readonly scale?: Range;
  /** Degrees of shearing along x: one number s for [−s, s], [min, max], or [minX, maxX, minY, maxY]. Default: none. */
  readonly shear?: number | readonly number[];
}

/** An affine map of an image: degrees clockwise, pixels, a factor, degrees. */
interface Motion {
  readonly angle: number;
  readonly translate: readonly [x: number, y: number];
  readonly scale: number;
  readonly shear: readonly [x: number, y: number];
}

const WARP = ["interpolation", "fill", "center"];

/**
 * Turns each image by an angle of its own, counter-clockwise, drawn from [−degrees, degrees] or [min, max]. torchvision:
 * RandomRotation, without `expand`: the size stays. Shape: [C, H, W] → [C, H, W].
 */
export function randomRotation(degrees: number | Range, options: WarpOptions = {}): SampleTransform<Tensor> {
  const op = "randomRotation";
  checkOptions(op, options, WARP);
  const angles = symmetric(op, "degrees", degrees);
  return warping(op, options, (n, _size, generator) =>
    Array.from(uniforms(generator, n), (u) => ({
      angle: -between(angles, u),
      translate: [0, 0],
      scale: 1,
      shear: [0, 0],
    })),
  );
}

/**
 * Turns (clockwise), shifts, scales and shears each image by amounts of its own. torchvision: RandomAffine.
 * Shape: [C, H, W] → [C, H, W].
 */
export function randomAffine(degrees: number | Range, options: RandomAffineOptions = {}): SampleTransform<Tensor> {
  const op = "randomAffine";
  checkOptions(op, options, [...WARP, "translate", "scale", "shear"]);
  const angles = symmetric(op, "degrees", degrees);
  const [shareX, shareY] = sharesOf(op, options.translate ?? [0, 0]);
  const scales = checkRange(op, "scale", options.scale ?? [1, 1], Number.MIN_VALUE);
  const [shearX, shearY] = shearsOf(op, options.shear ?? 0);
  return warping(op, options, (n, [h, w], generator) => {
    const u = uniforms(generator, 6 * n);
    return Array.from({ length: n }, (_, i) => {
      const at = (k: number): number => u[6 * i + k]!;
      return {
        angle: between(angles, at(0)),
        translate: [Math.round((2 * at(1) - 1) * shareX * w), Math.round((2 * at(2) - 1) * shareY * h)],
        scale: between(scales, at(3)),
        shear: [between(shearX, at(4)), between(shearY, at(5))],
      };
    });
  });
}

/** The two rows of an affine map. */
type Six = readonly [number, number, number, number, number, number];

type Draw = (n: number, size: readonly [number, number], generator: Generator) => Motion[];

function warping(op: string, options: WarpOptions, draw: Draw): SampleTransform<Tensor> {
  const mode = checkOneOf(op, "interpolation", options.interpolation ?? "nearest", ["nearest", "bilinear"]);
  const fill = checkNumber(op, "fill", options.fill ?? 0);
  const center = options.center === undefined ? null : pointOf(op, options.center);
  return imageTransform(op, (image, generator) => {
    const [n, , h, w] = image.shape as readonly [number, number, number, number];
    const motions = draw(n, [h, w], generator);
    const pivot = center === null ? ([0, 0] as const) : ([center[0] - w / 2, center[1] - h / 2] as const);
    const theta = values(
      motions.flatMap((m) => normalized(inverse(m, pivot), h, w)),
      [n, 2, 3],
    );
    const grid = affineGrid(theta, { size: image.shape });
    const how = { mode: image.dtype === "float32" ? mode : "nearest" } as const;
    const x = cast(image, "float32");
    const y = gridSample(x, grid, how);
    if (fill === 0) return cast(y, image.dtype);
    const inside = gridSample(constant([n, 1, h, w], 1), grid, how);
    return cast(add(y, mul(sub(1, inside), fill)), image.dtype);
  });
}

/**
 * Where each pixel comes from: the inverse of turning, scaling and shearing around the pivot and then shifting, in pixels from the
 * middle of the image. (torchvision, transforms/functional.py, _get_inverse_affine_matrix.)
 */
function inverse({ angle, translate, scale, shear }: Motion, pivot: readonly [number, number]): Six {
  const [rot, sx, sy] = [angle, ...shear].map((degrees) => (degrees * Math.PI) / 180) as [number, number, number];
  const a = Math.cos(rot - sy) / Math.cos(sy);
  const b = (-Math.cos(rot - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(rot);
  const c = Math.sin(rot - sy) / Math.cos(sy);
  const d = (-Math.sin(rot - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(rot);
  const [px, py] = pivot;
  const [dx, dy] = [-px - translate[0], -py - translate[1]];
  const [m0, m1, m3, m4] = [d / scale, -b / scale, -c / scale, a / scale];
  return [m0, m1, m0 * dx + m1 * dy + px, m3, m4, m3 * dx + m4 * dy + py];
}

/** The same map for places from −1 to 1. */
function normalized([m0, m1, m2, m3, m4, m5]: Six, h: number, w: number): Six {
  return [m0, (m1 * h) / w, (2 * m2) / w, (m3 * w) / h, m4, (2 * m5) / h];
}

function symmetric(op: string, what: string, value: number | readonly number[]): Range {
  if (typeof value !== "number") return checkRange(op, what, value);
  const most = checkNumber(op, what, value, 0, Number.MAX_VALUE);
  return [-most, most];
}

function pointOf(op: string, point: unknown): readonly [number, number] {
  if (!Array.isArray(point) || point.length !== 2) {
    throw new ArgumentError(op, `center is ${JSON.stringify(point)}; expected [x, y]`);
  }
  return [checkNumber(op, "center", point[0]), checkNumber(op, "center", point[1])];
}

function sharesOf(op: string, shares: unknown): readonly [number, number] {
  if (!Array.isArray(shares) || shares.length !== 2) {
    throw new ArgumentError(op, `translate is ${JSON.stringify(shares)}; expected [x, y]`);
  }
  return [checkNumber(op, "translate", shares[0], 0, 1), checkNumber(op, "translate", shares[1], 0, 1)];
}

function shearsOf(op: string, shear: number | readonly number[]): readonly [Range, Range] {
  if (typeof shear === "number" || shear.length === 2) return [symmetric(op, "shear", shear), [0, 0]];
  if (shear.length !== 4) {
    throw new ArgumentError(op, `shear is ${JSON.stringify(shear)}; expected one, two or four numbers`);
  }
  return [checkRange(op, "shear", shear.slice(0, 2)), checkRange(op, "shear", shear.slice(2))];
}
