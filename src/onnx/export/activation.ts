import {
  celuOp,
  eluOp,
  geluOp,
  geluTanhOp,
  hardtanhOp,
  leakyReluOp,
  logsigmoidOp,
  preluOp,
  relu6Op,
  seluOp,
  siluOp,
  softplusOp,
} from "../../ops/activation.js";
import { logSoftmaxOp, softmaxOp } from "../../ops/softmax.js";
import { type Rule, rule, type Site } from "../export_rule.js";
import { reshape } from "../export_shapes.js";
import { fixedSizes } from "../export_sizes.js";
import type { Name, Writer } from "../export_writer.js";
import { clip, scaled } from "./elementwise.js";

function gelu(to: Writer, x: Name): Name {
  if (to.opset >= 20) return to.op("Gelu", [x]);
  const gate = scaled(to, to.op("Erf", [scaled(to, x, Math.SQRT1_2)]), 0.5, 0.5);
  return to.op("Mul", [x, gate]);
}

/** (1 + tanh u)/2 = σ(2u). */
function geluTanh(to: Writer, x: Name): Name {
  if (to.opset >= 20) return to.op("Gelu", [x], { approximate: "tanh" });
  const step = 2 * Math.sqrt(2 / Math.PI);
  const slope = scaled(to, to.op("Mul", [x, x]), 0.044715 * step, step);
  return to.op("Mul", [x, to.op("Sigmoid", [to.op("Mul", [x, slope])])]);
}

/** ln(1 + e^{beta·x})/beta, or x where beta·x > threshold. */
function softplus(to: Writer, x: Name, beta: number, threshold: number): Name {
  const z = scaled(to, x, beta);
  const y = scaled(to, to.op("Softplus", [z]), 1 / beta);
  // Beyond 30 the two are the same float32.
  if (threshold >= 30) return y;
  return to.op("Where", [to.op("Greater", [z, to.scalar(threshold)]), x, y]);
}

/** Slopes stand in dimension 1. */
function prelu(to: Writer, { x: [x = null, weight = null], value }: Site<void>): Name {
  const [slopes] = fixedSizes("the weight", value(1).dims) as [number];
  const behind = Math.max(0, value(0).shape.length - 2);
  if (slopes === 1 && behind === 0 && value(0).shape.length > 0) return to.op("PRelu", [x, weight]);
  const dims = slopes === 1 ? value(0).shape.map(() => 1) : [slopes, ...new Array<number>(behind).fill(1)];
  return to.op("PRelu", [x, reshape(to, weight!, dims)]);
}

function along(opType: string) {
  return (to: Writer, { first, attrs: { dim }, out }: Site<{ readonly dim: number }>): Name => {
    if (out.shape.length > 0) return to.op(opType, [first], { axis: dim });
    return reshape(to, to.op(opType, [reshape(to, first, [1])], { axis: 0 }), []);
  };
}

export const activations: readonly Rule[] = [
  rule(geluOp, (to, { first }) => gelu(to, first)),
  rule(geluTanhOp, (to, { first }) => geluTanh(to, first)),
  rule(siluOp, (to, { first }) => to.op("Mul", [first, to.op("Sigmoid", [first])])),
  rule(eluOp, (to, { x, attrs: { alpha } }) => to.op("Elu", x, { alpha: { float: alpha } })),
  rule(seluOp, (to, { x }) => to.op("Selu", x)),
  rule(celuOp, (to, { x, attrs: { alpha } }) => to.op("Celu", x, { alpha: { float: alpha } })),
  rule(softplusOp, (to, { first, attrs: { beta, threshold } }) => softplus(to, first, beta, threshold)),
  rule(logsigmoidOp, (to, { x }) => to.op("Neg", [to.op("Softplus", [to.op("Neg", x)])])),
  rule(hardtanhOp, (to, { first, attrs: { min, max } }) => clip(to, first, min, max)),
  rule(relu6Op, (to, { first }) => clip(to, first, 0, 6)),
  rule(leakyReluOp, (to, { x, attrs: { negativeSlope } }) =>
    to.op("LeakyRelu", x, { alpha: { float: negativeSlope } }),
  ),
  rule(preluOp, prelu),
  rule(softmaxOp, along("Softmax")),
  rule(logSoftmaxOp, along("LogSoftmax")),
];
