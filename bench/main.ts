// The command line: npm run bench -- [--filter REGEX] [--impl a,b] [--peers] [--json FILE] [--time MS]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Child } from "./child.js";
import { differenceOf } from "./compare.js";
import { ceiling, installPeers, type Participant, peers, reference, subject } from "./implementations.js";
import { type Row, rowLine, summary } from "./report.js";
import { type Work, works } from "./works.js";

const USAGE = `usage: npm run bench -- [--filter REGEX] [--impl a,b] [--peers] [--json FILE] [--time MS]

  --filter REGEX  only works whose name matches
  --impl a,b      only these implementations; quadlane-js always runs once, for comparison
  --peers         measure other libraries beside this one; installs them on first use
  --json FILE     write the rows to a file
  --time MS       how long each is measured (default 1000)`;

interface Arguments {
  readonly works: readonly Work[];
  readonly impl: readonly string[] | null;
  readonly peers: boolean;
  readonly json: string | undefined;
  readonly time: number;
}

function parse(argv: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      filter: { type: "string", default: "" },
      impl: { type: "string" },
      peers: { type: "boolean", default: false },
      json: { type: "string" },
      time: { type: "string", default: "1000" },
    },
  });
  const time = Number(values.time);
  if (!(time > 0)) throw new Error(`--time is "${values.time}"; expected a number of milliseconds`);
  const impl = values.impl?.split(",") ?? null;
  const known = [ceiling, reference, subject, ...peers].map((p) => p.name);
  const unknown = impl?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`--impl names "${unknown}"; expected some of ${known.join(", ")}`);
  const filter = new RegExp(values.filter ?? "");
  const chosen = works.filter((work) => filter.test(work.name));
  if (chosen.length === 0) throw new Error(`--filter matches none of ${works.map((w) => w.name).join(", ")}`);
  return { works: chosen, impl, peers: values.peers ?? false, json: values.json, time };
}

/** The processes that are running, by participant. */
class Crew {
  private readonly children = new Map<Participant, Child>();
  /** Why a participant could not be started: it is not tried again. */
  private readonly missing = new Map<Participant, string>();

  /** Running, or started now. */
  async get(participant: Participant): Promise<Child> {
    const running = this.children.get(participant);
    if (running?.alive) return running;
    const reason = this.missing.get(participant);
    if (reason !== undefined) throw new Error(reason);
    try {
      const child = await Child.start(participant);
      this.children.set(participant, child);
      return child;
    } catch (error) {
      this.missing.set(participant, messageOf(error));
      throw error;
    }
  }

  /** What the running ones say about themselves. */
  get about(): string[] {
    return Array.from(this.children, ([{ name }, { about }]) => `${name}: ${about}`).filter(
      (line) => !line.endsWith(": "),
    );
  }

  stop(): void {
    for (const child of this.children.values()) child.stop();
  }
}

async function run({ works: chosen, impl, peers: withPeers, json, time }: Arguments): Promise<void> {
  const trouble = withPeers ? installPeers() : null;
  if (trouble !== null) console.log(trouble);
  const everybody = [subject, reference, ...(withPeers || impl !== null ? peers : [])];
  const competing = everybody.filter(({ name }) => impl?.includes(name) ?? true);
  const crew = new Crew();
  const rows: Row[] = [];
  try {
    for (const work of chosen) {
      const expected = work.kind === "ceiling" ? [] : await outputsOf(reference, work, crew);
      for (const participant of work.kind === "ceiling" ? [ceiling] : competing) {
        const row = await measure(participant, work, expected, crew, time);
        rows.push(row);
        console.log(rowLine(row));
      }
    }
    const others = competing.map((p) => p.name).filter((name) => name !== subject.name);
    console.log(`\n${summary(rows, subject.name, others)}\n\nNode ${process.version}\n${crew.about.join("\n")}`);
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(rows, null, 2)}\n`);
  } finally {
    crew.stop();
  }
}

/** The reference's results, or why there are none. */
async function outputsOf(participant: Participant, work: Work, crew: Crew): Promise<readonly Float32Array[] | string> {
  try {
    return (await (await crew.get(participant)).prepare(work)).outputs;
  } catch (error) {
    return `there is nothing to compare with: ${messageOf(error)}`;
  }
}

async function measure(
  participant: Participant,
  work: Work,
  expected: readonly Float32Array[] | string,
  crew: Crew,
  time: number,
): Promise<Row> {
  const row = { work: work.name, impl: participant.name, threads: participant.threads };
  try {
    const child = await crew.get(participant);
    const { outputs, flops = work.flops } = await child.prepare(work);
    const difference = typeof expected === "string" ? expected : differenceOf(outputs, expected, work.tolerance);
    if (difference !== null) throw new Error(`not timed: ${difference}`);
    const { ms, runs } = await (work.fresh === undefined
      ? child.time(time)
      : coldStarts(participant, work, work.fresh));
    const gflops = flops === undefined ? null : flops / ms / 1e6;
    return { ...row, ms, gflops, ...(work.bytes === undefined ? {} : { gbs: work.bytes / ms / 1e6 }), runs };
  } catch (error) {
    return { ...row, ms: null, gflops: null, runs: 0, reason: messageOf(error) };
  }
}

/** The median time from the start of a process to its first result. */
async function coldStarts(participant: Participant, work: Work, runs: number): Promise<{ ms: number; runs: number }> {
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const child = await Child.start(participant);
    try {
      times.push((await child.prepare(work)).sinceStart);
    } finally {
      child.stop();
    }
  }
  return { ms: times.sort((a, b) => a - b)[runs >> 1]!, runs };
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, " ");
}

let args: Arguments;
try {
  args = parse(process.argv.slice(2));
} catch (error) {
  console.error(`${messageOf(error)}\n\n${USAGE}`);
  process.exit(2);
}
await run(args);
