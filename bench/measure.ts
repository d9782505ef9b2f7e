// Measures works: starts the processes, compares outputs, times in turns.
import { Child } from "./child.js";
import { differenceOf } from "./compare.js";
import { ceiling, type Participant, reference, subject } from "./implementations.js";
import type { Row } from "./report.js";
import type { Timing } from "./serve.js";
import { CEILING, type Work } from "./works.js";

/** Everybody is timed so many times, one after the other: when the machine slows down for a while, it does so for all. */
const TURNS = 5;

/** What is slow takes no more turns when it has had this many times its time, or that and so many turns. */
const PATIENCE = 6;
const ENOUGH_TURNS = 3;

/** Somebody whose outputs are right, ready to be timed. */
interface Contestant {
  readonly participant: Participant;
  readonly child: Child;
  readonly flops: number | undefined;
  readonly timings: Timing[];
}

export interface TrackOptions {
  /** Who takes part, variants apart: they do where a work names them. */
  readonly participants: readonly Participant[];
  /** The variants that may take part. */
  readonly variants: readonly Participant[];
  /** How long, in milliseconds, one work of one participant is measured in all. */
  readonly time: number;
  /** The Node that runs them all. */
  readonly node: string;
  /** Tell the time of the fastest run in place of the median. */
  readonly best: boolean;
}

/** Times one work after the other, and keeps the processes for the next. */
export class Track {
  private readonly children = new Map<Participant, Child>();
  /** Why a participant could not be started: it is not tried again. */
  private readonly missing = new Map<Participant, unknown>();
  /** The reference's outputs by task: works with several names have one. */
  private readonly expected = new Map<string, readonly Float32Array[]>();
  /** Operations of the loop that sets the ceiling, once it is chosen. */
  private limit: number | undefined;

  constructor(private readonly options: TrackOptions) {}

  /** One row a participant, in order. */
  async run(work: Work): Promise<Row[]> {
    const runners = this.runnersOf(work);
    if (runners.length === 0) return [];
    const expected = work.kind === "ceiling" ? [] : await this.expectedOf(work);
    const contestants: (Contestant | Row)[] = [];
    for (const participant of runners) contestants.push(await this.admit(participant, work, expected));
    const registers = work.flops === undefined ? null : await this.registers();
    for (let turn = 0; turn < TURNS; turn++) {
      if (registers !== null) await this.takeTurn(registers, CEILING);
      for (const [i, contestant] of contestants.entries()) {
        if ("work" in contestant) continue;
        try {
          await this.takeTurn(contestant, work);
        } catch (error) {
          contestants[i] = failure(work, contestant.participant, error);
        }
      }
    }
    const { best } = this.options;
    const limit = registers === null ? null : rowOf(CEILING, registers, best).gflops;
    return contestants.map((c) => ("work" in c ? c : { ...rowOf(work, c, best), ceiling: limit }));
  }

  /** The loop on registers, which takes turns with everybody else: what the processor could do at that time. */
  private async registers(): Promise<Contestant> {
    const child = await this.child(ceiling);
    this.limit ??= (await child.prepare(CEILING)).flops;
    return { participant: ceiling, child, flops: this.limit, timings: [] };
  }

  /** What the libraries that were started say about themselves. */
  get about(): string[] {
    const all = Array.from(this.children, ([{ name }, { about }]) => ({ name, about }));
    return all.filter(({ about }) => about !== "").map(({ name, about }) => `${name}: ${about}`);
  }

  stop(): void {
    for (const child of this.children.values()) child.stop();
  }

  private runnersOf(work: Work): readonly Participant[] {
    if (work.kind === "ceiling") return [ceiling];
    if (work.against === undefined) return this.options.participants;
    const rivals = this.options.variants.filter(({ name }) => name === work.against);
    return rivals.length === 0 ? [] : [subject, ...rivals];
  }

  /** The process of a participant, started if need be. */
  private async child(participant: Participant): Promise<Child> {
    const running = this.children.get(participant);
    if (running?.alive) return running;
    if (this.missing.has(participant)) throw this.missing.get(participant);
    try {
      const child = await Child.start(participant, this.options.node);
      this.children.set(participant, child);
      return child;
    } catch (error) {
      this.missing.set(participant, error);
      throw error;
    }
  }

  /** The reference's outputs, or why there are none. */
  private async expectedOf(work: Work): Promise<readonly Float32Array[] | string> {
    const { name: _, against: __, fresh: ___, ...task } = work;
    const key = JSON.stringify(task);
    try {
      const outputs = this.expected.get(key) ?? (await (await this.child(reference)).prepare(work)).outputs;
      this.expected.set(key, outputs);
      return outputs;
    } catch (error) {
      return `there is nothing to compare with: ${messageOf(error)}`;
    }
  }

  /** Prepares a participant and compares its outputs. */
  private async admit(
    participant: Participant,
    work: Work,
    expected: readonly Float32Array[] | string,
  ): Promise<Contestant | Row> {
    try {
      const child = await this.child(participant);
      const { outputs, flops = work.flops } = await child.prepare(work);
      const difference = typeof expected === "string" ? expected : differenceOf(outputs, expected, work.tolerance);
      if (difference !== null) throw new Error(`not timed: ${difference}`);
      return { participant, child, flops, timings: [] };
    } catch (error) {
      return failure(work, participant, error);
    }
  }

  private async takeTurn({ participant, child, timings }: Contestant, work: Work): Promise<void> {
    const { time, node } = this.options;
    if (work.fresh !== undefined) {
      timings.push(await coldStart(participant, work, node));
      return;
    }
    const spent = timings.reduce((sum, { ms, runs }) => sum + ms * runs, 0);
    const enough = spent > 2 * time && timings.length >= ENOUGH_TURNS;
    if (!enough && spent < PATIENCE * time) timings.push(await child.time(time / TURNS));
  }
}

/** The time from the start of a process to its first result. */
async function coldStart(participant: Participant, work: Work, node: string): Promise<Timing> {
  const child = await Child.start({ ...participant, script: participant.fresh ?? participant.script }, node);
  try {
    const ms = (await child.prepare(work)).sinceStart;
    return { ms, best: ms, runs: 1 };
  } finally {
    child.stop();
  }
}

function rowOf(work: Work, { participant, flops, timings }: Contestant, best: boolean): Row {
  const sorted = timings.map((t) => (best ? t.best : t.ms)).sort((a, b) => a - b);
  const ms = sorted[best ? 0 : sorted.length >> 1]!;
  return {
    work: work.name,
    impl: participant.name,
    threads: participant.threads,
    ms,
    gflops: flops === undefined ? null : flops / ms / 1e6,
    ...(work.bytes === undefined || work.bytes === 0 ? {} : { gbs: work.bytes / ms / 1e6 }),
    runs: timings.reduce((sum, t) => sum + t.runs, 0),
  };
}

function failure(work: Work, { name, threads }: Participant, error: unknown): Row {
  return { work: work.name, impl: name, threads, ms: null, gflops: null, runs: 0, reason: messageOf(error) };
}

export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, " ");
}
