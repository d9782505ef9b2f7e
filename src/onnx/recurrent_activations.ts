import * as F from "../functional/index.js";
import { affine } from "../ops/arithmetic.js";
import type { Tensor } from "../tensor.js";
import type { NodeView } from "./handler.js";

// The activations that the recurrent operators name.

export interface Activation {
  /** In lower case. */
  readonly name: string;
  readonly run: (x: Tensor) => Tensor;
}

interface Definition {
  /** Defaults of the parameters that it has: none, α, or α and β. */
  readonly defaults: readonly number[];
  readonly run: (x: Tensor, alpha: number, beta: number) => Tensor;
}

const DEFINITIONS: Readonly<Record<string, Definition>> = {
  relu: { defaults: [], run: (x) => F.relu(x) },
  tanh: { defaults: [], run: (x) => F.tanh(x) },
  sigmoid: { defaults: [], run: (x) => F.sigmoid(x) },
  softsign: { defaults: [], run: (x) => F.softsign(x) },
  softplus: { defaults: [], run: (x) => F.softplus(x) },
  leakyrelu: { defaults: [0.01], run: (x, alpha) => F.leakyRelu(x, { negativeSlope: alpha }) },
  thresholdedrelu: { defaults: [1], run: (x, alpha) => F.threshold(x, { threshold: alpha, value: 0 }) },
  elu: { defaults: [1], run: (x, alpha) => F.elu(x, { alpha }) },
  affine: { defaults: [1, 0], run: affine },
  scaledtanh: { defaults: [1, 1], run: (x, alpha, beta) => affine(F.tanh(affine(x, beta, 0)), alpha, 0) },
  hardsigmoid: { defaults: [0.2, 0.5], run: (x, alpha, beta) => F.clamp(affine(x, alpha, beta), { min: 0, max: 1 }) },
};

export const DEFAULT_ACTIVATIONS = {
  RNN: ["Tanh"],
  GRU: ["Sigmoid", "Tanh"],
  LSTM: ["Sigmoid", "Tanh", "Tanh"],
} as const;

/** The activations of each direction. α and β are handed out, in order, to those that have them. */
export function activationsOf(node: NodeView, byDefault: readonly string[], directions: number): Activation[][] {
  const all = Array.from({ length: directions }, () => byDefault).flat();
  const names = node.strings("activations", all);
  if (names.length !== all.length) {
    throw node.fail(`activations are [${names.join(", ")}]; expected ${all.length} of them`);
  }
  const given = [node.floats("activation_alpha", []), node.floats("activation_beta", [])];
  const used = [0, 0];
  const made = names.map((written): Activation => {
    const name = written.toLowerCase();
    const definition = DEFINITIONS[name];
    if (definition === undefined) throw node.fail(`activation "${written}" is unknown`);
    const [alpha = 0, beta = 0] = definition.defaults.map((value, i) => given[i]![used[i]!++] ?? value);
    return { name, run: (x) => definition.run(x, alpha, beta) };
  });
  return Array.from({ length: directions }, (_, d) => made.slice(d * byDefault.length, (d + 1) * byDefault.length));
}
