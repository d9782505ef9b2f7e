// The entry for Node: the same surface, ready on import, plus what needs a file system.
import { nodeFiles } from "./backend/files.node.js";
import { setPlatform } from "./backend/platform.js";
import { nodePlatform } from "./backend/platform.node.js";
import { setFiles } from "./backend/source.js";
import { setStartCrew } from "./data/workers.js";
import { startNodeCrew } from "./data/workers.node.js";
import { ArgumentError } from "./errors.js";
import { chooseBinary, type InitOptions, installBytes, type RuntimeInfo, runtime } from "./init.js";

export * as data from "./data/index.node.js";
export * from "./index.js";
export {
  loadSafetensors,
  loadShardedSafetensors,
  openSafetensors,
  type SafetensorsFile,
  type ShardOptions,
  saveSafetensors,
  saveShardedSafetensors,
} from "./io/safetensors.node.js";
export { loadNpy, loadNpz, loadPyTorch, saveNpy, saveNpz } from "./io/weights.node.js";
export * as onnx from "./onnx/index.node.js";
export * as train from "./train/index.node.js";
export * as tune from "./tune/index.node.js";

/** Loads the kernels from this package's files, synchronously, for one thread. It runs on import; call it again to pick another binary. */
export function initSync(options: InitOptions = {}): RuntimeInfo {
  if (options.threads !== undefined && options.threads !== 1) {
    throw new ArgumentError("initSync", "threads start asynchronously; expected await init({ threads })");
  }
  const binary = chooseBinary(options);
  if (binary === null) return runtime();
  return installBytes(nodeFiles.kernels(binary));
}

setPlatform(nodePlatform);
setFiles(nodeFiles);
setStartCrew(startNodeCrew);
initSync();
