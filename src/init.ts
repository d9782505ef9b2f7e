import { type Backend, getBackend } from "./backend/index.js";
import { platform } from "./backend/platform.js";
import { type Binary, probe } from "./backend/probe.js";
import { withSharedMemory } from "./backend/shared_import.js";
import { codeOf, compileBytes, files, identityOf, type KernelSource, kernelsUrl } from "./backend/source.js";
import { installKernels, startThreads, threadCount } from "./backend/threads.js";
import { checkOneOf, checkOptions } from "./check.js";
import { ArgumentError, QuadlaneError, RuntimeError } from "./errors.js";
import { arena } from "./runtime/arena.js";

export type { Binary, KernelSource };

export interface InitOptions {
  /** Which binary the source is, or which one to load. Default: the best that the engine can run. */
  readonly binary?: Exclude<Binary, "wide">;
  /**
   * Use 256-bit vectors, through a flag of V8 that counts as experimental: matrix products and convolutions run nearly twice as fast.
   * Node from version 24 on, x64 only; the flag stays set for the whole process. Default false.
   */
  readonly wideVectors?: boolean;
  /** Threads to run kernels on, the calling one included; "auto" is one for each processor, 16 at most. Default 1. */
  readonly threads?: number | "auto";
}

/** A source of kernels, a promise of one, or a function that gives either for the binary that was chosen. */
export type KernelSources =
  | KernelSource
  | PromiseLike<KernelSource>
  | ((binary: Binary) => KernelSource | PromiseLike<KernelSource>);

/** What runs, and why it is not something faster. */
export interface RuntimeInfo {
  readonly backend: Backend;
  /** The kernel binary loaded, null before `init` or where none can run. */
  readonly binary: Binary | null;
  /** One sentence on the choice of binary. */
  readonly why: string;
  /** Whether 256-bit vectors are in use; they are only if `init` was asked for them. */
  readonly wideVectors: boolean;
  /** Threads that the wasm kernels run on. */
  readonly threads: number;
  /** Why they are not more. */
  readonly whyThreads: string;
  /** True if the memory is shared, or has been for threads that have ended. */
  readonly shared: boolean;
}

const MAX_THREADS = 64;
const MAX_AUTO = 16;
const ONE_ASKED = "one thread was asked for";

let loaded: Binary | null = null;
let why = "init() has not been called";
let whyThreads = ONE_ASKED;

/** Which back end, binary and threads are in use, and the reasons. */
export function runtime(): RuntimeInfo {
  return {
    backend: getBackend(),
    binary: loaded,
    why,
    wideVectors: loaded === "wide",
    threads: threadCount(),
    whyThreads,
    shared: arena.shared,
  };
}

/** The binary that `init` would load here; null (with the reason in `runtime().why`) where only the js back end runs. */
export function chooseBinary(options: InitOptions = {}): Binary | null {
  checkOptions("init", options, ["binary", "wideVectors", "threads"]);
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

/** Installs a binary's bytes for one thread: all that can be done synchronously. */
export function installBytes(bytes: Uint8Array<ArrayBuffer>): RuntimeInfo {
  const code = arena.shared ? withSharedMemory(bytes) : bytes;
  return install(new WebAssembly.Module(code), arena.shared);
}

function install(module: WebAssembly.Module, shared: boolean): RuntimeInfo {
  installKernels(module, shared);
  // A source may hold another binary than the one that was chosen.
  loaded = identityOf("init", module).binary;
  whyThreads = ONE_ASKED;
  return runtime();
}

/**
 * Loads the kernels and switches to the wasm back end. In Node this has happened on import. Elsewhere `source` may be a compiled
 * module (the only way on Cloudflare Workers), bytes, a URL or a Response, or a function that gives one for the name of the binary that the
 * engine runs best; without it the package's own file is read, or fetched.
 * Where no binary can run, the js back end stays in use and `runtime().why` says so.
 *
 * With `threads` the tensors that there are move to a shared memory, and workers start that take their part of every kernel that is
 * worth it; results keep their bits. If they cannot start, or one of them dies, everything runs on one thread and `runtime().whyThreads`
 * says why. Errors: RuntimeError if the binary asked for cannot run, wide vectors cannot be had, the file cannot be fetched, or the
 * platform does not compile bytes; ArgumentError for unknown options and sources; FormatError for what is no kernel binary.
 */
export function init(options?: InitOptions): Promise<RuntimeInfo>;
export function init(source: KernelSources | undefined, options?: InitOptions): Promise<RuntimeInfo>;
export async function init(first?: KernelSources | InitOptions, second: InitOptions = {}): Promise<RuntimeInfo> {
  const [source, options] = isOptions(first) ? [undefined, first] : [first, second];
  const run = last.then(() => load(source, options));
  last = run.catch(() => {});
  return run;
}

/** Calls of `init` that overlap wait for each other. */
let last: Promise<unknown> = Promise.resolve();

/** Sources are functions, objects of some class, or promises of any kind. */
function isOptions(x: KernelSources | InitOptions | undefined): x is InitOptions {
  return typeof x === "object" && x !== null && Object.getPrototypeOf(x) === Object.prototype && !("then" in x);
}

async function load(sources: KernelSources | undefined, options: InitOptions): Promise<RuntimeInfo> {
  const threads = checkThreads(options.threads);
  const binary = chooseBinary(options);
  if (binary === null) {
    if (threads > 1) whyThreads = why;
    return runtime();
  }
  const source = typeof sources === "function" ? sources(binary) : sources;
  const code = await codeOf("init", await (source ?? files?.kernels(binary) ?? kernelsUrl(binary)));
  if (code instanceof WebAssembly.Module) {
    install(code, false);
    if (threads > 1) whyThreads = "a compiled module cannot be given a shared memory; pass its bytes or its address";
    return runtime();
  }
  const obstacle = threads > 1 ? platform.threadless() : null;
  const shared = arena.shared || (threads > 1 && obstacle === null);
  const module = await compileBytes("init", shared ? withSharedMemory(code) : code);
  try {
    install(module, shared);
    if (obstacle !== null) whyThreads = obstacle;
    else if (threads > 1) await start(threads, module);
    else if (options.threads === "auto") whyThreads = "there is one processor";
  } catch (error) {
    if (!(error instanceof QuadlaneError) || threads === 1) throw error;
    // Less is better than nothing: kernels on one thread are there, or can be had without a shared memory.
    if (loaded === null) install(await compileBytes("init", code), false);
    whyThreads = error.message;
  }
  return runtime();
}

async function start(threads: number, module: WebAssembly.Module): Promise<void> {
  await startThreads(threads, module, platform.spawn, (reason) => {
    whyThreads = reason;
  });
  if (threadCount() === threads) whyThreads = `${threads} threads were asked for`;
}

function checkThreads(threads: unknown): number {
  if (threads === undefined) return 1;
  if (threads === "auto") return Math.max(1, Math.min(platform.processors(), MAX_AUTO));
  if (typeof threads === "number" && Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS)
    return threads;
  const got = typeof threads === "string" ? `"${threads}"` : String(threads);
  throw new ArgumentError("init", `threads is ${got}; expected an integer from 1 to ${MAX_THREADS}, or "auto"`);
}
