import { checkDType, checkInteger, checkOptions } from "../check.js";
import { makeTensor } from "../creation.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { reshape, type SliceOptions } from "../ops/copy.js";
import * as ops from "../ops/rearrange.js";
import { indexSelect } from "../ops/rows.js";
import { sizeAlong } from "../ops/view.js";
import { formatShape } from "../shape.js";
import { adopt, Tensor } from "../tensor.js";
import { alike } from "./operand.js";

/** Joins tensors of one shape along a new dimension (default 0); float32 comes before int32 and int32 before bool. */
export function stack(tensors: readonly Tensor[], options: { dim?: number } = {}): Tensor {
  checkOptions("stack", options, ["dim"]);
  return ops.stack(alike(tensors), options.dim ?? 0);
}

/** Reverses the order along `dims`. */
export function flip(x: Tensor, options: { dims: number | readonly number[] }): Tensor {
  checkOptions("flip", options, ["dims"]);
  if (options.dims === undefined) throw new ArgumentError("flip", "no dims; expected the dimensions to reverse");
  return ops.flip(x, options.dims);
}

export interface RollOptions {
  readonly shifts: number | readonly number[];
  /** One dimension a shift. Default: the flattened tensor is shifted. */
  readonly dims?: number | readonly number[] | null;
}

/** Shifts along dimensions; what leaves at one end enters at the other. */
export function roll(x: Tensor, options: RollOptions): Tensor {
  checkOptions("roll", options, ["shifts", "dims"]);
  return ops.roll(x, options.shifts, options.dims);
}

/** Copies of the whole tensor side by side, repeats[d] in dimension d; surplus leading repeats add dimensions. */
export function repeat(x: Tensor, options: { repeats: readonly number[] }): Tensor {
  checkOptions("repeat", options, ["repeats"]);
  return ops.repeat("repeat", x, options.repeats);
}

/** `repeat` where missing leading counts are 1. */
export function tile(x: Tensor, options: { dims: readonly number[] }): Tensor {
  checkOptions("tile", options, ["dims"]);
  const missing = Math.max(0, x.ndim - options.dims.length);
  return ops.repeat("tile", x, [...new Array<number>(missing).fill(1), ...options.dims]);
}

export interface RepeatInterleaveOptions {
  /** How often each element appears; an int32 vector gives each index of the dimension its own count. */
  readonly repeats: number | Tensor;
  /** Default: the flattened tensor. */
  readonly dim?: number | null;
}

/** Repeats every element in place: [a, b] with 2 repeats is [a, a, b, b]. */
export function repeatInterleave(x: Tensor, options: RepeatInterleaveOptions): Tensor {
  checkOptions("repeatInterleave", options, ["repeats", "dim"]);
  const { repeats, dim = null } = options;
  const [from, along] = dim === null ? [reshape(x, [-1]), 0] : [x, dim];
  if (!(repeats instanceof Tensor)) return ops.repeatEach(from, repeats, along);
  return indexSelect(from, repeatedIndex(repeats, sizeAlong("repeatInterleave", from, along)), along);
}

/** 0 … n−1, each as often as its count says. */
function repeatedIndex(counts: Tensor, n: number): Tensor {
  checkDType("repeatInterleave", "repeats", counts, "int32");
  if (counts.ndim !== 1 || counts.numel !== n) {
    throw new ShapeError("repeatInterleave", `repeats has shape ${formatShape(counts.shape)}; expected [${n}]`);
  }
  const list: number[] = [];
  for (const [i, count] of counts.data().entries()) {
    checkInteger("repeatInterleave", `repeats[${i}]`, count, 0);
    for (let k = 0; k < count; k++) list.push(i);
  }
  return adopt(makeTensor(Int32Array.from(list)));
}

/** Rotates the plane of two dimensions (default [0, 1]) by k quarter turns (default 1), from the first towards the second. */
export function rot90(x: Tensor, options: { k?: number; dims?: readonly number[] } = {}): Tensor {
  checkOptions("rot90", options, ["k", "dims"]);
  return ops.rot90(x, options.k ?? 1, options.dims ?? [0, 1]);
}

/** A copy of x with x[start:end:step] of one dimension (default 0) replaced by src. */
export function sliceScatter(x: Tensor, src: Tensor, options: { dim?: number } & SliceOptions = {}): Tensor {
  checkOptions("sliceScatter", options, ["dim", "start", "end", "step"]);
  return ops.sliceScatter(x, src, options.dim ?? 0, options);
}

/** The lower triangle of the last two dimensions, zero above `diagonal` (default 0, the main one; positive is above it). */
export function tril(x: Tensor, options: { diagonal?: number } = {}): Tensor {
  checkOptions("tril", options, ["diagonal"]);
  return ops.tril(x, options.diagonal ?? 0);
}

/** The upper triangle of the last two dimensions, zero below `diagonal` (default 0, the main one; positive is above it). */
export function triu(x: Tensor, options: { diagonal?: number } = {}): Tensor {
  checkOptions("triu", options, ["diagonal"]);
  return ops.triu(x, options.diagonal ?? 0);
}
