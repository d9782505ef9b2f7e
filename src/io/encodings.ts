import type { DataArray, DType } from "../types.js";

/** How a dtype of a file becomes one of the library's. */
export interface Encoding {
  /** Bytes of one element in the file. */
  readonly bytes: number;
  readonly dtype: DType;
  /**
   * Converts little-endian values, at any alignment, into `to`, which holds as many. Returns what is wrong with a value that the
   * dtype cannot hold, or null.
   */
  decode(from: Uint8Array, to: DataArray): string | null;
}

/** The names under which the library's dtypes are stored. */
export const STORED_AS = { float32: "F32", int32: "I32", bool: "BOOL" } as const satisfies Record<DType, string>;

/** By safetensors' name. */
export const encodings: ReadonlyMap<string, Encoding> = new Map<string, Encoding>([
  ["F32", { bytes: 4, dtype: "float32", decode: copyBytes }],
  ["I32", { bytes: 4, dtype: "int32", decode: copyBytes }],
  ["BOOL", { bytes: 1, dtype: "bool", decode: decodeBool }],
  ["F16", { bytes: 2, dtype: "float32", decode: decodeHalf }],
  ["BF16", { bytes: 2, dtype: "float32", decode: decodeBrainFloat }],
  ["F64", { bytes: 8, dtype: "float32", decode: decodeWith((view, i) => view.getFloat64(8 * i, true)) }],
  ["I64", { bytes: 8, dtype: "int32", decode: decodeInt64 }],
  ["I16", { bytes: 2, dtype: "int32", decode: decodeWith((view, i) => view.getInt16(2 * i, true)) }],
  ["I8", { bytes: 1, dtype: "int32", decode: decodeWith((view, i) => view.getInt8(i)) }],
  ["U8", { bytes: 1, dtype: "int32", decode: decodeWith((view, i) => view.getUint8(i)) }],
  ["U16", { bytes: 2, dtype: "int32", decode: decodeWith((view, i) => view.getUint16(2 * i, true)) }],
  ["U32", { bytes: 4, dtype: "int32", decode: decodeUint32 }],
  ["U64", { bytes: 8, dtype: "int32", decode: decodeUint64 }],
  ["F8_E4M3", { bytes: 1, dtype: "float32", decode: decodeTable(e4m3) }],
  ["F8_E5M2", { bytes: 1, dtype: "float32", decode: decodeTable(e5m2) }],
  ["F8_E8M0", { bytes: 1, dtype: "float32", decode: decodeTable(e8m0) }],
]);

function copyBytes(from: Uint8Array, to: DataArray): null {
  bytesIn(to).set(from);
  return null;
}

function decodeBool(from: Uint8Array, to: DataArray): string | null {
  const bad = from.findIndex((v) => v > 1);
  if (bad >= 0) return `holds the byte ${from[bad]} at ${bad}; expected 0 or 1 for BOOL`;
  return copyBytes(from, to);
}

function decodeWith(read: (view: DataView, index: number) => number): Encoding["decode"] {
  return (from, to) => {
    const view = viewOf(from);
    for (let i = 0; i < to.length; i++) to[i] = read(view, i);
    return null;
  };
}

/** IEEE 754 half precision: 1 sign, 5 exponent (bias 15), 10 fraction bits. Every value is a float32. */
function decodeHalf(from: Uint8Array, to: DataArray): null {
  const view = viewOf(from);
  const bits = new Int32Array(to.buffer, to.byteOffset, to.length);
  for (let i = 0; i < to.length; i++) {
    const half = view.getUint16(2 * i, true);
    const sign = (half & 0x8000) << 16;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0x1f) bits[i] = sign | 0x7f800000 | (fraction << 13);
    else if (exponent !== 0) bits[i] = sign | ((exponent + 112) << 23) | (fraction << 13);
    else if (fraction === 0) bits[i] = sign;
    else {
      // Subnormal: its first set bit becomes the implicit one of a float32.
      const shift = Math.clz32(fraction) - 21;
      bits[i] = sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
    }
  }
  return null;
}

