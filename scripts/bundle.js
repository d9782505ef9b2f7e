// Puts the compiled modules into a few files in build/lib, which start faster than hundreds and take less room. A namespace that stands by itself
// has a file of its own, so that bundlers leave out what a program does not use.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { esmExternalRequirePlugin } from "rolldown/plugins";
import { writeDeclarations } from "./declarations.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = `${root}build/dist`;
const lib = `${root}build/lib`;

/** What users import, with declarations. */
const PUBLIC = {
  index: "index.js",
  node: "node.js",
  program: "program/index.js",
  "program.node": "program/index.node.js",
  images: "data/images_files.node.js",
  progress: "train/progress.node.js",
  report: "train/report.node.js",
  tensorboard: "train/tensorboard.node.js",
  serve: "serve/index.node.js",
};

/** What the system starts. */
const SCRIPTS = {
  cli: "cli/main.js",
  // Workers.
  "threads_worker.node": "runtime/threads_worker.node.js",
  "workers_serve.node": "data/workers_serve.node.js",
  "serve_worker.node": "serve/worker.node.js",
};

/** Folders with a file of their own, lower layers first; all else is the core. */
const NAMESPACES = ["optim", "data", "metrics", "train", "tune", "graph", "onnx", "models"];

const CORE = new RegExp(
  `/build/dist/(?!(?:${NAMESPACES.join("|")}|cli|program|serve)/|(?:index|node)\\.js$|runtime/threads_worker)(?!.*\\.node\\.js$)`,
);

/** All that a program needs, and what the rest shares with it. */
const PROGRAM = /\/build\/dist\/(?:program\/(?!index)|(?:errors|check|shape|types|backend\/(?:probe|source))\.js$)/;

/** What reads files in Node, for programs and for the rest. */
const FILES = /\/build\/dist\/(?:backend\/files|runtime\/system)\.node\.js$/;

/** What the lower layers do in Node; workers load it too. */
const SYSTEM = /\/build\/dist\/(?:(?:backend|runtime|io)\/(?!threads_worker|files|system)\w+|data\/workers)\.node\.js$/;

/** What benchmarks look at and nobody else: the live table of kernels and the arena. It is not part of the package. */
const INTERNALS = "quadlane:internals";
const internals = {
  name: "internals",
  resolveId: (id) => (id === INTERNALS ? id : null),
  load: (id) =>
    id === INTERNALS
      ? `export * from "${dist}/backend/index.js"; export { arena } from "${dist}/runtime/arena.js";`
      : null,
};

/** Modules of Node; the plugin leaves them outside, also where they are required. */
const BUILT_IN = /^node:/;

/** The one library whose code is put in: the command line works with nothing installed beside the package. */
const INCLUDED = "commander";
const isOurs = (id) => /^(\.|\/|quadlane:|builtin:)/.test(id) || id === INCLUDED || id.startsWith(root);
const modules = (entries) =>
  Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, `${dist}/${file}`]));

/** A file in ASCII is read and parsed faster than one with a single character beyond. */
const ascii = {
  name: "ascii",
  generateBundle(_, files) {
    for (const file of Object.values(files)) {
      file.code = file.code.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
    }
  },
};

/** Whose names the minifier keeps. */
const CLASSES = { class: true, function: false };

const within = (folder) => new RegExp(`/build/dist/${folder}/(?!.*\\.node\\.js$)`);

rmSync(lib, { recursive: true, force: true });
const bundle = await rolldown({
  input: {
    ...modules(PUBLIC),
    ...modules(SCRIPTS),
    internals: INTERNALS,
  },
  // What only Node has must not get into what runs elsewhere, not even by way of the helpers that all files share.
  platform: "neutral",
  preserveEntrySignatures: "allow-extension",
  external: (id) => !isOurs(id) && !BUILT_IN.test(id),
  plugins: [internals, esmExternalRequirePlugin({ external: [BUILT_IN] }), ascii],
});
const license = readFileSync(`${root}node_modules/${INCLUDED}/LICENSE`, "utf8").trim();
await bundle.write({
  dir: lib,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "[name].js",
  // Messages name classes; names of functions would cost a tenth of the code.
  minify: { compress: { keepNames: CLASSES }, mangle: { toplevel: true, keepNames: CLASSES } },
  postBanner: (chunk) => (chunk.name === "cli" ? `/* Contains ${INCLUDED}:\n${license}\n*/` : ""),
  codeSplitting: {
    includeDependenciesRecursively: false,
    // A group takes what its modules import with it: those that others build on come first.
    groups: [
      ["base", PROGRAM],
      ["files", FILES],
      ["core", CORE],
      ["system", SYSTEM],
      ...NAMESPACES.map((name) => [name, within(name)]),
    ].map(([name, test], i) => ({ name, test, priority: 99 - i })),
  },
});

// The script of a Web Worker stands alone: bundlers make another bundle of it, and a worker starts without the rest of the library.
const script = await rolldown({ input: `${dist}/runtime/threads_worker.js`, platform: "neutral" });
await script.write({ file: `${lib}/threads_worker.js`, format: "esm", minify: true });

await writeDeclarations(modules(PUBLIC), lib);
// Engines and bundlers that import WebAssembly give the compiled module.
writeFileSync(`${lib}/kernels.d.ts`, "declare const kernels: WebAssembly.Module;\nexport default kernels;\n");
