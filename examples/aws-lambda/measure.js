// What the function weighs, and how long a fresh process takes to its first answer, beside one that does nothing: npm run measure [-- RUNS]
import { spawnSync } from "node:child_process";
import { argv, execPath, version } from "node:process";
import { fileURLToPath } from "node:url";
import { medians, printSizes } from "../digits/measure.js";

printSizes(new URL("build/function/", import.meta.url), ["handler.mjs", "kernels.simd.wasm", "lenet.qlp"]);

/** Milliseconds that a Node with these arguments lives. */
function lifetime(...args) {
  const before = performance.now();
  const { status, stderr } = spawnSync(execPath, args, { cwd: fileURLToPath(new URL(".", import.meta.url)) });
  if (status !== 0) throw new Error(`status ${status}: ${stderr}`);
  return performance.now() - before;
}

const { nothing, digits } = await medians(
  { nothing: () => lifetime("--eval", ""), digits: () => lifetime("local.js", "events/predict.json") },
  Number(argv[2] ?? 25),
);
const ratio = (digits / nothing).toFixed(2);
console.log(
  `Node ${version}: answer and end after ${digits.toFixed(0)} ms, ${ratio} × an empty Node's ${nothing.toFixed(0)} ms`,
);
