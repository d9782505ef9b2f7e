// TensorFlow.js, on its WebAssembly or its plain JavaScript back end (argument: wasm | cpu). Its layouts are NHWC and [k, k, in, out];
// everything is converted outside the time that is measured.
import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs";
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
import { attention, build, layerNorm, recurrent as layerOf, permuted, plain } from "./tfjs-model.js";

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

/** `read` gives the values of a result; images come in another layout. */
function callJob(operands, call, read = standard) {
  return {
    run: () => call().dispose(),
    outputs: () => tf.tidy(() => [read(call())]),
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

function softmax(work) {
  const x = plain(rowsInputs(work).x);
  return callJob([x], () => tf.softmax(x));
}

function layernorm(work) {
  const inputs = rowsInputs(work);
  const [x, weight, bias] = [inputs.x, inputs.weights.weight, inputs.weights.bias].map(plain);
  return callJob([x, weight, bias], () => tf.tidy(() => layerNorm(x, weight, bias)));
}

function batchnorm(work) {
  const inputs = batchNormInputs(work);
  const x = permuted(inputs.x, [0, 2, 3, 1]);
  const { weight, bias, running_mean, running_var } = inputs.weights;
  const [w, b, mean, variance] = [weight, bias, running_mean, running_var].map(plain);
  const statistics = () => (work.training ? tf.moments(x, [0, 1, 2]) : { mean, variance });
  return callJob([x, w, b, mean, variance], () =>
    tf.tidy(() => {
      const used = statistics();
      return tf.batchNorm(x, used.mean, used.variance, b, w, 1e-5);
    }),
  );
}

function maxpool(work) {
  const x = permuted(maxPoolInputs(work).x, [0, 2, 3, 1]);
  return callJob([x], () => tf.maxPool(x, 3, 2, 1));
}

function attend(work) {
  const inputs = attentionInputs(work);
  const [q, k, v] = [inputs.q, inputs.k, inputs.v].map(plain);
  return callJob([q, k, v], () => tf.tidy(() => attention(q, k, v, false)), values);
}

function adam(work) {
  const inputs = adamInputs(work);
  const parameter = tf.variable(plain(inputs.parameter));
  const gradient = plain(inputs.gradient);
  const optimizer = tf.train.adam(1e-3, 0.9, 0.999, 1e-8);
  const step = () => optimizer.applyGradients({ [parameter.name]: gradient });
  return {
    run: step,
    outputs: () => {
      for (let i = 0; i < 3; i++) step();
      return [values(parameter)];
    },
    dispose: () => {
      optimizer.dispose();
      tf.dispose([parameter, gradient]);
    },
  };
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
    outputs: () => [Float32Array.from({ length: work.losses }, step)],
    dispose: () => tf.dispose([x, oneHot, ...variables]),
  };
}

function infer(work) {
  const { x } = modelInput(work);
  const { variables, forward } = build(work.model);
  const logits = () => tf.tidy(() => values(forward(x)));
  return { run: logits, outputs: () => [logits()], dispose: () => tf.dispose([x, ...variables]) };
}

const kinds = { gemm, conv, recurrent, softmax, layernorm, batchnorm, maxpool, attention: attend, adam, train, infer };

serve({
  about: `${tf.version.tfjs}${backend === "wasm" ? ", SIMD, 1 thread" : ""}`,
  prepare(work) {
    const prepare = kinds[work.kind];
    if (prepare === undefined) throw new Error(`cannot do ${work.kind}`);
    return prepare(work);
  },
});
