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

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bytesIn(array: DataArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
