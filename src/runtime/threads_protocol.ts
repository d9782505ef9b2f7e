// What the main thread and the workers say to each other, in a buffer of shared words: a region for each worker, and one for each part of a
// call, of a few cache lines each.
//
// The main thread posts parts: arguments, then POSTED. Whoever changes POSTED to RUNNING runs the part, and then sets IDLE: a worker, or the
// main thread itself, which works like the others until nothing is left. So each part is run once, wherever it is run, and faster threads run
// more of them.

/** States of a part. */
export const IDLE = 0;
export const POSTED = 1;
export const RUNNING = 2;
/** The kernel trapped. */
export const FAILED = 3;

/** Bytes of a region: a line for the words that are waited on, then what a part consists of, as float64. */
export const REGION = 512;
/** Words of a part: state; whether the main thread sleeps on it. */
export const STATE = 0;
export const AWAITED = 1;
/** Words of a worker: a number that changes with each call, negative if the worker shall end; whether the worker sleeps on it. */
export const CALL = 0;
export const ASLEEP = 1;
/** The float64 numbers of a part: kernel; bits that tell which arguments are work space, and from one thread's to the next; arguments. */
export const KERNEL = 16;
export const SCRATCH = 17;
export const STRIDE = 18;
export const COUNT = 19;
export const ARGS = 20;
/** Arguments that fit, for which there are bits. */
export const MAX_ARGS = 31;

/** Parts that a call may have, for each thread: a few, so that one that is held up leaves something to the others. */
export const PARTS_PER_THREAD = 3;

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
  /** Its number; the main thread is 0. */
  readonly index: number;
  readonly threads: number;
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

/** The regions of workers come first, then those of parts. */
export function partRegion(threads: number, part: number): number {
  return (threads + part) * REGION;
}

export function bufferBytes(threads: number): number {
  return partRegion(threads, threads * PARTS_PER_THREAD);
}

/** One thread's view of the buffer. */
export class Parts {
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  private readonly args: number[] = [];

  constructor(
    private readonly kernels: readonly Kernel[],
    control: SharedArrayBuffer,
    private readonly threads: number,
    private readonly index: number,
  ) {
    this.words = new Int32Array(control);
    this.numbers = new Float64Array(control);
  }

  /** Runs whatever is posted and nobody runs yet. The search begins at a part of one's own, so that few meet. */
  work(): void {
    const { words, threads } = this;
    const count = threads * PARTS_PER_THREAD;
    for (let i = 0; i < count; i++) {
      const region = partRegion(threads, (this.index + i) % count);
      const at = region / 4 + STATE;
      if (Atomics.load(words, at) !== POSTED) continue;
      if (Atomics.compareExchange(words, at, POSTED, RUNNING) !== POSTED) continue;
      let outcome = IDLE;
      try {
        this.call(region / 8);
      } catch {
        outcome = FAILED;
      }
      Atomics.store(words, at, outcome);
      if (Atomics.load(words, region / 4 + AWAITED) === 1) Atomics.notify(words, at);
    }
  }

  private call(at: number): void {
    const { args, numbers } = this;
    const count = numbers[at + COUNT]!;
    const scratch = numbers[at + SCRATCH]!;
    args.length = count;
    for (let i = 0; i < count; i++) args[i] = numbers[at + ARGS + i]!;
    if (scratch !== 0) {
      const shift = this.index * numbers[at + STRIDE]!;
      for (let i = 0; i < count; i++) if (scratch & (1 << i)) args[i]! += shift;
    }
    this.kernels[numbers[at + KERNEL]!]!(...args);
  }
}
