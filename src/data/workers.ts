import { RuntimeError } from "../errors.js";
import type { Scope } from "../runtime/scope.js";
import { claiming } from "./fetch.js";
import type { BatchPlan, BatchSource, Collate } from "./sources.js";
import { type Parcel, unpack } from "./transfer.js";
import type { WorkerPart } from "./worker_dataset.js";

/** What a worker is to make. */
export interface WorkerJob {
  readonly indices: Int32Array;
  /** From what the samples' generators are made; null if the samples need none. */
  readonly seed: string | null;
  readonly epoch: number;
  readonly position: number;
  /** Make one batch of the samples; else the loader does. */
  readonly collate: boolean;
}

/** What it made of it, or why it could not; `fatal` if it has ended. */
export type WorkerReply =
  | { readonly parcel: Parcel }
  | { readonly error: string; readonly at: string; readonly stack: string | undefined; readonly fatal: boolean };

/** Workers as the platform started them. */
export interface Crew {
  /** Gives a worker something to do. */
  post(worker: number, job: WorkerJob): void;
  /** Waits for what a worker has made of the oldest job. Errors: RuntimeError if it has ended, or is not done in time. */
  take(worker: number): WorkerReply;
  stop(): void;
}

export interface CrewStart {
  readonly workers: number;
  /** Address of the data set's module, and what it is called with. */
  readonly url: string;
  readonly options: unknown;
  /** How long a batch may take, in ms. */
  readonly timeout: number;
}

let startCrew: ((start: CrewStart) => Crew) | null = null;

/** Tells how workers are started on this platform. */
export function setStartCrew(start: typeof startCrew): void {
  startCrew = start;
}

/** Errors: RuntimeError where no workers can be started. */
export function checkWorkers(): void {
  if (startCrew !== null) return;
  throw new RuntimeError(
    "DataLoader",
    "workers need Node's worker threads, which this platform lacks; expected workers to be 0",
  );
}

export interface WorkerOptions {
  readonly workers: number;
  readonly prefetch: number;
  readonly timeout: number;
  readonly seed: string | null;
  readonly epoch: number;
}

/** Lets workers make the batches, each worker in turn, a few ahead of what is asked for. */
export class WorkerSource<S, B> implements BatchSource<B> {
  private readonly crew: Crew;
  /** Sizes of the batches that are being made. */
  private readonly pending: number[] = [];
  private posted = 0;
  private taken = 0;

  constructor(
    private readonly part: WorkerPart<S>,
    private readonly plans: Iterator<BatchPlan>,
    private readonly collate: Collate<S, B>,
    private readonly options: WorkerOptions,
  ) {
    const { url, options: data } = part.dataset;
    const { workers, timeout } = options;
    checkWorkers();
    this.crew = startCrew!({ workers, url, options: data, timeout });
  }

  next(scope: Scope): { batch: B; count: number } | null {
    const { workers, prefetch } = this.options;
    while (this.pending.length < workers * prefetch && this.post()) {}
    const count = this.pending.shift();
    if (count === undefined) return null;
    const worker = this.taken++ % workers;
    const reply = this.crew.take(worker);
    if ("error" in reply) throw failure(worker, reply);
    // A batch that is ready leaves room for another, to be made while this one is used.
    this.post();
    const { collate } = this;
    const batch = claiming(scope, () => {
      const value = unpack(reply.parcel);
      return collate === undefined ? (value as B) : collate(value as S[]);
    });
    return { batch, count };
  }

  private post(): boolean {
    const plan = this.plans.next();
    if (plan.done === true) return false;
    const { indices, position } = plan.value;
    const { workers, seed, epoch } = this.options;
    const job = { indices: this.part.indices(indices).slice(), seed, epoch, position };
    this.crew.post(this.posted++ % workers, { ...job, collate: this.collate === undefined });
    this.pending.push(indices.length);
    return true;
  }

  close(): void {
    this.crew.stop();
  }
}

function failure(worker: number, reply: Extract<WorkerReply, { error: string }>): RuntimeError {
  const error = new RuntimeError("DataLoader", `worker ${worker} failed ${reply.at}: ${reply.error}`);
  // Where it was thrown is of more use than where it arrived.
  if (reply.stack !== undefined) error.cause = reply.stack;
  return error;
}
