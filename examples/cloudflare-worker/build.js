// Makes in build/ what `wrangler deploy` would upload: the bundled script, and beside it, as modules of their own, the kernels and the weights.
import { copyFileSync, mkdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { BUNDLE } from "../digits/bundle.js";
import { weightsFile } from "../digits/weights.js";

const path = (file) => fileURLToPath(new URL(file, import.meta.url));

/** Leaves imports of wasm and data to the runtime, below their names. */
const modules = {
  name: "modules",
  setup({ onResolve }) {
    onResolve({ filter: /\.(wasm|safetensors)$/ }, (args) => ({ path: `./${basename(args.path)}`, external: true }));
  },
};

mkdirSync(path("build"), { recursive: true });
copyFileSync(weightsFile(), path("build/lenet.safetensors"));
copyFileSync(fileURLToPath(import.meta.resolve("quadlane/kernels.simd.wasm")), path("build/kernels.simd.wasm"));
await build({
  ...BUNDLE,
  entryPoints: [path("src/worker.js")],
  outfile: path("build/worker.js"),
  conditions: ["workerd", "worker", "browser"],
  plugins: [modules],
});
