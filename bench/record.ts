// Kernel calls as a list.
import type { Kernels } from "../src/backend/index.js";
import type { arena as ArenaInstance } from "../src/runtime/arena.js";
import type { Job } from "./serve.js";

/** The parts of the library behind its surface that a recording needs. */
export interface Internals {
  readonly backend: { readonly K: Kernels; installWasm(kernels: Kernels): void };
  readonly arena: Pick<typeof ArenaInstance, "scratch" | "alloc" | "free" | "at">;
}

type Kernel = (...args: unknown[]) => unknown;

interface Recording {
  readonly calls: (() => unknown)[];
  free(): void;
}

/**
 * A job that repeats the kernel calls of one run, with the arguments they had. Between runs nobody else uses the memory, so what they
 * read is there, as far as kernels have written it, and what they write harms nobody. What ops themselves have written is in work space:
 * each call of the recorded run has its own, and lies where no tensor of that run has been, so that it stays.
 */
export function recorded(job: Job, internals: Internals): Job {
  let recording: Recording | null = null;
  return {
    ...job,
    run: () => {
      recording ??= record(job, internals);
      for (const call of recording.calls) call();
    },
    dispose: () => {
      recording?.free();
      job.dispose?.();
    },
  };
}

function record(job: Job, { backend, arena }: Internals): Recording {
  const calls: (() => unknown)[] = [];
  const blocks: ReturnType<typeof arena.alloc>[] = [];
  const kernels = backend.K;
  const freed: ReturnType<typeof arena.alloc>[] = [];
  const { scratch, free } = arena;
  backend.installWasm(
    Object.fromEntries(
      Object.entries(kernels).map(([name, kernel]) => [name, noting(kernel as Kernel, calls)]),
    ) as Kernels,
  );
  arena.scratch = (bytes) => {
    const block = arena.alloc(bytes);
    blocks.push(block);
    return arena.at(block, 0);
  };
  arena.free = (block) => freed.push(block);
  try {
    job.run();
  } finally {
    backend.installWasm(kernels);
    arena.scratch = scratch;
    arena.free = free;
    for (const block of freed) arena.free(block);
  }
  return {
    calls,
    free: () => {
      for (const block of blocks) arena.free(block);
    },
  };
}

function noting(kernel: Kernel, calls: (() => unknown)[]): Kernel {
  return (...args) => {
    calls.push(() => kernel(...args));
    return kernel(...args);
  };
}
