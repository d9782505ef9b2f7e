// One engine: what it must do, and what was measured.
import type { RuntimeInfo } from "quadlane";
import { type ColdStart, coldStarts, median, OURS, type Participant } from "./cold.js";
import type { Engine } from "./engines.js";
import { firstLine } from "./prepare.js";
import type { Subject } from "./subject.js";

export interface Row {
  readonly engine: Engine;
  /** Null if it does not start. */
  readonly version: string | null;
  /** With one thread, and with two as far as they are to be had. */
  readonly runtime: RuntimeInfo | null;
  readonly threaded: RuntimeInfo | null;
  readonly passed: number;
  readonly failures: readonly string[];
  readonly failed: number;
  readonly gflops: number | null;
  readonly cold: readonly ColdStart[];
}

/** How much is done: every `step`-th sample of each op, and so many cold starts of each participant. */
export interface Extent {
  readonly step: number;
  readonly runs: number;
  readonly participants: readonly Participant[];
}

/** What training must come to; it comes to 0.53 / 2.27 and 0.86 where this was written. */
const LOSS_RATIO = 0.5;
const ACCURACY = 0.8;
const SESSION_ERROR = 1e-5;

const GEMM_FLOPS = 2 * 256 ** 3;
const GEMMS = 100;
const ROUNDS = 5;

/** Counts what holds and what does not. */
class Tally {
  passed = 0;
  failed = 0;
  readonly failures: string[] = [];

  add(passed: number, failed: number, failures: readonly string[]): void {
    this.passed += passed;
    this.failed += failed;
    this.failures.push(...failures);
  }

  expect(holds: boolean, otherwise: string): void {
    this.add(holds ? 1 : 0, holds ? 0 : 1, holds ? [] : [otherwise]);
  }

  /** A part of the work; if it breaks off, that is one failure. */
  async attempt<T>(part: () => Promise<T>): Promise<T | null> {
    try {
      return await part();
    } catch (error) {
      this.add(0, 1, [error instanceof Error ? error.message : String(error)]);
      return null;
    }
  }
}

/** Runs everything on one engine; whatever goes wrong there is a failure of its row. `expected` are the logits of cold starts. */
export async function runEngine(engine: Engine, extent: Extent, expected: Float32Array): Promise<Row> {
  const tally = new Tally();
  const version = await tally.attempt(() => engine.prepare());
  const subject = version === null ? null : await tally.attempt(() => engine.open());
  const found = subject === null ? null : await examine(subject, engine, extent.step, tally);
  const { participants, runs } = extent;
  const cold = subject === null ? [] : await coldStarts(engine, participants, runs, expected);
  const ours = cold.find(({ participant }) => participant === OURS.name);
  if (ours !== undefined) tally.expect(ours.reason === null, `cold start: ${ours.reason}`);
  const { passed, failed, failures } = tally;
  return { engine, version, passed, failed, failures, cold, ...(found ?? NOTHING_FOUND) };
}

const NOTHING_FOUND = { runtime: null, threaded: null, gflops: null };

type Found = Pick<Row, "runtime" | "threaded" | "gflops">;

async function examine(subject: Subject, engine: Engine, step: number, tally: Tally): Promise<Found> {
  try {
    const runtime = await tally.attempt(() => subject.call("start", 1));
    tally.expect(runtime?.backend === "wasm", `the back end is ${runtime?.backend}: ${runtime?.why}`);
    const ops = await tally.attempt(() => subject.call("ops", step));
    if (ops !== null) tally.add(ops.passed, ops.failed, ops.failures);
    await tally.attempt(async () => {
      const { first, last, accuracy } = await subject.call("train");
      tally.expect(last < LOSS_RATIO * first, `the loss went from ${first} to ${last}; expected less than half of it`);
      tally.expect(accuracy >= ACCURACY, `accuracy is ${accuracy}; expected at least ${ACCURACY}`);
    });
    await tally.attempt(async () => {
      const error = await subject.call("session");
      tally.expect(error <= SESSION_ERROR, `the session's logits differ from the module's by ${error}`);
    });
    const gflops = await tally.attempt(() => measureGemm(subject));
    const threaded = await tally.attempt(() => checkThreads(subject, engine, tally));
    return { runtime, threaded, gflops };
  } finally {
    await subject.close();
  }
}

/** The watch is outside: inside of workerd time stands still while a request is answered. */
async function measureGemm(subject: Subject): Promise<number> {
  await subject.call("gemm", GEMMS);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    await subject.call("gemm", GEMMS);
    times.push(performance.now() - start);
  }
  return (GEMMS * GEMM_FLOPS) / median(times) / 1e6;
}

/** Asks for two threads: they come, and keep the bits of results, or the reason is told. */
async function checkThreads(subject: Subject, engine: Engine, tally: Tally): Promise<RuntimeInfo> {
  const before = await subject.call("gemm", 1);
  const info = await subject.call("start", 2);
  const { threads, whyThreads } = info;
  if (engine.threads === true) {
    tally.expect(threads === 2, `threads are ${threads}: ${whyThreads}`);
  } else {
    const told = threads === 1 && whyThreads.includes(engine.threads);
    tally.expect(told, `threads are ${threads}: ${whyThreads}; expected 1: ${engine.threads}`);
  }
  tally.expect((await subject.call("gemm", 1)) === before, `a product on ${threads} threads has other bits`);
  return info;
}

/** A row in words, as it is printed while the run goes on. */
export function describe({ engine, version, runtime, threaded, passed, failed, failures, gflops }: Row): string {
  const rate = gflops === null ? "" : `, gemm/256 ${gflops.toFixed(1)} GFLOPS`;
  const line = `${engine.name} ${version ?? "(not there)"}: ${runtime?.binary ?? "no"} binary, threads: ${threaded?.threads ?? 0}${rate}`;
  return [`${line}: ${passed} passed, ${failed} failed`, ...failures.map((text) => `  ${firstLine(text)}`)].join("\n");
}
