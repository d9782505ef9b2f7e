import { onesLike } from "../../creation.js";
import * as F from "../../functional/index.js";
import { add, affine, div, mul, sub } from "../../ops/arithmetic.js";
import { cast, reshape } from "../../ops/copy.js";
import { batchNormOp } from "../../ops/norm_batch.js";
import { apply } from "../../ops/op.js";
import { repeatEach } from "../../ops/rearrange.js";
import { sameShape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import type { Shape } from "../../types.js";
import { as, axisOf, float32, type Inputs, maybeAt, needed, tensorAt } from "../arguments.js";
import type { Arg, Handler, NodeView, OperatorTable } from "../handler.js";

/** (1 − m)·batch + m·running, ONNX's momentum being the share of what was. */
function moved(running: Tensor, batch: Tensor, momentum: number): Tensor {
  return add(affine(running, momentum, 0), affine(batch, 1 - momentum, 0));
}

/**
 * Outside of training the given statistics count. While the model trains they are running statistics, which move, as in PyTorch. A node that
 * is in training mode by itself takes the batch's and gives the moved ones as outputs.
 */
function batchNormalization(inTraining: (node: NodeView) => boolean): Handler {
  return (node, inputs) => {
    const x = needed(node, inputs, 0);
    const [weight, bias, mean, variance] = [1, 2, 3, 4].map((i) => tensorAt(node, inputs, i)) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    if (node.int("spatial", 1) !== 1) throw node.fail("spatial is 0; expected 1, statistics for each channel");
    const eps = node.float("epsilon", 1e-5);
    const momentum = node.float("momentum", 0.9);
    if (!inTraining(node)) {
      const options = { eps, momentum: 1 - momentum, training: node.training };
      return [as(x, F.batchNorm(x.tensor, mean, variance, weight, bias, options))];
    }
    const attrs = { op: "BatchNormalization", eps, activation: "none" } as const;
    const [y, batchMean, batchVariance] = apply(batchNormOp, [x.tensor, weight, bias], attrs);
    const stats = [moved(mean, batchMean, momentum), moved(variance, batchVariance, momentum)];
    return [y, ...stats, batchMean, batchVariance].slice(0, Math.max(1, node.outputs)).map((t) => as(x, t));
  };
}

function runInstanceNorm(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const options = { eps: node.float("epsilon", 1e-5) };
  const [weight, bias] = [tensorAt(node, inputs, 1), tensorAt(node, inputs, 2)];
  return [as(x, F.instanceNorm(x.tensor, null, null, weight, bias, options))];
}

/** Scale and bias are one for each group, or from version 21 on one for each channel. */
function groupNormalization(perGroup: boolean): Handler {
  return (node, inputs) => {
    const x = needed(node, inputs, 0);
    const numGroups = node.int("num_groups");
    const perChannel = [1, 2].map((i) => {
      const t = tensorAt(node, inputs, i);
      if (!perGroup) return t;
      const channels = x.tensor.size(1);
      if (channels % numGroups !== 0)
        throw node.fail(`${channels} channels; expected a multiple of num_groups ${numGroups}`);
      return repeatEach(t, channels / numGroups, 0);
    }) as [Tensor, Tensor];
    return [as(x, F.groupNorm(x.tensor, ...perChannel, { numGroups, eps: node.float("epsilon", 1e-5) }))];
  };
}

/** The dimensions from `axis` on, and their sizes. */
function trailing(node: NodeView, x: Tensor): { dim: number[]; sizes: Shape } {
  const axis = axisOf(node, node.int("axis", -1), x.ndim);
  return { dim: x.shape.map((_, d) => d).slice(axis), sizes: x.shape.slice(axis) };
}

/** What the fused op takes as weight or bias: null where the shape is another one that broadcasts, which is applied afterwards. */
function fusable(t: Tensor | null, sizes: Shape): Tensor | null {
  return t !== null && sameShape(t.shape, sizes) ? t : null;
}

function runLayerNorm(node: NodeView, inputs: Inputs): Arg[] {
  const x = needed(node, inputs, 0);
  const weight = tensorAt(node, inputs, 1);
  const bias = maybeAt(inputs, 2);
  const { dim, sizes } = trailing(node, x.tensor);
  const eps = node.float("epsilon", 1e-5);
  const w = fusable(weight, sizes);
  const b = w === null ? null : fusable(bias, sizes);
  let y = F.layerNorm(x.tensor, w, b, { normalizedShape: sizes, eps });
  if (w === null) y = mul(y, weight);
  if (b === null && bias !== null) y = add(y, bias);
  if (node.outputs < 2) return [as(x, y)];
  const mean = F.mean(x.tensor, { dim, keepdim: true });
  const inverse = F.rsqrt(affine(F.var(x.tensor, { dim, keepdim: true, correction: 0 }), 1, eps));
  return [as(x, y), float32(mean), float32(inverse)];
}

function runRmsNorm(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const weight = tensorAt(node, inputs, 1);
  const { sizes } = trailing(node, x.tensor);
  const w = fusable(weight, sizes);
  const y = F.rmsNorm(x.tensor, w, { normalizedShape: sizes, eps: node.float("epsilon", 1e-5) });
  return [as(x, w === null ? mul(y, weight) : y)];
}

/** ONNX has the odd channel of an even window behind, the library in front: there the channels are taken in reverse order. */
function runLrn(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const size = node.int("size");
  const options = {
    size,
    alpha: node.float("alpha", 1e-4),
    beta: node.float("beta", 0.75),
    k: node.float("bias", 1),
  };
  if (size % 2 !== 0) return [as(x, F.localResponseNorm(x.tensor, options))];
  return [as(x, F.flip(F.localResponseNorm(F.flip(x.tensor, { dims: 1 }), options), { dims: 1 }))];
}

function runLpNormalization(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const p = node.int("p", 2);
  if (p !== 1 && p !== 2) throw node.fail(`p is ${p}; expected 1 or 2`);
  return [as(x, F.normalize(x.tensor, { p, dim: axisOf(node, node.int("axis", -1), x.tensor.ndim) }))];
}

/** (x − mean) / (std + 10⁻⁹), as ONNX's function body has it. */
function runMeanVariance(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const dim = node.ints("axes", [0, 2, 3]).map((axis) => axisOf(node, axis, x.tensor.ndim));
  const centred = sub(x.tensor, F.mean(x.tensor, { dim, keepdim: true }));
  const deviation = F.std(x.tensor, { dim, keepdim: true, correction: 0 });
  return [as(x, div(centred, affine(deviation, 1, 1e-9)))];
}

/** The axis from which on everything is one dimension, as the operators were up to version 12; later it is one axis alone. */
function overAxis(flat: boolean, run: (x: Tensor, dim: number) => Tensor): Handler {
  return (node, inputs) => {
    const x = needed(node, inputs, 0);
    const { shape, ndim } = x.tensor;
    const axis = axisOf(node, node.int("axis", flat ? 1 : -1), Math.max(1, ndim));
    if (!flat) return [as(x, run(x.tensor, axis))];
    const rows = shape.slice(0, axis).reduce((a, b) => a * b, 1);
    const columns = shape.slice(axis).reduce((a, b) => a * b, 1);
    return [as(x, reshape(run(reshape(x.tensor, [rows, columns]), 1), shape))];
  };
}

/** 1 at the first of the largest elements, 0 elsewhere. */
function hardmax(x: Tensor, dim: number): Tensor {
  const first = F.argmax(x, { dim, keepdim: true });
  const places = F.cumsum(onesLike(x, { dtype: "int32" }), { dim });
  return cast(F.eq(places, F.add(first, 1)), "float32");
}

function axisVersions(run: (x: Tensor, dim: number) => Tensor): OperatorTable[string] {
  return [
    { since: 1, attributes: ["axis"], run: overAxis(true, run) },
    { since: 13, attributes: ["axis"], run: overAxis(false, run) },
  ];
}

const BATCH = ["epsilon", "momentum"];

/** Normalisations, softmax among them. */
export const normalizations: OperatorTable = {
  BatchNormalization: [
    {
      since: 6,
      attributes: [...BATCH, "is_test", "spatial"],
      run: batchNormalization((node) => node.int("is_test", 0) === 0),
    },
    { since: 7, attributes: [...BATCH, "spatial"], run: batchNormalization((node) => node.outputs > 1) },
    { since: 9, attributes: BATCH, run: batchNormalization((node) => node.outputs > 1) },
    {
      since: 14,
      attributes: [...BATCH, "training_mode"],
      run: batchNormalization((node) => node.int("training_mode", 0) !== 0),
    },
  ],
  InstanceNormalization: [{ since: 6, attributes: ["epsilon"], run: runInstanceNorm }],
  GroupNormalization: [
    { since: 18, attributes: ["epsilon", "num_groups"], run: groupNormalization(true) },
    { since: 21, attributes: ["epsilon", "num_groups", "stash_type"], run: groupNormalization(false) },
  ],
  // Both are older in ONNX Runtime, which writes them into ONNX's own domain.
  LayerNormalization: [{ since: 1, attributes: ["axis", "epsilon", "stash_type"], run: runLayerNorm }],
  SimplifiedLayerNormalization: [{ since: 1, attributes: ["axis", "epsilon", "stash_type"], run: runRmsNorm }],
  RMSNormalization: [{ since: 23, attributes: ["axis", "epsilon", "stash_type"], run: runRmsNorm }],
  LRN: [{ since: 1, attributes: ["alpha", "beta", "bias", "size"], run: runLrn }],
  LpNormalization: [{ since: 1, attributes: ["axis", "p"], run: runLpNormalization }],
  MeanVarianceNormalization: [{ since: 9, attributes: ["axes"], run: runMeanVariance }],
  Softmax: axisVersions((x, dim) => F.softmax(x, { dim })),
  LogSoftmax: axisVersions((x, dim) => F.logSoftmax(x, { dim })),
  Hardmax: axisVersions(hardmax),
};
