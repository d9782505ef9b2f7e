// Runs every example in its short form: npm run examples [-- NAME ...]. Ends with "N passed, N failed". Examples that are packages of their own
// are installed, and tested.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const scripts = readdirSync(path("build/tools/examples"))
  .filter((file) => file.endsWith(".js"))
  .map((file) => file.slice(0, -3));
const packages = readdirSync(path("examples")).filter((name) => existsSync(path(`examples/${name}/package.json`)));
const all = [...scripts, ...packages];
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`there is no example ${unknown.join(", ")}; expected some of ${all.join(", ")}`);
  process.exit(2);
}

/** Whether a command succeeded, what it printed, and the line that sums it up. */
function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", cwd });
  const last = stdout?.trimEnd().split("\n").at(-1);
  return { passed: status === 0, output: error === undefined ? stdout + stderr : String(error), last };
}

function runPackage(name) {
  const folder = path(`examples/${name}`);
  const installed = run("npm", ["install", "--no-audit", "--no-fund"], folder);
  if (!installed.passed) return installed;
  const tested = run("npm", ["test"], folder);
  // What Node's test runner counts, and why it left something out.
  const counts = tested.output.match(/(?:pass|fail|skipped) \d+$/gm) ?? [];
  const reasons = tested.output.match(/(?<=# SKIP ).*$/gm) ?? [];
  return { ...tested, last: [...counts, ...new Set(reasons)].join(", ") };
}

let failed = 0;
const names = wanted.length > 0 ? wanted : all;
for (const name of names) {
  const start = performance.now();
  const { passed, output, last } = packages.includes(name)
    ? runPackage(name)
    : run(process.execPath, [path(`build/tools/examples/${name}.js`), "--short"]);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${passed ? "passed" : "FAILED"} ${name.padEnd(22)} ${seconds.padStart(5)} s  ${last}`);
  if (passed) continue;
  failed++;
  console.log(output);
}
console.log(`${names.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
