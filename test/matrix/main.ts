// The command line: npm run matrix -- [--only REGEX] [--short] [--every N] [--runs N] [--write]
import { writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromiumMissing } from "./browser.js";
import { OURS, PARTICIPANTS, writeModels } from "./cold.js";
import { closePages, engines } from "./engines.js";
import { ENGINES, firstLine, install, installPackage, makeScripts, PEERS, ROOT } from "./prepare.js";
import { coldTable, matrixTable, platformsPage } from "./report.js";
import { describe, type Extent, type Row, runEngine } from "./run.js";

const USAGE = `usage: npm run matrix -- [--only REGEX] [--short] [--every N] [--runs N] [--write]

Runs the package on each engine, the real one; what is missing is installed from npm below test/matrix/engines and bench/peers.
  --only REGEX  only engines whose name matches; they are ${engines.map(({ name }) => name).join("; ")}
  --short       as --every 16 --runs 1 without other libraries; without Chromium its rows are left out
  --every N     of the samples of each op only the first and every N-th after it. Default 1: all
  --runs N      cold starts of each library. Default 5
  --write       write docs/platforms.md`;

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: "string", default: "" },
      short: { type: "boolean", default: false },
      every: { type: "string" },
      runs: { type: "string" },
      write: { type: "boolean", default: false },
    },
  });
  const { only = "", short, write } = values;
  const wanted = new RegExp(only);
  const chosen = engines.filter(({ name }) => wanted.test(name));
  if (chosen.length === 0) throw new Error(`--only matches none of ${engines.map(({ name }) => name).join("; ")}`);
  if (write && (short || only !== ""))
    throw new Error("--write writes the whole page; expected no --short and no --only");
  const extent: Extent = {
    step: count("--every", values.every ?? (short ? "16" : "1")),
    runs: count("--runs", values.runs ?? (short ? "1" : "5")),
    participants: short ? [OURS] : PARTICIPANTS,
  };

  const trouble = [install(ENGINES), short ? null : install(PEERS, "--ignore-scripts")];
  for (const text of trouble) if (text !== null) console.log(text);
  installPackage();
  await makeScripts();
  const expected = await writeModels();

  const rows: Row[] = [];
  try {
    for (const engine of chosen) {
      const missing = engine.name.startsWith("Chromium") ? chromiumMissing() : null;
      if (short && missing !== null) {
        console.log(`left out ${engine.name}: ${missing}`);
        continue;
      }
      const row = await runEngine(engine, extent, expected);
      rows.push(row);
      console.log(describe(row));
    }
  } finally {
    await closePages();
  }
  console.log(`\n${matrixTable(rows)}\n`);
  if (!short) console.log(`${coldTable(rows)}\n`);
  const machine = `${availableParallelism()} processors of an ${cpus()[0]?.model ?? "unknown kind"}`;
  if (write) writeFileSync(join(ROOT, "docs/platforms.md"), platformsPage(rows, extent, machine));
  const sum = (of: (row: Row) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const failed = sum((row) => row.failed);
  console.log(`${sum((row) => row.passed)} passed, ${failed} failed`);
  return failed > 0 || rows.length === 0 ? 1 : 0;
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} is "${text}"; expected an integer from 1 on`);
  return value;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`${firstLine(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
