// Tests kernels where the test suite does not run them: node scripts/engines.js [--node FILE] runs the tests of ops and the golden cases
// on the relaxed and the wide binary, which need a Node of version 24, with the test of the package, and on threads with the shared memory,
// on the Node of this process.
// Without FILE, Node 24 is installed from npm below build/.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({ options: { node: { type: "string" } } });

/** Tests whose results come from the kernels that differ by binary. */
const TESTS = ["ops", "program/ops", "matmul", "conv", "conv-ways", "recurrent", "attention", "norm", "pool", "math"];
/** What calls kernels by itself gives them work space for one thread. */
const ON_THREADS = TESTS.filter((name) => name !== "matmul" && name !== "conv");
const GOLDEN = `${root}../shared/golden`;

let passed = 0;
let failed = 0;

function count(name, ok, bad) {
  console.log(`${name}: ${ok} passed, ${bad} failed`);
  passed += ok;
  failed += bad;
}

/** The path of a Node of this version, installed on first use; null if that fails. */
function installNode(version) {
  const folder = `${root}build/engines/node${version}`;
  const file = `${folder}/node_modules/node/bin/node`;
  if (!existsSync(file)) {
    const args = ["install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund", `node@${version}`];
    spawnSync("npm", args, { stdio: "inherit" });
  }
  return existsSync(file) ? file : null;
}

/** Runs the tests in one setting. */
function runTests({ name, node, env, tests }) {
  const report = `${root}build/engines-${name}.json`;
  rmSync(report, { force: true });
  const args = [
    `${root}node_modules/vitest/vitest.mjs`,
    "run",
    "--reporter=dot",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...tests.map((test) => `test/${test}.test.ts`),
  ];
  const { status } = spawnSync(node, args, { cwd: root, env: { ...process.env, ...env }, stdio: "inherit" });
  if (!existsSync(report)) return count(`tests, ${name}`, 0, 1);
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8"));
  // A file that cannot be loaded counts as no test at all, but shows in the status.
  count(`tests, ${name}`, numPassedTests, Math.max(numFailedTests, status === 0 ? 0 : 1));
}

/** Runs the golden cases, if they are there. */
function runConformance({ name, node, options }) {
  if (!existsSync(GOLDEN)) return;
  // Without the baseline compiler every call runs optimised code, the only code that differs by engine.
  const args = ["--no-liftoff", `${root}build/tools/test/conformance/main.js`, "--backend", "wasm", ...options, GOLDEN];
  const { stdout } = spawnSync(node, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  console.log(stdout);
  const sum = /(\d+) passed, (\d+) failed\s*$/.exec(stdout);
  if (sum === null) count(`conformance, ${name}`, 0, 1);
  else count(`conformance, ${name}`, Number(sum[1]), Number(sum[2]));
}

/** The settings: how their tests and golden cases are started. */
const settings = [
  {
    name: "threads",
    node: process.execPath,
    env: { QUADLANE_THREADS: "3" },
    options: ["--threads", "3"],
    tests: ON_THREADS,
  },
];
const node24 = values.node ?? installNode(24);
if (node24 === null) count("installing Node 24", 0, 1);
else {
  for (const binary of ["relaxed", "wide"]) {
    const tests = [...TESTS, "runtime", "structure", "package"];
    settings.push({
      name: binary,
      node: node24,
      env: { QUADLANE_BINARY: binary },
      options: ["--binary", binary],
      tests,
    });
  }
}
for (const setting of settings) {
  runTests(setting);
  runConformance(setting);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
