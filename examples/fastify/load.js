// Load on loopback: node load.js [--seconds 60] [--clients 200] [--requests 960] [--wide] [--short] [steady] [kill] [compare]; all three parts without a name.
// Ends with "N passed, N failed".
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import autocannon from "autocannon";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string" },
    clients: { type: "string" },
    // Of each round of a comparison.
    requests: { type: "string", default: "960" },
    short: { type: "boolean", default: false },
    wide: { type: "boolean", default: false },
  },
});
const SECONDS = Number(values.seconds ?? (values.short ? 6 : 60));
const CLIENTS = Number(values.clients ?? (values.short ? 50 : 200));
const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const WIDE = values.wide ? ["--wide"] : [];

/** Runs `use` while a server runs with these arguments, and sees it end by SIGTERM. */
async function withServer(args, use) {
  // V8 lets garbage and its young generation grow for minutes. Without them, growth tells of a leak.
  const execArgv = ["--max-semi-space-size=8", "--expose-gc"];
  const child = fork(file("target.js"), ["--port", "0", ...args], { execArgv });
  try {
    const [message] = await Promise.race([once(child, "message"), once(child, "exit")]);
    if (message?.address === undefined) throw new Error("the server did not start");
    const result = await use(message.address, child);
    child.kill("SIGTERM");
    const [code] = await once(child, "exit", { signal: AbortSignal.timeout(60_000) });
    check("SIGTERM ends the server", code === 0, `exit code ${code}`);
    return result;
  } finally {
    child.kill("SIGKILL");
  }
}

/** Requests with random pixels, until `seconds` are over or `amount` are answered. */
function load(address, pixels, clients, bounds) {
  const body = Buffer.from(Float32Array.from({ length: pixels }, () => Math.random()).buffer);
  return autocannon({
    url: `${address}/predict`,
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body,
    connections: clients,
    timeout: 120,
    ...bounds,
  });
}

let passed = 0;
let failed = 0;
function check(what, right, found) {
  console.log(`  ${right ? "passed" : "FAILED"}: ${what} (${found})`);
  if (right) passed++;
  else failed++;
}

function checkAnswers(result) {
  const { errors, timeouts, non2xx } = result;
  check(
    "every answer is a prediction",
    errors + timeouts + non2xx === 0,
    `${errors} errors, ${timeouts} timeouts, ${non2xx} others`,
  );
}

const rate = (result) => result["2xx"] / result.duration;
const describe = ({ latency, ...result }) =>
  `  ${rate(result).toFixed(1)} requests a second, latency p50 ${latency.p50} ms, p99 ${latency.p99} ms, longest ${latency.max} ms`;

const metric = async (address, name) => {
  const text = await (await fetch(`${address}/metrics`)).text();
  return Number(new RegExp(`^${name} (.+)$`, "m").exec(text)[1]);
};

/** Many clients for a while: nothing fails, and memory does not grow. */
async function steady() {
  console.log(`LeNet, ${CLIENTS} clients for ${SECONDS} s`);
  await withServer(["--model", "lenet"], async (address, child) => {
    await load(address, 784, CLIENTS, { duration: Math.ceil(SECONDS / 4) });
    const samples = [];
    child.on("message", ({ memory }) => samples.push(memory));
    const timer = setInterval(() => child.send("memory"), Math.max(500, (1000 * SECONDS) / 30));
    const result = await load(address, 784, CLIENTS, { duration: SECONDS });
    clearInterval(timer);
    console.log(describe(result));
    console.log(`  ${(await batchRows(address)).toFixed(2)} images a batch`);
    checkAnswers(result);
    const third = Math.max(1, Math.floor(samples.length / 3));
    const mean = (list) => list.reduce((sum, v) => sum + v, 0) / list.length / 2 ** 20;
    const [first, last] = [mean(samples.slice(0, third)), mean(samples.slice(-third))];
    check("memory is flat", last < 1.1 * first, `first third ${first.toFixed(1)} MB, last third ${last.toFixed(1)} MB`);
  });
}

