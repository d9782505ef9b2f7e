import {
  ASLEEP,
  AWAITED,
  callWith,
  FAILED,
  IDLE,
  KERNEL,
  type Kernel,
  POSTED,
  REGION,
  RUNNING,
  STATE,
  STOPPED,
  spin,
  type ThreadStart,
} from "./threads_protocol.js";

/** Makes a worker's own instance of the kernels on the shared memory. */
export function kernelsOf({ module, memory, names }: ThreadStart): Kernel[] {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return names.map((name) => exports[name] as Kernel);
}

/** A worker's life: it runs the parts that are posted until it is told to stop. It touches the shared memory by its kernels only. */
export function serve(kernels: readonly Kernel[], { control, index }: ThreadStart): void {
  const words = new Int32Array(control);
  const numbers = new Float64Array(control);
  const at = (index * REGION) / 4;
  const region = (index * REGION) / 8;
  const args: number[] = [];
  while (awaitPost(words, at)) {
    let outcome = IDLE;
    try {
      callWith(kernels[numbers[region + KERNEL]!]!, args, numbers, region);
    } catch {
      outcome = FAILED;
    }
    Atomics.store(words, at + STATE, outcome);
    if (Atomics.load(words, at + AWAITED) === 1) Atomics.notify(words, at + STATE);
  }
}

/** Takes the next part; false if there will be none. Spins, then sleeps. */
function awaitPost(words: Int32Array, at: number): boolean {
  for (;;) {
    const state = spin(words, at + STATE, IDLE);
    if (state === STOPPED) return false;
    if (state === POSTED) {
      // The main thread may have taken the part itself in between.
      if (Atomics.compareExchange(words, at + STATE, POSTED, RUNNING) === POSTED) return true;
    } else {
      // The flag comes first: either the main thread sees it, or this thread sees what was posted.
      Atomics.store(words, at + ASLEEP, 1);
      Atomics.wait(words, at + STATE, state);
      Atomics.store(words, at + ASLEEP, 0);
    }
  }
}
