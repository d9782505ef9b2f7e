// Arrays of NumPy, one (.npy) or several by name (.npz).
import { ArgumentError } from "../errors.js";
import { Tensor } from "../tensor.js";
import type { DType } from "../types.js";
import { checkBytes, MAGIC, type NpzOptions, npzEntries, npzTensors, OP, stored } from "./numpy_format.js";
import { tensorsOf } from "./stored.js";
import { expandedBytes, writeZip } from "./zip.js";

export type { NpzOptions } from "./numpy_format.js";

/** The elements begin on a multiple of this many bytes. */
const ALIGN = 64;

const WRITTEN_AS = { float32: "<f4", int32: "<i4", bool: "|b1" } as const satisfies Record<DType, string>;

/**
 * The array in a `.npy` file's bytes. float32, int32 and bool are taken as they are; other floats become float32, other integers int32, in its
 * range only; big-endian values and columns first (Fortran's order) are understood. The tensor lives until disposed or collected.
 * Errors: FormatError for whatever is not as the format says, and for objects, texts, complex numbers and records.
 */
export function parseNpy(bytes: Uint8Array): Tensor {
  return tensorsOf(OP, [stored("array", checkBytes(bytes))]).get("array")!;
}

/** The bytes of a `.npy` file, version 1, with a tensor's values. */
export function serializeNpy(t: Tensor): Uint8Array {
  if (!(t instanceof Tensor)) throw new ArgumentError(OP, `value is a ${typeof t}; expected a Tensor`);
  const data = t.data();
  const shape = t.shape.length === 1 ? `${t.shape[0]},` : t.shape.join(", ");
  const head = `{'descr': '${WRITTEN_AS[t.dtype]}', 'fortran_order': False, 'shape': (${shape}), }`;
  const before = MAGIC.length + 4;
  const length = Math.ceil((before + head.length + 1) / ALIGN) * ALIGN - before;
  const out = new Uint8Array(before + length + data.byteLength);
  out.set(MAGIC);
  out[MAGIC.length] = 1;
  new DataView(out.buffer).setUint16(MAGIC.length + 2, length, true);
  out.set(new TextEncoder().encode(`${head.padEnd(length - 1)}\n`), before);
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), before + length);
  return out;
}

/**
 * The arrays in a `.npz` file's bytes by name, compressed or not; see `parseNpy`.
 * Options: maxBytes. Errors: FormatError for a damaged archive, for one that would expand to more, and for an array that is none; then no
 * tensor has been made.
 */
export async function parseNpz(bytes: Uint8Array, options: NpzOptions = {}): Promise<Map<string, Tensor>> {
  const entries = npzEntries(bytes, options);
  const files = await Promise.all(entries.map((entry) => expandedBytes(OP, entry)));
  return npzTensors(entries, files);
}

/** The bytes of a `.npz` file, not compressed, with these tensors by name. The same tensors give the same bytes. */
export function serializeNpz(tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>): Uint8Array {
  const list: [string, Tensor][] = [...(tensors instanceof Map ? tensors : Object.entries(tensors))];
  return writeZip(new Map(list.map(([name, t]) => [`${name}.npy`, serializeNpy(t)])));
}
