// Makes in build/ what `wrangler deploy` would upload: the bundled script, and beside it, as modules of their own, the kernels and the network.
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { BUNDLE } from "../digits/bundle.js";
import { writeProgram } from "../digits/weights.js";

const path = (file) => fileURLToPath(new URL(file, import.meta.url));

/** Leaves imports of wasm and data to the runtime, below their names. */
const modules = {
  name: "modules",
  setup({ onResolve }) {
    onResolve({ filter: /\.(wasm|qlp)$/ }, (args) => ({ path: `./${basename(args.path)}`, external: true }));
  },
};

rmSync(path("build"), { recursive: true, force: true });
mkdirSync(path("build"), { recursive: true });
await writeProgram(path("build/lenet.qlp"));
copyFileSync(fileURLToPath(import.meta.resolve("quadlane/kernels.simd.wasm")), path("build/kernels.simd.wasm"));
await build({
  ...BUNDLE,
  entryPoints: [path("src/worker.js")],
  outfile: path("build/worker.js"),
  conditions: ["workerd", "worker", "browser"],
  plugins: [modules],
});
