// What the main thread and a worker say to each other, in a buffer of shared words: one region a worker, itself a few cache lines.
//
// The state word is all that both write. The main thread posts: arguments, then POSTED. Whoever changes POSTED runs the part: the
// worker (to RUNNING, then IDLE) or, if it has not come, the main thread itself (to IDLE). So a part is run once, wherever it is run.

export const IDLE = 0;
export const POSTED = 1;
export const RUNNING = 2;
/** The kernel trapped. */
export const FAILED = 3;
/** The worker shall end. */
export const STOPPED = 4;

/** Bytes of a region: a line for the words that are waited on, then kernel, count and arguments as float64. */
export const REGION = 512;
/** Words of a region: state; whether the worker sleeps on it; whether the main thread does. */
export const STATE = 0;
export const ASLEEP = 1;
export const AWAITED = 2;
/** The float64 numbers of a region. */
export const KERNEL = 16;
export const COUNT = 17;
export const ARGS = 18;
/** Arguments that fit. */
export const MAX_ARGS = REGION / 8 - ARGS;

/** How long one looks at a word before one sleeps on it: longer than what lies between two kernels of a loop, as a rule. */
export const SPIN_MS = 0.1;
/** Looks between two glances at the clock, which costs as much as some of them. */
const LOOKS = 64;

/** A kernel as both sides call it. */
export type Kernel = (...args: number[]) => unknown;

/** What a worker starts from. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  /** Its region. */
  readonly index: number;
  /** The exports that jobs name by number. */
  readonly names: readonly string[];
}

/** Looks at a word until it is no longer `value`, for SPIN_MS at most; returns what it saw last. */
export function spin(words: Int32Array, at: number, value: number): number {
  let seen = Atomics.load(words, at);
  if (seen !== value) return seen;
  const end = performance.now() + SPIN_MS;
  do {
    for (let i = 0; i < LOOKS; i++) {
      seen = Atomics.load(words, at);
      if (seen !== value) return seen;
    }
  } while (performance.now() < end);
  return seen;
}

/** Calls a kernel with the arguments of a region. `args` is there to be reused. */
export function callWith(kernel: Kernel, args: number[], numbers: Float64Array, region: number): void {
  const count = numbers[region + COUNT]!;
  args.length = count;
  for (let i = 0; i < count; i++) args[i] = numbers[region + ARGS + i]!;
  kernel(...args);
}
