// Runs the cases of main.ts one after the other.
import { parentPort, workerData } from "node:worker_threads";
import { memory, QuadlaneError } from "quadlane";
import { generatorOf } from "../support/make.js";
import type { Report, Task } from "./main.js";
import { mutated } from "./mutate.js";
import { type Seed, seeds } from "./seeds.js";

const SLOW_MS = 1000;
const FREE_BYTES = 2 ** 26;
/** A message for each case would take longer than the cases. */
const EVERY = 100;

const task = workerData as Task;
const report = (message: Report): void => parentPort!.postMessage(message);

const all = seeds(task.folders);
const draw = generatorOf(task.seed);
let passed = 0;
let loaded = 0;
for (let i = 0; i < task.cases; i++) {
  // Formats in turn, so that many models of one do not leave the others few cases.
  const pool = i % 2 === 0 ? all : all.filter(({ name }) => !name.startsWith("onnx"));
  const seed = pool[Math.floor(draw() * pool.length)]!;
  const bytes = mutated(seed.bytes, all[Math.floor(draw() * all.length)]!.bytes, draw);
  const name = `case ${i} of seed ${task.seed} (${seed.name}, ${bytes.length} bytes)`;
  if (i % EVERY === 0) report({ type: "begin", name });
  const problem = await problemWith(seed, bytes);
  if (problem === null) passed++;
  else report({ type: "failed", name, problem });
}
report({ type: "done", passed, loaded });

/** Reads a damaged file; null if it was read or refused as it should be. */
async function problemWith({ read }: Seed, bytes: Uint8Array): Promise<string | null> {
  const live = memory().liveBytes;
  const most = process.resourceUsage().maxRSS;
  const start = performance.now();
  try {
    await read(bytes);
    loaded++;
  } catch (error) {
    if (!(error instanceof QuadlaneError)) return `throws ${error instanceof Error ? error.stack : String(error)}`;
  }
  const ms = performance.now() - start;
  if (ms > SLOW_MS) return `takes ${ms.toFixed(0)} ms`;
  const grown = 1024 * (process.resourceUsage().maxRSS - most);
  if (grown > 4 * bytes.length + FREE_BYTES) return `takes ${grown} bytes`;
  const left = memory().liveBytes - live;
  return left === 0 ? null : `leaves ${left} bytes behind`;
}
