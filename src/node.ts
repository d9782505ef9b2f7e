// The entry for Node: the same surface, ready on import, plus what needs a file system.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { ArgumentError } from "./errors.js";
import {
  type Binary,
  chooseBinary,
  type InitOptions,
  initOn,
  installBytes,
  isOptions,
  type KernelSource,
  type Platform,
  type RuntimeInfo,
  runtime,
} from "./init.js";
import { spawnWorker } from "./runtime/threads.node.js";

export { readIdx } from "./data/idx.node.js";
export * from "./index.js";
export { loadSafetensors, saveSafetensors } from "./io/safetensors.node.js";

const require = createRequire(import.meta.url);

function fileOf(binary: Binary): string {
  return require.resolve(`quadlane/kernels.${binary}.wasm`);
}

/** Loads the kernels from this package's files, synchronously, for one thread. It runs on import; call it again to pick another binary. */
export function initSync(options: InitOptions = {}): RuntimeInfo {
  const binary = chooseBinary(options);
  if (options.threads !== undefined && options.threads !== 1) {
    throw new ArgumentError("initSync", "threads start asynchronously; expected await init({ threads })");
  }
  if (binary === null) return runtime();
  return installBytes(new Uint8Array(readFileSync(fileOf(binary))), binary);
}

const node: Platform = {
  load: async (binary) => new Uint8Array(await readFile(fileOf(binary))),
  processors: availableParallelism,
  obstacle: () => null,
  spawn: spawnWorker,
};

/**
 * Loads the kernels anew, from this package's files unless there is a `source`, and starts or ends threads: `await init({ threads: 4 })`.
 * See `init` in init.ts; here it reads a file where that one fetches.
 */
export function init(options?: InitOptions): Promise<RuntimeInfo>;
export function init(
  source: KernelSource | PromiseLike<KernelSource> | undefined,
  options?: InitOptions,
): Promise<RuntimeInfo>;
export async function init(
  source?: KernelSource | PromiseLike<KernelSource> | InitOptions,
  options: InitOptions = {},
): Promise<RuntimeInfo> {
  return isOptions(source) ? initOn(node, undefined, source) : initOn(node, source, options);
}

initSync();
