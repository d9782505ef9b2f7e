// jax-js on its WebAssembly device, one thread (its pool needs Web Workers). Every work is one jitted function. An array handed to a
// function is given away; `.ref` keeps it.
import { readFileSync } from "node:fs";
import { blockUntilReady, defaultDevice, init, jit, lax, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import { convInputs, gemmInputs, layerWeights, modelInputs } from "../../build/tools/bench/inputs.js";
import { serve } from "../../build/tools/bench/serve.js";

await init("wasm");
defaultDevice("wasm");

const toArray = ({ shape, data }) => np.array(data).reshape([...shape]);

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
  const p = (work.kernel - 1) / 2;
  const padding = [
    [p, p],
    [p, p],
  ];
  return callJob([toArray(x), toArray(weight)], (image, w) =>
    lax.convGeneralDilated(image, w, [1, 1], padding, { featureGroupCount: work.groups }),
  );
}

/** The weights in order, and the forward function, which takes them over. */
function build(model) {
  const weights = model.layers.flatMap((layer, index) => {
    const made = layerWeights(layer, index);
    return made === null ? [] : [toArray(made.weight), toArray(made.bias)];
  });
  const forward = (params, x) => {
    let next = 0;
    return model.layers.reduce((y, layer) => {
      if (layer.type === "relu") return nn.relu(y);
      if (layer.type === "maxpool") return lax.reduceWindow(y, np.max, [2, 2], [2, 2]);
      if (layer.type === "flatten") return y.reshape([y.shape[0], -1]);
      const w = params[next++];
      const b = params[next++];
      if (layer.type === "linear") return np.matmul(y, w.transpose()).add(b);
      const p = layer.padding;
      const padding = [
        [p, p],
        [p, p],
      ];
      return lax.convGeneralDilated(y, w, [1, 1], padding).add(b.reshape([1, layer.outC, 1, 1]));
    }, x);
  };
  return { weights, forward };
}

function train(work) {
  const inputs = modelInputs(work.model, work.batch);
  const x = toArray(inputs.x);
  const oneHot = nn.oneHot(np.array(inputs.labels, { dtype: np.int32 }), 10);
  const { weights, forward } = build(work.model);
  const loss = (params, image, target) =>
    nn
      .logSoftmax(forward(params, image))
      .mul(target)
      .sum()
      .mul(-1 / work.batch);
  const update = jit((params, image, target) => {
    const [value, grads] = valueAndGrad(loss)(
      params.map((p) => p.ref),
      image,
      target,
    );
    return [value, params.map((p, i) => p.sub(grads[i].mul(work.lr)))];
  });
  let params = weights;
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
  const compiled = jit((image, ...params) => forward(params, image));
  const logits = async () => Float32Array.from(await compiled(x.ref, ...weights.map((w) => w.ref)).data());
  return {
    run: logits,
    outputs: async () => [await logits()],
    dispose: () => {
      compiled.dispose();
      for (const t of [x, ...weights]) t.dispose();
    },
  };
}

const kinds = { gemm, conv, train, infer };
const { version } = JSON.parse(readFileSync(new URL("node_modules/@jax-js/jax/package.json", import.meta.url), "utf8"));

serve({
  about: `${version}, wasm device, 1 thread`,
  prepare(work) {
    const prepare = kinds[work.kind];
    if (prepare === undefined) throw new Error(`cannot do ${work.kind}`);
    return prepare(work);
  },
});
