// What the Worker weighs, and how long workerd takes from its start to the first answer, beside an empty Worker: npm run measure [-- RUNS]
import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { kilobytes, medians, printSizes } from "../digits/measure.js";
import { start } from "./serve.js";

printSizes(new URL("build/", import.meta.url), ["worker.js", "kernels.simd.wasm", "lenet.qlp"]);

const image = {
  method: "POST",
  headers: { "content-type": "application/octet-stream" },
  body: new Uint8Array(784).fill(255, 300, 500),
};
let resident = 0;

/** Milliseconds from the start of the process to its first answer. */
async function firstAnswer(config, path, request) {
  const before = performance.now();
  const { address, pid, stop } = await start(config);
  const response = await fetch(`${address}${path}`, request);
  await response.text();
  const ms = performance.now() - before;
  resident = Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
  await stop();
  if (!response.ok) throw new Error(`status ${response.status}; expected 200`);
  return ms;
}

const { empty, digits } = await medians(
  {
    empty: () => firstAnswer("empty.capnp", "/"),
    digits: () => firstAnswer("config.capnp", "/predict", image),
  },
  Number(argv[2] ?? 15),
);
const ratio = (digits / empty).toFixed(2);
console.log(`first answer after ${digits.toFixed(0)} ms, ${ratio} × an empty Worker's ${empty.toFixed(0)} ms`);
console.log(`then ${kilobytes(resident)} are resident`);
