import { type Backend, getBackend, installWasm } from "./backend/index.js";
import { probe } from "./backend/probe.js";
import { instantiateKernels } from "./backend/wasm.js";
import { checkOneOf, checkOptions } from "./check.js";
import { RuntimeError } from "./errors.js";

/** The kernel binaries that are shipped. `relaxed` uses fused multiply-add. */
export type Binary = "simd" | "relaxed";

export interface InitOptions {
  /** Which binary the source is, or which one to load. Default: the best that the engine can run. */
  readonly binary?: Binary;
}

/** Where compiled or uncompiled kernels come from. */
export type KernelSource = WebAssembly.Module | BufferSource | URL | string | Response;

/** What runs, and why it is not something faster. */
export interface RuntimeInfo {
  readonly backend: Backend;
  /** The kernel binary loaded, null before `init` or where none can run. */
  readonly binary: Binary | null;
  /** One sentence on the choice of binary. */
  readonly why: string;
  readonly threads: number;
}

let loaded: Binary | null = null;
let why = "init() has not been called";

/** Which back end and binary are in use, and the reason. */
export function runtime(): RuntimeInfo {
  return { backend: getBackend(), binary: loaded, why, threads: 1 };
}

/** The binary that `init` would load here; null (with the reason in `runtime().why`) where only the js back end runs. */
export function chooseBinary(options: InitOptions = {}): Binary | null {
  checkOptions("init", options, ["binary"]);
  const found = probe();
  why = found.why;
  if (options.binary === undefined) return found.binary;
  const wanted = checkOneOf("init", "binary", options.binary, ["simd", "relaxed"]);
  if (found.binary === null || (wanted === "relaxed" && found.binary === "simd")) {
    throw new RuntimeError("init", `cannot run the ${wanted} binary: ${found.why}`);
  }
  why = `${wanted} was asked for; ${found.why}`;
  return wanted;
}

/** Installs compiled kernels: the synchronous core of every `init`. */
export function installModule(module: WebAssembly.Module, binary: Binary): RuntimeInfo {
  installWasm(instantiateKernels(module));
  loaded = binary;
  return runtime();
}

/**
 * Loads the kernels and switches to the wasm back end. In Node this has happened on import. Elsewhere `source` may be a compiled
 * module (the only way on Cloudflare Workers), bytes, a URL or a Response; without it the file beside this package is fetched.
 * Where no binary can run, the js back end stays in use and `runtime().why` says so. Errors: RuntimeError if the binary asked for
 * cannot run or the file cannot be fetched.
 */
export async function init(
  source?: KernelSource | PromiseLike<KernelSource>,
  options: InitOptions = {},
): Promise<RuntimeInfo> {
  const binary = chooseBinary(options);
  if (binary === null) return runtime();
  const from = await (source ?? defaultUrl(binary));
  return installModule(await compile(from), binary);
}

function defaultUrl(binary: Binary): URL {
  return binary === "relaxed"
    ? new URL("../kernels.relaxed.wasm", import.meta.url)
    : new URL("../kernels.simd.wasm", import.meta.url);
}

async function compile(source: KernelSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof URL || typeof source === "string") return compile(await fetch(source));
  if (typeof Response === "function" && source instanceof Response) {
    if (!source.ok) throw new RuntimeError("init", `fetching ${source.url} gave status ${source.status}; expected 200`);
    return WebAssembly.compile(await source.arrayBuffer());
  }
  return WebAssembly.compile(source as BufferSource);
}
