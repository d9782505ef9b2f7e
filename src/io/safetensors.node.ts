import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { Tensor } from "../tensor.js";
import { parse, type Safetensors, serialize } from "./safetensors.js";

/**
 * Writes tensors to a safetensors file; see `safetensors.serialize`. The file appears whole or not at all: the bytes go to a file
 * beside it, which then takes its name.
 */
export function saveSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const bytes = serialize(tensors, metadata);
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`;
  try {
    const file = openSync(temporary, "wx");
    try {
      writeFileSync(file, bytes);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Reads a safetensors file; see `safetensors.parse`. */
export function loadSafetensors(path: string): Safetensors {
  return parse(readFileSync(path));
}