async function batchRows(address) {
  return (await metric(address, "quadlane_batch_rows_sum")) / (await metric(address, "quadlane_batch_rows_count"));
}

/** A worker is ended again and again: every request is answered all the same, nearly always with a prediction. */
async function kill() {
  const amount = values.short ? 3000 : 40_000;
  console.log(
    `LeNet, ${CLIENTS} clients, ${amount} requests, a worker is ended every second, or when all are there again`,
  );
  await withServer(["--model", "lenet", "--timeout", "60000"], async (address, child) => {
    const timer = setInterval(() => child.send("kill"), 1000);
    const result = await load(address, 784, CLIENTS, { amount });
    clearInterval(timer);
    console.log(describe(result));
    const { errors, timeouts, non2xx } = result;
    const answers = result["2xx"] + non2xx;
    check("every request is answered", answers === amount && errors + timeouts === 0, `${answers} of ${amount}`);
    // A request whose worker dies twice gets an error.
    check("all but a few with a prediction", non2xx <= amount / 1000, `${non2xx} with an error`);
    const deaths = await metric(address, "quadlane_worker_deaths_total");
    const retried = await metric(address, "quadlane_retried_total");
    check("workers died with requests", deaths > 0 && retried > 0, `${deaths} died, ${retried} requests ran again`);
  });
}

/** SqueezeNet in the same pool, with Quadlane and with ONNX Runtime for the web in it, in turns. */
async function compare() {
  const { MODELS } = await import("./models.js");
  const folder = mkdtempSync(join(tmpdir(), "quadlane-load-"));
  const path = join(folder, "squeezenet.onnx");
  writeFileSync(path, MODELS.squeezenet());
  const clients = Math.min(CLIENTS, 32);
  const amount = Number(values.requests);
  console.log(`SqueezeNet 1.1, ${clients} clients, 3 × ${amount} requests each`);
  const runtimes = { quadlane: WIDE, "onnxruntime-web": ["--worker", file("onnxruntime.js")] };
  const rates = { quadlane: [], "onnxruntime-web": [] };
  const cpu = { quadlane: [], "onnxruntime-web": [] };
  try {
    for (let round = 0; round < 3; round++) {
      for (const [name, args] of Object.entries(runtimes)) {
        await withServer(["--model", path, "--timeout", "600000", ...args], async (address) => {
          await load(address, 3 * 224 * 224, clients, { amount: clients });
          const before = await metric(address, "process_cpu_seconds_total");
          const start = performance.now();
          const result = await load(address, 3 * 224 * 224, clients, { amount });
          rates[name].push((1000 * amount) / (performance.now() - start));
          cpu[name].push((1000 * ((await metric(address, "process_cpu_seconds_total")) - before)) / amount);
          console.log(
            `  ${name}: ${rates[name].at(-1).toFixed(1)} a second, ${cpu[name].at(-1).toFixed(1)} ms of processor each`,
          );
          checkAnswers(result);
        });
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const ours = median(rates.quadlane);
  const theirs = median(rates["onnxruntime-web"]);
  console.log(
    `  processor time: ${(median(cpu["onnxruntime-web"]) / median(cpu.quadlane)).toFixed(2)} times as much in ONNX Runtime`,
  );
  check(
    "throughput is twice that of ONNX Runtime for the web",
    ours >= 2 * theirs,
    `${ours.toFixed(1)} and ${theirs.toFixed(1)} requests a second: ${(ours / theirs).toFixed(2)} times`,
  );
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

// ONNX Runtime is not installed for a short run.
const PARTS = { steady, kill, compare };
const wanted =
  positionals.length > 0 ? positionals : Object.keys(PARTS).filter((part) => !values.short || part !== "compare");
const unknown = wanted.filter((part) => !(part in PARTS));
if (unknown.length > 0) {
  console.error(`there is no part ${unknown.join(", ")}; expected some of ${Object.keys(PARTS).join(", ")}`);
  process.exit(2);
}
for (const part of wanted) await PARTS[part]();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
