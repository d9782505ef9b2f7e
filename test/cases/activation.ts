import { functional as F, Generator, type Tensor } from "../../src/node.js";
import * as ops from "../../src/ops/activation.js";
import { apply, type Op } from "../../src/ops/op.js";
import { Nd } from "../support/nd.js";
import { type InputSpec, type OpCase, opCase } from "../support/op-case.js";
import { philoxUnits } from "../support/philox.js";
import { erf } from "./transcendental.js";
import { unaryRow } from "./unary.js";

const WIDE = { low: -4, high: 4 };
/** Values at which the functions bend, overflow or lose a sign; those of the kinks are checked in test/activation.test.ts. */
const SPECIAL = [NaN, Infinity, -Infinity, 0, 1, -1, 0.25, -0.25, 1.5, -1.5, 10, -10, 100, -100, 1e-40, 1e30];

const cdf = (x: number): number => (1 + erf(x / Math.SQRT2)) / 2;
const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const cubic = (x: number): number => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
const softplus = (x: number, beta = 1, threshold = 20): number =>
  beta * x > threshold ? x : (Math.max(beta * x, 0) + Math.log1p(Math.exp(-Math.abs(beta * x)))) / beta;
const elu = (x: number, alpha: number): number => (x > 0 ? x : alpha * Math.expm1(x));
const clamp = (x: number, min: number, max: number): number => Math.min(Math.max(x, min), max);
const [LAMBDA, ALPHA] = [1.0507009873554805, 1.6732632423543772];

/** y = f(x, options), with the gradients of `ops`. */
function row<Options extends object>(
  name: string,
  covered: readonly string[],
  run: (x: Tensor, options: Options) => Tensor,
  f: (x: number, options: Options) => number,
  options: readonly Options[],
  errors: OpCase<Options>["errors"] = [],
): OpCase<never> {
  return opCase<Options>({
    name,
    ops: covered,
    run: ([x], o) => run(x as Tensor, o),
    oracle: ([x], o) => x!.map((v) => f(v, o)),
    samples: options.flatMap((o, i) => [
      { name: `tail, options ${i}`, inputs: [{ shape: [3, 7], ...WIDE }], options: o },
      { name: `one, options ${i}`, inputs: [{ shape: [1], ...WIDE }], options: o },
      { name: `scalar, options ${i}`, inputs: [{ shape: [], ...WIDE }], options: o },
      { name: `empty, options ${i}`, inputs: [{ shape: [0] }], options: o },
      {
        name: `special values, options ${i}`,
        inputs: [{ shape: [16], values: SPECIAL }],
        options: o,
        forwardOnly: true,
      },
    ]),
    errors: [
      {
        name: "int32",
        inputs: [{ shape: [2], dtype: "int32" }],
        options: options[0]!,
        message: ["int32", "expected float32"],
      },
      ...errors,
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20], ...WIDE }], options: options[0]!, bytes: 8 << 20 }],
  });
}

/** The gradient op dx = g·slope(x), whose own derivatives are checked here; `kinked`: its derivative by x is 0, and none is made. */
function gradRow<A>(
  op: Op<readonly [Tensor, Tensor], readonly [Tensor], A>,
  attrs: A,
  slope: (x: number) => number,
  kinked = false,
): OpCase<never> {
  return opCase<unknown>({
    name: op.name,
    ops: [op.name],
    run: ([g, x]) => apply(op, [g as Tensor, x as Tensor], attrs)[0],
    oracle: ([g, x]) => g!.map((v, i) => v * slope(x!.data[i]!)),
    samples: [
      { name: "tail", inputs: [{ shape: [3, 7] }, { shape: [3, 7], ...WIDE, grad: !kinked }] },
      { name: "empty", inputs: [{ shape: [0] }, { shape: [0], grad: !kinked }] },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }, { shape: [1 << 20], ...WIDE }], bytes: 12 << 20 }],
  });
}

const SEED = 0x123456789abcdef0n;
const SLOPES = { lower: 0.1, upper: 0.6 };

/** y = v where x > 0, else v times the slope that the seed gives. */
function rreluOracle(v: Nd, x: Nd): Nd {
  const { lower, upper } = SLOPES;
  const slopes = philoxUnits(SEED, v.data.length).map((u) => lower + (upper - lower) * u);
  return v.map((d, i) => (x.data[i]! > 0 ? d : slopes[i]! * d));
}

