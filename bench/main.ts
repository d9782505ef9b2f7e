// The command line: npm run bench -- [--filter REGEX] [--impl a,b] [--peers] [--json FILE] [--time MS]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ceiling, installPeers, peers, reference, subject } from "./implementations.js";
import { messageOf, Track } from "./measure.js";
import { type Row, rowLine, summary } from "./report.js";
import { type Work, works } from "./works.js";

const USAGE = `usage: npm run bench -- [--filter REGEX] [--impl a,b] [--peers] [--json FILE] [--time MS]

  --filter REGEX  only works whose name matches; the works of single ops take part only if it begins with ^op/
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

async function parse(argv: readonly string[]): Promise<Arguments> {
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
  // The works of ops are many: they take part only where they are asked for.
  const all = /^\^?op\//.test(values.filter ?? "") ? (await import("./ops.js")).opWorks : works;
  const chosen = all.filter((work) => filter.test(work.name));
  if (chosen.length === 0) throw new Error(`--filter matches none of ${all.map((w) => w.name).join(", ")}`);
  return { works: chosen, impl, peers: values.peers ?? false, json: values.json, time };
}

async function run({ works: chosen, impl, peers: withPeers, json, time }: Arguments): Promise<void> {
  const trouble = withPeers ? installPeers() : null;
  if (trouble !== null) console.log(trouble);
  const everybody = [subject, reference, ...(withPeers || impl !== null ? peers : [])];
  const participants = everybody.filter(({ name }) => impl?.includes(name) ?? true);
  const track = new Track(participants, time);
  const rows: Row[] = [];
  try {
    for (const work of chosen) {
      for (const row of await track.run(work)) {
        rows.push(row);
        console.log(rowLine(row));
      }
    }
    const others = participants.map((p) => p.name).filter((name) => name !== subject.name);
    console.log(`\n${summary(rows, subject.name, others)}\n\nNode ${process.version}\n${track.about.join("\n")}`);
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(rows, null, 2)}\n`);
  } finally {
    track.stop();
  }
}

let args: Arguments;
try {
  args = await parse(process.argv.slice(2));
} catch (error) {
  console.error(`${messageOf(error)}\n\n${USAGE}`);
  process.exit(2);
}
await run(args);
