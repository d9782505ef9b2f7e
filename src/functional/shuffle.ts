import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { permute, reshape } from "../ops/copy.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";

/** The leading dimensions and the last three, [C, H, W]. */
function image(op: string, x: Tensor): { lead: readonly number[]; sizes: readonly [number, number, number] } {
  if (x.ndim < 3) throw new ShapeError(op, `input has shape ${formatShape(x.shape)}; expected rank ≥ 3, [.., C, H, W]`);
  return { lead: x.shape.slice(0, -3), sizes: [x.size(-3), x.size(-2), x.size(-1)] };
}

/** `x` split into `split` behind its leading dimensions, those reordered, and merged to `merged`. */
function regroup(
  x: Tensor,
  lead: readonly number[],
  split: readonly number[],
  order: readonly number[],
  merged: readonly number[],
): Tensor {
  const kept = lead.map((_, d) => d);
  const moved = permute(reshape(x, [...lead, ...split]), [...kept, ...order.map((d) => d + lead.length)]);
  return reshape(moved, [...lead, ...merged]);
}

/**
 * Turns channels into resolution: y[.., c, h·r + i, w·r + j] = x[.., c·r² + i·r + j, h, w] with r the upscaleFactor.
 * Shapes: x [.., C·r², H, W], y [.., C, H·r, W·r]. Errors: channels that r² does not divide.
 * Source: Shi et al., "Real-Time Single Image and Video Super-Resolution", 2016.
 */
export function pixelShuffle(x: Tensor, options: { upscaleFactor: number }): Tensor {
  checkOptions("PixelShuffle", options, ["upscaleFactor"]);
  const r = checkInteger("PixelShuffle", "upscaleFactor", options.upscaleFactor, 1);
  const { lead, sizes } = image("PixelShuffle", x);
  const [channels, h, w] = sizes;
  const c = channels / (r * r);
  if (!Number.isInteger(c)) {
    throw new ShapeError(
      "PixelShuffle",
      `input has ${channels} channels; expected a multiple of ${r * r} (upscaleFactor ${r}, input ${formatShape(x.shape)})`,
    );
  }
  return regroup(x, lead, [c, r, r, h, w], [0, 3, 1, 4, 2], [c, h * r, w * r]);
}

/** The inverse of `pixelShuffle`. Shapes: x [.., C, H·r, W·r], y [.., C·r², H, W], with r the downscaleFactor. */
export function pixelUnshuffle(x: Tensor, options: { downscaleFactor: number }): Tensor {
  checkOptions("PixelUnshuffle", options, ["downscaleFactor"]);
  const r = checkInteger("PixelUnshuffle", "downscaleFactor", options.downscaleFactor, 1);
  const { lead, sizes } = image("PixelUnshuffle", x);
  const [c, height, width] = sizes;
  if (height % r !== 0 || width % r !== 0) {
    throw new ShapeError(
      "PixelUnshuffle",
      `input is ${height} × ${width}; expected multiples of ${r} (input ${formatShape(x.shape)})`,
    );
  }
  const [h, w] = [height / r, width / r];
  return regroup(x, lead, [c, h, r, w, r], [0, 2, 4, 1, 3], [c * r * r, h, w]);
}

/**
 * Mixes channel groups: y[:, i·g + j] = x[:, j·(C/g) + i] with g the number of groups. Shapes: x and y [N, C, *].
 * Errors: channels that the groups do not divide. Source: Zhang et al., "ShuffleNet", 2017.
 */
export function channelShuffle(x: Tensor, options: { groups: number }): Tensor {
  checkOptions("ChannelShuffle", options, ["groups"]);
  const g = checkInteger("ChannelShuffle", "groups", options.groups, 1);
  const [n, channels, ...space] = x.shape;
  if (n === undefined || channels === undefined) {
    throw new ShapeError("ChannelShuffle", `input has shape ${formatShape(x.shape)}; expected rank ≥ 2, [N, C, ..]`);
  }
  if (channels % g !== 0) {
    throw new ArgumentError("ChannelShuffle", `groups is ${g}; expected a divisor of the ${channels} channels`);
  }
  const rest = space.map((_, d) => d + 2);
  return regroup(x, [n], [g, channels / g, ...space], [1, 0, ...rest], [channels, ...space]);
}
