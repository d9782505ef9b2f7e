// Which requests run together, and when; what becomes of those whose run fails.
import { setMaxListeners } from "node:events";
import type { Named } from "../graph/session_feeds.js";
import { countToTake, join, split } from "./batch.js";
import { ServeError } from "./errors.js";
import { Tally } from "./metrics.node.js";
import type { Port, ServedValue } from "./model.js";
import type { CheckedRequest } from "./request.js";

/** What a model made of a batch. `invalid`: it has refused the values with an error of this library about its arguments. */
export type Answer = { readonly outputs: Named<ServedValue> } | { readonly error: string; readonly invalid: boolean };

/** A batch on its way. */
export interface Run {
  /** Errors: ServeError if it took too long, WORKER_DIED; anything else has the same meaning. */
  readonly answer: Promise<Answer>;
  /** Takes the batch back if no worker has begun it. */
  cancel(): void;
}

/** Gives a batch to a worker; `begun` is called when that starts to run it. */
export type Execute = (feeds: Record<string, ServedValue>, begun: () => void) => Run;

export interface SchedulerOptions {
  readonly inputs: readonly Port[];
  /** Batches that are given out at a time. */
  readonly workers: number;
  /** Rows that a batch may have, the fewest first; none if requests are not put together. */
  readonly sizes: readonly number[];
  /** Rows of requests in a batch at most. */
  readonly maxBatch: number;
  readonly maxWaitMs: number;
  readonly maxQueue: number;
  readonly queueTimeoutMs: number;
}

interface Waiting extends CheckedRequest {
  readonly since: number;
  readonly resolve: (outputs: Named<ServedValue>) => void;
  readonly reject: (reason: unknown) => void;
  /** Its caller, who may want no answer any more. */
  readonly signal: AbortSignal | null;
  readonly abandon: () => void;
  /** Runs out when the request has waited too long for a worker to begin with it. */
  timer: NodeJS.Timeout | null;
  /** What it is part of, from the moment that it is given out. */
  batch: { readonly requests: readonly Waiting[]; readonly run: Run } | null;
  /** It has failed once, with others or with a worker, and runs alone. */
  retried: boolean;
  settled: boolean;
}

export class Scheduler {
  readonly tally = new Tally();
  /** The oldest first. */
  private readonly queue = new Set<Waiting>();
  /** They go before all others, each alone. */
  private readonly retries = new Set<Waiting>();
  private batches = 0;
  private running = 0;
  private planned: NodeJS.Immediate | null = null;
  private waitTimer: NodeJS.Timeout | null = null;
  private drained: (() => void) | null = null;

  /** Whether requests are put together; it ends when outputs turn out to have no rows. */
  private together: boolean;

  constructor(
    private readonly options: SchedulerOptions,
    private readonly execute: Execute,
  ) {
    this.together = options.sizes.length > 0;
  }

  get queued(): number {
    return this.queue.size + this.retries.size;
  }

  get inFlight(): number {
    return this.running;
  }

  get batching(): boolean {
    return this.together;
  }

  /** Errors: ServeError QUEUE_FULL; the signal's reason. */
  submit(request: CheckedRequest, signal: AbortSignal | null): Promise<Named<ServedValue>> {
    const { maxQueue } = this.options;
    if (this.queue.size >= maxQueue) {
      throw new ServeError("QUEUE_FULL", `${this.queue.size} requests wait already; expected less than ${maxQueue}`);
    }
    return new Promise((resolve, reject) => {
      const since = performance.now();
      const waiting: Waiting = {
        ...request,
        since,
        resolve,
        reject,
        signal,
        abandon: () => this.abandon(waiting),
        timer: null,
        batch: null,
        retried: false,
        settled: false,
      };
      if (signal !== null) {
        // One may stand for many requests, which is no leak.
        setMaxListeners(0, signal);
        signal.addEventListener("abort", waiting.abandon);
      }
      this.enqueue(waiting, this.queue);
    });
  }

  /** Resolves when nothing waits or runs any more. Nothing waits for company from now on. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.drained = resolve;
      this.plan();
    });
  }

  private enqueue(request: Waiting, queue: Set<Waiting>): void {
    queue.add(request);
    request.batch = null;
    request.timer = setTimeout(() => {
      queue.delete(request);
      this.expire(request);
    }, this.options.queueTimeoutMs);
    this.plan();
  }

  /** Looks for work once all that has arrived by now is in the queue. */
  private plan(): void {
    this.planned ??= setImmediate(() => {
      this.planned = null;
      this.pump();
    });
  }

  private pump(): void {
    if (this.waitTimer !== null) clearTimeout(this.waitTimer);
    this.waitTimer = null;
    while (this.batches < this.options.workers) {
      const requests = this.take();
      if (requests === null) break;
      void this.dispatch(requests);
    }
    if (this.queued === 0 && this.batches === 0) this.drained?.();
  }

