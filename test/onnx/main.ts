// The command line: npm run onnx-conformance -- DIR [DIR …] [--filter REGEX] [--backend js|wasm] [--way NAME]
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Backend } from "quadlane";
import { Report } from "../conformance/report.js";
import { listCases } from "./cases.js";
import { runCase, WAYS, type Way } from "./run.js";

const USAGE = `usage: npm run onnx-conformance -- DIR [DIR …] [--filter REGEX] [--backend js|wasm] [--way ${WAYS.map((w) => w.name).join("|")}]

Runs every model.onnx below each DIR on its data sets, on every back end and in every way of running.
  --filter REGEX    only cases whose name matches
  --backend js|wasm only this back end
  --way NAME        only this way`;

const BACKENDS: readonly Backend[] = ["js", "wasm"];

interface Arguments {
  readonly dirs: readonly string[];
  readonly filter: RegExp;
  readonly backends: readonly Backend[];
  readonly ways: readonly Way[];
}

/** Runs the command; prints with `print` and returns the exit code. */
export function main(argv: readonly string[], print: (line: string) => void): number {
  let args: Arguments;
  try {
    args = parse(argv);
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  const report = new Report();
  let empty = false;
  for (const dir of args.dirs) {
    const cases = listCases(dir);
    if (cases.length === 0) {
      empty = true;
      print(`${dir} holds no case`);
    }
    for (const entry of cases.filter((c) => args.filter.test(c.name))) {
      for (const backend of args.backends) {
        for (const way of args.ways) {
          const { op, findings } = runCase(entry, backend, way);
          const line = report.add(op, entry.name, `${backend} ${way.name}`, findings);
          if (line !== null) print(line);
        }
      }
    }
  }
  print("");
  print(report.table(args.backends.flatMap((b) => args.ways.map((w) => `${b} ${w.name}`))));
  print(report.summary());
  return empty || report.failed > 0 || report.passed === 0 ? 1 : 0;
}

function parse(argv: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      filter: { type: "string", default: "" },
      backend: { type: "string" },
      way: { type: "string" },
    },
  });
  if (positionals.length === 0) throw new Error("no folder is given");
  const backends = BACKENDS.filter((b) => values.backend === undefined || b === values.backend);
  if (backends.length === 0) throw new Error(`--backend is "${values.backend}"; expected ${BACKENDS.join(" or ")}`);
  const ways = WAYS.filter((w) => values.way === undefined || w.name === values.way);
  if (ways.length === 0) throw new Error(`--way is "${values.way}"; expected ${WAYS.map((w) => w.name).join(" or ")}`);
  return { dirs: positionals, filter: new RegExp(values.filter), backends, ways };
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = main(process.argv.slice(2), console.log);
}
