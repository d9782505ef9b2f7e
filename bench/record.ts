// Kernel calls as a list.
import type { Kernels } from "../src/backend/index.js";
import type { Job } from "./serve.js";

interface Table {
  readonly K: Kernels;
  installWasm(kernels: Kernels): void;
}

type Kernel = (...args: unknown[]) => unknown;

/**
 * A job that repeats the kernel calls of one run, with the arguments they had. Between runs nobody else uses the memory, so what they
 * read is there, as far as kernels have written it, and what they write harms nobody.
 */
export function recorded(job: Job, table: Table): Job {
  let calls: (() => unknown)[] | null = null;
  const record = (): (() => unknown)[] => {
    const found: (() => unknown)[] = [];
    const kernels = table.K;
    const recorder = Object.fromEntries(
      Object.entries(kernels).map(([name, kernel]) => [name, noting(kernel as Kernel, found)]),
    );
    table.installWasm(recorder as Kernels);
    try {
      job.run();
    } finally {
      table.installWasm(kernels);
    }
    return found;
  };
  return {
    ...job,
    run: () => {
      calls ??= record();
      for (const call of calls) call();
    },
  };
}

function noting(kernel: Kernel, calls: (() => unknown)[]): Kernel {
  return (...args) => {
    calls.push(() => kernel(...args));
    return kernel(...args);
  };
}