function preluOracle(v: Nd, x: Nd, weight: Nd): Nd {
  const inner = x.shape.slice(2).reduce((p, n) => p * n, 1);
  const slope = (i: number): number => weight.data[weight.data.length === 1 ? 0 : Math.floor(i / inner) % x.shape[1]!]!;
  return v.map((d, i) => (x.data[i]! > 0 ? d : slope(i) * d));
}

const PRELU_INPUTS: readonly (readonly [string, InputSpec, InputSpec])[] = [
  ["one slope", { shape: [3, 7] }, { shape: [1] }],
  ["one slope for a scalar", { shape: [] }, { shape: [1] }],
  ["a slope a channel", { shape: [2, 3, 5] }, { shape: [3] }],
  ["a slope a channel, images", { shape: [2, 5, 3, 4] }, { shape: [5] }],
  ["a slope a feature", { shape: [4, 7] }, { shape: [7] }],
  ["a slope a channel of one place", { shape: [3, 6, 1, 1] }, { shape: [6] }],
  ["empty", { shape: [0, 3, 2] }, { shape: [3] }],
  ["empty channels", { shape: [2, 3, 0] }, { shape: [3] }],
];

export const cases = [
  unaryRow({ name: "gelu", ops: ["gelu"], run: F.gelu, f: (v) => v * cdf(v), domain: WIDE }),
  row<{ approximate: "tanh" }>(
    "gelu with tanh",
    ["gelu_tanh"],
    F.gelu,
    (v) => 0.5 * v * (1 + Math.tanh(cubic(v))),
    [{ approximate: "tanh" }],
    [
      {
        name: "an unknown form",
        inputs: [{ shape: [2] }],
        options: { approximate: "sigmoid" as "tanh" },
        message: ["GELU", "approximate", "sigmoid"],
      },
    ],
  ),
  row(
    "silu",
    ["silu"],
    (x) => F.silu(x),
    (v) => v * sigmoid(v),
    [{}],
  ),
  row<{ alpha?: number }>(
    "elu",
    ["elu"],
    F.elu,
    (v, { alpha = 1 }) => elu(v, alpha),
    [{}, { alpha: 1.5 }],
    [{ name: "alpha NaN", inputs: [{ shape: [2] }], options: { alpha: NaN }, message: ["ELU", "alpha", "NaN"] }],
  ),
  row(
    "selu",
    ["selu"],
    (x) => F.selu(x),
    (v) => LAMBDA * elu(v, ALPHA),
    [{}],
  ),
  row<{ alpha?: number }>(
    "celu",
    ["celu"],
    F.celu,
    (v, { alpha = 1 }) => (v > 0 ? v : alpha * Math.expm1(v / alpha)),
    [{}, { alpha: 0.5 }, { alpha: 3 }],
    [{ name: "alpha 0", inputs: [{ shape: [2] }], options: { alpha: 0 }, message: ["CELU", "alpha is 0"] }],
  ),
  row<{ beta?: number; threshold?: number }>(
    "softplus",
    ["softplus"],
    F.softplus,
    (v, { beta, threshold }) => softplus(v, beta, threshold),
    [{}, { beta: 2, threshold: 30 }, { beta: 0.5, threshold: 1000 }],
    [{ name: "beta 0", inputs: [{ shape: [2] }], options: { beta: 0 }, message: ["Softplus", "beta is 0"] }],
  ),
  row(
    "logsigmoid",
    ["logsigmoid"],
    (x) => F.logsigmoid(x),
    (v) => -softplus(-v, 1, Infinity),
    [{}],
  ),
  row(
    "mish",
    [],
    (x) => F.mish(x),
    (v) => v * Math.tanh(softplus(v)),
    [{}],
  ),
  row(
    "softsign",
    [],
    (x) => F.softsign(x),
    (v) => v / (1 + Math.abs(v)),
    [{}],
  ),
  row(
    "tanhshrink",
    [],
    (x) => F.tanhshrink(x),
    (v) => v - Math.tanh(v),
    [{}],
  ),
  row<{ minVal?: number; maxVal?: number }>(
    "hardtanh",
    ["hardtanh"],
    F.hardtanh,
    (v, { minVal = -1, maxVal = 1 }) => clamp(v, minVal, maxVal),
    [{}, { minVal: -2, maxVal: 0.5 }],
    [
      {
        name: "bounds in the wrong order",
        inputs: [{ shape: [2] }],
        options: { minVal: 2 },
        message: ["Hardtanh", "minVal is 2", "maxVal 1"],
      },
    ],
  ),
  row(
    "relu6",
    ["relu6"],
    (x) => F.relu6(x),
    (v) => clamp(v, 0, 6),
    [{}],
  ),
  row(
    "hardsigmoid",
    [],
    (x) => F.hardsigmoid(x),
    (v) => clamp(v + 3, 0, 6) / 6,
    [{}],
  ),
  row(
    "hardswish",
    [],
    (x) => F.hardswish(x),
    (v) => (v * clamp(v + 3, 0, 6)) / 6,
    [{}],
  ),
  row<{ negativeSlope?: number }>(
    "leakyRelu",
    ["leakyRelu"],
    F.leakyRelu,
    (v, { negativeSlope = 0.01 }) => (v > 0 ? v : negativeSlope * v),
    [{}, { negativeSlope: 0.2 }, { negativeSlope: 3 }],
  ),
  row<{ lambd?: number }>("hardshrink", [], F.hardshrink, (v, { lambd = 0.5 }) => (Math.abs(v) <= lambd ? 0 : v), [
    {},
    { lambd: 1.25 },
  ]),
  row<{ lambd?: number }>(
    "softshrink",
    [],
    F.softshrink,
    (v, { lambd = 0.5 }) => v - clamp(v, -lambd, lambd),
    [{}, { lambd: 1.25 }],
    [
      {
        name: "negative lambd",
        inputs: [{ shape: [2] }],
        options: { lambd: -1 },
        message: ["Softshrink", "lambd", "-1"],
      },
    ],
  ),
  row<{ threshold: number; value: number }>(
    "threshold",
    [],
    F.threshold,
    (v, { threshold, value }) => (v <= threshold ? value : v),
    [{ threshold: 0.1, value: 20 }],
    [
      {
        name: "no value",
        inputs: [{ shape: [2] }],
        options: { threshold: 1 } as { threshold: number; value: number },
        message: ["Threshold", "value", "undefined"],
      },
    ],
  ),

  gradRow(ops.geluGradOp, undefined, (x) => cdf(x) + x * density(x)),
  gradRow(ops.geluTanhGradOp, undefined, (x) => {
    const s = sigmoid(2 * cubic(x));
    return s + x * s * (1 - s) * 2 * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
  }),
  gradRow(ops.siluGradOp, undefined, (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
  gradRow(ops.eluGradOp, { alpha: 1.5 }, (x) => (x > 0 ? 1 : 1.5 * Math.exp(x))),
  gradRow(ops.seluGradOp, undefined, (x) => LAMBDA * (x > 0 ? 1 : ALPHA * Math.exp(x))),
  gradRow(ops.celuGradOp, { alpha: 2 }, (x) => (x > 0 ? 1 : Math.exp(x / 2))),
  gradRow(ops.softplusGradOp, { beta: 2, threshold: 3 }, (x) => (2 * x > 3 ? 1 : sigmoid(2 * x))),
  gradRow(ops.logsigmoidGradOp, undefined, (x) => sigmoid(-x)),
  gradRow(ops.hardtanhGradOp, { min: -1, max: 2 }, (x) => Number(x > -1 && x < 2), true),
  gradRow(ops.relu6GradOp, undefined, (x) => Number(x > 0 && x < 6), true),
  gradRow(ops.leakyReluGradOp, { negativeSlope: 0.2 }, (x) => (x > 0 ? 1 : 0.2), true),

  opCase<unknown>({
    name: "prelu",
    ops: ["prelu"],
    run: ([x, weight]) => F.prelu(x as Tensor, weight as Tensor),
    oracle: ([x, weight]) => preluOracle(x!, x!, weight!),
    samples: PRELU_INPUTS.map(([name, x, weight]) => ({ name, inputs: [x, weight] })),
    errors: [
      { name: "another length", inputs: [{ shape: [2, 3] }, { shape: [2] }], message: ["PReLU", "[2]", "[3]"] },
      { name: "a matrix", inputs: [{ shape: [2, 3] }, { shape: [3, 1] }], message: ["PReLU", "[3, 1]"] },
      { name: "int32", inputs: [{ shape: [2], dtype: "int32" }, { shape: [1] }], message: ["PReLU", "int32"] },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [16, 64, 32, 32] }, { shape: [64] }], bytes: 8 << 20 }],
  }),
  opCase<unknown>({
    name: "prelu_grad",
    ops: ["prelu_grad"],
    run: ([g, x, weight]) => apply(ops.preluGradOp, [g as Tensor, x as Tensor, weight as Tensor], undefined)[0],
    oracle: ([g, x, weight]) => preluOracle(g!, x!, weight!),
    samples: PRELU_INPUTS.map(([name, x, weight]) => ({ name, inputs: [x, { ...x, grad: false }, weight] })),
    bench: [
      {
        name: "1M",
        inputs: [{ shape: [16, 64, 32, 32] }, { shape: [16, 64, 32, 32], grad: false }, { shape: [64] }],
        bytes: 12 << 20,
      },
    ],
  }),

  row<{ lower?: number; upper?: number }>(
    "rrelu in evaluation",
    [],
    F.rrelu,
    (v, { lower = 1 / 8, upper = 1 / 3 }) => (v > 0 ? v : ((lower + upper) / 2) * v),
    [{}, { lower: 0.2, upper: 0.4 }],
    [
      {
        name: "bounds in the wrong order",
        inputs: [{ shape: [2] }],
        options: { lower: 1, upper: 0 },
        message: ["RReLU", "[1, 0)"],
      },
    ],
  ),
  opCase<unknown>({
    name: "rrelu in training",
    ops: ["rrelu"],
    run: ([x]) => F.rrelu(x as Tensor, { ...SLOPES, training: true, generator: new Generator(SEED) }),
    oracle: ([x]) => rreluOracle(x!, x!),
    samples: [[0], [1], [5], [3, 7], [2, 3, 11], []].map((shape) => ({ name: `[${shape}]`, inputs: [{ shape }] })),
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }], bytes: 8 << 20 }],
  }),
  opCase<unknown>({
    name: "rrelu_grad",
    ops: ["rrelu_grad"],
    run: ([g, x]) => {
      const draw = new Generator(SEED).draw(x!.numel);
      return apply(ops.rreluGradOp, [g as Tensor, x as Tensor], { ...SLOPES, draw })[0];
    },
    oracle: ([g, x]) => rreluOracle(g!, x!),
    samples: [{ name: "tail", inputs: [{ shape: [3, 7] }, { shape: [3, 7], grad: false }] }],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }, { shape: [1 << 20], grad: false }], bytes: 12 << 20 }],
  }),

  opCase<{ dim?: number }>({
    name: "glu",
    ops: [],
    run: ([x], options) => F.glu(x as Tensor, options),
    oracle: ([x], { dim = -1 }) => gluOracle(x!, dim < 0 ? dim + x!.shape.length : dim),
    samples: [
      { name: "last dimension", inputs: [{ shape: [3, 10] }], options: {} },
      { name: "first dimension", inputs: [{ shape: [4, 5] }], options: { dim: 0 } },
      { name: "a middle dimension", inputs: [{ shape: [2, 6, 3] }], options: { dim: -2 } },
      { name: "a vector", inputs: [{ shape: [2] }], options: {} },
      { name: "empty", inputs: [{ shape: [3, 0] }], options: {} },
    ],
    errors: [
      { name: "an odd size", inputs: [{ shape: [2, 5] }], options: {}, message: ["GLU", "[2, 5]", "even"] },
      { name: "a scalar", inputs: [{ shape: [] }], options: {}, message: ["GLU", "even"] },
      { name: "a dimension too many", inputs: [{ shape: [2, 4] }], options: { dim: 2 }, message: ["GLU", "dim is 2"] },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 10, 1 << 11] }], options: {}, bytes: 12 << 20 }],
  }),
];

function gluOracle(x: Nd, dim: number): Nd {
  const shape = x.shape.map((n, d) => (d === dim ? n / 2 : n));
  const block = shape.slice(dim).reduce((p, n) => p * n, 1);
  return new Nd(shape).map((_, i) => {
    const at = Math.floor(i / block) * 2 * block + (i % block);
    return x.data[at]! * sigmoid(x.data[at + block]!);
  });
}