/** The upper half of a float32. */
function decodeBrainFloat(from: Uint8Array, to: DataArray): null {
  const view = viewOf(from);
  const bits = new Int32Array(to.buffer, to.byteOffset, to.length);
  for (let i = 0; i < to.length; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  return null;
}

function decodeInt64(from: Uint8Array, to: DataArray): string | null {
  const view = viewOf(from);
  for (let i = 0; i < to.length; i++) {
    const low = view.getInt32(8 * i, true);
    if (view.getInt32(8 * i + 4, true) !== low >> 31) {
      return `holds ${view.getBigInt64(8 * i, true)} at ${i}; expected I64 values from -2^31 to 2^31 - 1`;
    }
    to[i] = low;
  }
  return null;
}

function decodeUint32(from: Uint8Array, to: DataArray): string | null {
  const view = viewOf(from);
  for (let i = 0; i < to.length; i++) {
    const value = view.getUint32(4 * i, true);
    if (value > 2 ** 31 - 1) return `holds ${value} at ${i}; expected U32 values up to 2^31 - 1`;
    to[i] = value;
  }
  return null;
}

function decodeUint64(from: Uint8Array, to: DataArray): string | null {
  const view = viewOf(from);
  for (let i = 0; i < to.length; i++) {
    const value = view.getBigUint64(8 * i, true);
    if (value > 2n ** 31n - 1n) return `holds ${value} at ${i}; expected U64 values up to 2^31 - 1`;
    to[i] = Number(value);
  }
  return null;
}

/** One byte through a table of its 256 values. */
function decodeTable(valueOfByte: (byte: number) => number): Encoding["decode"] {
  let table: Float32Array | null = null;
  return (from, to) => {
    table ??= Float32Array.from({ length: 256 }, (_, byte) => valueOfByte(byte));
    for (let i = 0; i < to.length; i++) to[i] = table[from[i]!]!;
    return null;
  };
}

/** 1 sign, 4 exponent (bias 7), 3 fraction bits; no infinity, NaN where all of exponent and fraction are set. (Micikevicius et al., 2022.) */
function e4m3(byte: number): number {
  const magnitude = byte & 0x7f;
  const value = magnitude === 0x7f ? Number.NaN : minifloat(magnitude >> 3, magnitude & 7, 3, 7);
  return byte & 0x80 ? -value : value;
}

/** 1 sign, 5 exponent (bias 15), 2 fraction bits: the upper half of half precision. */
function e5m2(byte: number): number {
  const exponent = (byte >> 2) & 0x1f;
  const fraction = byte & 3;
  const value = exponent === 0x1f ? (fraction ? Number.NaN : Infinity) : minifloat(exponent, fraction, 2, 15);
  return byte & 0x80 ? -value : value;
}

/** A power of two, 2^(byte − 127); 255 is NaN. (OCP Microscaling Formats, 2023.) */
function e8m0(byte: number): number {
  return byte === 0xff ? Number.NaN : 2 ** (byte - 127);
}

function minifloat(exponent: number, fraction: number, fractionBits: number, bias: number): number {
  const part = fraction / 2 ** fractionBits;
  return exponent === 0 ? part * 2 ** (1 - bias) : (1 + part) * 2 ** (exponent - bias);
}

/** The bits of half precision nearest to each float32, ties to even; what is too large becomes infinity. */
export function halvesOf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (v) => {
    const sign = (v >>> 16) & 0x8000;
    const magnitude = v & 0x7fffffff;
    if (magnitude > 0x7f800000) return sign | 0x7e00;
    if (magnitude >= 0x47800000) return sign | 0x7c00;
    if (magnitude >= 0x38800000) return sign | roundedShift(magnitude - (112 << 23), 13);
    // Below 2^-14 the fraction counts units of 2^-24; from a quarter of one down nothing is left of it.
    const exponent = magnitude >>> 23;
    if (exponent < 102) return sign;
    return sign | roundedShift((magnitude & 0x7fffff) | 0x800000, 126 - exponent);
  });
}

/** The upper halves of float32, rounded to even. */
export function brainFloatsOf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (v) => ((v & 0x7fffffff) > 0x7f800000 ? (v >>> 16) | 0x40 : roundedShift(v, 16)));
}

/** v / 2^n to the nearest integer, ties to even; v is unsigned. */
function roundedShift(v: number, n: number): number {
  const down = v >>> n;
  const rest = v - down * 2 ** n;
  const half = 2 ** (n - 1);
  return rest > half || (rest === half && (down & 1) === 1) ? down + 1 : down;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bytesIn(array: DataArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
