// Runs the AssemblyScript compiler for several targets side by side: node scripts/asc.js [--config FILE] TARGET…
import { spawn } from "node:child_process";

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
