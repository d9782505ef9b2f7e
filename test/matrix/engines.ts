// The engines, and how each is started.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { Pages } from "./browser.js";
import { type Maker, makePage, makeWorker, UP } from "./bundlers.js";
import type { First, Participant } from "./cold.js";
import { makeColdPage, makeColdWorker, processStart } from "./cold-scripts.js";
import { ENGINES, INSIDE } from "./prepare.js";
import { processSubject, type Subject } from "./subject.js";
import { configure, WORKERD, workerSubject } from "./workerd.js";

export interface Engine {
  readonly name: string;
  /** How the library is used there. */
  readonly use: string;
  /** Whether kernels can run on several threads there; if not, `runtime().whyThreads` has these words. */
  readonly threads: true | string;
  /** Whether it loads native add-ons. */
  readonly native: boolean;
  /** Tells the version. */
  prepare(): Promise<string>;
  open(): Promise<Subject>;
  /** Makes what a participant needs; the function that comes back starts it afresh each time. */
  cold(participant: Participant): Promise<() => Promise<First>>;
}

const bin = (name: string): string => join(ENGINES, "node_modules", name);

/** An engine that runs a script as a process. */
function processEngine(name: string, command: readonly string[], version: RegExp, use: string): Engine {
  return {
    name,
    use,
    threads: true,
    native: true,
    prepare: async () => version.exec(execFileSync(command[0]!, ["--version"], { encoding: "utf8" }))![1]!,
    open: async () => processSubject([...command, join(INSIDE, "process.js")]),
    cold: async (participant) => () => processStart(command, participant),
  };
}

const NODE = 'Ready on import; `await init({ threads: "auto" })` for threads.';
const WIDE = "`await init({ wideVectors: true })` for 256-bit vectors, on x64.";
const WORKER = [`export { default } from "${UP}/inside/worker.js";`];
const node = (major: string, command: string, use = NODE): Engine =>
  processEngine(`Node ${major}`, [command], /v([\d.]+)/, use);

/** All pages share a browser, which starts with the first one. */
let pages: Promise<Pages> | null = null;

export async function closePages(): Promise<void> {
  await (await pages)?.close();
  pages = null;
}

interface PageEngine {
  readonly name: string;
  readonly use: string;
  readonly threads: true | string;
  /** Of the paths on the server: whether the page is isolated. */
  readonly prefix: "isolated" | "plain";
  readonly maker: Maker;
}

function pageEngine({ name, use, threads, prefix, maker }: PageEngine): Engine {
  const addressOf = (folder: string): string => `${prefix}/build/${folder}/index.html`;
  const script = maker === "esbuild" ? "page-imported" : "page";
  return {
    name,
    use,
    threads,
    native: false,
    async prepare() {
      pages ??= Pages.open();
      return (await pages).version;
    },
    async open() {
      const folder = makePage(maker, { name: script, script: [`import "${UP}/inside/${script}.js";`] });
      return (await pages!).subject(addressOf(folder));
    },
    async cold(participant) {
      const folder = makeColdPage(maker, participant);
      return async () => (await pages!).firstResult(addressOf(folder));
    },
  };
}

export const engines: readonly Engine[] = [
  node("20", process.execPath),
  node("22", bin("node22/bin/node")),
  node("24", bin("node24/bin/node"), `${NODE} ${WIDE}`),
  node("26", bin("node26/bin/node"), `${NODE} ${WIDE}`),
  processEngine(
    "Deno",
    [bin(".bin/deno"), "run", "-A"],
    /deno ([\d.]+)/,
    `${NODE} The package is read, which \`-R\` permits.`,
  ),
  processEngine("Bun", [bin(".bin/bun")], /([\d.]+)/, NODE),
  {
    name: "workerd",
    use: 'Import the kernels: `import kernels from "quadlane/kernels.relaxed.wasm"; await init(kernels)`. One thread.',
    threads: "a compiled module cannot be given a shared memory",
    native: false,
    prepare: async () => /([\d-]+)/.exec(execFileSync(WORKERD, ["--version"], { encoding: "utf8" }))![1]!,
    open: () =>
      workerSubject(configure(makeWorker({ name: "subject", script: WORKER }), { binaries: ["simd", "relaxed"] })),
    cold: async (participant) => makeColdWorker(participant),
  },
  pageEngine({
    name: "Chromium, isolated page",
    use: '`await init({ threads: "auto" })` before the first tensor; kernels and workers are loaded from beside the script.',
    threads: true,
    prefix: "isolated",
    maker: "none",
  }),
  pageEngine({
    name: "Chromium, page",
    use: "`await init()` before the first tensor. Threads need the two headers that isolate a page.",
    threads: "the page is not cross-origin isolated",
    prefix: "plain",
    maker: "none",
  }),
  pageEngine({
    name: "Chromium, Vite",
    use: "`await init()`; Vite finds the kernels and the script of workers.",
    threads: true,
    prefix: "isolated",
    maker: "vite",
  }),
  pageEngine({
    name: "Chromium, esbuild",
    use:
      'With `--loader:.wasm=file`: `import relaxed from "quadlane/kernels.relaxed.wasm"`, the same for `simd`, and ' +
      "`await init((binary) => ({ relaxed, simd })[binary])`. For threads make `build/lib/threads_worker.js` of the package an entry point " +
      "whose output lies beside the bundle.",
    threads: true,
    prefix: "isolated",
    maker: "esbuild",
  }),
];
