// TensorFlow.js, on its WebAssembly or its plain JavaScript back end (argument: wasm | cpu). Its layouts are NHWC and [k, k, in, out];
// everything is converted outside the time that is measured.
import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { convInputs, gemmInputs, layerWeights, modelInputs } from "../../build/tools/bench/inputs.js";
import { serve } from "../../build/tools/bench/serve.js";

const backend = process.argv[2];
if (backend === "wasm") {
  const { setThreadsCount, setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  const file = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(`${dirname(file)}/`);
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  setThreadsCount(1);
}
await tf.setBackend(backend);
await tf.ready();

const permuted = (values, order) => tf.tidy(() => tf.transpose(tf.tensor(values.data, [...values.shape]), order));
const values = (t) => Float32Array.from(t.dataSync());
/** NHWC → NCHW for images; anything else as it is. */
const standard = (t) => tf.tidy(() => values(t.rank === 4 ? tf.transpose(t, [0, 3, 1, 2]) : t));

function callJob(operands, call) {
  return {
    run: () => call().dispose(),
    outputs: () => tf.tidy(() => [standard(call())]),
    dispose: () => tf.dispose(operands),
  };
}

function gemm(work) {
  const { a, b } = gemmInputs(work);
  const x = tf.tensor(a.data, [...a.shape]);
  const y = tf.tensor(b.data, [...b.shape]);
  return callJob([x, y], () => tf.matMul(x, y));
}

function conv(work) {
  const inputs = convInputs(work);
  const x = permuted(inputs.x, [0, 2, 3, 1]);
  if (work.groups === 1) {
    const filter = permuted(inputs.weight, [2, 3, 1, 0]);
    return callJob([x, filter], () => tf.conv2d(x, filter, 1, "same"));
  }
  if (work.groups !== work.inC) throw new Error("no grouped convolution");
  const filter = permuted(inputs.weight, [2, 3, 0, 1]);
  return callJob([x, filter], () => tf.depthwiseConv2d(x, filter, 1, "same"));
}

/** The forward function of a model and its variables. */
function build(model) {
  const variables = [];
  const variable = (t) => {
    const v = tf.variable(t);
    t.dispose();
    variables.push(v);
    return v;
  };
  // Flatten in NHWC gives another order of features; the first linear layer's weight is put in that order instead.
  let flattened = null;
  let channels = model.input[0];
  const steps = model.layers.map((layer, index) => {
    if (layer.type === "relu") return (x) => tf.relu(x);
    if (layer.type === "maxpool") return (x) => tf.maxPool(x, 2, 2, "valid");
    if (layer.type === "flatten") {
      flattened = channels;
      return (x) => tf.reshape(x, [x.shape[0], -1]);
    }
    const { weight, bias } = layerWeights(layer, index);
    const b = variable(tf.tensor(bias.data));
    if (layer.type === "conv") {
      channels = layer.outC;
      const w = variable(permuted(weight, [2, 3, 1, 0]));
      return (x) => tf.add(tf.conv2d(x, w, 1, layer.padding), b);
    }
    const w = variable(
      tf.tidy(() => {
        const plain = tf.tensor(weight.data, [...weight.shape]);
        if (flattened === null) return tf.transpose(plain);
        const side = Math.sqrt(layer.inF / flattened);
        const nchw = tf.reshape(plain, [layer.outF, flattened, side, side]);
        flattened = null;
        return tf.reshape(tf.transpose(nchw, [2, 3, 1, 0]), [layer.inF, layer.outF]);
      }),
    );
    return (x) => tf.add(tf.matMul(x, w), b);
  });
  return { variables, forward: (x) => steps.reduce((y, step) => step(y), x) };
}

function modelInput(work) {
  const { x, labels } = modelInputs(work.model, work.batch);
  return { x: x.shape.length === 4 ? permuted(x, [0, 2, 3, 1]) : tf.tensor(x.data, [...x.shape]), labels };
}

function train(work) {
  const { x, labels } = modelInput(work);
  const oneHot = tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(labels, "int32"), 10), "float32"));
  const { variables, forward } = build(work.model);
  const optimizer = tf.train.sgd(work.lr);
  const step = () => {
    const loss = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(oneHot, forward(x)), true, variables);
    const [value] = loss.dataSync();
    loss.dispose();
    return value;
  };
  return {
    run: step,
    outputs: () => [Float32Array.of(step(), step(), step())],
    dispose: () => tf.dispose([x, oneHot, ...variables]),
  };
}

function infer(work) {
  const { x } = modelInput(work);
  const { variables, forward } = build(work.model);
  const logits = () => tf.tidy(() => values(forward(x)));
  return { run: logits, outputs: () => [logits()], dispose: () => tf.dispose([x, ...variables]) };
}

const kinds = { gemm, conv, train, infer };

serve({
  about: `${tf.version.tfjs}${backend === "wasm" ? ", SIMD, 1 thread" : ""}`,
  prepare(work) {
    const prepare = kinds[work.kind];
    if (prepare === undefined) throw new Error(`cannot do ${work.kind}`);
    return prepare(work);
  },
});
