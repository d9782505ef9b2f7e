// ONNX Runtime: WebAssembly (argument: web) or native (argument: node). It infers only.
import { convInputs, gemmInputs, modelInputs, recurrentInputs } from "../../build/tools/bench/inputs.js";
import { serve } from "../../build/tools/bench/serve.js";
import { outputShape } from "../../build/tools/bench/shapes.js";
import { OnnxGraph } from "./onnx.js";
import { addModel, addRecurrent } from "./onnx-models.js";

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
    Object.entries(inputs).map(([name, { shape, data }]) => [name, new ort.Tensor("float32", data, [...shape])]),
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

function infer(work) {
  const { x } = modelInputs(work.model, work.batch);
  const graph = new OnnxGraph();
  const logits = addModel(graph, work.model, graph.input("x", x.shape));
  return job(graph.finish(logits, [work.batch, ...outputShape(work.model)]), { x });
}

const kinds = { gemm, conv, recurrent, infer };

serve({
  about: `${ort.env.versions.common}${web ? ", wasm, SIMD, 1 thread" : ", native, 1 thread"}`,
  prepare(work) {
    const prepare = kinds[work.kind];
    if (prepare === undefined) throw new Error(work.kind === "train" ? "does not train" : `cannot do ${work.kind}`);
    return prepare(work);
  },
});
