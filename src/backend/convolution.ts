import { arena } from "../runtime/arena.js";
import { frugal } from "../runtime/frugal.js";
import type { PackedForm } from "../runtime/packed.js";
import { numel } from "../shape.js";
import type { Ptr, Shape } from "../types.js";
import { generation, K } from "./index.js";

// What the kernels of convolutions are told beside their operands: the geometry, and how much work space they get.

/** One entry a spatial dimension in each list; their number tells Conv1d, Conv2d and Conv3d apart. */
export interface ConvAttrs {
  readonly stride: readonly number[];
  /** Zeros before and behind. */
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

type Triple = readonly [depth: number, height: number, width: number];

/** A convolution as the kernels see it: always three spatial dimensions. */
export interface SpatialSizes {
  readonly input: Triple;
  readonly kernel: Triple;
  readonly output: Triple;
  readonly stride: Triple;
  readonly dilation: Triple;
  readonly counts: readonly [n: number, groups: number, groupInputs: number, groupOutputs: number];
  /** Whether kernels are to do without a packed form of the weight. */
  readonly unpacked: boolean;
  /** What Geometry in assembly/lib/window.ts describes. */
  readonly geometry: Int32Array;
}

/** The block of the geometry, rounded up to a cache line. */
const GEOMETRY_BYTES = 128;

/** Of the shapes only sizes and, of the weight, channels count. */
export function spatialSizes(input: Shape, weight: Shape, output: Shape, attrs: ConvAttrs): SpatialSizes {
  const rank = attrs.stride.length;
  const before = attrs.padding.map((p) => p[0]);
  const sizes = {
    input: triple(input, rank, 1),
    kernel: triple(weight, rank, 1),
    output: triple(output, rank, 1),
    stride: triple(attrs.stride, rank, 1),
    dilation: triple(attrs.dilation, rank, 1),
  };
  return {
    ...sizes,
    counts: [input.length === rank + 1 ? 1 : input[0]!, attrs.groups, weight[1]!, weight[0]! / attrs.groups],
    unpacked: false,
    geometry: Int32Array.of(
      ...sizes.input,
      ...sizes.kernel,
      ...sizes.output,
      ...sizes.stride,
      ...triple(before, rank, 0),
      ...sizes.dilation,
      0,
    ),
  };
}

/** The same for a call that is to need no packed form. */
function unpacked(sizes: SpatialSizes): SpatialSizes {
  const geometry = sizes.geometry.slice();
  geometry[geometry.length - 1] = 1;
  return { ...sizes, geometry, unpacked: true };
}

/** Takes the work space of one call and writes the geometry at its front. */
export function prepare(sizes: SpatialSizes, floats: number): Ptr {
  const geometry = arena.scratch(GEOMETRY_BYTES + 4 * floats);
  arena.writeInts(geometry, sizes.geometry);
  return geometry;
}

/** The work space behind the geometry. */
export function behind(geometry: Ptr): Ptr {
  return (geometry + GEOMETRY_BYTES) as Ptr;
}

/** The last `rank` values, as of three dimensions. */
function triple(values: Shape, rank: number, fill: number): Triple {
  const n = values.length;
  return [rank > 2 ? values[n - 3]! : fill, rank > 1 ? values[n - 2]! : fill, values[n - 1]!];
}

/** The kernels' own records, the work space of a matrix product, and what aligning the parts of the work space costs. */
const FIXED_FLOATS = 6144;
/** Largest block [depth, columns] that a matrix product packs; see assembly/lib/gemm.ts. */
const DEPTH = 256;
const COLUMNS = 256;
/** Floats of the panels of several such blocks that are packed at once; see assembly/lib/correlate.ts. */
const DEEP = 1 << 16;
/** Columns of a panel in the binary with the largest ones. */
const PANEL = 16;
/** Columns of an input gradient: floats of a block, and outputs in it at least; see assembly/conv_input_grad.ts. */
const BLOCK = 65536;
const BLOCK_OUTPUTS = 96;
/** A block of tiles: floats, or tiles at least; and strips, with what lies between. */
const WINOGRAD_BLOCK = 1 << 17;
const WINOGRAD_TILES = 30;
const WINOGRAD_SIZES = [4, 2];
const WINOGRAD_FEW = 288;
const UNPACKED_BLOCK = 1 << 19;
const UNPACKED_TILES = 48;
const WINOGRAD_STRIPS = 12288;
const WINOGRAD_CHANNELS = 8;
/** Strips, sums of 30 by 64 channels, a block of panels and what lies between. */
const TILE_SUMS = WINOGRAD_STRIPS + 36 * 31 * 64 + 16384;

function panelFloats(columns: number, taps: number): number {
  const block = DEPTH * (Math.min(columns, COLUMNS) + PANEL);
  return Math.max(block, Math.min(DEEP, Math.ceil(taps / DEPTH) * block));
}

/** Table of the outputs' places: one number an output, or three for four of a row. */
function placesFloats([depth, height, width]: Triple): number {
  return depth * height * Math.max(width + 3, 3 * Math.ceil(width / 4));
}

/** A copy of one group's input with its padding. */
function inputFloats({ kernel, output, stride, dilation, counts }: SpatialSizes): number {
  const depth = (output[0] - 1) * stride[0] + (kernel[0] - 1) * dilation[0] + 1;
  const rows = (output[1] - 1) * stride[1] + (kernel[1] - 1) * dilation[1] + 1;
  const columns = output[2] + Math.floor(((kernel[2] - 1) * dilation[2]) / stride[2]);
  return counts[2] * depth * rows * Math.min(stride[2], (kernel[2] - 1) * dilation[2] + 1) * columns;
}

function forwardFloats(sizes: SpatialSizes): number {
  const taps = sizes.counts[2] * numel(sizes.kernel);
  const direct = taps + placesFloats(sizes.output) + inputFloats(sizes) + panelFloats(numel(sizes.output), taps);
  return FIXED_FLOATS + Math.max(direct, winogradFloats(sizes.output, sizes));
}

/** Blocks of tiles [places, channels in and out], or few tiles and a panel of kernels of each channel, and strips; see assembly/lib/winograd.ts. */
function winogradFloats([, height, width]: Triple, { kernel, counts, unpacked }: SpatialSizes): number {
  const [n, , inputs, outputs] = counts;
  if (numel(kernel) !== 9 || Math.min(inputs, outputs) < WINOGRAD_CHANNELS) return 0;
  const floats = WINOGRAD_SIZES.map((size) => {
    const tiles = n * Math.ceil(height / size) * Math.ceil(width / size);
    const places = (size + 2) ** 2;
    const channels = unpacked ? Math.max(inputs, outputs) : inputs + outputs;
    const perTile = places * (channels + 3 + PANEL);
    const kernels = places * PANEL * Math.max(inputs, outputs);
    if (unpacked) return kernels + Math.min(tiles * perTile, Math.max(UNPACKED_BLOCK, UNPACKED_TILES * perTile));
    const few = tiles * perTile + kernels;
    const block = Math.min(tiles * perTile, Math.max(WINOGRAD_BLOCK, WINOGRAD_TILES * perTile));
    return tiles * places > WINOGRAD_FEW ? block : few;
  });
  return WINOGRAD_STRIPS + Math.max(...floats);
}

/** Enough for any way of assembly/conv_input_grad.ts. */
function inputGradFloats(sizes: SpatialSizes): number {
  const { input, kernel, output, dilation, counts } = sizes;
  const [, groups, cg, og] = counts;
  const around = input.map((n, d) => n + (kernel[d]! - 1) * dilation[d]!);
  const image = og * around[0]! * around[1]! * around[2]!;
  const mirrored =
    og * numel(kernel) * (1 + groups * cg) +
    placesFloats(input) +
    image +
    panelFloats(numel(input), og * numel(kernel));
  const taps = cg * numel(kernel);
  const block = Math.min(numel(output), Math.max(output[2], BLOCK_OUTPUTS, Math.floor(BLOCK / Math.max(1, taps))));
  const columns = taps * block + DEPTH * (block + PANEL);
  return FIXED_FLOATS + Math.max(mirrored, columns, winogradFloats(input, sizes));
}

function weightGradFloats(sizes: SpatialSizes): number {
  const [, , cg, og] = sizes.counts;
  const taps = cg * numel(sizes.kernel);
  // The outputs of several small images, side by side, and what is written between panels.
  const gathered = og * DEPTH + 3 * (COLUMNS + PANEL);
  const products = taps + placesFloats(sizes.output) + inputFloats(sizes) + gathered + panelFloats(taps, 0);
  return FIXED_FLOATS + Math.max(products, tileSumsFloats(sizes));
}

/** A block of transformed tiles, and the sums of some channels in and out; see assembly/lib/winograd_weights.ts. */
function tileSumsFloats({ kernel, output, counts }: SpatialSizes): number {
  const [n, , inputs, outputs] = counts;
  if (numel(kernel) !== 9 || Math.min(inputs, outputs) < WINOGRAD_CHANNELS) return 0;
  const tiles = n * Math.ceil(output[1] / 4) * Math.ceil(output[2] / 4);
  const perTile = 36 * (inputs + outputs + 6);
  return TILE_SUMS + Math.min(tiles * perTile, Math.max(2 * WINOGRAD_BLOCK, 32 * perTile));
}

/** One of the three kernels on a convolution of certain shapes: how much work space it gets, and what the kernels in use say of it. */
abstract class Pass {
  /** Independent units of output. */
  units = 0;
  /** The form in which the kernel reads the weight faster; null if there is none. */
  form: PackedForm | null = null;
  private floats = 0;
  private asked = -1;

