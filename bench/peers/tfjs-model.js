// Networks and recurrent layers on TensorFlow.js, in its layouts: NHWC, and [k, k, in, out].
import * as tf from "@tensorflow/tfjs";
import { chain } from "../../build/tools/bench/chain.js";
import { layerWeights } from "../../build/tools/bench/inputs.js";
import { outputShape } from "../../build/tools/bench/shapes.js";

export const plain = ({ shape, data }) => tf.tensor(data, [...shape], data instanceof Int32Array ? "int32" : "float32");
export const permuted = (values, order) => tf.tidy(() => tf.transpose(plain(values), order));

/** The forward function of a model and its variables; `training` uses a batch's own statistics. */
export function build(model, { training = false } = {}) {
  const variables = [];
  const variable = (t) => {
    const v = tf.variable(t);
    t.dispose();
    variables.push(v);
    return v;
  };
  const flattened = flattenedImage(model);
  const leaf = (layer, path) => {
    const weights = layerWeights(layer, path);
    if (layer.type === "linear" && path === flattened?.reader) {
      const { weight, bias } = weights;
      const w = variable(tf.tidy(() => reordered(plain(weight), flattened.shape)));
      const b = variable(plain(bias));
      return (x) => tf.add(tf.matMul(x, w), b);
    }
    return layers[layer.type](layer, weights, variable, training);
  };
  const concat = (xs) => tf.concat(xs, 3);
  return { variables, forward: chain(model, { leaf, add: tf.add, concat }) };
}

/** The shape [C, H, W] that a model flattens, and the path of the linear layer that reads it. */
function flattenedImage(model) {
  const at = model.layers.findIndex((layer) => layer.type === "flatten");
  if (at < 0) return null;
  return { reader: `${at + 1}`, shape: outputShape({ ...model, layers: model.layers.slice(0, at) }) };
}

/** Flatten in NHWC gives another order of features: a weight [out, C·H·W] as [H·W·C, out]. */
function reordered(weight, shape) {
  const [outF, inF] = weight.shape;
  return tf.reshape(tf.transpose(tf.reshape(weight, [outF, ...shape]), [2, 3, 1, 0]), [inF, outF]);
}

const layers = {
  conv({ stride = 1, padding = 0, groups = 1, inC }, { weight, bias }, variable) {
    if (groups !== 1 && groups !== inC) throw new Error("no grouped convolution");
    const w = variable(permuted(weight, groups === 1 ? [2, 3, 1, 0] : [2, 3, 0, 1]));
    const call = groups === 1 ? tf.conv2d : tf.depthwiseConv2d;
    if (bias === undefined) return (x) => call(x, w, stride, padding);
    const b = variable(plain(bias));
    return (x) => tf.add(call(x, w, stride, padding), b);
  },
  linear: (_, { weight, bias }, variable) => dense(weight, bias, variable),
  batchnorm(_, { weight, bias, running_mean, running_var }, variable, training) {
    const w = variable(plain(weight));
    const b = variable(plain(bias));
    if (training) {
      return (x) => {
        const { mean, variance } = tf.moments(x, [0, 1, 2]);
        return tf.batchNorm(x, mean, variance, b, w, 1e-5);
      };
    }
    const mean = variable(plain(running_mean));
    const variance = variable(plain(running_var));
    return (x) => tf.batchNorm(x, mean, variance, b, w, 1e-5);
  },
  relu: () => tf.relu,
  relu6: () => tf.relu6,
  maxpool:
    ({ kernel, stride, padding = 0 }) =>
    (x) =>
      tf.maxPool(x, kernel, stride, padding),
  avgpool: () => (x) => tf.mean(x, [1, 2], true),
  flatten: () => (x) => tf.reshape(x, [x.shape[0], -1]),
  embedding({ count, width }, { weight }, variable, training) {
    const w = variable(plain(weight));
    if (!training) return (x) => tf.gather(w, x);
    // WebAssembly has no gradient of a look-up.
    return (x) =>
      tf.reshape(tf.matMul(tf.cast(tf.oneHot(tf.reshape(x, [-1]), count), "float32"), w), [...x.shape, width]);
  },
  positions(_, { weight }, variable) {
    const w = variable(plain(weight));
    return (x) => tf.add(x, w);
  },
  lstm(layer, weights, variable) {
    const states = recurrent("lstm", layer.outF, weights, variable);
    return (x) => tf.transpose(states(tf.transpose(x, [1, 0, 2])), [1, 0, 2]);
  },
  encoder(layer, weights, variable) {
    const attend = selfAttention(layer, weights, variable);
    const part = (name) => dense(weights[`${name}.weight`], weights[`${name}.bias`], variable);
    const [linear1, linear2] = [part("linear1"), part("linear2")];
    const [norm1, norm2] = ["norm1", "norm2"].map((name) => {
      const w = variable(plain(weights[`${name}.weight`]));
      const b = variable(plain(weights[`${name}.bias`]));
      return (x) => layerNorm(x, w, b);
    });
    return (x) => {
      const y = norm1(tf.add(x, attend(x)));
      return norm2(tf.add(y, linear2(tf.relu(linear1(y)))));
    };
  },
};

