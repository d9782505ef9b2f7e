import { readFileSync } from "node:fs";
import type { Tensor } from "../tensor.js";
import { writeAtomically } from "./atomic.node.js";
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
  writeAtomically(path, serialize(tensors, metadata));
}

/** Reads a safetensors file; see `safetensors.parse`. */
export function loadSafetensors(path: string): Safetensors {
  return parse(readFileSync(path));
}
