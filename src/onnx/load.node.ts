import { closeSync, fstatSync, openSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { FormatError } from "../errors.js";
import { onFile, readBytes, readRange } from "../io/file_errors.node.js";
import { load } from "./load.js";
import type { OnnxModel } from "./model.js";
import type { ExternalData } from "./tensors.js";

/**
 * Reads a model from an ONNX file; see `load`. Weights in other files are read from the model's folder and those below it.
 * Errors: FileError for files that cannot be read; FormatError for a location outside that folder.
 */
export function loadFile(path: string): OnnxModel {
  const bytes = readBytes("onnx", path);
  return load(bytes, { externalData: besideModel(path) });
}

function besideModel(path: string): ExternalData {
  return (location, { offset, length }) => {
    const folder = onFile("onnx", "read", path, () => realpathSync(dirname(path)));
    const named = resolve(folder, location);
    // Links are followed before it is decided, so that none leads out of the folder.
    if (isAbsolute(location) || leaves(folder, named)) throw outside(location);
    const file = onFile("onnx", "read", named, () => realpathSync(named));
    if (leaves(folder, file)) throw outside(location);
    return onFile("onnx", "read", file, () => readPart(file, offset, length));
  };
}

function leaves(folder: string, file: string): boolean {
  const way = relative(folder, file);
  return way === "" || way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way);
}

function outside(location: string): FormatError {
  return new FormatError("onnx", `external data in "${location}"; expected a file in the model's folder`);
}

/** Fewer bytes than `length` if the file ends before. */
function readPart(file: string, offset: number, length: number | undefined): Uint8Array {
  const handle = openSync(file, "r");
  try {
    const left = Math.max(0, fstatSync(handle).size - offset);
    return readRange(handle, offset, offset + Math.min(length ?? left, left));
  } finally {
    closeSync(handle);
  }
}
