// Works as ONNX graphs: networks and recurrent layers.
import { chain } from "../../build/tools/bench/chain.js";
import { layerWeights, recurrentInputs } from "../../build/tools/bench/inputs.js";

/** Adds a network to a graph; returns the name of what comes out. */
export function addModel(graph, model, input) {
  return chain(model, {
    leaf: (layer, path) => {
      const weights = Object.fromEntries(
        Object.entries(layerWeights(layer, path)).map(([name, values]) => [name, graph.constant(values)]),
      );
      return (x) => layers[layer.type](graph, layer, weights, x);
    },
    add: (a, b) => graph.node("Add", [a, b]),
    concat: (xs) => graph.node("Concat", xs, { axis: 1 }),
  })(input);
}

const layers = {
  conv(graph, { kernel, stride = 1, padding: p = 0, groups = 1 }, { weight, bias }, x) {
    const operands = bias === undefined ? [x, weight] : [x, weight, bias];
    return graph.node("Conv", operands, {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [p, p, p, p],
      group: groups,
    });
  },
  batchnorm: (graph, _, { weight, bias, running_mean, running_var }, x) =>
    graph.node("BatchNormalization", [x, weight, bias, running_mean, running_var]),
  linear: (graph, _, { weight, bias }, x) => graph.node("Gemm", [x, weight, bias], { transB: 1 }),
  relu: (graph, _, __, x) => graph.node("Relu", [x]),
  relu6: (graph, _, __, x) => graph.node("Clip", [x, graph.number(0), graph.number(6)]),
  maxpool: (graph, { kernel, stride, padding: p = 0 }, _, x) =>
    graph.node("MaxPool", [x], { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [p, p, p, p] }),
  avgpool: (graph, _, __, x) => graph.node("GlobalAveragePool", [x]),
  flatten: (graph, _, __, x) => graph.node("Flatten", [x], { axis: 1 }),
  encoder(graph, layer, weights, x) {
    const attended = graph.node("Add", [x, selfAttention(graph, layer, weights, x)]);
    const y = normed(graph, weights, "norm1", attended);
    const hidden = graph.node("Relu", [dense(graph, weights, "linear1", y)]);
    return normed(graph, weights, "norm2", graph.node("Add", [y, dense(graph, weights, "linear2", hidden)]));
  },
};

function normed(graph, weights, name, x) {
  return graph.node("LayerNormalization", [x, weights[`${name}.weight`], weights[`${name}.bias`]]);
}

/** Of sequences: Gemm takes matrices only. The transposed weight is folded when the session is made. */
function dense(graph, weights, name, x) {
  return product(graph, x, weights[`${name}.weight`], weights[`${name}.bias`]);
}

function product(graph, x, weight, bias) {
  const transposed = graph.node("Transpose", [weight], { perm: [1, 0] });
  return graph.node("Add", [graph.node("MatMul", [x, transposed]), bias]);
}

function selfAttention(graph, { width, heads }, weights, x) {
  const all = product(graph, x, weights["self_attn.in_proj_weight"], weights["self_attn.in_proj_bias"]);
  const part = (i, perm) => {
    const bounds = [graph.integers(i * width), graph.integers((i + 1) * width), graph.integers(2)];
    const split = graph.node("Reshape", [
      graph.node("Slice", [all, ...bounds]),
      graph.integers(0, 0, heads, width / heads),
    ]);
    return graph.node("Transpose", [split], { perm });
  };
  const context = attention(graph, part(0, [0, 2, 1, 3]), part(1, [0, 2, 3, 1]), part(2, [0, 2, 1, 3]), width / heads);
  const joined = graph.node("Transpose", [context], { perm: [0, 2, 1, 3] });
  return dense(graph, weights, "self_attn.out_proj", graph.node("Reshape", [joined, graph.integers(0, 0, width)]));
}

/** Of queries [N, heads, L, D], transposed keys [N, heads, D, S] and values [N, heads, S, D]. */
export function attention(graph, q, kT, v, depth) {
  const scaled = graph.node("Mul", [q, graph.number(1 / Math.sqrt(depth))]);
  return graph.node("MatMul", [graph.node("Softmax", [graph.node("MatMul", [scaled, kT])], { axis: -1 }), v]);
}

// Where PyTorch has the gates that ONNX wants in this order: i o f c of i f g o, and z r h of r z n.
const ORDERS = { lstm: [0, 3, 1, 2], gru: [1, 0, 2] };

/** Adds a recurrent layer; the output is the sequence [T, 1, N, out]. */
export function addRecurrent(graph, work, x) {
  const { cell, outF } = work;
  const { weights } = recurrentInputs(work);
  const ordered = ({ shape, data }) => {
    const size = outF * (shape[1] ?? 1);
    return ORDERS[cell].flatMap((gate) => [...data.subarray(gate * size, (gate + 1) * size)]);
  };
  const matrix = (values) => graph.constant({ shape: [1, ...values.shape], data: Float32Array.from(ordered(values)) });
  const biases = [...ordered(weights.bias_ih_l0), ...ordered(weights.bias_hh_l0)];
  const operands = [
    x,
    matrix(weights.weight_ih_l0),
    matrix(weights.weight_hh_l0),
    graph.constant({ shape: [1, biases.length], data: Float32Array.from(biases) }),
  ];
  return cell === "lstm"
    ? graph.node("LSTM", operands, { hidden_size: outF })
    : graph.node("GRU", operands, { hidden_size: outF, linear_before_reset: 1 });
}
