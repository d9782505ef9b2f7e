// The same model in ONNX Runtime for the web, as a module for the pool: what the load test compares with. It is installed by bench/peers.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const peers = createRequire(new URL("../../bench/peers/package.json", import.meta.url));
const ort = await import(pathToFileURL(peers.resolve("onnxruntime-web")).href);
// One thread each: the pool has a worker for each processor.
ort.env.wasm.numThreads = 1;

export default async ({ model }) => {
  const session = await ort.InferenceSession.create(readFileSync(model), {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
  });
  const inputs = session.inputMetadata.map(({ name, shape }) => ({
    name,
    dtype: "float32",
    shape: shape.map((size) => (typeof size === "number" ? size : null)),
  }));
  return {
    inputs,
    async run(feeds) {
      const tensors = Object.entries(feeds).map(([name, { data, shape }]) => [
        name,
        new ort.Tensor("float32", data, shape),
      ]);
      const outputs = Object.entries(await session.run(Object.fromEntries(tensors)));
      return Object.fromEntries(outputs.map(([name, { data, dims }]) => [name, { data, shape: dims }]));
    },
  };
};
