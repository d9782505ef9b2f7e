import { RuntimeError } from "../errors.js";
import * as js from "./js/index.js";

/** The kernel interface: whatever the JavaScript back end offers, the WebAssembly back end offers too. */
export type Kernels = typeof js;
export type Backend = "js" | "wasm";

/** The live kernel table. Read it at each call, never keep it: `setBackend` replaces it. */
export let K: Kernels = js;

/** Counts the replacements of the live table: what was asked of one (sizes of blocks, units) holds for as long as this stays. */
export let generation = 0;

let active: Backend = "js";
let wasm: Kernels | null = null;

/** Makes the WebAssembly kernels available and switches to them. */
export function installWasm(kernels: Kernels): void {
  wasm = kernels;
  setBackend("wasm");
}

/** Puts other WebAssembly kernels in the place of those there are; which back end is in use stays as it is. */
export function replaceWasm(kernels: Kernels): void {
  wasm = kernels;
  if (active === "wasm") use(kernels);
}

/** Switches the kernels from the next operation on; both back ends work on the same memory. Errors: "wasm" before `init`. */
export function setBackend(backend: Backend): void {
  if (backend === "js") use(js);
  else if (backend !== "wasm") {
    throw new RuntimeError("setBackend", `back end is "${String(backend)}"; expected "js" or "wasm"`);
  } else if (wasm === null) {
    throw new RuntimeError(
      "setBackend",
      "the WebAssembly kernels are not loaded; call init() first, runtime() tells why it failed",
    );
  } else use(wasm);
  active = backend;
}

/**
 * Runs `fn` with another table that calls the one in use. What has been asked of that one stays known. Tables may not be installed meanwhile.
 */
export function withKernels<R>(kernels: Kernels, fn: () => R): R {
  const saved = K;
  K = kernels;
  try {
    return fn();
  } finally {
    K = saved;
  }
}

function use(kernels: Kernels): void {
  K = kernels;
  generation++;
}

/** The back end in use. */
export function getBackend(): Backend {
  return active;
}
