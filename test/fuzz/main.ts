// The command line: npm run fuzz -- [--cases N] [--seed N] [ONNX-FOLDER …]
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";

const USAGE = `usage: npm run fuzz -- [--cases N] [--seed N] [ONNX-FOLDER …]

Damages files of every format that the library reads, and reads them: each must load, or be refused with an error of the library's,
within a second and without more memory than four times the file and 64 MB.
  --cases N   how many (default 20000)
  --seed N    where the draws begin (default 1)`;

/** Milliseconds after which a case hangs. The worker itself reports what takes more than a second. */
const DEADLINE = 10_000;

export interface Task {
  readonly cases: number;
  readonly seed: number;
  readonly folders: readonly string[];
}

/** What the worker tells: a case begins, a case has failed, and the end. */
export type Report =
  | { readonly type: "begin"; readonly name: string }
  | { readonly type: "failed"; readonly name: string; readonly problem: string }
  | { readonly type: "done"; readonly passed: number; readonly loaded: number };

async function main(argv: readonly string[]): Promise<number> {
  let task: Task;
  try {
    task = parse(argv);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  let failed = 0;
  const passed = await run(task, (name, problem) => {
    failed++;
    console.log(`FAIL ${name}: ${problem}`);
  });
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 || passed < task.cases ? 1 : 0;
}

function parse(argv: readonly string[]): Task {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { cases: { type: "string", default: "20000" }, seed: { type: "string", default: "1" } },
  });
  const [cases, seed] = [values.cases, values.seed].map(Number) as [number, number];
  if (!(Number.isInteger(cases) && cases > 0 && Number.isInteger(seed))) {
    throw new Error(`--cases ${values.cases} --seed ${values.seed}; expected integers, and one case or more`);
  }
  return { cases, seed, folders: positionals };
}

/** Runs all cases in a worker that is watched; returns how many passed. */
function run(task: Task, fail: (name: string, problem: string) => void): Promise<number> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: task });
    let current = "the start";
    let timer = setTimeout(hangs, DEADLINE);
    function hangs(): void {
      fail(current, `hangs for ${DEADLINE / 1000} s`);
      void worker.terminate().then(() => resolve(0));
    }
    worker.on("message", (report: Report) => {
      clearTimeout(timer);
      if (report.type === "begin") current = report.name;
      else if (report.type === "failed") fail(report.name, report.problem);
      else {
        console.log(`${report.loaded} of ${task.cases} damaged files could still be read`);
        resolve(report.passed);
        return;
      }
      timer = setTimeout(hangs, DEADLINE);
    });
    worker.on("error", (error) => {
      clearTimeout(timer);
      fail(current, `crashes: ${error.stack ?? error.message}`);
      resolve(0);
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2));
