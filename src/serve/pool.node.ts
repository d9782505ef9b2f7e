import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Piscina } from "piscina";
import { checkInteger, checkNumber, checkOptions, describe } from "../check.js";
import { ArgumentError, RuntimeError } from "../errors.js";
import type { Named } from "../graph/session_feeds.js";
import { ServeError } from "./errors.js";
import { type PoolMetrics, prometheusText } from "./metrics.node.js";
import type { Port, ServedValue } from "./model.js";
import { checkRequest, type ServedFeed } from "./request.js";
import { type Answer, type Run, Scheduler } from "./scheduler.node.js";
import { type SourceOptions, sourceOf } from "./source.node.js";
import type { Description, Notice, Task, WorkerStart } from "./worker.node.js";

/** One of a pool's threads. */
export interface PoolThread {
  readonly threadId: number;
  /** Ends it; the pool starts another, and runs what it was running again. */
  terminate(): Promise<number>;
}

export interface PoolOptions extends SourceOptions {
  /** Worker threads, each with kernels, memory and a model of its own. Default: one for each processor. */
  readonly workers?: number;
  /** Rows that run together at most, and that a request may have. Default 8, or those of a model that has a fixed number. */
  readonly maxBatch?: number;
  /** How long a request waits for company while a worker is free. Default 0: batches form while all are busy. */
  readonly maxWaitMs?: number;
  /** Requests that may wait. Default 1024. */
  readonly maxQueue?: number;
  /** How long a request may wait for a worker. Default 10,000. */
  readonly queueTimeoutMs?: number;
  /** How long a batch may run before its worker is ended. Default 30,000. */
  readonly runTimeoutMs?: number;
  /** Elements of one input at most. Default 2^24. */
  readonly maxElements?: number;
}

const OPTIONS = [
  ...["model", "worker", "workerOptions", "session", "shapes", "workers", "maxBatch", "maxWaitMs", "maxQueue"],
  ...["queueTimeoutMs", "runTimeoutMs", "maxElements", "kernels"],
];

export interface RequestOptions {
  /** Gives the request up: it leaves the queue, or nobody gets its result, and `run` rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface PoolHealth {
  /** "degraded" while workers are missing or being replaced; requests are taken. */
  readonly status: "ok" | "degraded" | "closing" | "closed";
  readonly workers: { readonly wanted: number; readonly ready: number };
  readonly queue: { readonly length: number; readonly max: number };
  /** Whether requests run together. */
  readonly batching: boolean;
  /** The last error of a worker that was not about a request; null if there was none. */
  readonly lastError: string | null;
}

const DEFAULT_BATCH = 8;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 10_000;

/** The worker's file in the build, also where the sources run as they are. */
function workerFile(): string {
  const built = createRequire(import.meta.url).resolve("quadlane/kernels.simd.wasm");
  return fileURLToPath(new URL("lib/serve_worker.node.js", pathToFileURL(built)));
}

/**
 * Answers many requests on several worker threads: `run` waits for a free worker, together with others whose shapes agree beside the first size.
 * A worker that dies, or runs for too long, is replaced; the requests that were with it run once more, each alone, so that one that kills its worker
 * harms no other. A value that is not finite stays within its own rows.
 */
export class ModelPool {
  /** What a request must have. */
  readonly inputs: readonly Port[];
  private readonly scheduler: Scheduler;
  private readonly maxBatch: number;
  private state: "open" | "closing" | "closed" = "open";
  private closed: Promise<void> | null = null;
  private lastError: string | null = null;
  private tasks = 0;
  /** Before a worker is started in place of one that died. */
  private pauseMs = FIRST_PAUSE_MS;
  /** What to call when a worker has begun a task. */
  private readonly onBegin = new Map<number, () => void>();

  private constructor(
    private readonly pool: Piscina<Task, unknown>,
    private readonly ready: Set<number>,
    private readonly options: Settings,
    { inputs, sizes }: Description,
  ) {
    this.inputs = inputs;
    this.maxBatch = Math.min(options.maxBatch ?? Infinity, sizes.at(-1) ?? 1);
    const { maxBatch } = this;
    this.scheduler = new Scheduler({ ...options, inputs, sizes, maxBatch }, (feeds, begun) =>
      this.execute(feeds, begun),
    );
    pool.on("message", (notice: Notice) => {
      if ("begun" in notice) this.onBegin.get(notice.begun)?.();
      else this.pauseMs = FIRST_PAUSE_MS;
    });
    pool.on("error", (error: Error) => {
      this.lastError = error.message;
    });
    pool.on("workerDestroy", () => {
      if (this.state !== "closed") this.replace();
    });
  }

  /**
   * Starts the workers and waits until each has its model and has run it for each size of a batch.
   * Errors: ArgumentError for unknown options; FileError for a model that cannot be read; RuntimeError if a worker cannot make the model.
   */
  static async start(options: PoolOptions): Promise<ModelPool> {
    const settings = settle(options);
    const workerData: WorkerStart = { source: sourceOf(options), maxBatch: settings.maxBatch ?? DEFAULT_BATCH };
    const { workers } = settings;
    const pool = new Piscina<Task, unknown>({
      filename: workerFile(),
      workerData,
      minThreads: workers,
      maxThreads: workers,
      idleTimeout: Infinity,
      // Workers stay awake for timers, messages and finalizers.
      atomics: "disabled",
    });
    // Errors of workers that have no task are told by an event, which ends the process if nobody listens.
    pool.on("error", () => {});
    const ready = new Set<number>();
    pool.on("message", (notice: Notice) => {
      if ("ready" in notice) ready.add(notice.ready);
    });
    try {
      const described = await Promise.all(Array.from({ length: workers }, () => pool.run("describe")));
      return new ModelPool(pool, ready, settings, described[0] as Description);
    } catch (cause) {
      await pool.destroy();
      const message = cause instanceof Error ? cause.message : String(cause);
      const error = new RuntimeError("ModelPool", `a worker cannot make the model: ${message}`);
      error.cause = cause;
      throw error;
    }
  }

