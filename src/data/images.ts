import { K } from "../backend/index.js";
import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { formatShape, numel } from "../shape.js";
import { adopt, Tensor } from "../tensor.js";
import type { Ptr, Shape } from "../types.js";
import type { Dataset } from "./dataset.js";

/** Mean and standard deviation of the pixels / 255, one for each channel, or one for all. */
export interface PixelStatistics {
  readonly mean: number | readonly number[];
  readonly std: number | readonly number[];
}

export interface ImageDatasetOptions extends Partial<PixelStatistics> {
  /** Shape of one image, channels first: [C, H, W]. */
  readonly shape: Shape;
}

const LEVELS = 256;

/**
 * Images of one byte for each pixel, with a class each. The bytes stay as they are; what is asked for becomes float32,
 * (pixel / 255 − mean) / std, with mean 0 and std 1 by default.
 * Sample: [image [C, H, W] float32, class [] int32].
 */
export class ImageDataset implements Dataset<[image: Tensor, label: Tensor]> {
  readonly length: number;
  /** Shape of one image. */
  readonly shape: Shape;
  /** What each byte becomes: `LEVELS` values for each channel. */
  private readonly levels: Float32Array;

  /** `images` holds the pixels of one image after the other; it is read, not copied. */
  constructor(
    readonly images: Uint8Array,
    readonly labels: ArrayLike<number>,
    options: ImageDatasetOptions,
  ) {
    checkOptions("ImageDataset", options, ["shape", "mean", "std"]);
    const { shape } = options;
    if (!(images instanceof Uint8Array)) {
      throw new ArgumentError("ImageDataset", "images are no bytes; expected a Uint8Array");
    }
    if (shape.length !== 3 || shape.some((n) => !Number.isInteger(n) || n < 1)) {
      throw new ShapeError("ImageDataset", `shape is ${formatShape(shape)}; expected [channels, height, width]`);
    }
    if (images.length !== labels.length * numel(shape)) {
      throw new ShapeError(
        "ImageDataset",
        `images have ${images.length} bytes; expected ${labels.length * numel(shape)} for ${labels.length} labels, shape ${formatShape(shape)}`,
      );
    }
    this.shape = shape;
    this.length = labels.length;
    const channels = shape[0]!;
    this.levels = levelsOf(
      perChannel("mean", options.mean ?? 0, channels, -Infinity),
      perChannel("std", options.std ?? 1, channels, Number.MIN_VALUE),
    );
  }

  get(index: number): [image: Tensor, label: Tensor] {
    const batch = this.getBatch(Int32Array.of(index));
    return [batch[0].reshape(this.shape), batch[1].reshape([])];
  }

  getBatch(indices: Int32Array): [images: Tensor, labels: Tensor] {
    const bad = indices.find((i) => i < 0 || i >= this.length);
    if (bad !== undefined) {
      throw new ArgumentError("ImageDataset", `index is ${bad}; expected 0 to ${this.length - 1}`);
    }
    const x = Tensor.allocate([indices.length, ...this.shape], "float32", "ImageDataset");
    const y = Tensor.allocate([indices.length], "int32", "ImageDataset");
    this.readPixels(x.ptr, indices);
    arena.view(y.ptr, y.numel, "int32").set(indices.map((i) => this.labels[i]!));
    return [adopt(x), adopt(y)];
  }

  /** Writes the pixels of each image. Image by image its bytes go to work space, behind the table of what they become. */
  private readPixels(to: Ptr, indices: Int32Array): void {
    const channels = this.shape[0]!;
    const size = numel(this.shape);
    const plane = size / channels;
    const table = arena.scratch(this.levels.byteLength + size);
    const bytes = (table + this.levels.byteLength) as Ptr;
    arena.view(table, this.levels.length, "float32").set(this.levels);
    indices.forEach((index, row) => {
      arena.view(bytes, size, "bool").set(this.images.subarray(index * size, (index + 1) * size));
      for (let c = 0; c < channels; c++) {
        const y = (to + (row * size + c * plane) * 4) as Ptr;
        K.lookup_u8_f32(y, (bytes + c * plane) as Ptr, (table + c * LEVELS * 4) as Ptr, plane);
      }
    });
  }

  /**
   * Mean and standard deviation of the pixels / 255, for each channel, of all images or of those with these indices. They should come from
   * the training set only: of a split, `images.statistics(train.indices)`.
   */
  statistics(indices?: ArrayLike<number>): { mean: number[]; std: number[] } {
    const channels = this.shape[0]!;
    const size = numel(this.shape);
    const plane = size / channels;
    const chosen = indices ?? { length: this.length };
    const counts = Array.from({ length: channels }, () => new Float64Array(LEVELS));
    for (let i = 0; i < chosen.length; i++) {
      const index = indices === undefined ? i : checkInteger("statistics", "index", indices[i], 0, this.length - 1);
      for (let c = 0, start = index * size; c < channels; c++, start += plane) {
        const histogram = counts[c]!;
        for (let p = start; p < start + plane; p++) histogram[this.images[p]!]!++;
      }
    }
    const mean: number[] = [];
    const std: number[] = [];
    for (const histogram of counts) {
      const n = chosen.length * plane;
      const m = histogram.reduce((sum, count, level) => sum + count * level, 0) / n;
      const variance = histogram.reduce((sum, count, level) => sum + count * (level - m) ** 2, 0) / n;
      mean.push(m / 255);
      std.push(Math.sqrt(variance) / 255);
    }
    return { mean, std };
  }

  /** The same images, with their pixels shifted and scaled by other statistics. */
  normalized(statistics: PixelStatistics): ImageDataset {
    return new ImageDataset(this.images, this.labels, { ...statistics, shape: this.shape });
  }
}

function perChannel(what: string, value: number | readonly number[], channels: number, min: number): number[] {
  const list = typeof value === "number" ? new Array<number>(channels).fill(value) : [...value];
  if (list.length !== channels) {
    throw new ArgumentError("ImageDataset", `${what} has ${list.length} values; expected one or ${channels}`);
  }
  return list.map((v) => checkNumber("ImageDataset", what, v, min));
}

function levelsOf(mean: readonly number[], std: readonly number[]): Float32Array {
  return Float32Array.from({ length: mean.length * LEVELS }, (_, i) => {
    const channel = Math.floor(i / LEVELS);
    return ((i % LEVELS) / 255 - mean[channel]!) / std[channel]!;
  });
}