  constructor(protected readonly sizes: SpatialSizes) {}

  /** Takes the work space of one call, with the geometry at its front; `units` and `form` then are those of the kernels in use. */
  prepare(): Ptr {
    if (this.asked === generation) return prepare(this.sizes, this.floats);
    this.floats = this.floatsOf(this.sizes);
    const geometry = prepare(this.sizes, this.floats);
    this.ask(geometry, this.sizes);
    this.asked = generation;
    return geometry;
  }

  protected abstract floatsOf(sizes: SpatialSizes): number;
  protected abstract ask(geometry: Ptr, sizes: SpatialSizes): void;
}

/** A pass that reads the weight: its kernels are those of one family, whose names begin alike. */
class WeightedPass extends Pass {
  constructor(
    sizes: SpatialSizes,
    private readonly family: "conv" | "conv_input_grad",
    protected override readonly floatsOf: (sizes: SpatialSizes) => number,
  ) {
    super(sizes);
  }

  protected override ask(geometry: Ptr, { counts, unpacked }: SpatialSizes): void {
    const { family } = this;
    const [n, groups, cg, og] = counts;
    this.units = K[`${family}_units`](geometry, n, groups, cg, og);
    const way = K[`${family}_algorithm`](geometry, n, cg, og);
    const bytes = K[`${family}_packed_bytes`](geometry, n, groups, cg, og);
    const panels = K.conv_pack_units(groups, family === "conv" ? og : cg);
    this.form =
      bytes === 0 || unpacked
        ? null
        : {
            name: `${family} ${groups} ${cg} ${og} ${panels} ${bytes}`,
            bytes,
            needed: K[`${family}_needs_packed`](geometry, n, cg, og) !== 0,
            fill: (to, from) => K[`${family}_pack_f32`](to, from, way, cg, og, 0, panels),
          };
  }
}

class WeightGrad extends Pass {
  protected override floatsOf = weightGradFloats;

  protected override ask(geometry: Ptr, { counts }: SpatialSizes): void {
    const [n, groups, cg, og] = counts;
    this.units = K.conv_weight_grad_units(geometry, n, groups, cg, og);
  }
}

class WeightedPasses {
  readonly forward: Pass;
  readonly inputGrad: Pass;

  constructor(sizes: SpatialSizes) {
    this.forward = new WeightedPass(sizes, "conv", forwardFloats);
    this.inputGrad = new WeightedPass(sizes, "conv_input_grad", inputGradFloats);
  }
}

/** A convolution of certain shapes and its two gradients, worked out. */
export class ConvPlan {
  readonly weightGrad: Pass;
  private readonly usual: WeightedPasses;
  private readonly frugal: WeightedPasses;

  constructor(
    readonly sizes: SpatialSizes,
    readonly outputShape: Shape,
  ) {
    this.usual = new WeightedPasses(sizes);
    this.frugal = new WeightedPasses(unpacked(sizes));
    this.weightGrad = new WeightGrad(sizes);
  }

  /** The passes that read the weight, as they go at present. */
  get weighted(): WeightedPasses {
    return frugal ? this.frugal : this.usual;
  }
}
