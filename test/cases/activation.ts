import { functional as F, type Tensor } from "../../src/node.js";
import * as ops from "../../src/ops/activation.js";
import { apply } from "../../src/ops/op.js";
import { opCase } from "../support/op-case.js";
import { erf } from "./transcendental.js";
import { gradRow, unaryRow } from "./unary.js";

const WIDE = { low: -4, high: 4 };

const cdf = (x: number): number => (1 + erf(x / Math.SQRT2)) / 2;
const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const cubic = (x: number): number => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

export const cases = [
  unaryRow({ name: "gelu", ops: ["gelu"], run: F.gelu, f: (v) => v * cdf(v), domain: WIDE }),
  unaryRow({
    name: "gelu with tanh",
    ops: ["gelu_tanh"],
    run: (x) => F.gelu(x, { approximate: "tanh" }),
    f: (v) => 0.5 * v * (1 + Math.tanh(cubic(v))),
    domain: WIDE,
  }),
  unaryRow({ name: "silu", ops: ["silu"], run: F.silu, f: (v) => v * sigmoid(v), domain: WIDE }),

  gradRow(ops.geluGradOp, (g, x) => g * (cdf(x) + x * density(x)), WIDE),
  opCase<{ linear: number; cubic: number }>({
    name: "self_gate_grad",
    ops: ["self_gate_grad"],
    run: ([g, x], gate) => apply(ops.selfGateGradOp, [g as Tensor, x as Tensor], gate)[0],
    oracle: ([g, x], { linear, cubic }) =>
      g!.map((d, i) => {
        const v = x!.data[i]!;
        const s = sigmoid(linear * v + cubic * v ** 3);
        return d * (s + v * s * (1 - s) * (linear + 3 * cubic * v * v));
      }),
    samples: [
      { name: "tail", inputs: [{ shape: [3, 7] }, { shape: [3, 7], ...WIDE }], options: { linear: 1, cubic: 0 } },
      { name: "cubic", inputs: [{ shape: [10] }, { shape: [10], ...WIDE }], options: { linear: 1.6, cubic: 0.07 } },
      { name: "empty", inputs: [{ shape: [0] }, { shape: [0] }], options: { linear: 1, cubic: 0 } },
    ],
  }),
  opCase<{ approximate?: "none" }>({
    name: "gelu, refused",
    ops: ["gelu"],
    run: ([x], options) => F.gelu(x as Tensor, options),
    oracle: ([x]) => x!,
    samples: [],
    errors: [
      { name: "int32", inputs: [{ shape: [2], dtype: "int32" }], options: {}, message: ["GELU", "int32", "float32"] },
      {
        name: "an unknown form",
        inputs: [{ shape: [2] }],
        options: { approximate: "sigmoid" as "none" },
        message: ["GELU", "approximate", "sigmoid"],
      },
    ],
  }),
];