  /**
   * Computes the outputs, by name, from the inputs, by name. The arrays must stay as they are until then.
   * Errors: ServeError, whose `code` and `statusCode` tell why there is no result; ArgumentError for unknown options; the signal's reason.
   */
  async run(feeds: Named<ServedFeed>, options: RequestOptions = {}): Promise<Named<ServedValue>> {
    const { scheduler, inputs } = this;
    checkOptions("ModelPool", options, ["signal"]);
    const { signal = null } = options;
    if (signal !== null && !(signal instanceof AbortSignal)) {
      throw new ArgumentError("ModelPool", `signal is ${describe(signal)}; expected an AbortSignal`);
    }
    scheduler.tally.requests++;
    if (signal?.aborted) {
      scheduler.tally.abandoned++;
      throw signal.reason;
    }
    try {
      if (this.state !== "open") throw new ServeError("CLOSED", "the pool takes no more requests");
      const { maxElements } = this.options;
      const request = checkRequest(inputs, feeds, { maxElements, maxRows: scheduler.batching ? this.maxBatch : null });
      return scheduler.submit(request, signal);
    } catch (error) {
      if (error instanceof ServeError) scheduler.tally.failed(error.code);
      throw error;
    }
  }

  health(): PoolHealth {
    const { workers, maxQueue } = this.options;
    const ready = this.readyWorkers();
    const open = ready === workers ? "ok" : "degraded";
    return {
      status: this.state === "open" ? open : this.state,
      workers: { wanted: workers, ready },
      queue: { length: this.scheduler.queued, max: maxQueue },
      batching: this.scheduler.batching,
      lastError: this.lastError,
    };
  }

  /** Counts since the start. */
  metrics(): PoolMetrics {
    const { tally, queued, inFlight } = this.scheduler;
    return tally.report(queued, inFlight);
  }

  /** The same as text for Prometheus. */
  metricsText(): string {
    return prometheusText(this.metrics(), this.readyWorkers());
  }

  /** The threads of the workers, for monitoring. */
  get threads(): readonly PoolThread[] {
    return this.pool.threads;
  }

  /** Takes no more requests, answers those that it has, and ends the workers. */
  close(): Promise<void> {
    this.closed ??= this.end();
    return this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async end(): Promise<void> {
    this.state = "closing";
    await this.scheduler.drain();
    this.state = "closed";
    await this.pool.destroy();
  }

  /**
   * Piscina replaces a worker that has been ready. One that dies before is replaced when a task comes, and those that wait already would wait on:
   * so a task comes, after a pause that grows while no worker gets ready.
   */
  private replace(): void {
    this.scheduler.tally.deaths++;
    setTimeout(() => {
      if (this.state === "closed" || this.pool.threads.length >= this.options.workers) return;
      this.pool.run("describe").catch(() => {});
    }, this.pauseMs).unref();
    this.pauseMs = Math.min(2 * this.pauseMs, LONGEST_PAUSE_MS);
  }

  private readyWorkers(): number {
    return this.pool.threads.filter(({ threadId }) => this.ready.has(threadId)).length;
  }

  private execute(feeds: Record<string, ServedValue>, begun: () => void): Run {
    const id = this.tasks++;
    const abort = new AbortController();
    const { runTimeoutMs } = this.options;
    let timer: NodeJS.Timeout | null = null;
    let late = false;
    this.onBegin.set(id, () => {
      begun();
      timer = setTimeout(() => {
        late = true;
        abort.abort();
      }, runTimeoutMs);
    });
    const transferList = Object.values(feeds).map(({ data }) => data.buffer as ArrayBuffer);
    const answer = this.pool
      .run({ id, feeds }, { signal: abort.signal, transferList })
      .catch((cause: unknown) => {
        if (!late) throw cause;
        throw new ServeError("RUN_TIMEOUT", `the run took more than ${runTimeoutMs} ms; its worker was ended`);
      })
      .finally(() => {
        this.onBegin.delete(id);
        if (timer !== null) clearTimeout(timer);
      });
    return { answer: answer as Promise<Answer>, cancel: () => abort.abort() };
  }
}

type Settings = ReturnType<typeof settle>;

function settle(options: PoolOptions) {
  const op = "ModelPool";
  checkOptions(op, options, OPTIONS);
  const integer = (key: keyof PoolOptions, byDefault: number, min: number): number =>
    checkInteger(op, key, options[key] ?? byDefault, min);
  return {
    workers: integer("workers", availableParallelism(), 1),
    maxBatch: options.maxBatch === undefined ? null : integer("maxBatch", DEFAULT_BATCH, 1),
    maxWaitMs: checkNumber(op, "maxWaitMs", options.maxWaitMs ?? 0, 0),
    maxQueue: integer("maxQueue", 1024, 1),
    queueTimeoutMs: integer("queueTimeoutMs", 10_000, 1),
    runTimeoutMs: integer("runTimeoutMs", 30_000, 1),
    maxElements: integer("maxElements", 2 ** 24, 1),
  };
}
