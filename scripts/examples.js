// Runs every example in its short form: npm run examples [-- NAME ...]. Ends with "N passed, N failed".
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../build/tools/examples/", import.meta.url));
const all = readdirSync(folder)
  .filter((file) => file.endsWith(".js"))
  .map((file) => file.slice(0, -3));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`there is no example ${unknown.join(", ")}; expected some of ${all.join(", ")}`);
  process.exit(2);
}

let failed = 0;
const names = wanted.length > 0 ? wanted : all;
for (const name of names) {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${folder}${name}.js`, "--short"], {
    encoding: "utf8",
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const last = stdout.trimEnd().split("\n").at(-1);
  console.log(`${status === 0 ? "passed" : "FAILED"} ${name.padEnd(22)} ${seconds.padStart(5)} s  ${last}`);
  if (status === 0) continue;
  failed++;
  console.log(stdout + stderr);
}
console.log(`${names.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
