// The command line: npm run conformance -- DIR [DIR …] [--family a,b] [--filter REGEX] [--backend js|wasm] [--binary NAME] [--threads N]
// [--shared DIR]
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Backend, init, initSync } from "quadlane";
import { listFamilies, readFamily } from "./cases.js";
import { Report } from "./report.js";
import { runEntry } from "./run.js";

const USAGE = `usage: npm run conformance -- [DIR …] [--family a,b] [--filter REGEX] [--backend js|wasm] [--binary NAME]
                              [--threads N] [--shared DIR]

Runs the golden cases of each DIR (default ../shared/golden) on every back end.
  --family a,b      only these files (a.json, b.json)
  --filter REGEX    only cases whose name matches
  --backend js|wasm only this back end
  --binary NAME     simd, relaxed or wide, instead of the best that the engine runs as it is
  --threads N       on so many threads; default 1
  --shared DIR      the folder that holds data/ (default: the parent of the cases' folder, else ../shared)`;

const BACKENDS: readonly Backend[] = ["js", "wasm"];

interface Arguments {
  readonly dirs: readonly string[];
  readonly families: readonly string[] | null;
  readonly filter: RegExp;
  readonly backends: readonly Backend[];
  readonly threads: number;
  readonly shared: string | undefined;
}

type Print = (line: string) => void;

/** Runs the command on one thread; prints with `print` and returns the exit code. */
export function main(argv: readonly string[], print: Print): number {
  const args = parsed(argv, print);
  return args === null ? 2 : runAll(args, print);
}

/** The same, on the threads that are asked for. */
async function threaded(argv: readonly string[], print: Print): Promise<number> {
  const args = parsed(argv, print);
  if (args === null) return 2;
  if (args.threads > 1) {
    const { threads, whyThreads } = await init({ threads: args.threads });
    if (threads !== args.threads) throw new Error(`${threads} threads instead of ${args.threads}: ${whyThreads}`);
  }
  return runAll(args, print);
}

/** Null, with the reason and the usage printed, for wrong arguments. */
function parsed(argv: readonly string[], print: Print): Arguments | null {
  try {
    return parse(argv);
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return null;
  }
}

function runAll(args: Arguments, print: Print): number {
  const report = new Report();
  let empty = false;
  for (const dir of args.dirs) {
    const all = listFamilies(dir);
    if (all.length === 0) {
      empty = true;
      print(`${dir} holds no case`);
    }
    for (const name of all) if (args.families?.includes(name) ?? true) runFamily(dir, name, args, report, print);
  }
  print("");
  print(report.table(args.backends));
  print(report.summary());
  return empty || report.failed > 0 || report.passed === 0 ? 1 : 0;
}

function runFamily(
  dir: string,
  name: string,
  { filter, backends, shared }: Arguments,
  report: Report,
  print: Print,
): void {
  const family = readFamily(dir, name);
  if (family.problem !== null) {
    for (const backend of backends) {
      const line = report.add(name, name, backend, [{ what: "files", text: family.problem }]);
      if (line !== null) print(line);
    }
  }
  const chosen = family.entries.filter((entry) => filter.test(entry.name));
  for (const backend of backends) {
    for (const entry of chosen) {
      const line = report.add(name, entry.name, backend, runEntry(entry, family, backend, shared));
      if (line !== null) print(line);
    }
  }
}

function parse(argv: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      family: { type: "string" },
      filter: { type: "string", default: "" },
      backend: { type: "string" },
      binary: { type: "string" },
      threads: { type: "string", default: "1" },
      shared: { type: "string" },
    },
  });
  const backends = BACKENDS.filter((b) => values.backend === undefined || b === values.backend);
  if (backends.length === 0) throw new Error(`--backend is "${values.backend}"; expected ${BACKENDS.join(" or ")}`);
  const threads = Number(values.threads);
  if (!(Number.isInteger(threads) && threads > 0)) {
    throw new Error(`--threads is "${values.threads}"; expected a number of threads`);
  }
  const { binary } = values;
  if (binary === "wide") initSync({ wideVectors: true });
  else if (binary === "simd" || binary === "relaxed") initSync({ binary });
  else if (binary !== undefined) throw new Error(`--binary is "${binary}"; expected simd, relaxed or wide`);
  return {
    dirs: positionals.length > 0 ? positionals : ["../shared/golden"],
    families: values.family?.split(",") ?? null,
    filter: new RegExp(values.filter ?? ""),
    backends,
    threads,
    shared: values.shared,
  };
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await threaded(process.argv.slice(2), console.log);
}
