// Puts the compiled modules into a few files in build/lib, which start faster than hundreds and take less room. A namespace that stands by itself
// has a file of its own, so that bundlers leave out what a program does not use.
import { readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = `${root}build/dist`;
const lib = `${root}build/lib`;

const ENTRIES = {
  index: "index.js",
  node: "node.js",
  images: "data/images_files.node.js",
  progress: "train/progress.node.js",
  report: "train/report.node.js",
  tensorboard: "train/tensorboard.node.js",
  serve: "serve/index.node.js",
  cli: "cli/main.js",
  // Scripts of workers.
  threads_worker: "runtime/threads_worker.js",
  "threads_worker.node": "runtime/threads_worker.node.js",
  "workers_serve.node": "data/workers_serve.node.js",
  "serve_worker.node": "serve/worker.node.js",
};

/** Folders with a file of their own, lower layers first; all else is the core. */
const NAMESPACES = ["optim", "data", "metrics", "train", "tune", "graph", "onnx", "models"];

const CORE = new RegExp(
  `/build/dist/(?!(?:${NAMESPACES.join("|")}|cli|serve)/|(?:index|node)\\.js$|runtime/threads_worker)(?!.*\\.node\\.js$)`,
);

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

/** The one library whose code is put in: the command line works with nothing installed beside the package. */
const INCLUDED = "commander";
const isOurs = (id) => /^(\.|\/|quadlane:)/.test(id) || id === INCLUDED || id.startsWith(root);

const within = (folder) => new RegExp(`/build/dist/${folder}/(?!.*\\.node\\.js$)`);

rmSync(lib, { recursive: true, force: true });
const bundle = await rolldown({
  input: {
    ...Object.fromEntries(Object.entries(ENTRIES).map(([name, file]) => [name, `${dist}/${file}`])),
    internals: INTERNALS,
  },
  platform: "node",
  preserveEntrySignatures: "allow-extension",
  external: (id) => !isOurs(id),
  plugins: [internals],
});
const license = readFileSync(`${root}node_modules/${INCLUDED}/LICENSE`, "utf8").trim();
await bundle.write({
  dir: lib,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "[name].js",
  // Messages name classes.
  keepNames: true,
  minify: true,
  postBanner: (chunk) => (chunk.name === "cli" ? `/* Contains ${INCLUDED}:\n${license}\n*/` : ""),
  codeSplitting: {
    includeDependenciesRecursively: false,
    // A group takes what its modules import with it: those that others build on come first.
    groups: ["core", ...NAMESPACES].map((name, i) => ({
      name,
      test: name === "core" ? CORE : within(name),
      priority: 99 - i,
    })),
  },
});
