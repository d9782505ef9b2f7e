import { RuntimeError } from "../errors.js";
import type { Scope } from "../runtime/scope.js";
import { claiming } from "./fetch.js";
import type { BatchPlan, BatchSource, Collate } from "./sources.js";
import { type Parcel, unpack } from "./transfer.js";
import type { WorkerPart } from "./worker_dataset.js";

/** What a worker is to make. */
export interface WorkerJob {
  /** Tells it from all others that its worker is given. */
  readonly id: number;
  readonly indices: Int32Array;
  /** From what the samples' generators are made; null if the samples need none. */
  readonly seed: string | null;
  readonly epoch: number;
  readonly position: number;
  /** Make one batch of the samples; else the loader does. */
  readonly collate: boolean;
}

/** What it made of a job, or why it could not; no job's if it has ended. */
export type WorkerReply =
  | { readonly id: number; readonly parcel: Parcel }
  | { readonly id: number | null; readonly error: string; readonly at: string; readonly stack: string | undefined };

/** Workers as the platform started them. */
export interface Crew {
  /** Gives a worker something to do. */
  post(worker: number, job: WorkerJob): void;
  /**
   * Waits for what a worker has made of a job; what it has made of earlier ones is thrown away.
   * Errors: RuntimeError if it has ended, or is not done in time.
   */
  take(worker: number, id: number): WorkerReply;
  /** True if the main thread has other kernels than when they started. */
  stale(): boolean;
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

/** A loader's workers: for one pass each, or for all. */
export class Workforce {
  private kept: Crew | null = null;
  private busy = false;

  constructor(
    private readonly start: CrewStart,
    private readonly persistent: boolean,
  ) {}

  /** Workers for one pass. A pass within another one gets workers of its own. */
  hire(): Crew {
    if (this.busy || !this.persistent) return startCrew!(this.start);
    if (this.kept?.stale() === true) this.stop();
    this.kept ??= startCrew!(this.start);
    this.busy = true;
    return this.kept;
  }

  release(crew: Crew, healthy: boolean): void {
    if (crew !== this.kept) {
      crew.stop();
      return;
    }
    this.busy = false;
    if (!healthy) this.stop();
  }

  stop(): void {
    this.kept?.stop();
    this.kept = null;
    this.busy = false;
  }
}

export interface WorkerOptions {
  readonly workers: number;
  readonly prefetch: number;
  readonly seed: string | null;
  readonly epoch: number;
}

let jobs = 0;

/** Lets workers make the batches, each worker in turn, a few ahead of what is asked for. */
export class WorkerSource<S, B> implements BatchSource<B> {
  private readonly crew: Crew;
  /** The batches that are being made. */
  private readonly pending: { readonly id: number; readonly worker: number; readonly count: number }[] = [];
  private posted = 0;
  private healthy = true;

  constructor(
    private readonly workforce: Workforce,
    private readonly part: WorkerPart<S>,
    private readonly plans: Iterator<BatchPlan>,
    private readonly collate: Collate<S, B>,
    private readonly options: WorkerOptions,
  ) {
    this.crew = workforce.hire();
  }

  next(scope: Scope): { batch: B; count: number } | null {
    const { workers, prefetch } = this.options;
    while (this.pending.length < workers * prefetch && this.post()) {}
    const first = this.pending.shift();
    if (first === undefined) return null;
    const { id, worker, count } = first;
    const parcel = this.take(worker, id);
    // A batch that is ready leaves room for another, to be made while this one is used.
    this.post();
    const { collate } = this;
    const batch = claiming(scope, () => {
      const value = unpack(parcel);
      return collate === undefined ? (value as B) : collate(value as S[]);
    });
    return { batch, count };
  }

  private take(worker: number, id: number): Parcel {
    this.healthy = false;
    const reply = this.crew.take(worker, id);
    this.healthy = reply.id !== null;
    if ("parcel" in reply) return reply.parcel;
    const error = new RuntimeError("DataLoader", `worker ${worker} failed ${reply.at}: ${reply.error}`);
    // Where it was thrown is of more use than where it arrived.
    if (reply.stack !== undefined) error.cause = reply.stack;
    throw error;
  }

  private post(): boolean {
    const plan = this.plans.next();
    if (plan.done === true) return false;
    const { indices, position } = plan.value;
    const { workers, seed, epoch } = this.options;
    const id = jobs++;
    const worker = this.posted++ % workers;
    const chosen = this.part.indices(indices).slice();
    this.crew.post(worker, { id, indices: chosen, seed, epoch, position, collate: this.collate === undefined });
    this.pending.push({ id, worker, count: indices.length });
    return true;
  }

  close(): void {
    this.workforce.release(this.crew, this.healthy);
  }
}
