// ONNX Runtime: WebAssembly (argument: web) or native (argument: node). It infers only.
import { readFileSync } from "node:fs";
import {
  attentionInputs,
  batchNormInputs,
  convInputs,
  fileInputs,
  gemmInputs,
  maxPoolInputs,
  modelInputs,
  recurrentInputs,
  rowsInputs,
} from "../../build/tools/bench/inputs.js";
import { serve } from "../../build/tools/bench/serve.js";
import { outputShape } from "../../build/tools/bench/shapes.js";
import { OnnxGraph } from "./onnx.js";
import { addModel, addRecurrent, attention } from "./onnx-models.js";

const web = process.argv[2] === "web";
const ort = await import(web ? "onnxruntime-web" : "onnxruntime-node");
if (web) {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.simd = true;
}

const options = {
  executionProviders: [web ? "wasm" : "cpu"],
  graphOptimizationLevel: "all",
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
};

/** A session that is fed the same inputs each time. */
async function job(model, inputs) {
  const session = await ort.InferenceSession.create(model, options);
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, data }]) => [
      name,
      new ort.Tensor(data instanceof BigInt64Array ? "int64" : "float32", data, [...shape]),
    ]),
  );
  const [output] = session.outputNames;
  const run = async () => (await session.run(feeds))[output].data;
  return { run, outputs: async () => [Float32Array.from(await run())], dispose: () => void session.release() };
}

function gemm(work) {
  const { a, b } = gemmInputs(work);
  const graph = new OnnxGraph();
  const product = graph.node("MatMul", [graph.input("a", a.shape), graph.input("b", b.shape)]);
  return job(graph.finish(product, [work.m, work.n]), { a, b });
}

function conv(work) {
  const { x, weight } = convInputs(work);
  const p = (work.kernel - 1) / 2;
  const graph = new OnnxGraph();
  const y = graph.node("Conv", [graph.input("x", x.shape), graph.constant(weight)], {
    kernel_shape: [work.kernel, work.kernel],
    pads: [p, p, p, p],
    group: work.groups,
  });
  return job(graph.finish(y, [1, work.outC, work.size, work.size]), { x });
}

function recurrent(work) {
  const { x } = recurrentInputs(work);
  const graph = new OnnxGraph();
  const y = addRecurrent(graph, work, graph.input("x", x.shape));
  return job(graph.finish(y, [work.length, 1, work.batch, work.outF]), { x });
}

/** A graph of one node on `x`, whose output is as large as its input unless `shape` says otherwise. */
function nodeJob(op, x, weights, attributes, shape = x.shape) {
  const graph = new OnnxGraph();
  const operands = [graph.input("x", x.shape), ...weights.map((values) => graph.constant(values))];
  return job(graph.finish(graph.node(op, operands, attributes), shape), { x });
}

function softmax(work) {
  return nodeJob("Softmax", rowsInputs(work).x, [], { axis: -1 });
}

function layernorm(work) {
  const { x, weights } = rowsInputs(work);
  return nodeJob("LayerNormalization", x, [weights.weight, weights.bias], { axis: -1 });
}

function batchnorm(work) {
  if (work.training) throw new Error("does not train");
  const { x, weights } = batchNormInputs(work);
  const { weight, bias, running_mean, running_var } = weights;
  return nodeJob("BatchNormalization", x, [weight, bias, running_mean, running_var], {});
}

function maxpool(work) {
  const { x } = maxPoolInputs(work);
  const side = Math.ceil(work.size / 2);
  const windows = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };
  return nodeJob("MaxPool", x, [], windows, [1, work.channels, side, side]);
}

function attend(work) {
  const { q, k, v } = attentionInputs(work);
  const graph = new OnnxGraph();
  const [a, b, c] = Object.entries({ q, k, v }).map(([name, { shape }]) => graph.input(name, shape));
  const transposed = graph.node("Transpose", [b], { perm: [0, 1, 3, 2] });
  return job(graph.finish(attention(graph, a, transposed, c, work.depth), q.shape), { q, k, v });
}

function infer(work) {
  const { x } = modelInputs(work.model, work.batch);
  const graph = new OnnxGraph();
  const logits = addModel(graph, work.model, graph.input("x", x.shape));
  return job(graph.finish(logits, [work.batch, ...outputShape(work.model)]), { x });
}

/** A model from a file. Integers of such inputs are int64. */
function file(work) {
  const inputs = Object.entries(fileInputs(work)).map(([name, { shape, data }]) => {
    const value = data instanceof Int32Array ? { shape, data: BigInt64Array.from(data, BigInt) } : { shape, data };
    return [name, value];
  });
  return job(readFileSync(work.path), Object.fromEntries(inputs));
}

const kinds = { gemm, conv, recurrent, softmax, layernorm, batchnorm, maxpool, attention: attend, infer, file };

serve({
  about: `${ort.env.versions.common}${web ? ", wasm, SIMD, 1 thread" : ", native, 1 thread"}`,
  prepare(work) {
    const prepare = kinds[work.kind];
    if (prepare === undefined)
      throw new Error(["train", "adam"].includes(work.kind) ? "does not train" : `cannot do ${work.kind}`);
    return prepare(work);
  },
});
