// TensorFlow.js, on its WebAssembly or its plain JavaScript back end (argument: wasm | cpu). Its layouts are NHWC and [k, k, in, out];
// everything is converted outside the time that is measured.
import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { convInputs, gemmInputs, modelInputs, recurrentInputs } from "../../build/tools/bench/inputs.js";
import { serve } from "../../build/tools/bench/serve.js";
import { outputShape } from "../../build/tools/bench/shapes.js";
import { build, recurrent as layerOf, permuted, plain } from "./tfjs-model.js";

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
  const x = plain(a);
  const y = plain(b);
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

function recurrent(work) {
  const { x, weights } = recurrentInputs(work);
  const held = [plain(x)];
  const hold = (t) => {
    held.push(t);
    return t;
  };
  const states = layerOf(work.cell, work.outF, weights, hold);
  return callJob(held, () => tf.tidy(() => states(held[0])));
}

function modelInput(work) {
  const { x, labels } = modelInputs(work.model, work.batch);
  return { x: x.shape.length === 4 ? permuted(x, [0, 2, 3, 1]) : plain(x), labels };
}

function train(work) {
  const { x, labels } = modelInput(work);
  const classes = outputShape(work.model).at(-1);
  const oneHot = tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(labels, "int32"), classes), "float32"));
  const { variables, forward } = build(work.model, { training: true });
  const optimizer = tf.train.sgd(work.lr);
  const loss = () => tf.losses.softmaxCrossEntropy(oneHot, tf.reshape(forward(x), [-1, classes]));
  const step = () => {
    const result = optimizer.minimize(loss, true, variables);
    const [value] = result.dataSync();
    result.dispose();
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

const kinds = { gemm, conv, recurrent, train, infer };

serve({
  about: `${tf.version.tfjs}${backend === "wasm" ? ", SIMD, 1 thread" : ""}`,
  prepare(work) {
    const prepare = kinds[work.kind];
    if (prepare === undefined) throw new Error(`cannot do ${work.kind}`);
    return prepare(work);
  },
});
