// Files of NumPy and PyTorch, by path. Errors of all that read: FileError for a file that cannot be read.
import { builtin } from "../runtime/system.node.js";
import type { Tensor } from "../tensor.js";
import { writeAtomically } from "./atomic.node.js";
import { readBytes } from "./file_errors.node.js";
import { parseNpy, serializeNpy, serializeNpz } from "./numpy.js";
import { type NpzOptions, npzEntries, npzTensors, OP } from "./numpy_format.js";
import { type PyTorchOptions, parse } from "./pytorch.js";
import { checkExpanded, damaged, storedBytes, type ZipEntry } from "./zip.js";

/** Reads a `.npy` file; see `numpy.parseNpy`. */
export function loadNpy(path: string): Tensor {
  return parseNpy(readBytes(OP, path));
}

/** Writes a `.npy` file, which appears whole or not at all; see `numpy.serializeNpy`. */
export function saveNpy(path: string, t: Tensor): void {
  writeAtomically(path, serializeNpy(t));
}

/** Reads a `.npz` file; see `numpy.parseNpz`. */
export function loadNpz(path: string, options: NpzOptions = {}): Map<string, Tensor> {
  const entries = npzEntries(readBytes(OP, path), options);
  return npzTensors(entries, entries.map(expand));
}

/** Writes a `.npz` file, which appears whole or not at all; see `numpy.serializeNpz`. */
export function saveNpz(path: string, tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>): void {
  writeAtomically(path, serializeNpz(tensors));
}

/** Reads the tensors of a `.pt` or `.pth` file without executing anything in it; see `pytorch.parse`. */
export function loadPyTorch(path: string, options: PyTorchOptions = {}): Map<string, Tensor> {
  return parse(readBytes("pytorch", path), options);
}

function expand(entry: ZipEntry): Uint8Array {
  if (!entry.compressed) return storedBytes(OP, entry);
  let out: Uint8Array;
  try {
    out = builtin("node:zlib").inflateRawSync(entry.bytes, { maxOutputLength: Math.max(entry.size, 1) });
  } catch (cause) {
    const longer = cause instanceof Error && Reflect.get(cause, "code") === "ERR_BUFFER_TOO_LARGE";
    if (longer) return checkExpanded(OP, entry, entry.bytes, Infinity);
    throw damaged(OP, entry, cause);
  }
  return checkExpanded(OP, entry, out, out.length);
}
