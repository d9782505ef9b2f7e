// The side of an implementation: a process that prepares works, shows its outputs and times itself on request. Each implementation has
// a process of its own, so that none disturbs another's memory, caches of compiled code, or environment.
import { performance } from "node:perf_hooks";
import { Bench } from "tinybench";
import type { Work } from "./works.js";

/** One library. `prepare` throws with a reason in words if the library cannot do the work. */
export interface Implementation {
  /** The versions and modes that matter, for the report. */
  readonly about: string;
  prepare(work: Work): Job | Promise<Job>;
}

/** A work with its operands in the library's own tensors. */
export interface Job {
  /** One run, up to a result in the library's own tensor; temporaries are freed. */
  run(): unknown;
  /** The results in PyTorch's layouts, for comparison; called once, before `run`. */
  outputs(): readonly Float32Array[] | Promise<readonly Float32Array[]>;
  dispose?(): void;
  /** Warms up and measures in place of repeated `run`: for what runs in yet another process. */
  time?(ms: number, warmMs: number): Promise<Timing>;
  /** Operations of one run, where the work does not tell. */
  readonly flops?: number;
}

/** Of some runs. */
export interface Timing {
  /** The median. */
  readonly ms: number;
  /** The fastest. */
  readonly best: number;
  readonly runs: number;
}

export type Request =
  | { readonly type: "prepare"; readonly work: Work }
  | { readonly type: "time"; readonly ms: number };

export type Reply =
  | { readonly type: "about"; readonly about: string }
  | {
      readonly type: "outputs";
      readonly outputs: readonly Float32Array[];
      /** Milliseconds since Node was ready to run the program: imports, compilation and this first result. */
      readonly sinceStart: number;
      readonly flops?: number | undefined;
    }
  | ({ readonly type: "timing" } & Timing)
  | { readonly type: "failure"; readonly reason: string };

/** Answers the requests of the parent process until it disconnects. */
export function serve(implementation: Implementation): void {
  let job: Job | null = null;
  let isWarm = false;
  const answer = async (request: Request): Promise<Reply> => {
    if (request.type === "prepare") {
      job?.dispose?.();
      job = null;
      isWarm = false;
      job = await implementation.prepare(request.work);
      const outputs = await job.outputs();
      const sinceStart = performance.now() - performance.nodeTiming.bootstrapComplete;
      return { type: "outputs", outputs, sinceStart, flops: job.flops };
    }
    if (job === null) throw new Error("nothing is prepared");
    const timing = await time(job, request.ms, isWarm ? request.ms / 10 : request.ms);
    isWarm = true;
    return { type: "timing", ms: timing.ms, best: timing.best, runs: timing.runs };
  };
  const send = (reply: Reply): void => {
    process.send?.(reply);
  };
  process.on("message", (request: Request) => {
    answer(request).then(send, (error: unknown) => {
      send({ type: "failure", reason: error instanceof Error ? error.message : String(error) });
    });
  });
  process.on("disconnect", () => process.exit(0));
  send({ type: "about", about: implementation.about });
}

/** The runs within about `ms` milliseconds, after warming up; of what is slower than that, one run. */
async function time(job: Job, ms: number, warmMs: number): Promise<Timing> {
  if (job.time !== undefined) return job.time(ms, warmMs);
  const start = performance.now();
  await job.run();
  const first = performance.now() - start;
  if (first > ms / 2) return { ms: first, best: first, runs: 1 };
  const bench = new Bench({
    time: ms,
    iterations: 1,
    warmupTime: warmMs,
    warmupIterations: 1,
    throws: true,
    retainSamples: false,
  });
  bench.add("work", () => job.run());
  const [task] = await bench.run();
  const result = task?.result;
  if (result === undefined || !("latency" in result)) throw new Error("tinybench gave no result");
  return { ms: result.latency.p50, best: result.latency.min, runs: task!.runs };
}
