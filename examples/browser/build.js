// Makes the site in build/site: the page's scripts in bundles, the kernels where the library looks for them, and trained weights.
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { BUNDLE } from "../digits/bundle.js";
import { weightsFile } from "../digits/weights.js";

const site = new URL("build/site/", import.meta.url);
const copy = (from, to) => copyFileSync(new URL(from, import.meta.url), new URL(to, site));

rmSync(site, { recursive: true, force: true });
mkdirSync(site, { recursive: true });
await build({
  ...BUNDLE,
  entryPoints: ["page", "engine"].map((name) => fileURLToPath(new URL(`src/${name}.js`, import.meta.url))),
  outdir: fileURLToPath(new URL("lib", site)),
});
for (const file of ["index.html", "icon.svg"]) copy(`src/${file}`, file);
// In the package they lie one folder above the library's files as well, so that init() finds them.
for (const binary of ["simd", "relaxed"]) {
  copy(import.meta.resolve(`quadlane/kernels.${binary}.wasm`), `kernels.${binary}.wasm`);
}
copyFileSync(weightsFile(), new URL("lenet.safetensors", site));