  /** The next batch, or null if nothing waits or what waits may get company. */
  private take(): Waiting[] | null {
    for (const retry of this.retries) {
      this.retries.delete(retry);
      return [retry];
    }
    const [oldest] = this.queue;
    if (oldest === undefined) return null;
    const requests = this.together ? this.alike(oldest) : [oldest];
    for (const request of requests ?? []) this.queue.delete(request);
    return requests;
  }

  /** The oldest request and those that run with it. While it may get company, a full batch of others goes before it. */
  private alike(oldest: Waiting): Waiting[] | null {
    const { sizes, maxBatch, maxWaitMs } = this.options;
    const left = this.drained === null ? maxWaitMs - (performance.now() - oldest.since) : 0;
    const requests = this.gather(left > 0 ? null : oldest.key);
    if (requests !== null) return requests.slice(0, countToTake(requests, sizes, maxBatch));
    this.waitTimer = setTimeout(() => this.pump(), Math.ceil(left));
    return null;
  }

  /** Requests of a key, enough for a batch at most; with null, the first ones of any key that are enough. */
  private gather(key: string | null): readonly Waiting[] | null {
    const groups = new Map<string, { readonly requests: Waiting[]; rows: number }>();
    for (const request of this.queue) {
      if (key !== null && request.key !== key) continue;
      const group = groups.get(request.key) ?? { requests: [], rows: 0 };
      groups.set(request.key, group);
      group.requests.push(request);
      group.rows += request.rows;
      if (group.rows >= this.options.maxBatch) return group.requests;
    }
    return key === null ? null : groups.get(key)!.requests;
  }

  private async dispatch(requests: readonly Waiting[]): Promise<void> {
    this.batches++;
    this.running += requests.length;
    try {
      await this.attempt(requests);
    } catch (error) {
      this.recover(requests, error);
    } finally {
      this.batches--;
      this.running -= requests.length;
      this.plan();
    }
  }

  /** Runs a batch and hands out its results. */
  private async attempt(requests: readonly Waiting[]): Promise<void> {
    const { inputs, sizes } = this.options;
    const total = requests.reduce((sum, { rows }) => sum + rows, 0);
    const rows = this.together ? sizes.find((size) => size >= total)! : total;
    const start = performance.now();
    const begun = (): void => requests.forEach(stopTimer);
    const run = this.execute(join(inputs, requests, rows), begun);
    for (const request of requests) request.batch = { requests, run };
    const answer = await run.answer;
    begun();
    this.tally.ran(total, performance.now() - start);
    if ("error" in answer) throw new ServeError(answer.invalid ? "BAD_REQUEST" : "MODEL_FAILED", answer.error);
    const alone = requests.length === 1 && rows === total;
    const shares = alone ? [answer.outputs] : split(answer.outputs, requests, rows);
    if (shares === null) {
      this.together = false;
      for (const request of requests) if (!request.settled) this.enqueue(request, this.retries);
      return;
    }
    for (const [i, request] of requests.entries()) this.finish(request, shares[i]!);
  }

  /** Until a worker begins a batch its requests wait: for one that is being replaced, say. */
  private expire(request: Waiting): void {
    this.fail(request, new ServeError("QUEUE_TIMEOUT", `no worker was free within ${this.options.queueTimeoutMs} ms`));
    const { batch } = request;
    if (batch?.requests.every(({ settled }) => settled)) batch.run.cancel();
    this.plan();
  }

  /** The caller wants no answer any more. What is given out stays so, until its turn or the end of its time to wait: others may be in the batch. */
  private abandon(request: Waiting): void {
    if (!this.settle(request)) return;
    this.tally.abandoned++;
    request.reject(request.signal?.reason);
    if (request.batch !== null) return;
    stopTimer(request);
    this.queue.delete(request);
    this.retries.delete(request);
    this.plan();
  }

  private recover(requests: readonly Waiting[], cause: unknown): void {
    const error =
      cause instanceof ServeError
        ? cause
        : new ServeError("WORKER_DIED", `a worker died: ${cause instanceof Error ? cause.message : String(cause)}`);
    // Who is alone with a model that throws, or takes too long, is to blame for it. A worker may have died for any reason.
    const guilty = requests.length === 1 && error.code !== "WORKER_DIED";
    for (const request of requests) {
      stopTimer(request);
      if (request.settled) continue;
      if (guilty || request.retried) {
        this.fail(request, error);
        continue;
      }
      request.retried = true;
      this.tally.retried++;
      this.enqueue(request, this.retries);
    }
  }

  private finish(request: Waiting, outputs: Named<ServedValue>): void {
    if (!this.settle(request)) return;
    this.tally.finished(performance.now() - request.since);
    request.resolve(outputs);
  }

  private fail(request: Waiting, error: ServeError): void {
    if (!this.settle(request)) return;
    this.tally.failed(error.code);
    request.reject(error);
  }

  private settle(request: Waiting): boolean {
    if (request.settled) return false;
    request.settled = true;
    request.signal?.removeEventListener("abort", request.abandon);
    return true;
  }
}

function stopTimer(request: Waiting): void {
  if (request.timer !== null) clearTimeout(request.timer);
  request.timer = null;
}
