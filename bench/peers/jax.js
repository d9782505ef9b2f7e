// jax-js on its WebAssembly device, one thread (its pool needs Web Workers). Every work is one jitted function. An array handed to a
// function is given away; `.ref` keeps it.
import { readFileSync } from "node:fs";
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import { convInputs, gemmInputs, modelInputs, recurrentInputs } from "../../build/tools/bench/inputs.js";
import { serve } from "../../build/tools/bench/serve.js";
import { outputShape } from "../../build/tools/bench/shapes.js";
import { build, convolution, recurrent as layerOf, toArray } from "./jax-model.js";

await init("wasm");
defaultDevice("wasm");

function callJob(operands, fn) {
  const compiled = jit(fn);
  const call = () => compiled(...operands.map((x) => x.ref));
  return {
    run: async () => {
      const y = call();
      await blockUntilReady(y.ref);
      y.dispose();
    },
    outputs: async () => [Float32Array.from(await call().data())],
    dispose: () => {
      compiled.dispose();
      for (const x of operands) x.dispose();
    },
  };
}

function gemm(work) {
  const { a, b } = gemmInputs(work);
  return callJob([toArray(a), toArray(b)], (x, y) => np.matmul(x, y));
}

function conv(work) {
  const { x, weight } = convInputs(work);
  return callJob([toArray(x), toArray(weight)], (image, w) =>
    convolution(image, w, 1, (work.kernel - 1) / 2, work.groups),
  );
}

function recurrent(work) {
  const inputs = recurrentInputs(work);
  const names = Object.keys(inputs.weights);
  const operands = [inputs.x, ...Object.values(inputs.weights)].map(toArray);
  return callJob(operands, (x, ...given) =>
    layerOf(work.cell, work.outF, Object.fromEntries(names.map((name, i) => [name, given[i]])), x),
  );
}

function train(work) {
  const inputs = modelInputs(work.model, work.batch);
  const classes = outputShape(work.model).at(-1);
  const x = toArray(inputs.x);
  const oneHot = nn.oneHot(np.array(inputs.labels, { dtype: np.int32 }), classes);
  const { weights, forward } = build(work.model, { training: true });
  const names = Object.keys(weights);
  const keyed = (list) => Object.fromEntries(names.map((name, i) => [name, list[i]]));
  const loss = (params, input, target) =>
    nn
      .logSoftmax(forward(keyed(params), input).reshape([-1, classes]))
      .mul(target)
      .sum()
      .mul(-1 / inputs.labels.length);
  const update = jit((params, input, target) => {
    const [value, grads] = valueAndGrad(loss)(
      params.map((p) => p.ref),
      input,
      target,
    );
    return [value, params.map((p, i) => p.sub(grads[i].mul(work.lr)))];
  });
  let params = names.map((name) => weights[name]);
  const step = async () => {
    const [value, updated] = update(params, x.ref, oneHot.ref);
    params = updated;
    await blockUntilReady(params.map((p) => p.ref));
    return (await value.data())[0];
  };
  return {
    run: step,
    outputs: async () => [Float32Array.of(await step(), await step(), await step())],
    dispose: () => {
      update.dispose();
      for (const t of [x, oneHot, ...params]) t.dispose();
    },
  };
}

function infer(work) {
  const x = toArray(modelInputs(work.model, work.batch).x);
  const { weights, forward } = build(work.model);
  const names = Object.keys(weights);
  const operands = names.map((name) => weights[name]);
  const compiled = jit((input, ...given) =>
    forward(Object.fromEntries(names.map((name, i) => [name, given[i]])), input),
  );
  const logits = async () => Float32Array.from(await compiled(x.ref, ...operands.map((w) => w.ref)).data());
  return {
    run: logits,
    outputs: async () => [await logits()],
    dispose: () => {
      compiled.dispose();
      for (const t of [x, ...operands]) t.dispose();
    },
  };
}

const kinds = { gemm, conv, recurrent, train, infer };
const { version } = JSON.parse(readFileSync(new URL("node_modules/@jax-js/jax/package.json", import.meta.url), "utf8"));

serve({
  about: `${version}, wasm device, 1 thread`,
  prepare(work) {
    const prepare = kinds[work.kind];
    if (prepare === undefined) throw new Error(`cannot do ${work.kind}`);
    return prepare(work);
  },
});
