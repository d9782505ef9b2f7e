import { builtin } from "../runtime/system.node.js";
import { spawnWorker } from "../runtime/threads.node.js";
import type { Platform } from "./platform.js";

/** From this version on V8's fusion covers what the kernels need. */
const WIDENS_FROM = 24;

function widen(): string | null {
  const { bun, deno, node } = process.versions;
  if (bun !== undefined || deno !== undefined) return "only Node can turn them on";
  if (Number.parseInt(node, 10) < WIDENS_FROM) return `Node ${node} cannot; Node ${WIDENS_FROM} and later can`;
  if (process.arch !== "x64") return `Node cannot on ${process.arch}; it can on x64`;
  try {
    // The flag concerns what is compiled later: modules from before stay as they are.
    builtin("node:v8").setFlagsFromString("--experimental-wasm-revectorize");
  } catch (cause) {
    return `Node ${node} refused the flag: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
  return null;
}

/** Node: this package's files are beside it, V8's flags can be set, and there are worker threads. */
export const nodePlatform: Platform = {
  widen,
  processors: () => builtin("node:os").availableParallelism(),
  threadless: () => null,
  spawn: spawnWorker,
};
