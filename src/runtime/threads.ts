import { RuntimeError } from "../errors.js";
import {
  ARGS,
  ASLEEP,
  AWAITED,
  COUNT,
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

export { type Kernel, MAX_ARGS, type ThreadStart } from "./threads_protocol.js";

/** How long the workers have to come up. */
export const DEADLINE_MS = 10_000;
/** How long a worker may take for its part after the main thread has finished with its own, which is as large. */
const STALLED_MS = 60_000;

/** What a started thread reports: that it waits for work, or that it has ended or never began. */
export interface ThreadEvents {
  ready(): void;
  ended(reason: string): void;
}

/** A thread as the platform started it. */
export interface Thread {
  /** From now on the thread does not keep the process alive. */
  unref(): void;
  /** Ends it, whatever it does. */
  terminate(): void;
}

/** How the platform starts a thread. */
export type Spawn = (start: ThreadStart, events: ThreadEvents) => Thread;

/** Writes the arguments of the part with that number where they belong: numbers[at], numbers[at + 1], … */
export type WriteArgs = (part: number, numbers: Float64Array, at: number) => void;

/** The workers beside the main thread, thread 0. They share the arena's memory, and each runs the same kernels on it. */
export class Pool {
  private readonly words: Int32Array;
  private readonly numbers: Float64Array;
  private readonly args: number[] = [];
  private readonly crew: Thread[] = [];
  private alive = true;
  /** Called once if the pool loses a thread; kernels then run on the main thread alone. */
  onFailure: (reason: string) => void = () => {};

  private constructor(
    /** Threads, the main one included. */
    readonly threads: number,
    private readonly kernels: readonly Kernel[],
    readonly control: SharedArrayBuffer,
  ) {
    this.words = new Int32Array(control);
    this.numbers = new Float64Array(control);
  }

  /**
   * Starts `threads - 1` workers. `kernels` are the main thread's own, in the order of `names`. Errors: RuntimeError with the reason if
   * they are not all ready in time; those that are have been ended then.
   */
  static async start(
    threads: number,
    spawn: Spawn,
    code: Pick<ThreadStart, "module" | "memory" | "names">,
    kernels: readonly Kernel[],
    deadline = DEADLINE_MS,
  ): Promise<Pool> {
    const pool = new Pool(threads, kernels, new SharedArrayBuffer(threads * REGION));
    try {
      await pool.muster(spawn, code, deadline);
    } catch (error) {
      pool.stop();
      throw error;
    }
    return pool;
  }

  private muster(
    spawn: Spawn,
    code: Pick<ThreadStart, "module" | "memory" | "names">,
    deadline: number,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      let missing = this.threads - 1;
      const refuse = (reason: string): void => {
        clearTimeout(timer);
        reject(new RuntimeError("init", reason));
        this.fail(reason);
      };
      const timer = setTimeout(() => {
        refuse(`${missing} of ${this.threads - 1} workers were not ready after ${deadline} ms`);
      }, deadline);
      const enlist = (index: number): void => {
        const thread = spawn(
          { ...code, control: this.control, index },
          {
            ready: () => {
              thread.unref();
              if (--missing > 0) return;
              clearTimeout(timer);
              resolve();
            },
            ended: (reason) => refuse(`thread ${index} of ${this.threads} has ended: ${reason}`),
          },
        );
        this.crew.push(thread);
      };
      try {
        for (let index = 1; index < this.threads; index++) enlist(index);
      } catch (error) {
        refuse(`no thread can be started: ${(error as Error).message}`);
      }
    });
  }

  /**
   * Runs parts 0 to parts - 1 of a call, part 0 here, and returns when all are done. Errors: RuntimeError if a worker's kernel trapped or a
   * worker does not come back; what the call should have written is undefined then.
   */
  run(name: string, kernel: number, count: number, parts: number, write: WriteArgs): void {
    const { words, numbers } = this;
    for (let p = 1; p < parts; p++) {
      const region = (p * REGION) / 8;
      numbers[region + KERNEL] = kernel;
      numbers[region + COUNT] = count;
      write(p, numbers, region + ARGS);
      const at = (p * REGION) / 4;
      Atomics.store(words, at + STATE, POSTED);
      if (Atomics.load(words, at + ASLEEP) === 1) Atomics.notify(words, at + STATE);
    }
    let trapped = false;
    try {
      numbers[COUNT] = count;
      write(0, numbers, ARGS);
      callWith(this.kernels[kernel]!, this.args, numbers, 0);
    } finally {
      // Even if this part has thrown: nobody may free what the others still write to.
      for (let p = 1; p < parts; p++) trapped = !this.finish(name, kernel, p) || trapped;
    }
    if (trapped) throw new RuntimeError(name, "the kernel trapped in a thread");
  }

  /** Waits for a worker's part, or runs it here if the worker has not begun. False if the kernel trapped there. */
  private finish(name: string, kernel: number, p: number): boolean {
    const { words } = this;
    const at = (p * REGION) / 4;
    if (Atomics.compareExchange(words, at + STATE, POSTED, IDLE) === POSTED) {
      try {
        callWith(this.kernels[kernel]!, this.args, this.numbers, (p * REGION) / 8);
        return true;
      } catch {
        return false;
      }
    }
    let state = spin(words, at + STATE, RUNNING);
    if (state === RUNNING) state = this.sleepUntilDone(name, p, at);
    if (state !== FAILED) return true;
    Atomics.store(words, at + STATE, IDLE);
    return false;
  }

  private sleepUntilDone(name: string, p: number, at: number): number {
    const { words } = this;
    const end = performance.now() + STALLED_MS;
    Atomics.store(words, at + AWAITED, 1);
    let state = Atomics.load(words, at + STATE);
    while (state === RUNNING && performance.now() < end) {
      if (MAY_SLEEP) Atomics.wait(words, at + STATE, RUNNING, STALLED_MS);
      state = spin(words, at + STATE, RUNNING);
    }
    Atomics.store(words, at + AWAITED, 0);
    if (state === RUNNING) {
      const reason = `thread ${p} of ${this.threads} did not come back from ${name} within ${STALLED_MS / 1000} s`;
      this.fail(reason);
      throw new RuntimeError(name, reason);
    }
    return state;
  }

  /** Ends the workers. Nothing may be running. */
  stop(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const [i, thread] of this.crew.entries()) {
      const at = ((i + 1) * REGION) / 4;
      Atomics.store(this.words, at + STATE, STOPPED);
      Atomics.notify(this.words, at + STATE);
      thread.terminate();
    }
  }

  private fail(reason: string): void {
    if (!this.alive) return;
    this.stop();
    this.onFailure(reason);
  }
}

/** A browser's main thread must not sleep: there it spins. */
const MAY_SLEEP = typeof document === "undefined";
