import { ASLEEP, CALL, type Kernel, Parts, REGION, spin, type ThreadStart } from "./threads_protocol.js";

/** Makes a worker's own instance of the kernels on the shared memory. */
export function kernelsOf({ module, memory, names }: ThreadStart): Kernel[] {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return names.map((name) => exports[name] as Kernel);
}

/** A worker's life: it runs parts of calls until it is told to end. It touches the shared memory by its kernels only. */
export function serve(kernels: readonly Kernel[], { control, index, threads }: ThreadStart): void {
  const parts = new Parts(kernels, control, threads, index);
  const { words } = parts;
  const at = (index * REGION) / 4;
  let call = 0;
  for (;;) {
    const next = spin(words, at + CALL, call);
    if (next < 0) return;
    if (next !== call) {
      call = next;
      parts.work();
    } else {
      // The flag comes first: either the main thread sees it, or this thread sees the next call.
      Atomics.store(words, at + ASLEEP, 1);
      Atomics.wait(words, at + CALL, call);
      Atomics.store(words, at + ASLEEP, 0);
    }
  }
}
