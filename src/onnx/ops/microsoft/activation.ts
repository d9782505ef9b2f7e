import * as F from "../../../functional/index.js";
import { add, mul } from "../../../ops/arithmetic.js";
import { narrow } from "../../../ops/copy.js";
import type { Tensor } from "../../../tensor.js";
import { as, maybeAt, needed, tensorAt } from "../../arguments.js";
import type { Handler, NodeView, OperatorTable, OperatorVersion } from "../../handler.js";

/** An activation of the sum of x and a bias, which the operator has or may have. */
function ofSum(compute: (x: Tensor) => Tensor): Handler {
  return (_, inputs) => {
    const x = needed(_, inputs, 0);
    const bias = maybeAt(inputs, 1);
    return [as(x, compute(bias === null ? x.tensor : add(x.tensor, bias)))];
  };
}

/** x · σ(alpha · x). */
const quickGelu: Handler = (node, inputs) => {
  const x = needed(node, inputs, 0);
  return [as(x, mul(x.tensor, F.sigmoid(F.mul(x.tensor, node.float("alpha", 1.702)))))];
};

/** The first half of the channels, times the gelu of the second. */
const biasSplitGelu: Handler = (node, inputs) => {
  const x = needed(node, inputs, 0);
  const sum = add(x.tensor, tensorAt(node, inputs, 1));
  const half = sum.size(-1) / 2;
  if (!Number.isInteger(half)) throw node.fail(`${sum.size(-1)} channels; expected an even number`);
  return [as(x, mul(narrow(sum, -1, 0, half), F.gelu(narrow(sum, -1, half, half))))];
};

/** x + bias + skip. */
const biasAdd: Handler = (node, inputs) => {
  const x = needed(node, inputs, 0);
  return [as(x, add(add(x.tensor, tensorAt(node, inputs, 1)), tensorAt(node, inputs, 2)))];
};

/** Activations that are a part of other operators, with what three attributes mean to them. */
const FUSED: Readonly<Record<string, (x: Tensor, alpha: number | undefined, beta: number | undefined) => Tensor>> = {
  "": (x) => x,
  Relu: (x) => F.relu(x),
  Tanh: (x) => F.tanh(x),
  Sigmoid: (x) => F.sigmoid(x),
  LeakyRelu: (x, alpha = 0.01) => F.leakyRelu(x, { negativeSlope: alpha }),
  Clip: (x, min = -Infinity, max = Infinity) => F.clamp(x, { min, max }),
  HardSigmoid: (x, alpha = 0.2, beta = 0.5) => F.clamp(F.add(F.mul(x, alpha), beta), { min: 0, max: 1 }),
};

/** Applies the activation that a node names in its attribute `activation`. */
export function activated(node: NodeView, x: Tensor, [alpha, beta]: readonly (number | undefined)[]): Tensor {
  const name = node.string("activation", "");
  if (!Object.hasOwn(FUSED, name)) {
    throw node.fail(`activation is "${name}"; expected one of ${Object.keys(FUSED).filter(Boolean).join(", ")}`);
  }
  return FUSED[name]!(x, alpha, beta);
}

const version = (run: Handler, attributes: readonly string[] = []): OperatorVersion[] => [
  { since: 1, attributes, run },
];

/** Activations and sums. */
export const activations: OperatorTable = {
  Gelu: version(ofSum((x) => F.gelu(x))),
  BiasGelu: version(ofSum((x) => F.gelu(x))),
  FastGelu: version(ofSum((x) => F.gelu(x, { approximate: "tanh" }))),
  QuickGelu: version(quickGelu, ["alpha"]),
  BiasSplitGelu: version(biasSplitGelu),
  BiasAdd: version(biasAdd),
};
