// The command line: npm run test:models -- [--filter REGEX] [--short] [--jobs N] [--data DIR]
import { execFile } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { type Form, type Outcome, problems, quarters, type Trial } from "./trial.js";
import { TRIALS } from "./trials.js";

const USAGE = `usage: npm run test:models -- [options]

Trains the small version of each model for an epoch and holds it to its bound.
  --filter REGEX  only models whose name matches
  --short         a run of seconds a model, of a few models, with lower bounds
  --jobs N        processes side by side. Default 2
  --data DIR      a folder that may have the folder fashion-mnist; what is not there is generated. Default ../shared/data`;

interface Arguments {
  readonly trials: readonly Trial[];
  readonly jobs: number;
  readonly form: Form;
}

/** What a process says of the trial that it ran. */
interface Report {
  readonly outcome: Outcome;
  /** Processor time. */
  readonly seconds: number;
}

/** Runs the command; prints with `print` and returns the exit code. */
export async function main(argv: readonly string[], print: (line: string) => void): Promise<number> {
  let args: Arguments;
  try {
    args = parse(argv);
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  const { jobs, form } = args;
  const trials = args.trials.filter((trial) => {
    const missing = trial.needs?.(form).find((path) => !existsSync(path));
    if (missing !== undefined) print(`left out ${trial.name}: ${missing} is not there`);
    return missing === undefined;
  });
  const waiting = trials.values();
  let failed = 0;
  const work = async (): Promise<void> => {
    for (const { name } of waiting) {
      const { passed, line } = await attempt(name, form);
      if (!passed) failed++;
      print(line);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  print(`${trials.length - failed} passed, ${failed} failed`);
  return failed > 0 || trials.length === 0 ? 1 : 0;
}

/** Each trial has a process of its own, so that none can change another's memory or time. */
async function attempt(name: string, form: Form): Promise<{ passed: boolean; line: string }> {
  const file = fileURLToPath(new URL("process.js", import.meta.url));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [file, name, JSON.stringify(form)]);
    return describe(name, JSON.parse(stdout) as Report);
  } catch (error) {
    return { passed: false, line: `FAILED ${name}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** A line about a trial. */
export function describe(name: string, { outcome, seconds }: Report): { passed: boolean; line: string } {
  const wrong = problems(outcome);
  const { measure, value, bound, losses } = outcome;
  const limit = "atLeast" in bound ? `≥ ${bound.atLeast.toFixed(3)}` : `≤ ${bound.atMost.toFixed(3)}`;
  const course = quarters(losses).map((loss) => loss.toFixed(3));
  const parts = [
    `${wrong.length === 0 ? "passed" : "FAILED"} ${name.padEnd(20)} ${measure} ${value.toFixed(3)} (${limit})`,
    ...(course.length === 0 ? [] : [`losses ${course.join(" ")}`]),
    `${seconds.toFixed(1)} s`,
    ...wrong,
  ];
  return { passed: wrong.length === 0, line: parts.join("  ") };
}

function parse(argv: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      filter: { type: "string", default: "" },
      short: { type: "boolean", default: false },
      jobs: { type: "string", default: "2" },
      data: { type: "string", default: "../shared/data" },
    },
  });
  const { filter = "", short = false, jobs, data = "" } = values;
  const count = Number(jobs);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--jobs is "${jobs}"; expected an integer from 1 on`);
  const wanted = new RegExp(filter);
  const trials = TRIALS.filter((trial) => wanted.test(trial.name) && (trial.short || !short));
  return { trials, jobs: count, form: { short, data } };
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2), console.log);
}
