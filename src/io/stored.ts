// What readers of files with tensors share: tensors as they lie in the file, and the library's tensors made of them, all or none.
import { FormatError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { formatShape, numel } from "../shape.js";
import { adoptUnscoped, Tensor } from "../tensor.js";
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
