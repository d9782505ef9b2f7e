// Tests kernels that the Node of this process may not pick: node scripts/engines.js [--node FILE] runs the tests of ops and the golden
// cases on a Node of version 24, once for each binary that needs one. Without FILE that Node is installed from npm below build/.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({ options: { node: { type: "string" } } });

/** Tests whose results come from the kernels that differ by binary. */
const TESTS = ["ops", "matmul", "conv", "recurrent", "attention", "math", "runtime"].map(
  (name) => `test/${name}.test.ts`,
);
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

/** Runs the tests with the kernels of one binary. */
function runTests(node, binary) {
  const report = `${root}build/engines-${binary}.json`;
  rmSync(report, { force: true });
  const args = [
    `${root}node_modules/vitest/vitest.mjs`,
    "run",
    "--reporter=dot",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...TESTS,
  ];
  const env = { ...process.env, QUADLANE_BINARY: binary };
  const { status } = spawnSync(node, args, { cwd: root, env, stdio: "inherit" });
  if (!existsSync(report)) return count(`tests on ${binary}`, 0, 1);
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8"));
  // A file that cannot be loaded counts as no test at all, but shows in the status.
  count(`tests on ${binary}`, numPassedTests, Math.max(numFailedTests, status === 0 ? 0 : 1));
}

/** Runs the golden cases, if they are there. */
function runConformance(node, binary) {
  if (!existsSync(GOLDEN)) return;
  // Without the baseline compiler every call runs optimised code, the only code that differs by engine.
  const args = [
    "--no-liftoff",
    `${root}build/tools/test/conformance/main.js`,
    "--backend",
    "wasm",
    "--binary",
    binary,
    GOLDEN,
  ];
  const { stdout } = spawnSync(node, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  console.log(stdout);
  const sum = /(\d+) passed, (\d+) failed\s*$/.exec(stdout);
  if (sum === null) count(`conformance on ${binary}`, 0, 1);
  else count(`conformance on ${binary}`, Number(sum[1]), Number(sum[2]));
}

const node = values.node ?? installNode(24);
if (node === null) count("installing Node 24", 0, 1);
else {
  for (const binary of ["relaxed", "wide"]) {
    runTests(node, binary);
    runConformance(node, binary);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
