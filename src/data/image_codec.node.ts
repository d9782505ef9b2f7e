import { convertIndexedToRgb, decode as decodePngFile, encode as encodePngFile } from "fast-png";
import jpeg from "jpeg-js";
import { checkInteger, checkOptions } from "../check.js";
import { tensor } from "../creation.js";
import { ArgumentError, DTypeError, FormatError, QuadlaneError, ShapeError } from "../errors.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { isJpeg, jpegHeader } from "./jpeg.js";
import { checkPng, checkSize, isPng } from "./png.node.js";

export interface DecodeImageOptions {
  /**
   * 1 makes grey (0.299 R + 0.587 G + 0.114 B), 3 makes colours without transparency, 4 with. Default: as stored, 2 is grey with
   * transparency.
   */
  readonly channels?: 1 | 3 | 4;
  /** Most pixels; a larger image is refused before it is decoded. Default 2^26. */
  readonly maxPixels?: number;
}

const OPTIONS = ["channels", "maxPixels"];

/** Pixels as stored, channels last. */
interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly values: Uint8Array | Uint16Array | Uint8ClampedArray;
  /** The value of white. */
  readonly max: number;
}

/**
 * Decodes a PNG or JPEG file: float32 [C, H, W] from 0 to 1, which lives until it is disposed. A rotation that a camera has noted is not
 * applied, and colour profiles are not.
 * Errors: FormatError for another format, a damaged file, or more than `maxPixels`.
 */
export function decodeImage(bytes: Uint8Array, options: DecodeImageOptions = {}): Tensor {
  checkOptions("decodeImage", options, OPTIONS);
  const { channels } = options;
  if (channels !== undefined && ![1, 3, 4].includes(channels)) {
    throw new ArgumentError("decodeImage", `channels are ${String(channels)}; expected 1, 3 or 4`);
  }
  const maxPixels = checkInteger("decodeImage", "maxPixels", options.maxPixels ?? 2 ** 26, 1);
  if (!(bytes instanceof Uint8Array)) {
    throw new ArgumentError("decodeImage", `bytes are a ${typeof bytes}; expected a Uint8Array`);
  }
  const pixels = decode(bytes, maxPixels);
  const values = channelsFirst(pixels, channels ?? pixels.channels);
  return tensor(values, { shape: [channels ?? pixels.channels, pixels.height, pixels.width] });
}

function decode(bytes: Uint8Array, maxPixels: number): Pixels {
  const format = isPng(bytes) ? "PNG" : isJpeg(bytes) ? "JPEG" : null;
  if (format === null) throw new FormatError("decodeImage", "file begins neither as a PNG nor as a JPEG file");
  try {
    return format === "PNG" ? decodePng(bytes, maxPixels) : decodeJpeg(bytes, maxPixels);
  } catch (cause) {
    if (cause instanceof QuadlaneError) throw cause;
    throw new FormatError(format, `file is damaged (${cause instanceof Error ? cause.message : String(cause)})`);
  }
}

function decodePng(bytes: Uint8Array, maxPixels: number): Pixels {
  const { header, cleaned } = checkPng(bytes, maxPixels);
  const { width, height, depth, palette } = header;
  const image = decodePngFile(cleaned, { checkCrc: true });
  if (palette) {
    const values = convertIndexedToRgb(image);
    return { width, height, channels: values.length / (width * height), values, max: 255 };
  }
  const values = depth < 8 ? spread(image.data, width, depth) : image.data;
  return { width, height, channels: header.channels, values, max: 2 ** depth - 1 };
}

/** Gives each pixel of fewer than 8 bits a byte; every row begins with a new byte. */
function spread(packed: ArrayLike<number>, width: number, depth: number): Uint8Array {
  const rowBytes = Math.ceil((width * depth) / 8);
  const out = new Uint8Array((packed.length / rowBytes) * width);
  for (let i = 0; i < out.length; i++) {
    const bit = (i % width) * depth;
    const byte = packed[Math.floor(i / width) * rowBytes + (bit >> 3)]!;
    out[i] = (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
  }
  return out;
}

/** What the decoder may use for each pixel, and for small images, in bytes. */
const JPEG_BYTES = 64;
const JPEG_LEAST = 2 ** 26;

function decodeJpeg(bytes: Uint8Array, maxPixels: number): Pixels {
  const { width, height, components } = jpegHeader(bytes);
  checkSize("JPEG", width, height, maxPixels);
  const image = jpeg.decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: maxPixels / 1e6,
    maxMemoryUsageInMB: (JPEG_LEAST + JPEG_BYTES * width * height) / 2 ** 20,
  });
  if (image.width !== width || image.height !== height) throw new Error("it has two frame headers");
  const channels = components === 1 ? 1 : 3;
  // The decoder repeats grey three times.
  const values = channels === 1 ? image.data.filter((_, i) => i % 3 === 0) : image.data;
  return { width, height, channels, values, max: 255 };
}

/** The pixels as float32, one plane for each channel, from so many channels as asked for. */
function channelsFirst({ width, height, channels, values, max }: Pixels, wanted: number): Float32Array {
  const plane = width * height;
  const out = new Float32Array(wanted * plane);
  const grey = channels < 3;
  const alpha = channels === 2 || channels === 4 ? channels - 1 : -1;
  for (let p = 0; p < plane; p++) {
    const at = p * channels;
    for (let c = 0; c < wanted; c++) {
      const isAlpha = wanted === 4 ? c === 3 : wanted === 2 && c === 1;
      let value: number;
      if (isAlpha) value = alpha < 0 ? max : values[at + alpha]!;
      else if (grey) value = values[at]!;
      else if (wanted === 1) value = 0.299 * values[at]! + 0.587 * values[at + 1]! + 0.114 * values[at + 2]!;
      else value = values[at + c]!;
      out[c * plane + p] = value / max;
    }
  }
  return out;
}

/**
 * The bytes of a PNG file with 8 bits for each value: of an image float32 [C, H, W] or [H, W] from 0 to 1, with C 1 for grey, 2 for grey
 * with transparency, 3 for colours, 4 for colours with transparency. Values are rounded; those outside become 0 or 1.
 * Errors: ShapeError and DTypeError for other tensors; ArgumentError for NaN.
 */
export function encodePng(image: Tensor): Uint8Array {
  const [channels = 0, height = 0, width = 0] = image.ndim === 2 ? [1, ...image.shape] : image.shape;
  if ((image.ndim !== 3 && image.ndim !== 2) || channels < 1 || channels > 4 || height === 0 || width === 0) {
    throw new ShapeError(
      "encodePng",
      `image is ${formatShape(image.shape)}; expected [H, W] or [C, H, W], C from 1 to 4`,
    );
  }
  if (image.dtype !== "float32") {
    throw new DTypeError("encodePng", `image ${formatShape(image.shape)} is ${image.dtype}; expected float32`);
  }
  const values = image.data();
  const plane = height * width;
  const data = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) throw new ArgumentError("encodePng", `value ${i} is NaN; expected numbers from 0 to 1`);
    data[(i % plane) * channels + Math.floor(i / plane)] = Math.round(Math.min(Math.max(value, 0), 1) * 255);
  }
  return encodePngFile({ width, height, channels, depth: 8, data });
}
