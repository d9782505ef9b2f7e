// Makes build/function, the folder whose content goes into the zip: the bundled handler, the kernels and the network.
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { BUNDLE } from "../digits/bundle.js";
import { writeProgram } from "../digits/weights.js";

const path = (file) => fileURLToPath(new URL(file, import.meta.url));

rmSync(path("build"), { recursive: true, force: true });
mkdirSync(path("build/function"), { recursive: true });
await build({
  ...BUNDLE,
  entryPoints: [path("src/handler.js")],
  outfile: path("build/function/handler.mjs"),
  // Not "node": the package's entry for Node looks for its files in node_modules, which the zip has not.
  platform: "neutral",
  mainFields: ["module", "main"],
  external: ["node:*"],
});
copyFileSync(
  fileURLToPath(import.meta.resolve("quadlane/kernels.simd.wasm")),
  path("build/function/kernels.simd.wasm"),
);
await writeProgram(path("build/function/lenet.qlp"));
