// The entry for Node: the same surface, ready on import, plus what needs a file system.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chooseBinary, type InitOptions, installModule, type RuntimeInfo, runtime } from "./init.js";

export { readIdx } from "./data/idx.node.js";
export * from "./index.js";
export { loadSafetensors, saveSafetensors } from "./io/safetensors.node.js";

const require = createRequire(import.meta.url);

/** Loads the kernels from this package's files, synchronously. It runs on import; call it again to pick another binary. */
export function initSync(options: InitOptions = {}): RuntimeInfo {
  const binary = chooseBinary(options);
  if (binary === null) return runtime();
  const file = require.resolve(`quadlane/kernels.${binary}.wasm`);
  return installModule(new WebAssembly.Module(new Uint8Array(readFileSync(file))), binary);
}

initSync();
