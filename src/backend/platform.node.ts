import { availableParallelism } from "node:os";
import { arch } from "node:process";
import { setFlagsFromString } from "node:v8";
import { spawnWorker } from "../runtime/threads.node.js";
import { readKernels } from "./kernels_file.node.js";
import type { Platform } from "./platform.js";

/** From this version on V8's fusion covers what the kernels need. */
const WIDENS_FROM = 24;

function widen(): string | null {
  const { bun, deno, node } = process.versions;
  if (bun !== undefined || deno !== undefined) return "only Node can turn them on";
  if (Number.parseInt(node, 10) < WIDENS_FROM) return `Node ${node} cannot; Node ${WIDENS_FROM} and later can`;
  if (arch !== "x64") return `Node cannot on ${arch}; it can on x64`;
  try {
    // The flag concerns what is compiled later: modules from before stay as they are.
    setFlagsFromString("--experimental-wasm-revectorize");
  } catch (cause) {
    return `Node ${node} refused the flag: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
  return null;
}

/** Node: this package's files are beside it, V8's flags can be set, and there are worker threads. */
export const nodePlatform: Platform = {
  read: readKernels,
  widen,
  processors: availableParallelism,
  threadless: () => null,
  spawn: spawnWorker,
};
