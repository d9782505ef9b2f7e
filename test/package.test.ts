import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bundleProgram, compileTypes, installPackage, runScript } from "./support/consumer.js";

const root = fileURLToPath(new URL("..", import.meta.url));
// The README says of these that they are the user's to install.
const consumer = installPackage(["cli-progress@3", "piscina@5"]);
const { files, manifest } = consumer;

/** Blocks of TypeScript in the README. */
const snippets = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map((m) => m[1]!);

/** A Node that can `require` ES modules: this one, or one that `npm run test:engines` has installed. */
function requiringNode(): string | null {
  if (Number.parseInt(process.versions.node, 10) >= 22) return process.execPath;
  const installed = ["26", "24", "22"].map((v) => join(root, `build/engines/node${v}/node_modules/node/bin/node`));
  return installed.find((file) => existsSync(file)) ?? null;
}

const INFERENCE = `
  import { compile, init, nn, runtime, tensor } from "quadlane";
  if (runtime().backend === "js") await init(KERNELS);
  const model = new nn.Sequential(new nn.Linear(3, 2), new nn.ReLU());
  model.loadStateDict({ "0.weight": tensor([[1, 0, 2], [0, -1, 0]]), "0.bias": tensor([0.5, 0.25]) });
  model.eval();
  const session = compile(model, tensor([[0, 0, 0]]));
  console.log(runtime().backend, JSON.stringify(session.run({ input: tensor([[1, 2, 3]]) }).output.tolist()));
`;
/** What it prints. */
const INFERRED = "wasm [[7.5,0]]\n";

