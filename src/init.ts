import { type Backend, getBackend } from "./backend/index.js";
import { probe } from "./backend/probe.js";
import { withSharedMemory } from "./backend/shared_import.js";
import { installKernels, startThreads, threadCount } from "./backend/threads.js";
import { checkOneOf, checkOptions } from "./check.js";
import { ArgumentError, QuadlaneError, RuntimeError } from "./errors.js";
import { arena } from "./runtime/arena.js";
import type { Spawn } from "./runtime/threads.js";
import { spawnWebWorker } from "./runtime/threads_web.js";

/** The kernel binaries that are shipped. `relaxed` uses fused multiply-add. */
export type Binary = "simd" | "relaxed";

export interface InitOptions {
  /** Which binary the source is, or which one to load. Default: the best that the engine can run. */
  readonly binary?: Binary;
  /** Threads to run kernels on, the calling one included; "auto" is one for each processor, 16 at most. Default 1. */
  readonly threads?: number | "auto";
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
  /** Threads that the wasm kernels run on. */
  readonly threads: number;
  /** Why they are not more. */
  readonly whyThreads: string;
  /** True if the memory is shared, or has been for threads that have ended. */
  readonly shared: boolean;
}

/** What depends on where the library runs. */
export interface Platform {
  /** Where the kernels beside this package are read from. */
  load(binary: Binary): KernelSource | PromiseLike<KernelSource>;
  /** Processors that threads could run on. */
  processors(): number;
  /** Why threads cannot share memory here, null if they can. */
  obstacle(): string | null;
  readonly spawn: Spawn;
}

const MAX_THREADS = 64;
const MAX_AUTO = 16;
const ONE_ASKED = "one thread was asked for";

let loaded: Binary | null = null;
let why = "init() has not been called";
let whyThreads = ONE_ASKED;

/** Which back end, binary and threads are in use, and the reasons. */
export function runtime(): RuntimeInfo {
  return { backend: getBackend(), binary: loaded, why, threads: threadCount(), whyThreads, shared: arena.shared };
}

/** The binary that `init` would load here; null (with the reason in `runtime().why`) where only the js back end runs. */
export function chooseBinary(options: InitOptions = {}): Binary | null {
  checkOptions("init", options, ["binary", "threads"]);
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

/** Installs a binary's bytes for one thread: all that can be done synchronously. */
export function installBytes(bytes: Uint8Array<ArrayBuffer>, binary: Binary): RuntimeInfo {
  const code = arena.shared ? withSharedMemory(bytes) : bytes;
  return install(new WebAssembly.Module(code), binary, arena.shared);
}

function install(module: WebAssembly.Module, binary: Binary, shared: boolean): RuntimeInfo {
  installKernels(module, shared);
  loaded = binary;
  whyThreads = ONE_ASKED;
  return runtime();
}

/** Calls of `init` that overlap wait for each other. */
let last: Promise<unknown> = Promise.resolve();

/** `init` on a platform. */
export function initOn(
  platform: Platform,
  source: KernelSource | PromiseLike<KernelSource> | undefined,
  options: InitOptions,
): Promise<RuntimeInfo> {
  const run = last.then(() => load(platform, source, options));
  last = run.catch(() => {});
  return run;
}

/** Tells options from a source: they are a plain object. */
export function isOptions(value: unknown): value is InitOptions {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !("then" in value);
}

async function load(
  platform: Platform,
  source: KernelSource | PromiseLike<KernelSource> | undefined,
  options: InitOptions,
): Promise<RuntimeInfo> {
  const binary = chooseBinary(options);
  const threads = checkThreads(options.threads, platform);
  if (binary === null) {
    if (threads > 1) whyThreads = why;
    return runtime();
  }
  const code = await codeOf(await (source ?? platform.load(binary)));
  if (code instanceof WebAssembly.Module) {
    install(code, binary, false);
    if (threads > 1) whyThreads = "a compiled module cannot be given a shared memory; pass its bytes or its address";
    return runtime();
  }
  const obstacle = threads > 1 ? platform.obstacle() : null;
  const shared = arena.shared || (threads > 1 && obstacle === null);
  const module = await WebAssembly.compile(shared ? withSharedMemory(code) : code);
  try {
    install(module, binary, shared);
    if (obstacle !== null) whyThreads = obstacle;
    else if (threads > 1) await start(threads, module, platform.spawn);
    else if (options.threads === "auto") whyThreads = "there is one processor";
  } catch (error) {
    if (!(error instanceof QuadlaneError) || threads === 1) throw error;
    // Less is better than nothing: the kernels on one thread are whatever they were, or have been installed.
    if (loaded === null) install(await WebAssembly.compile(code), binary, false);
    whyThreads = error.message;
  }
  return runtime();
}

async function start(threads: number, module: WebAssembly.Module, spawn: Spawn): Promise<void> {
  await startThreads(threads, module, spawn, (reason) => {
    whyThreads = reason;
  });
  if (threadCount() === threads) whyThreads = `${threads} threads were asked for`;
}

function checkThreads(threads: unknown, platform: Platform): number {
  if (threads === undefined) return 1;
  if (threads === "auto") return Math.max(1, Math.min(platform.processors(), MAX_AUTO));
  if (typeof threads === "number" && Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS)
    return threads;
  const got = typeof threads === "string" ? `"${threads}"` : String(threads);
  throw new ArgumentError("init", `threads is ${got}; expected an integer from 1 to ${MAX_THREADS}, or "auto"`);
}

/** Where neither Node nor a file system is at hand. */
const web: Platform = {
  load: (binary) =>
    binary === "relaxed"
      ? new URL("../kernels.relaxed.wasm", import.meta.url)
      : new URL("../kernels.simd.wasm", import.meta.url),
  processors: () => (typeof navigator === "object" ? navigator.hardwareConcurrency : 1),
  obstacle: () => {
    if (typeof Worker !== "function") return "this platform has no workers";
    if (typeof SharedArrayBuffer !== "function" || globalThis.crossOriginIsolated === false) {
      return "the page is not cross-origin isolated, so that there is no shared memory";
    }
    return null;
  },
  spawn: spawnWebWorker,
};

/**
 * Loads the kernels and switches to the wasm back end. In Node this has happened on import. Elsewhere `source` may be a compiled
 * module (the only way on Cloudflare Workers), bytes, a URL or a Response; without it the file beside this package is fetched.
 * Where no binary can run, the js back end stays in use and `runtime().why` says so.
 *
 * With `threads` the tensors that there are move to a shared memory, and workers start that take their part of every kernel that is
 * worth it; results keep their bits. If they cannot start, or one of them dies, everything runs on one thread and `runtime().whyThreads`
 * says why. Errors: RuntimeError if the binary asked for cannot run or the file cannot be fetched; ArgumentError for unknown options;
 * FormatError if the bytes are no kernel binary.
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
  return isOptions(source) ? initOn(web, undefined, source) : initOn(web, source, options);
}

/** A compiled module, or bytes of one's own. */
async function codeOf(source: KernelSource): Promise<WebAssembly.Module | Uint8Array<ArrayBuffer>> {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof URL || typeof source === "string") return codeOf(await fetch(source));
  if (typeof Response === "function" && source instanceof Response) {
    if (!source.ok) throw new RuntimeError("init", `fetching ${source.url} gave status ${source.status}; expected 200`);
    return new Uint8Array(await source.arrayBuffer());
  }
  const bytes = source as BufferSource;
  return ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}
