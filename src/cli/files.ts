// Files with weights and models, told by their names.
import { extname } from "node:path";
import {
  ArgumentError,
  type DataArray,
  loadNpy,
  loadNpz,
  loadPyTorch,
  loadSafetensors,
  loadShardedSafetensors,
  onnx,
  saveNpy,
  saveNpz,
  saveSafetensors,
  type Tensor,
} from "../node.js";

/** What a file holds: tensors by name, and text about them. */
export interface Weights {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

export type FloatType = "F32" | "F16" | "BF16";

const READERS: Readonly<Record<string, (path: string, key: string | undefined) => Weights>> = {
  ".safetensors": (path) => loadSafetensors(path),
  ".json": (path) => plain(loadShardedSafetensors(path)),
  ".npz": (path) => plain(loadNpz(path)),
  ".npy": (path) => plain(new Map([["array", loadNpy(path)]])),
  ".pt": fromPyTorch,
  ".pth": fromPyTorch,
  ".bin": fromPyTorch,
  ".onnx": (path) => weightsOf(loadModel(path)),
};

/** Formats that are read, for messages and help. */
export const READABLE = Object.keys(READERS);

/** Formats that are written. */
export const WRITABLE = [".safetensors", ".npz", ".npy"];

export function isModel(path: string): boolean {
  return extname(path) === ".onnx";
}

export function loadModel(path: string): onnx.OnnxModel {
  return onnx.loadFile(path);
}

/** A model's parameters and buffers. */
export function weightsOf(model: onnx.OnnxModel): Weights {
  return plain(model.stateDict());
}

/** Reads the tensors of a file. `key`: where the state dict lies in a PyTorch checkpoint. */
export function readWeights(path: string, key?: string): Weights {
  const extension = extname(path).toLowerCase();
  const read = READERS[extension];
  if (read === undefined) throw unknownFormat("read", path, READABLE);
  if (key !== undefined && read !== fromPyTorch) {
    throw new ArgumentError("quadlane", `--key is for PyTorch's files (.pt, .pth, .bin), not for "${path}"`);
  }
  return read(path, key);
}

/** Writes tensors to a file. Errors: ArgumentError for a format that cannot hold them. */
export function writeWeights(path: string, { tensors, metadata }: Weights, floats: FloatType): void {
  const extension = extname(path).toLowerCase();
  if (extension !== ".safetensors" && floats !== "F32") {
    throw new ArgumentError("quadlane", `--floats ${floats} is for safetensors; "${path}" keeps float32`);
  }
  if (extension === ".safetensors") saveSafetensors(path, tensors, metadata, { floats });
  else if (extension === ".npz") saveNpz(path, tensors);
  else if (extension === ".npy") saveNpy(path, only(path, tensors));
  else throw unknownFormat("write", path, WRITABLE);
}

/** Values for an input. */
export function readArray(path: string): Tensor {
  if (extname(path).toLowerCase() !== ".npy") throw unknownFormat("read an input from", path, [".npy"]);
  return loadNpy(path);
}

function only(path: string, tensors: ReadonlyMap<string, Tensor>): Tensor {
  const [first] = tensors.values();
  if (tensors.size === 1) return first!;
  throw new ArgumentError("quadlane", `"${path}" holds one array; expected .npz for ${tensors.size} tensors`);
}

function plain(tensors: Map<string, Tensor>): Weights {
  return { tensors, metadata: {} };
}

function fromPyTorch(path: string, key: string | undefined): Weights {
  return plain(loadPyTorch(path, key === undefined ? {} : { key }));
}

function unknownFormat(what: string, path: string, known: readonly string[]): ArgumentError {
  return new ArgumentError("quadlane", `cannot ${what} "${path}"; expected a name that ends in ${known.join(", ")}`);
}

/** Mean, spread and range of some values, for people. */
export function statistics(values: DataArray): string {
  if (values.length === 0) return "empty";
  let sum = 0;
  let squares = 0;
  let low = Infinity;
  let high = -Infinity;
  let odd = 0;
  for (const v of values) {
    if (!Number.isFinite(v)) {
      odd++;
      continue;
    }
    sum += v;
    squares += v * v;
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  const n = values.length - odd;
  const notFinite = odd > 0 ? `, ${odd} not finite` : "";
  if (n === 0) return `all ${odd} not finite`;
  const mean = sum / n;
  const deviation = Math.sqrt(Math.max(0, squares / n - mean * mean));
  return `mean ${short(mean)}, deviation ${short(deviation)}, from ${short(low)} to ${short(high)}${notFinite}`;
}

function short(v: number): string {
  return Number(v.toPrecision(4)).toString();
}
