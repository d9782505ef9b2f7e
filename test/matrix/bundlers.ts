// Pages and Workers from scripts: by the bundlers, as a command line runs them, and without.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENGINES, MADE } from "./prepare.js";

export type Maker = "none" | "vite" | "esbuild";

/** A page's name and the lines of its script, whose relative imports begin at a folder below MADE's. */
export interface Page {
  readonly name: string;
  readonly script: readonly string[];
}

/** From a page's folder to MADE. */
export const UP = "../..";

// The paths of this project's tsconfig.json are none of esbuild's business.
const ESBUILD = ["--bundle", "--format=esm", "--target=es2022", "--minify", "--tsconfig-raw={}", "--log-level=error"];

const IMPORTS = {
  quadlane: "../../../node_modules/quadlane/build/lib/index.js",
  "quadlane/program": "../../../node_modules/quadlane/build/lib/program.js",
  "@assemblyscript/loader": "../../../node_modules/@assemblyscript/loader/index.js",
};

/** Makes a page; returns its folder below MADE. */
export function makePage(maker: Maker, { name, script }: Page): string {
  const source = join(MADE, "pages", name);
  write(source, "entry.js", script);
  if (maker === "none") {
    write(
      source,
      "index.html",
      page("entry.js", `<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>`),
    );
    return `pages/${name}`;
  }
  const folder = join(MADE, maker, name);
  if (maker === "vite") {
    write(source, "index.html", page("entry.js"));
    run("vite", ["build", source, "--base=./", "--outDir", folder, "--emptyOutDir", "--logLevel=error"]);
  } else {
    // It leaves `new URL(…, import.meta.url)` as it is. So scripts import the kernels as files, and the script of workers, which the
    // library looks for beside its own, is a second entry point.
    const workers = join(ENGINES, "node_modules/quadlane/build/lib/threads_worker.js");
    const inputs = [`entry=${join(source, "entry.js")}`, `threads_worker=${workers}`];
    run("esbuild", [...inputs, ...ESBUILD, "--loader:.wasm=file", `--outdir=${folder}`]);
    write(folder, "index.html", page("entry.js"));
  }
  return `${maker}/${name}`;
}

/** Makes the script of a Worker; what it imports of other kinds are modules of their own. Returns its folder. */
export function makeWorker({ name, script }: Page): string {
  const source = join(MADE, "workers", name);
  write(source, "entry.js", script);
  const folder = join(MADE, "workerd", name);
  const modules = ["--external:*.wasm", "--external:*.onnx", "--external:*.qlp", "--conditions=workerd,worker,browser"];
  run("esbuild", [`worker=${join(source, "entry.js")}`, ...ESBUILD, ...modules, `--outdir=${folder}`]);
  return folder;
}

function page(script: string, ...head: readonly string[]): string[] {
  return [
    "<!doctype html>",
    '<meta charset="utf-8">',
    "<title>quadlane</title>",
    '<link rel="icon" href="data:,">',
    ...head,
    `<script type="module" src="./${script}"></script>`,
  ];
}

function write(folder: string, file: string, lines: readonly string[]): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), `${lines.join("\n")}\n`);
}

function run(command: string, args: readonly string[]): void {
  try {
    execFileSync(join(ENGINES, "node_modules/.bin", command), args, { stdio: "pipe", encoding: "utf8" });
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Error(`${command} failed: ${stderr || String(error)}`);
  }
}
