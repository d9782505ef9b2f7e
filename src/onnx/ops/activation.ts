import * as F from "../../functional/index.js";
import type { Tensor } from "../../tensor.js";
import { as, needed, tensorAt, wordOf } from "../arguments.js";
import type { Handler, NodeView, OperatorTable } from "../handler.js";

function unary(compute: (x: Tensor, node: NodeView) => Tensor): Handler {
  return (node, inputs) => {
    const x = needed(node, inputs, 0);
    return [as(x, compute(x.tensor, node))];
  };
}

const SELU_ALPHA = 1.6732631921768188;
const SELU_GAMMA = 1.0507010221481323;

function gelu(x: Tensor, node: NodeView): Tensor {
  return F.gelu(x, { approximate: wordOf(node, "approximate", "none", ["none", "tanh"]) });
}

function hardSigmoid(x: Tensor, node: NodeView): Tensor {
  return F.clamp(F.add(F.mul(x, node.float("alpha", 0.2)), node.float("beta", 0.5)), { min: 0, max: 1 });
}

/** x + bias below −lambd, x − bias above lambd, 0 between. */
function shrink(x: Tensor, node: NodeView): Tensor {
  const lambd = node.float("lambd", 0.5);
  const bias = node.float("bias", 0);
  return F.where(F.lt(x, -lambd), F.add(x, bias), F.where(F.gt(x, lambd), F.sub(x, bias), 0));
}

function swish(x: Tensor, node: NodeView): Tensor {
  const alpha = node.float("alpha", 1);
  return alpha === 1 ? F.silu(x) : F.mul(x, F.sigmoid(F.mul(x, alpha)));
}

/** The slope broadcasts to x; before operator set 7 it is one for each channel. */
const prelu: Handler = (node, inputs) => {
  const x = needed(node, inputs, 0);
  const given = tensorAt(node, inputs, 1);
  const perChannel = node.opset < 7 && given.numel > 1;
  const slope = perChannel ? F.reshape(given, { shape: [-1, ...x.tensor.shape.slice(2).map(() => 1)] }) : given;
  return [as(x, F.where(F.lt(x.tensor, 0), F.mul(x.tensor, slope), x.tensor))];
};

/** Attributes and function by operator; most are as old as operator set 7. */
const FUNCTIONS: Readonly<Record<string, readonly [readonly string[], (x: Tensor, node: NodeView) => Tensor]>> = {
  Relu: [[], (x) => (x.dtype === "int32" ? F.clamp(x, { min: 0 }) : F.relu(x))],
  Sigmoid: [[], F.sigmoid],
  Softplus: [[], (x) => F.softplus(x)],
  Softsign: [[], F.softsign],
  Mish: [[], F.mish],
  HardSwish: [[], F.hardswish],
  Elu: [["alpha"], (x, node) => F.elu(x, { alpha: node.float("alpha", 1) })],
  Celu: [["alpha"], (x, node) => F.celu(x, { alpha: node.float("alpha", 1) })],
  Selu: [
    ["alpha", "gamma"],
    (x, node) => F.mul(F.elu(x, { alpha: node.float("alpha", SELU_ALPHA) }), node.float("gamma", SELU_GAMMA)),
  ],
  LeakyRelu: [["alpha"], (x, node) => F.leakyRelu(x, { negativeSlope: node.float("alpha", 0.01) })],
  ThresholdedRelu: [["alpha"], (x, node) => F.threshold(x, { threshold: node.float("alpha", 1), value: 0 })],
  Gelu: [["approximate"], gelu],
  HardSigmoid: [["alpha", "beta"], hardSigmoid],
  Shrink: [["lambd", "bias"], shrink],
  Swish: [["alpha"], swish],
};

/** Activations, element by element. */
export const activations: OperatorTable = {
  PRelu: [{ since: 6, attributes: [], run: prelu }],
  ...Object.fromEntries(
    Object.entries(FUNCTIONS).map(([name, [attributes, compute]]) => [
      name,
      [{ since: 6, attributes, run: unary(compute) }],
    ]),
  ),
};
