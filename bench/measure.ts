// Measures works: starts the processes, compares outputs, times in turns.
import { Child } from "./child.js";
import { differenceOf } from "./compare.js";
import { ceiling, type Participant, reference } from "./implementations.js";
import type { Row } from "./report.js";
import type { Work } from "./works.js";

/** Everybody is timed so many times, one after the other: when the machine slows down for a while, it does so for all. */
const TURNS = 3;

interface Timing {
  readonly ms: number;
  readonly runs: number;
}

/** Somebody whose outputs are right, ready to be timed. */
interface Contestant {
  readonly participant: Participant;
  readonly child: Child;
  readonly flops: number | undefined;
  readonly timings: Timing[];
}

/** Times one work after the other, and keeps the processes for the next. */
export class Track {
  private readonly children = new Map<Participant, Child>();
  /** Why a participant could not be started: it is not tried again. */
  private readonly missing = new Map<Participant, unknown>();

  /** `time` is how long, in milliseconds, one work of one participant is measured in all. */
  constructor(
    private readonly participants: readonly Participant[],
    private readonly time: number,
  ) {}

  /** One row a participant, in order. */
  async run(work: Work): Promise<Row[]> {
    const runners = work.kind === "ceiling" ? [ceiling] : this.participants;
    const expected = work.kind === "ceiling" ? [] : await this.expectedOf(work);
    const contestants: (Contestant | Row)[] = [];
    for (const participant of runners) contestants.push(await this.admit(participant, work, expected));
    for (let turn = 0; turn < TURNS; turn++) {
      for (const [i, contestant] of contestants.entries()) {
        if ("work" in contestant) continue;
        try {
          await this.takeTurn(contestant, work);
        } catch (error) {
          contestants[i] = failure(work, contestant.participant, error);
        }
      }
    }
    return contestants.map((c) => ("work" in c ? c : rowOf(work, c)));
  }

  /** What the libraries that were started say about themselves. */
  get about(): string[] {
    const all = Array.from(this.children, ([{ name }, { about }]) => ({ name, about }));
    return all.filter(({ about }) => about !== "").map(({ name, about }) => `${name}: ${about}`);
  }

  stop(): void {
    for (const child of this.children.values()) child.stop();
  }

  /** The process of a participant, started if need be. */
  private async child(participant: Participant): Promise<Child> {
    const running = this.children.get(participant);
    if (running?.alive) return running;
    if (this.missing.has(participant)) throw this.missing.get(participant);
    try {
      const child = await Child.start(participant);
      this.children.set(participant, child);
      return child;
    } catch (error) {
      this.missing.set(participant, error);
      throw error;
    }
  }

  /** The reference's outputs, or why there are none. */
  private async expectedOf(work: Work): Promise<readonly Float32Array[] | string> {
    try {
      return (await (await this.child(reference)).prepare(work)).outputs;
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
    const share = this.time / TURNS;
    const last = timings.at(-1);
    if (work.fresh !== undefined) timings.push(await coldStart(participant, work));
    // What is slow against its share of the time has had its two runs: that is enough.
    else if (last === undefined || last.ms < share) timings.push(await child.time(share));
  }
}

/** The time from the start of a process to its first result. */
async function coldStart(participant: Participant, work: Work): Promise<Timing> {
  const child = await Child.start(participant);
  try {
    return { ms: (await child.prepare(work)).sinceStart, runs: 1 };
  } finally {
    child.stop();
  }
}

function rowOf(work: Work, { participant, flops, timings }: Contestant): Row {
  const sorted = timings.map((t) => t.ms).sort((a, b) => a - b);
  const ms = sorted[sorted.length >> 1]!;
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
