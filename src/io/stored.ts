// What readers of files with tensors share: tensors as they lie in the file, and the library's tensors made of them, all or none.
import { FormatError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { contiguousStrides, formatShape, numel, sameShape } from "../shape.js";
import { adoptUnscoped, type Layout, Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import type { Encoding } from "./encodings.js";

/** A tensor in a file: its bytes are little-endian, row-major and as many as the shape says. */
export interface StoredTensor {
  readonly name: string;
  readonly encoding: Encoding;
  readonly shape: Shape;
  readonly bytes: Uint8Array;
}

/** Tensors that live until disposed or collected. `op` is the format's name. Errors: FormatError for a value that does not fit; then there is none. */
export function tensorsOf(op: string, stored: Iterable<StoredTensor>): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  try {
    for (const { name, encoding, shape, bytes } of stored) {
      const t = Tensor.allocate(shape, encoding.dtype, `${op}.parse`);
      tensors.set(name, t);
      const problem = encoding.decode(bytes, arena.view(t.ptr, t.numel, t.dtype));
      if (problem !== null) throw new FormatError(op, `tensor "${name}" ${problem}`);
    }
  } catch (error) {
    for (const t of tensors.values()) t.dispose();
    throw error;
  }
  for (const t of tensors.values()) adoptUnscoped(t);
  return tensors;
}

/** What is wrong with the shape of a tensor in a file, or null. */
export function shapeProblem(shape: unknown): string | null {
  if (!isListOfCounts(shape)) return `has shape ${JSON.stringify(shape)}; expected integers from 0 to 2^31 - 1`;
  // Zeros are left out: behind them an absurd size must not hide, because strides are products of sizes.
  if (Number.isSafeInteger(numel(shape.map((n) => Math.max(n, 1))))) return null;
  return `has shape ${formatShape(shape)}; expected a product that an integer can hold`;
}

export function isListOfCounts(value: unknown, max = 2 ** 31 - 1): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isInteger(n) && n >= 0 && n <= max);
}

/** Elements of `width` bytes, row-major: as they lie, or gathered by their strides, which stay within the bytes. */
export function inOrder(bytes: Uint8Array, width: number, { shape, strides, offset }: Layout): Uint8Array {
  const count = numel(shape);
  if (count === 0) return new Uint8Array(0);
  if (sameShape(strides, contiguousStrides(shape))) return bytes.subarray(offset * width, (offset + count) * width);
  const out = new Uint8Array(count * width);
  const index = new Array<number>(shape.length).fill(0);
  let from = offset;
  for (let to = 0; to < count; to++) {
    for (let b = 0; b < width; b++) out[to * width + b] = bytes[from * width + b]!;
    for (let d = shape.length - 1; d >= 0; d--) {
      from += strides[d]!;
      if (++index[d]! < shape[d]!) break;
      from -= index[d]! * strides[d]!;
      index[d] = 0;
    }
  }
  return out;
}