/** On the last dimension of a matrix or of sequences. */
function dense(weight, bias, variable) {
  const w = variable(permuted(weight, [1, 0]));
  const b = variable(plain(bias));
  const [outF, inF] = weight.shape;
  return (x) => {
    if (x.rank === 2) return tf.add(tf.matMul(x, w), b);
    return tf.reshape(tf.add(tf.matMul(tf.reshape(x, [-1, inF]), w), b), [...x.shape.slice(0, -1), outF]);
  };
}

/** TensorFlow.js has it for its layers only; this is what they do. */
export function layerNorm(x, weight, bias) {
  const { mean, variance } = tf.moments(x, -1, true);
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), weight), bias);
}

function selfAttention({ width, heads, causal }, weights, variable) {
  const project = dense(weights["self_attn.in_proj_weight"], weights["self_attn.in_proj_bias"], variable);
  const out = dense(weights["self_attn.out_proj.weight"], weights["self_attn.out_proj.bias"], variable);
  return (x) => {
    const [n, length] = x.shape;
    const [q, k, v] = tf
      .split(project(x), 3, 2)
      .map((part) => tf.transpose(tf.reshape(part, [n, length, heads, width / heads]), [0, 2, 1, 3]));
    const context = tf.transpose(attention(q, k, v, causal), [0, 2, 1, 3]);
    return out(tf.reshape(context, [n, length, width]));
  };
}

/** Of [N, heads, L, D]. */
export function attention(q, k, v, causal) {
  const [length, depth] = q.shape.slice(2);
  const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(depth));
  if (!causal) return tf.matMul(tf.softmax(scores), v);
  const band = tf.linalg.bandPart(tf.ones([length, length]), -1, 0);
  return tf.matMul(tf.softmax(tf.add(scores, tf.mul(tf.sub(band, 1), 1e9))), v);
}

/** A layer from [T, N, in] to [T, N, out]: one product for the input's share of all steps, then the steps. */
export function recurrent(cell, outF, weights, variable) {
  const input = variable(permuted(weights.weight_ih_l0, [1, 0]));
  const hidden = variable(permuted(weights.weight_hh_l0, [1, 0]));
  const biasIn = variable(plain(weights.bias_ih_l0));
  const biasHidden = variable(plain(weights.bias_hh_l0));
  const step = { lstm: lstmStep, gru: gruStep }[cell];
  return (x) => {
    const [length, batch, inF] = x.shape;
    const shares = tf.add(tf.matMul(tf.reshape(x, [length * batch, inF]), input), biasIn);
    let state = { h: tf.zeros([batch, outF]), c: tf.zeros([batch, outF]) };
    const states = tf.split(shares, length).map((share) => {
      state = step(share, tf.add(tf.matMul(state.h, hidden), biasHidden), state);
      return state.h;
    });
    return tf.stack(states);
  };
}

function lstmStep(share, product, { c }) {
  const [i, f, g, o] = tf.split(tf.add(share, product), 4, 1);
  const next = tf.add(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)));
  return { h: tf.mul(tf.sigmoid(o), tf.tanh(next)), c: next };
}

function gruStep(share, product, { h }) {
  const [rIn, zIn, nIn] = tf.split(share, 3, 1);
  const [rHidden, zHidden, nHidden] = tf.split(product, 3, 1);
  const z = tf.sigmoid(tf.add(zIn, zHidden));
  const n = tf.tanh(tf.add(nIn, tf.mul(tf.sigmoid(tf.add(rIn, rHidden)), nHidden)));
  return { h: tf.add(n, tf.mul(z, tf.sub(h, n))) };
}
