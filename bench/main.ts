// The command line: npm run bench -- [options], see USAGE.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  ceiling,
  installPeers,
  natives,
  type Participant,
  peers,
  reference,
  subject,
  VARIANTS,
  variants,
} from "./implementations.js";
import { messageOf, Track } from "./measure.js";
import { type Row, rowLine, summary } from "./report.js";
import { type Section, writeResults } from "./results.js";
import { type Work, works } from "./works.js";

const USAGE = `usage: npm run bench -- [--filter REGEX] [--impl a,b] [--peers] [--native] [--node a,b] [--results] [--json FILE] [--time MS] [--best]

  --filter REGEX  only works whose name matches; the works of single ops take part only if it begins with ^op/
  --impl a,b      only these implementations; quadlane-js always runs once, for comparison
  --peers         measure other libraries beside this one; installs them on first use
  --native        measure PyTorch too, with the Python of PYTHON (default /usr/bin/python3)
  --node a,b      run everybody on these Nodes, one after the other (default: this one)
  --results       write bench/RESULTS.md, a section for each Node; sections of others stay
  --json FILE     write the rows to a file
  --time MS       how long each is measured (default 500)
  --best          tell the fastest run of each in place of the median: for a machine that is busy`;

interface Arguments {
  readonly works: readonly Work[];
  readonly participants: readonly Participant[];
  readonly variants: readonly Participant[];
  readonly nodes: readonly string[];
  readonly peers: boolean;
  readonly results: boolean;
  readonly json: string | undefined;
  readonly time: number;
  readonly best: boolean;
}

async function parse(argv: readonly string[]): Promise<Arguments> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      filter: { type: "string", default: "" },
      impl: { type: "string" },
      peers: { type: "boolean", default: false },
      native: { type: "boolean", default: false },
      node: { type: "string", default: process.execPath },
      results: { type: "boolean", default: false },
      json: { type: "string" },
      time: { type: "string", default: "500" },
      best: { type: "boolean", default: false },
    },
  });
  const time = Number(values.time);
  if (!(time > 0)) throw new Error(`--time is "${values.time}"; expected a number of milliseconds`);
  const impl = values.impl?.split(",") ?? null;
  const known = [ceiling, subject, reference, ...variants, ...peers, ...natives];
  const unknown = impl?.find((name) => known.every((p) => p.name !== name));
  if (unknown !== undefined) {
    throw new Error(`--impl names "${unknown}"; expected some of ${known.map((p) => p.name).join(", ")}`);
  }
  const filter = new RegExp(values.filter);
  // The works of ops are many: they take part only where they are asked for.
  const all = /^\^?op\//.test(values.filter) ? (await import("./ops.js")).opWorks : works;
  const chosen = all.filter((work) => filter.test(work.name));
  if (chosen.length === 0) throw new Error(`--filter matches none of ${all.map((w) => w.name).join(", ")}`);
  const everybody = [subject, reference, ...(values.peers ? peers : []), ...(values.native ? natives : [])];
  return {
    works: chosen,
    participants: impl === null ? everybody : known.filter((p) => p !== ceiling && impl.includes(p.name)),
    variants: impl === null ? variants : variants.filter((p) => impl.includes(p.name)),
    nodes: values.node.split(","),
    peers: values.peers,
    results: values.results,
    json: values.json,
    time,
    best: values.best,
  };
}

/** Measures everything on one Node. */
async function runOn(node: string, args: Arguments): Promise<{ rows: Row[]; section: Section }> {
  const { participants, time, best } = args;
  const track = new Track({ participants, variants: args.variants, time, node, best });
  const rows: Row[] = [];
  try {
    for (const work of args.works) {
      for (const row of await track.run(work)) {
        rows.push(row);
        console.log(rowLine(row));
      }
    }
  } finally {
    track.stop();
  }
  const others = participants.map((p) => p.name).filter((name) => name !== subject.name);
  const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
  return {
    rows,
    section: {
      node: version,
      about: [`times are ${best ? "those of the fastest runs" : "medians"}`, ...track.about],
      summary: summary(rows, subject.name, others, VARIANTS),
    },
  };
}

async function run(args: Arguments): Promise<void> {
  const trouble = args.peers ? installPeers() : null;
  if (trouble !== null) console.log(trouble);
  const all: (Row & { readonly node: string })[] = [];
  for (const path of args.nodes) {
    const { rows, section } = await runOn(path, args);
    const { node, about } = section;
    console.log(`\n${section.summary}\n\nNode ${node}\n${about.join("\n")}`);
    for (const row of rows) all.push({ ...row, node });
    // After each Node, so that a long run leaves what it has.
    if (args.results) writeResults(fileURLToPath(new URL("../../../bench/RESULTS.md", import.meta.url)), [section]);
    if (args.json !== undefined) writeFileSync(args.json, `${JSON.stringify(all, null, 2)}\n`);
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
