// The command line: npm run fingerprints -- FILE [--only REGEX] [--backend js|wasm]
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Backend, getBackend, setBackend } from "quadlane";
import { type Fingerprint, mismatch, readFingerprints } from "./fingerprint.js";

const USAGE = `usage: npm run fingerprints -- FILE [--only REGEX] [--backend js|wasm]

Builds each model of FILE by its name, fills it by formula, and compares state-dict keys and output.
  --only REGEX      only models whose name matches
  --backend js|wasm default wasm`;

const BACKENDS: readonly Backend[] = ["js", "wasm"];

interface Arguments {
  readonly fingerprints: readonly Fingerprint[];
  readonly backend: Backend;
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
  const before = getBackend();
  setBackend(args.backend);
  try {
    let failed = 0;
    for (const fingerprint of args.fingerprints) {
      const problem = mismatch(fingerprint);
      if (problem === null) continue;
      failed++;
      print(`FAIL ${fingerprint.name}: ${problem}`);
    }
    const passed = args.fingerprints.length - failed;
    print(`${passed} passed, ${failed} failed`);
    return failed > 0 || passed === 0 ? 1 : 0;
  } finally {
    setBackend(before);
  }
}

function parse(argv: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { only: { type: "string", default: "" }, backend: { type: "string", default: "wasm" } },
  });
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) throw new Error(`${positionals.length} files; expected one`);
  const backend = BACKENDS.find((b) => b === values.backend);
  if (backend === undefined) throw new Error(`--backend is "${values.backend}"; expected ${BACKENDS.join(" or ")}`);
  const only = new RegExp(values.only ?? "");
  return { fingerprints: readFingerprints(file).filter((f) => only.test(f.name)), backend };
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = main(process.argv.slice(2), console.log);
}
