// jax-js on its WebAssembly device, one thread (its pool needs Web Workers). Every work is one jitted function. An array handed to a
// function is given away; `.ref` keeps it.
import { readFileSync } from "node:fs";
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import {
  adamInputs,
  attentionInputs,
  batchNormInputs,
  convInputs,
  gemmInputs,
  maxPoolInputs,
  modelInputs,
  recurrentInputs,
  rowsInputs,
} from "../../build/tools/bench/inputs.js";
import { serve } from "../../build/tools/bench/serve.js";
import { outputShape } from "../../build/tools/bench/shapes.js";
import {
  attention,
  batchNorm,
  build,
  convolution,
  layerNorm,
  recurrent as layerOf,
  maxPool,
  toArray,
} from "./jax-model.js";

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

function softmax(work) {
  return callJob([toArray(rowsInputs(work).x)], (x) => nn.softmax(x, -1));
}

function layernorm(work) {
  const { x, weights } = rowsInputs(work);
  return callJob([x, weights.weight, weights.bias].map(toArray), layerNorm);
}

function batchnorm(work) {
  const { x, weights } = batchNormInputs(work);
  const names = Object.keys(weights).filter((name) => !(work.training && name.startsWith("running_")));
  const operands = [x, ...names.map((name) => weights[name])].map(toArray);
  return callJob(operands, (images, ...given) =>
    batchNorm(Object.fromEntries(names.map((name, i) => [name, given[i]])), images, work.training),
  );
}

function maxpool(work) {
  return callJob([toArray(maxPoolInputs(work).x)], (x) => maxPool({ kernel: 3, stride: 2, padding: 1 }, x));
}

function attend(work) {
  const { q, k, v } = attentionInputs(work);
  return callJob([q, k, v].map(toArray), (x, y, z) => attention(x, y, z, false));
}

function adam(work) {
  const { parameter, gradient } = adamInputs(work);
  const g = toArray(gradient);
  const zeros = () => np.zeros([work.count]);
  let state = [toArray(parameter), zeros(), zeros()];
  let steps = 0;
  // The corrections change from step to step, so they are operands.
  const update = jit((p, m, v, d, rate, root) => {
    const mNext = m.mul(0.9).add(d.ref.mul(0.1));
    const vNext = v.mul(0.999).add(np.square(d).mul(0.001));
    const denominator = np.sqrt(vNext.ref).mul(root).add(1e-8);
    return [p.sub(mNext.ref.div(denominator).mul(rate)), mNext, vNext];
  });
  const step = async () => {
    steps++;
    const rate = np.array(1e-3 / (1 - 0.9 ** steps));
    const root = np.array(1 / Math.sqrt(1 - 0.999 ** steps));
    state = update(...state, g.ref, rate, root);
    await blockUntilReady(state.map((t) => t.ref));
  };
  return {
    run: step,
    outputs: async () => {
      for (let i = 0; i < 3; i++) await step();
      return [Float32Array.from(await state[0].ref.data())];
    },
    dispose: () => {
      update.dispose();
      for (const t of [g, ...state]) t.dispose();
    },
  };
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
    outputs: async () => {
      const losses = new Float32Array(work.losses);
      for (let i = 0; i < losses.length; i++) losses[i] = await step();
      return [losses];
    },
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

const kinds = { gemm, conv, recurrent, softmax, layernorm, batchnorm, maxpool, attention: attend, adam, train, infer };
const { version } = JSON.parse(readFileSync(new URL("node_modules/@jax-js/jax/package.json", import.meta.url), "utf8"));

serve({
  about: `${version}, wasm device, 1 thread`,
  prepare(work) {
    const prepare = kinds[work.kind];
    if (prepare === undefined) throw new Error(`cannot do ${work.kind}`);
    return prepare(work);
  },
});
