// The subject in Node, Deno and Bun: a process that reads one call a line and answers with a line of JSON.
import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { checkOps } from "../../../build/tools/test/matrix/ops.js";
import { tasksOf } from "../../../build/tools/test/matrix/tasks.js";
import { answer } from "./answer.js";

const fromFile = (binary) => readFileSync(new URL(`../kernels.${binary}.wasm`, import.meta.url));
const tasks = { ...tasksOf(), ops: (step) => checkOps(step, fromFile) };

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(tasks, JSON.parse(line)))}\n`);
}
process.exit(0);