describe("the package", () => {
  test("holds what is listed here and nothing else", () => {
    const chunks =
      "base core data files graph metrics models node2 onnx optim program2 rolldown-runtime train tune dist system batch session_model onnx_model.node".split(
        " ",
      );
    const entries = "images index node program program.node progress report serve tensorboard".split(" ");
    const workers =
      "threaded threaded_splits threads_worker threads_worker.node workers_serve.node serve_worker.node".split(" ");
    const expected = [
      ...["LICENSE", "README.md", "package.json"],
      ...["relaxed", "simd", "wide"].map((name) => `build/kernels.${name}.wasm`),
      ...[...chunks, ...entries, ...workers, "cli"].map((name) => `build/lib/${name}.js`),
      ...[...entries, "shared", "kernels"].map((name) => `build/lib/${name}.d.ts`),
    ];
    expect(files.map((f) => f.path).sort()).toEqual(expected.sort());
  });

  // The aim is 1.5 MB; with docs in its declarations and three binaries the package is above it, and must not grow unnoticed.
  test("stays small", () => {
    for (const { path, size } of files) if (path.endsWith(".wasm")) expect(size, path).toBeLessThanOrEqual(200 * 1024);
    expect(files.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(2_250_000);
  });

  test("runs nothing when it is installed", () => {
    const run = ["preinstall", "install", "postinstall"].filter((name) => manifest.scripts?.[name] !== undefined);
    expect(run).toEqual([]);
    // Without a script npm would compile this.
    expect(files.filter((f) => f.path.endsWith(".gyp"))).toEqual([]);
    // "prepare" is for a checkout: had it run, there would be the modules of the build.
    expect(existsSync(join(consumer.folder, "node_modules/quadlane/build/dist"))).toBe(false);
  });

  test("has every file that its exports name", () => {
    const named = JSON.stringify(manifest.exports).match(/\.\/[^"]*\.(?:js|ts|wasm|json)(?=")/g)!;
    const packed = files.map((f) => `./${f.path}`);
    const keys = Object.keys(manifest.exports);
    expect(named.filter((path) => !packed.includes(path) && !keys.includes(path))).toEqual([]);
  });
});

describe("README's snippets", () => {
  test("are there", () => {
    expect(snippets.length).toBeGreaterThanOrEqual(2);
  });

  const named = Object.fromEntries(snippets.map((text, i) => [`snippet${i}.ts`, text]));
  const used = `
    import kernels from "quadlane/kernels.wasm";
    import { init, Tensor, tensor } from "quadlane";
    import type { ImageFolder } from "quadlane/images";
    import type { HtmlReport } from "quadlane/report";
    import type { TensorBoardLogger } from "quadlane/tensorboard";
    export const module: WebAssembly.Module = kernels;
    export const product: Tensor = tensor([1, 2]).mul(2).relu();
    export type Peers = [ImageFolder, HtmlReport, TensorBoardLogger];
    await init(kernels, { binary: "simd" });
    // @ts-expect-error Methods have types of their own.
    tensor([1]).mul({});
  `;

  test("compile with every declaration checked, as bundlers resolve modules", () => {
    compileTypes(consumer, "bundler", { ...named, "used.ts": used });
  });

  test("compile with every declaration checked, as Node resolves modules, and run", () => {
    compileTypes(consumer, "node16", { ...named, "used.ts": used }, "compiled");
    for (let i = 0; i < snippets.length; i++) {
      const text = readFileSync(join(consumer.folder, `compiled/snippet${i}.js`), "utf8");
      expect(runScript(consumer, `snippet${i}.js`, text), `snippet ${i}`).not.toBe("");
    }
  }, 600_000);
});

describe("Node", () => {
  test("requires the package like any other", (context) => {
    const node = requiringNode();
    if (node === null) {
      return context.skip("Node 22 or later is needed to require ES modules; npm run test:engines runs this there");
    }
    const text = `const { runtime, tensor } = require("quadlane");
      console.log(runtime().backend, tensor([1, 2]).mul(2).tolist().join());`;
    expect(runScript(consumer, "require.cjs", text, { node, flags: ["--no-warnings"] })).toBe("wasm 2,4\n");
  });

  test("runs it where no code may be made from strings", () => {
    const text = `
      import assert from "node:assert/strict";
      import { compile, data, functional as F, init, nn, noGrad, onnx, optim, setBackend, tensor, train } from "quadlane";
      assert.throws(() => new Function("return 1"), EvalError);
      await init({ threads: 2 });
      for (const backend of ["wasm", "js"]) {
        setBackend(backend);
        const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 8), new nn.ReLU(), new nn.Linear(8, 10));
        const trainer = new train.Trainer(model, { optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), loss: F.crossEntropy });
        await trainer.fit(new data.DataLoader(data.drawDigits(64), { batchSize: 32 }), { epochs: 1 });
        model.eval();
        const x = tensor(new Float32Array(784).fill(0.5), { shape: [1, 1, 28, 28] });
        const expected = noGrad(() => model.forward(x)).tolist();
        const close = (y) => assert.ok(y.tolist()[0].every((v, i) => Math.abs(v - expected[0][i]) < 1e-5));
        close(compile(model, x).run({ input: x }).output);
        const bytes = onnx.save(model, x);
        close(noGrad(() => onnx.load(bytes.model ?? bytes).forward(x)));
      }
      console.log("done");`;
    const flags = ["--disallow-code-generation-from-strings"];
    expect(runScript(consumer, "strings.mjs", text, { flags })).toBe("done\n");
  });

  test("gives classes the names that messages use", () => {
    const text = `
      import * as quadlane from "quadlane";
      const seen = (space) => Object.entries(space).flatMap(([key, value]) =>
        String(value) === "[object Module]" ? seen(value) : [[key, value]]);
      const classes = seen(quadlane).filter(([, value]) => typeof value === "function" && /^class/.test(String(value)));
      console.log(classes.length > 200, classes.filter(([key, { name }]) => key !== name).map(([key]) => key).join());`;
    expect(runScript(consumer, "names.mjs", text)).toBe("true \n");
    // Two of one name in one file: the bundler numbers the second.
    const numbered = files.filter(
      ({ path }) =>
        path.endsWith(".js") &&
        /\w\$\d+\s*=\s*class/.test(readFileSync(join(consumer.folder, "node_modules/quadlane", path), "utf8")),
    );
    expect(numbered).toEqual([]);
  });

  test("runs a bundle, which finds the installed kernels", async () => {
    const { taken } = await bundleProgram(consumer, INFERENCE, { conditions: ["node"], name: "for-node.mjs" });
    expect(taken.has("core.js")).toBe(true);
    expect(runScript(consumer, "run-bundle.mjs", `await import("./for-node.mjs");`)).toBe(INFERRED);
  });
});

describe("bundles", () => {
  test.each([
    ["browsers", ["browser"]],
    ["workers", ["worker"]],
    ["workerd", ["workerd", "worker", "browser"]],
    ["anything else", []],
  ])("for %s need nothing of Node", async (_, conditions) => {
    const text = `export * from "quadlane"; export { default as x } from "quadlane/package.json";`;
    const { code, taken, imports } = await bundleProgram(consumer, text, { conditions });
    expect(imports).toEqual([]);
    expect(code.match(/.{0,30}(?:["'`]node:|\brequire\(|\bnew Function\b|\bprocess\.versions\b).{0,30}/g)).toBeNull();
    expect([...taken.keys()]).toEqual(expect.arrayContaining(["core.js", "onnx.js", "models.js"]));
  });

  test("of a program that only infers leave training, data and models out, and run", async () => {
    const { code, taken } = await bundleProgram(consumer, INFERENCE, { conditions: ["browser"] });
    const unused = ["data", "metrics", "models", "onnx", "optim", "train", "tune"].map((name) => `${name}.js`);
    expect(unused.filter((file) => taken.has(file))).toEqual([]);
    expect([...taken.keys()]).toEqual(expect.arrayContaining(["core.js", "graph.js"]));
    expect(code.match(/\b(?:AdamW|Trainer|ResNet|protobuf)\b/g)).toBeNull();
    expect(code.length).toBeLessThan(440_000);
    const kernels = JSON.stringify(join(consumer.folder, "node_modules/quadlane/build/kernels.simd.wasm"));
    const start = `import { readFileSync } from "node:fs";
      globalThis.KERNELS = new WebAssembly.Module(readFileSync(${kernels}));
      await import("./program.js");`;
    expect(runScript(consumer, "start.mjs", start)).toBe(INFERRED);
  });
});
