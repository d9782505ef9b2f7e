import { type Backend, getBackend, installWasm } from "./backend/index.js";
import { platform } from "./backend/platform.js";
import { type Binary, probe } from "./backend/probe.js";
import { instantiateKernels } from "./backend/wasm.js";
import { checkOneOf, checkOptions } from "./check.js";
import { ArgumentError, RuntimeError } from "./errors.js";

export type { Binary };

export interface InitOptions {
  /** Which binary the source is, or which one to load. Default: the best that the engine can run. */
  readonly binary?: Exclude<Binary, "wide">;
  /**
   * Use 256-bit vectors, through a flag of V8 that counts as experimental: matrix products and convolutions run nearly twice as fast.
   * Node from version 24 on, x64 only; the flag stays set for the whole process. Default false.
   */
  readonly wideVectors?: boolean;
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
  /** Whether 256-bit vectors are in use; they are only if `init` was asked for them. */
  readonly wideVectors: boolean;
  readonly threads: number;
}

let loaded: Binary | null = null;
let why = "init() has not been called";

/** Which back end and binary are in use, and the reason. */
export function runtime(): RuntimeInfo {
  return { backend: getBackend(), binary: loaded, why, wideVectors: loaded === "wide", threads: 1 };
}

/** The binary that `init` would load here; null (with the reason in `runtime().why`) where only the js back end runs. */
export function chooseBinary(options: InitOptions = {}): Binary | null {
  checkOptions("init", options, ["binary", "wideVectors"]);
  const { binary, wideVectors = false } = options;
  if (typeof wideVectors !== "boolean") {
    throw new ArgumentError("init", `wideVectors is ${String(wideVectors)}; expected true or false`);
  }
  const wanted = binary === undefined ? undefined : checkOneOf("init", "binary", binary, ["simd", "relaxed"]);
  const found = probe();
  if (wideVectors) {
    if (wanted === "simd") throw new ArgumentError("init", "wideVectors do not go with the simd binary");
    const problem = found.binary === "relaxed" ? platform.widen() : found.why;
    if (problem !== null) throw new RuntimeError("init", `cannot use wide vectors: ${problem}`);
    why = "wide vectors were asked for, and this engine has them";
    return "wide";
  }
  if (wanted !== undefined && (found.binary === null || (wanted === "relaxed" && found.binary === "simd"))) {
    throw new RuntimeError("init", `cannot run the ${wanted} binary: ${found.why}`);
  }
  why = wanted === undefined ? found.why : `${wanted} was asked for; ${found.why}`;
  return wanted ?? found.binary;
}

/** Installs compiled kernels: the synchronous core of every `init`. */
export function installModule(module: WebAssembly.Module, binary: Binary): RuntimeInfo {
  installWasm(instantiateKernels(module));
  loaded = binary;
  return runtime();
}

/**
 * Loads the kernels and switches to the wasm back end. In Node this has happened on import. Elsewhere `source` may be a compiled
 * module (the only way on Cloudflare Workers), bytes, a URL or a Response; without it the package's own file is read, or fetched.
 * Where no binary can run, the js back end stays in use and `runtime().why` says so. Errors: RuntimeError if the binary asked for
 * cannot run, wide vectors cannot be had, or the file cannot be fetched.
 */
export function init(options?: InitOptions): Promise<RuntimeInfo>;
export function init(
  source: KernelSource | PromiseLike<KernelSource> | undefined,
  options?: InitOptions,
): Promise<RuntimeInfo>;
export async function init(
  first?: KernelSource | PromiseLike<KernelSource> | InitOptions,
  second: InitOptions = {},
): Promise<RuntimeInfo> {
  const [source, options] = isOptions(first) ? [undefined, first] : [first, second];
  const binary = chooseBinary(options);
  if (binary === null) return runtime();
  const from = await (source ?? platform.read?.(binary) ?? defaultUrl(binary));
  return installModule(await compile(from), binary);
}

/** Sources are objects of some class. */
function isOptions(x: KernelSource | PromiseLike<KernelSource> | InitOptions | undefined): x is InitOptions {
  return typeof x === "object" && x !== null && Object.getPrototypeOf(x) === Object.prototype;
}

// Each address is written out, so that bundlers find the files.
function defaultUrl(binary: Binary): URL {
  if (binary === "simd") return new URL("../kernels.simd.wasm", import.meta.url);
  if (binary === "relaxed") return new URL("../kernels.relaxed.wasm", import.meta.url);
  return new URL("../kernels.wide.wasm", import.meta.url);
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
