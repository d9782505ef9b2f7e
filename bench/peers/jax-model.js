// Networks and recurrent layers on jax-js. An array handed to a function is given away; `.ref` keeps it.
import { lax, nn, numpy as np } from "@jax-js/jax";
import { chain } from "../../build/tools/bench/chain.js";
import { layerWeights } from "../../build/tools/bench/inputs.js";

export const toArray = ({ shape, data }) =>
  np.array(data, { dtype: data instanceof Int32Array ? np.int32 : np.float32 }).reshape([...shape]);

/** The weights by path and name, and the forward function, which takes weights and input over. `training` uses a batch's own statistics. */
export function build(model, { training = false } = {}) {
  const weights = {};
  let params = null;
  const leaf = (layer, path) => {
    const given = Object.entries(layerWeights(layer, path)).filter(
      ([name]) => !(training && name.startsWith("running_")),
    );
    for (const [name, values] of given) weights[`${path}.${name}`] = toArray(values);
    const call = layers[layer.type];
    return (x) =>
      call(layer, Object.fromEntries(given.map(([name]) => [name, params[`${path}.${name}`]])), x, training);
  };
  const forward = chain(model, {
    leaf,
    add: (a, b) => a.add(b),
    concat: (xs) => np.concatenate(xs, 1),
    share: (x) => x.ref,
  });
  return {
    weights,
    forward: (given, x) => {
      params = given;
      return forward(x);
    },
  };
}

const perChannel = (x) => x.reshape([1, -1, 1, 1]);

const layers = {
  conv({ stride = 1, padding: p = 0, groups = 1 }, { weight, bias }, x) {
    const y = convolution(x, weight, stride, p, groups);
    return bias === undefined ? y : y.add(perChannel(bias));
  },
  linear: (_, { weight, bias }, x) => dense(weight, bias, x),
  batchnorm: (_, weights, x, training) => batchNorm(weights, x, training),
  relu: (_, __, x) => nn.relu(x),
  relu6: (_, __, x) => nn.relu6(x),
  maxpool: (layer, _, x) => maxPool(layer, x),
  avgpool: (_, __, x) => np.mean(x, [2, 3], { keepdims: true }),
  flatten: (_, __, x) => x.reshape([x.shape[0], -1]),
  // The gradient of a look-up cannot be compiled everywhere.
  embedding: ({ count }, { weight }, x) => np.matmul(nn.oneHot(x, count), weight),
  positions: (_, { weight }, x) => x.add(weight),
  lstm: ({ outF }, weights, x) => np.transpose(recurrent("lstm", outF, weights, np.transpose(x, [1, 0, 2])), [1, 0, 2]),
  encoder(layer, weights, x) {
    const part = (name, y) => dense(weights[`${name}.weight`], weights[`${name}.bias`], y);
    const norm = (name, y) => layerNorm(y, weights[`${name}.weight`], weights[`${name}.bias`]);
    const y = norm("norm1", x.ref.add(selfAttention(layer, part, weights, x)));
    return norm("norm2", y.ref.add(part("linear2", nn.relu(part("linear1", y)))));
  },
};

export function batchNorm({ weight, bias, running_mean, running_var }, x, training) {
  const meanOf = (y) => np.mean(y, [0, 2, 3], { keepdims: true });
  const mean = training ? meanOf(x.ref) : perChannel(running_mean);
  const centred = x.sub(mean);
  const variance = training ? meanOf(np.square(centred.ref)) : perChannel(running_var);
  return centred.mul(perChannel(weight).div(np.sqrt(variance.add(1e-5)))).add(perChannel(bias));
}

export function convolution(x, weight, stride, p, groups) {
  const padding = [
    [p, p],
    [p, p],
  ];
  return lax.convGeneralDilated(x, weight, [stride, stride], padding, { featureGroupCount: groups });
}

export function maxPool({ kernel, stride, padding: p = 0 }, x) {
  const width = [
    [0, 0],
    [0, 0],
    [p, p],
    [p, p],
  ];
  // It pads with zeros only: far below all values behind them.
  const outside = () => np.pad(np.ones(x.shape), width).sub(1).mul(1e30);
  const padded = p === 0 ? x : outside().add(np.pad(x, width));
  return lax.reduceWindow(padded, np.max, [kernel, kernel], [stride, stride]);
}

function dense(weight, bias, x) {
  return np.matmul(x, weight.transpose()).add(bias);
}

export function layerNorm(x, weight, bias) {
  return nn.standardize(x, -1, { epsilon: 1e-5 }).mul(weight).add(bias);
}

function selfAttention({ width, heads, causal }, part, weights, x) {
  const [n, length] = x.shape;
  const all = dense(weights["self_attn.in_proj_weight"], weights["self_attn.in_proj_bias"], x);
  const [q, k, v] = np
    .split(all, 3, -1)
    .map((y) => np.transpose(y.reshape([n, length, heads, width / heads]), [0, 2, 1, 3]));
  const context = np.transpose(attention(q, k, v, causal), [0, 2, 1, 3]);
  return part("self_attn.out_proj", context.reshape([n, length, width]));
}

/** Of [N, heads, L, D]. Its own needs a newer Node than 20. */
export function attention(q, k, v, causal) {
  const [length, depth] = q.shape.slice(2);
  const scores = np.matmul(q, np.transpose(k, [0, 1, 3, 2])).mul(1 / Math.sqrt(depth));
  if (!causal) return np.matmul(nn.softmax(scores, -1), v);
  const band = np.tril(np.ones([length, length]));
  return np.matmul(nn.softmax(scores.add(band.sub(1).mul(1e9)), -1), v);
}

/** From [T, N, in] to [T, N, out]: one product for the input's share of all steps, then the steps, unrolled: it has no loop. */
export function recurrent(cell, outF, weights, x) {
  const [length, batch] = x.shape;
  const shares = np.split(dense(weights.weight_ih_l0, weights.bias_ih_l0, x), length, 0);
  const hidden = weights.weight_hh_l0.transpose();
  const { bias_hh_l0: bias } = weights;
  const step = { lstm: lstmStep, gru: gruStep }[cell];
  let h = np.zeros([batch, outF]);
  let c = np.zeros([batch, outF]);
  const states = shares.map((share) => {
    [h, c] = step(share.reshape([batch, -1]), np.matmul(h.ref, hidden.ref).add(bias.ref), h, c);
    return h.ref.reshape([1, batch, outF]);
  });
  for (const t of [h, c, hidden, bias]) t.dispose();
  return np.concatenate(states, 0);
}

function lstmStep(share, product, h, c) {
  h.dispose();
  const [i, f, g, o] = np.split(share.add(product), 4, 1);
  const next = nn
    .sigmoid(f)
    .mul(c)
    .add(nn.sigmoid(i).mul(np.tanh(g)));
  return [nn.sigmoid(o).mul(np.tanh(next.ref)), next];
}

function gruStep(share, product, h, c) {
  const [rIn, zIn, nIn] = np.split(share, 3, 1);
  const [rHidden, zHidden, nHidden] = np.split(product, 3, 1);
  const z = nn.sigmoid(zIn.add(zHidden));
  const n = np.tanh(nIn.add(nn.sigmoid(rIn.add(rHidden)).mul(nHidden)));
  return [n.ref.add(z.mul(h.sub(n))), c];
}
