// Runs the AssemblyScript compiler for several targets side by side: node scripts/asc.js [--config FILE] TARGET…
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Appends a section to a binary that tells what it is and which sources it was compiled from: programs are lists of kernel calls, and must
 * not meet kernels other than those that they were made for.
 */
function stamp(target) {
  const sources = readdirSync(`${root}assembly`, { recursive: true })
    .filter((name) => name.endsWith(".ts"))
    .sort();
  const hash = createHash("sha256");
  for (const name of sources) hash.update(readFileSync(`${root}assembly/${name}`));
  const text = `${target} ${hash.digest("hex").slice(0, 16)}`;
  const name = "quadlane";
  const section = Buffer.concat([Buffer.of(0, 1 + name.length + text.length, name.length), Buffer.from(name + text)]);
  const file = `${root}build/kernels.${target}.wasm`;
  writeFileSync(file, Buffer.concat([readFileSync(file), section]));
}

/** Resolves to the compiler's exit code. */
function compile(args) {
  return new Promise((resolve, reject) => {
    // Through a shell, because the command is a script in node_modules/.bin, which npm puts on the path.
    const child = spawn(`asc ${args.join(" ")}`, { shell: true, stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

const args = process.argv.slice(2);
const common = args[0] === "--config" ? args.splice(0, 2) : [];
const codes = await Promise.all(args.map((target) => compile([...common, "--target", target])));
process.exitCode = Math.max(...codes);
if (process.exitCode === 0 && common.length === 0) args.forEach(stamp);
