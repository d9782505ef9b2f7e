import { arena } from "../runtime/arena.js";
import { type Kernel, Pool, type Spawn } from "../runtime/threads.js";
import { installWasm, type Kernels, replaceWasm } from "./index.js";
import { instantiateKernels } from "./wasm.js";

/** The kernels on the main thread alone, and the workers beside it. */
let pool: Pool | null = null;
let single: Kernels | null = null;

/** What the kernels were made from; null before any have been installed. */
export let installedModule: WebAssembly.Module | null = null;

/** Threads that kernels run on. */
export function threadCount(): number {
  return pool?.threads ?? 1;
}

/** Installs compiled kernels for one thread, on a memory that is shared or not, and switches to them. A pool that there is has ended. */
export function installKernels(module: WebAssembly.Module, shared: boolean): void {
  const kernels = arena.moveTo(shared, (memory) => instantiateKernels(module, memory));
  endPool();
  single = kernels;
  installedModule = module;
  installWasm(kernels);
}

/**
 * Starts workers for the module just installed, and lets the kernels run on them. `onFailure` is told why they do not any more. Errors:
 * RuntimeError if the workers do not come up.
 */
export async function startThreads(
  threads: number,
  module: WebAssembly.Module,
  spawn: Spawn,
  onFailure: (reason: string) => void,
  deadline?: number,
): Promise<void> {
  const kernels = single!;
  // Who has one thread need not load this.
  const [{ splitNames, threadedKernels }, { splits }] = await Promise.all([
    import("./threaded.js"),
    import("./threaded_splits.js"),
  ]);
  const names = splitNames(splits);
  const own = names.map((name) => kernels[name as keyof Kernels] as Kernel);
  const started = await Pool.start(threads, spawn, { module, memory: arena.memory!, names }, own, deadline);
  if (single !== kernels) {
    // Other kernels have been installed meanwhile.
    started.stop();
    return;
  }
  pool = started;
  arena.threads = threads;
  replaceWasm(threadedKernels(kernels, splits, started));
  started.onFailure = (reason) => {
    if (pool !== started) return;
    endPool();
    onFailure(reason);
  };
}

/** Lets the kernels run on the main thread alone. */
export function endPool(): void {
  if (pool === null) return;
  pool.stop();
  pool = null;
  arena.threads = 1;
  if (single !== null) replaceWasm(single);
}
