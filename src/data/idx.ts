// The IDX format of MNIST and its relatives: two zero bytes, a type code, the number of dimensions, their sizes, then the values
// row-major; all numbers big-endian.
import { ArgumentError, FormatError } from "../errors.js";
import { formatShape, numel } from "../shape.js";
import type { Shape } from "../types.js";

/** The typed arrays that hold IDX's six element types. */
export type IdxData = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

export interface IdxArray {
  readonly shape: Shape;
  readonly data: IdxData;
}

interface ElementType {
  readonly bytes: number;
  /** Reads `count` values that begin at the view's start. */
  read(view: DataView, count: number): IdxData;
}

/** By type code. Bytes need no conversion: they are a view of the file's own. */
const types: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [0x08, { bytes: 1, read: (v, n) => new Uint8Array(v.buffer, v.byteOffset, n) }],
  [0x09, { bytes: 1, read: (v, n) => new Int8Array(v.buffer, v.byteOffset, n) }],
  [0x0b, { bytes: 2, read: (v, n) => Int16Array.from({ length: n }, (_, i) => v.getInt16(2 * i)) }],
  [0x0c, { bytes: 4, read: (v, n) => Int32Array.from({ length: n }, (_, i) => v.getInt32(4 * i)) }],
  [0x0d, { bytes: 4, read: (v, n) => Float32Array.from({ length: n }, (_, i) => v.getFloat32(4 * i)) }],
  [0x0e, { bytes: 8, read: (v, n) => Float64Array.from({ length: n }, (_, i) => v.getFloat64(8 * i)) }],
]);

const MAX_SIZE = 2 ** 31 - 1;

/**
 * Reads an uncompressed IDX file's bytes. Values of one byte are not copied: the result looks at `bytes`.
 * Errors: FormatError for an unknown type, and for a file shorter or longer than its sizes say.
 */
export function parseIdx(bytes: Uint8Array): IdxArray {
  if (!(bytes instanceof Uint8Array)) {
    throw new ArgumentError("IDX", `bytes are a ${typeof bytes}; expected a Uint8Array`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) throw malformed(`file has ${bytes.length} bytes; expected at least the 4 of its magic number`);
  const code = view.getUint8(2);
  const rank = view.getUint8(3);
  if (view.getUint16(0) !== 0)
    throw malformed(`file begins with ${hex(bytes.subarray(0, 4))}; expected two zero bytes`);
  const type = types.get(code);
  if (type === undefined) {
    throw malformed(`type code is ${hex([code])}; expected one of ${hex([...types.keys()])}`);
  }
  const headerBytes = 4 + 4 * rank;
  if (rank === 0) throw malformed("file has no dimension; expected at least one");
  if (bytes.length < headerBytes) {
    throw malformed(`file has ${bytes.length} bytes; expected at least ${headerBytes} for ${rank} sizes`);
  }
  const shape = Array.from({ length: rank }, (_, d) => view.getUint32(4 + 4 * d));
  // Zeros are left out, so that an absurd size cannot hide behind one.
  if (shape.some((n) => n > MAX_SIZE) || !Number.isSafeInteger(numel(shape.map((n) => Math.max(n, 1))))) {
    throw malformed(
      `sizes are ${formatShape(shape)}; expected at most ${MAX_SIZE} each, and a product an integer can hold`,
    );
  }
  const count = numel(shape);
  const want = headerBytes + count * type.bytes;
  if (bytes.length !== want) {
    throw malformed(
      `file has ${bytes.length} bytes; expected ${want} for ${count} values of ${type.bytes} bytes, shape ${formatShape(shape)}`,
    );
  }
  return { shape, data: type.read(new DataView(bytes.buffer, bytes.byteOffset + headerBytes), count) };
}

function hex(bytes: Iterable<number>): string {
  return Array.from(bytes, (b) => `0x${b.toString(16).padStart(2, "0")}`).join(" ");
}

function malformed(problem: string): FormatError {
  return new FormatError("IDX", problem);
}
