import { RuntimeError } from "../errors.js";
import {
  ARGS,
  ASLEEP,
  AWAITED,
  bufferBytes,
  CALL,
  COUNT,
  FAILED,
  IDLE,
  KERNEL,
  type Kernel,
  Parts,
  POSTED,
  partRegion,
  REGION,
  RUNNING,
  SCRATCH,
  STATE,
  STRIDE,
  spin,
  type ThreadStart,
} from "./threads_protocol.js";

export { type Kernel, MAX_ARGS, PARTS_PER_THREAD, type ThreadStart } from "./threads_protocol.js";

/** How long the workers have to come up. */
export const DEADLINE_MS = 10_000;
/** How long a worker may take for its last part when nothing is left for the main thread. */
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

/** One call, to be run in parts. */
export interface Call {
  /** Of the kernel. */
  readonly name: string;
  /** Its place in the list of kernels. */
  readonly kernel: number;
  readonly parts: number;
  /** Arguments of the kernel, and bits that tell which are work space, `stride` bytes from one thread's to the next. */
  readonly count: number;
  readonly scratch: number;
  readonly stride: number;
  readonly write: WriteArgs;
}

/** The workers beside the main thread, thread 0. They share the arena's memory, and each runs the same kernels on it. */
export class Pool {
  private readonly parts: Parts;
  private readonly crew: Thread[] = [];
  private alive = true;
  private calls = 0;
  /** Called once if the pool loses a thread; kernels then run on the main thread alone. */
  onFailure: (reason: string) => void = () => {};

  private constructor(
    /** Threads, the main one included. */
    readonly threads: number,
    kernels: readonly Kernel[],
    private readonly control: SharedArrayBuffer,
  ) {
    this.parts = new Parts(kernels, control, threads, 0);
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
    const pool = new Pool(threads, kernels, new SharedArrayBuffer(bufferBytes(threads)));
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
          { ...code, control: this.control, index, threads: this.threads },
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
   * Runs a call and returns when all of its parts are done; the main thread takes its share. Errors: RuntimeError if the kernel trapped or a
   * worker does not come back; what the call should have written is undefined then.
   */
  run(call: Call): void {
    const { threads } = this;
    const { words, numbers } = this.parts;
    for (let p = 0; p < call.parts; p++) {
      const region = partRegion(threads, p);
      const at = region / 8;
      numbers[at + KERNEL] = call.kernel;
      numbers[at + COUNT] = call.count;
      numbers[at + SCRATCH] = call.scratch;
      numbers[at + STRIDE] = call.stride;
      call.write(p, numbers, at + ARGS);
      Atomics.store(words, region / 4 + STATE, POSTED);
    }
    this.calls = (this.calls + 1) & 0x3fffffff;
    for (let w = 1; w < Math.min(threads, call.parts); w++) {
      const at = (w * REGION) / 4;
      Atomics.store(words, at + CALL, this.calls);
      if (Atomics.load(words, at + ASLEEP) === 1) Atomics.notify(words, at + CALL);
    }
    this.parts.work();
    let trapped = false;
    for (let p = 0; p < call.parts; p++) {
      const at = partRegion(threads, p) / 4;
      let state = spin(words, at + STATE, RUNNING);
      if (state === RUNNING) state = this.sleepUntilDone(call.name, at);
      if (state === IDLE) continue;
      trapped ||= state === FAILED;
      Atomics.store(words, at + STATE, IDLE);
    }
    if (trapped) throw new RuntimeError(call.name, "the kernel trapped in a thread");
  }

  private sleepUntilDone(name: string, at: number): number {
    const { words } = this.parts;
    const end = performance.now() + STALLED_MS;
    Atomics.store(words, at + AWAITED, 1);
    let state = Atomics.load(words, at + STATE);
    while (state === RUNNING && performance.now() < end) {
      if (MAY_SLEEP) Atomics.wait(words, at + STATE, RUNNING, STALLED_MS);
      state = spin(words, at + STATE, RUNNING);
    }
    Atomics.store(words, at + AWAITED, 0);
    if (state === RUNNING) {
      const reason = `a thread of ${this.threads} did not come back from ${name} within ${STALLED_MS / 1000} s`;
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
      const at = ((i + 1) * REGION) / 4 + CALL;
      Atomics.store(this.parts.words, at, -1);
      Atomics.notify(this.parts.words, at);
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
