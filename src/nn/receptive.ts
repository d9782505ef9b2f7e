import { checkTuple } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Sizes } from "../types.js";
import { Module } from "./module.js";

/** A layer that slides a window over its input; every convolution and pooling module is one. */
export interface WindowLayer {
  readonly kernelSize: Sizes;
  /** Default 1. */
  readonly stride?: Sizes;
  /** Default 1. */
  readonly dilation?: Sizes;
}

/**
 * How many inputs, in each dimension, one output of a chain of layers depends on: r = 1 + Σ over l of d_l·(k_l − 1) · Π of s_i over i < l,
 * with kernel k, dilation d and stride s. Containers that can be iterated count as their layers; a module without a kernel size
 * (an activation, a normalisation by channel) is taken to work element by element.
 * The result has one number a dimension; it has one number if every size is a plain number.
 * Errors: ArgumentError for layers of different ranks, and for transposed convolutions.
 */
export function receptiveField(layers: Iterable<Module | WindowLayer>): number[] {
  const windows = [...windowsOf(layers)];
  const ranks = new Set(windows.flatMap(Object.values).flatMap((size) => (Array.isArray(size) ? [size.length] : [])));
  if (ranks.size > 1) {
    throw new ArgumentError(
      "receptiveField",
      `layers have ${[...ranks].join(" and ")} dimensions; expected one number`,
    );
  }
  const [rank = 1] = ranks;
  const field = new Array<number>(rank).fill(1);
  const step = new Array<number>(rank).fill(1);
  for (const layer of windows) {
    const kernel = checkTuple("receptiveField", "kernelSize", layer.kernelSize, rank, 1);
    const stride = checkTuple("receptiveField", "stride", layer.stride, rank, 1);
    const dilation = checkTuple("receptiveField", "dilation", layer.dilation, rank, 1);
    for (let d = 0; d < rank; d++) {
      field[d]! += dilation[d]! * (kernel[d]! - 1) * step[d]!;
      step[d]! *= stride[d]!;
    }
  }
  return field;
}

function* windowsOf(layers: Iterable<Module | WindowLayer>): IterableIterator<Required<WindowLayer>> {
  for (const layer of layers) {
    if ("kernelSize" in layer && !("outputPadding" in layer)) {
      const { kernelSize, stride = 1, dilation = 1 } = layer;
      yield { kernelSize, stride, dilation };
    } else if (isChain(layer)) yield* windowsOf(layer);
    else if (!(layer instanceof Module) || "kernelSize" in layer) {
      throw new ArgumentError(
        "receptiveField",
        `a layer is ${layer.constructor.name}; expected a module that does not enlarge its input, or { kernelSize, stride, dilation }`,
      );
    }
  }
}

function isChain(layer: Module | WindowLayer): layer is Module & Iterable<Module> {
  return layer instanceof Module && Symbol.iterator in layer;
}
