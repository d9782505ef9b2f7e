import { functional as F, type Tensor } from "../../src/node.js";
import { bceGradOp, bceWithLogitsGradOp, huberGradOp } from "../../src/ops/loss_elementwise.js";
import { apply } from "../../src/ops/op.js";
import { type LossOptions, reduceLoss, refused, softplus } from "../support/losses.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, type OpCase, opCase, type Sample } from "../support/op-case.js";

/** x stretched to a shape it broadcasts to. */
function stretched(x: Nd, shape: readonly number[]): Nd {
  const out = new Nd(shape);
  forIndex(shape, (index, flat) => {
    const own = index.slice(index.length - x.shape.length).map((i, d) => (x.shape[d] === 1 ? 0 : i));
    out.data[flat] = x.get(...own);
  });
  return out;
}

const at = (x: Nd | null | undefined, shape: readonly number[], i: number): number =>
  x ? stretched(x, shape).data[i]! : 1;

/** Every size around a vector's, for a pair of inputs. */
function sizes<O>(x: Omit<InputSpec, "shape">, t: Omit<InputSpec, "shape">, more: null[] = []): Sample<O>[] {
  return [0, 1, 3, 4, 5, 17].map((n) => ({
    name: `${n} elements`,
    inputs: [{ ...x, shape: [n] }, { ...t, shape: [n] }, ...more],
    options: { reduction: "none" } as O,
  }));
}

function pair(shape: readonly number[], x: Omit<InputSpec, "shape">, t: Omit<InputSpec, "shape">): InputSpec[] {
  return [
    { ...x, shape },
    { ...t, shape },
  ];
}

const OTHER_SHAPE = (module: string, more: null[] = []) => ({
  name: "another shape",
  inputs: [{ shape: [2, 5], low: 0 }, { shape: [2, 6], low: 0 }, ...more],
  options: {},
  message: [module, "5", "6"],
});

const PROBABILITY = { low: 0.05, high: 0.95 };
const SCORE = { low: -6, high: 6 };
const TARGET = { low: 0, high: 1 };

function bce(x: number, t: number): number {
  return -t * Math.max(Math.log(x), -100) - (1 - t) * Math.max(Math.log1p(-x), -100);
}

type Residual = "smoothL1Loss" | "huberLoss";

interface ResidualOptions extends LossOptions {
  beta?: number;
  delta?: number;
}

function residual(name: Residual, module: string, option: "beta" | "delta"): OpCase<never> {
  const f = (d: number, knee: number): number => {
    const scale = name === "huberLoss" ? knee : 1;
    return d < knee ? (scale * d * d) / (2 * knee) : scale * (d - knee / 2);
  };
  const wide = { low: -3, high: 3 };
  return opCase<ResidualOptions>({
    name,
    ops: ["huber", "huber_grad"],
    run: ([x, t], options) => F[name](x as Tensor, t as Tensor, options),
    oracle: ([x, t], options) =>
      reduceLoss(
        x!.map((v, i) => f(Math.abs(v - t!.data[i]!), options[option] ?? 1)),
        options,
      ),
    samples: [
      ...sizes<ResidualOptions>(wide, wide),
      { name: "mean", inputs: pair([3, 7], wide, wide), options: {} },
      { name: `${option} 0.3, sum`, inputs: pair([3, 7], wide, wide), options: { [option]: 0.3, reduction: "sum" } },
      { name: `${option} 2.5`, inputs: pair([9], wide, wide), options: { [option]: 2.5 } },
      {
        name: "large, infinite and NaN",
        inputs: [
          { shape: [5], values: [1e30, Infinity, -Infinity, NaN, 0] },
          { shape: [5], values: [0, 0, 0, 0, NaN] },
        ],
        options: { reduction: "none" },
        forwardOnly: true,
      },
    ],
    errors: [OTHER_SHAPE(module), ...refused<ResidualOptions>(module, pair([2], wide, wide), { [option]: -1 })],
    bench: [{ name: "128x784", inputs: pair([128, 784], wide, wide), options: {}, bytes: 128 * 784 * 8 }],
  });
}

/** The row of a gradient's own op, whose gradients are the second derivatives. */
function gradient(
  name: string,
  x: Omit<InputSpec, "shape">,
  run: (g: Tensor, x: Tensor, t: Tensor) => Tensor,
  slope: (x: number, t: number) => number,
): OpCase<never> {
  return opCase<unknown>({
    name,
    ops: [name],
    run: ([g, v, t]) => run(g as Tensor, v as Tensor, t as Tensor),
    oracle: ([g, v, t]) => g!.map((up, i) => up * slope(v!.data[i]!, t!.data[i]!)),
    samples: [1, 7, 16].map((n) => ({
      name: `${n} elements`,
      inputs: [{ shape: [n] }, { ...x, shape: [n] }, { ...TARGET, shape: [n] }],
    })),
  });
}

export const cases = [
  opCase<LossOptions>({
    name: "binaryCrossEntropy",
    ops: ["bce", "bce_grad"],
    run: ([x, t, weight], options) =>
      F.binaryCrossEntropy(x as Tensor, t as Tensor, { ...options, weight: weight ?? null }),
    oracle: ([x, t, weight], options) =>
      reduceLoss(
        x!.map((v, i) => bce(v, t!.data[i]!) * at(weight, x!.shape, i)),
        options,
      ),
    samples: [
      ...sizes<LossOptions>(PROBABILITY, TARGET, [null]),
      { name: "mean", inputs: [...pair([3, 5], PROBABILITY, TARGET), null], options: {} },
      { name: "weight for each column", inputs: [...pair([3, 5], PROBABILITY, TARGET), { shape: [5] }], options: {} },
      {
        name: "weight for each row, sum",
        inputs: [...pair([3, 5], PROBABILITY, TARGET), { shape: [3, 1] }],
        options: { reduction: "sum" },
      },
      {
        name: "certain and wrong costs 100",
        inputs: [{ shape: [6], values: [0, 0, 1, 1, 1e-45, 0.5] }, { shape: [6], values: [0, 1, 0, 1, 1, 0.5] }, null],
        options: { reduction: "none" },
        forwardOnly: true,
      },
      {
        name: "near 0 and 1",
        inputs: [{ shape: [5], values: [1e-6, 1e-3, 0.999, 0.9999999, 1e-30] }, { ...TARGET, shape: [5] }, null],
        options: { reduction: "none" },
        forwardOnly: true,
      },
    ],
    errors: [
      OTHER_SHAPE("BCELoss", [null]),
      ...refused<LossOptions>("BCELoss", [...pair([2], PROBABILITY, TARGET), null]),
      ...[-0.1, 1.1, NaN, Infinity].map((bad) => ({
        name: `an input of ${bad}`,
        inputs: [{ shape: [7], values: [0, 0, 0, 0, 0, bad, 0] }, { shape: [7], low: 0 }, null],
        options: {},
        message: ["BCELoss", "input", "element 5", String(Math.fround(bad))],
      })),
      {
        name: "a target of 2",
        inputs: [{ shape: [8], low: 0 }, { shape: [8], values: [0, 1, 0, 2, 1, 1, 1, 1] }, null],
        options: {},
        message: ["BCELoss", "target", "2", "element 3"],
      },
      {
        name: "an int32 target",
        inputs: [{ shape: [2], low: 0 }, { shape: [2], dtype: "int32", high: 2 }, null],
        options: {},
        message: ["BCELoss", "int32", "float32"],
      },
      {
        name: "a weight that does not stretch",
        inputs: [...pair([3, 5], PROBABILITY, TARGET), { shape: [2, 3, 5] }],
        options: {},
        message: ["BCELoss", "weight", "[2, 3, 5]", "[3, 5]"],
      },
    ],
    bench: [
      {
        name: "128x784",
        inputs: [...pair([128, 784], PROBABILITY, TARGET), null],
        options: {},
        bytes: 128 * 784 * 8,
      },
    ],
  }),
  gradient(
    "bce_grad",
    PROBABILITY,
    (g, x, t) => apply(bceGradOp, [g, x, t], undefined)[0],
    (x, t) => (x - t) / (x * (1 - x)),
  ),
  opCase<LossOptions>({
    name: "binaryCrossEntropyWithLogits",
    ops: ["bce_with_logits", "bce_with_logits_grad"],
    run: ([x, t, weight, posWeight], options) =>
      F.binaryCrossEntropyWithLogits(x as Tensor, t as Tensor, {
        ...options,
        weight: weight ?? null,
        posWeight: posWeight ?? null,
      }),
    oracle: ([x, t, weight, p], options) =>
      reduceLoss(
        x!.map((v, i) => {
          const target = t!.data[i]!;
          const loss = at(p, x!.shape, i) * target * softplus(-v) + (1 - target) * softplus(v);
          return loss * at(weight, x!.shape, i);
        }),
        options,
      ),
    samples: [
      ...sizes<LossOptions>(SCORE, TARGET, [null, null]),
      { name: "mean", inputs: [...pair([3, 5], SCORE, TARGET), null, null], options: {} },
      {
        name: "weight",
        inputs: [...pair([3, 5], SCORE, TARGET), { shape: [3, 1] }, null],
        options: { reduction: "sum" },
      },
      {
        name: "posWeight",
        inputs: [...pair([3, 5], SCORE, TARGET), null, { shape: [5], low: 0.001, high: 3 }],
        options: { reduction: "none" },
      },
      {
        name: "posWeight and weight",
        inputs: [...pair([2, 3, 4], SCORE, TARGET), { shape: [3, 4] }, { shape: [4], low: 0, high: 3 }],
        options: {},
      },
      {
        name: "extreme scores",
        inputs: [
          { shape: [8], values: [1e4, -1e4, 1e4, -1e4, 1e30, -88, 20, -20] },
          { shape: [8], values: [1, 1, 0, 0, 0, 1, 1, 0] },
          null,
          null,
        ],
        options: { reduction: "none" },
        forwardOnly: true,
      },
      {
        name: "small losses keep their digits",
        inputs: [{ shape: [5], values: [30, 15, 10, -25, -50] }, { shape: [5], values: [1, 1, 1, 0, 0] }, null, null],
        options: { reduction: "sum" },
        forwardOnly: true,
      },
      {
        name: "NaN",
        inputs: [{ shape: [3], values: [NaN, 1, 2] }, { shape: [3], values: [0, NaN, 1] }, null, null],
        options: { reduction: "none" },
        forwardOnly: true,
      },
    ],
    errors: [
      OTHER_SHAPE("BCEWithLogitsLoss", [null, null]),
      {
        name: "another shape with posWeight",
        inputs: [{ shape: [2, 5] }, { shape: [2, 6] }, null, { shape: [5] }],
        options: {},
        message: ["BCEWithLogitsLoss", "5", "6"],
      },
      {
        name: "a posWeight that does not stretch",
        inputs: [{ shape: [2, 5] }, { shape: [2, 5] }, null, { shape: [4] }],
        options: {},
        message: ["BCEWithLogitsLoss", "[4]", "[2, 5]"],
      },
      ...refused<LossOptions>("BCEWithLogitsLoss", [...pair([2], SCORE, TARGET), null, null]),
    ],
    bench: [
      {
        name: "128x784",
        inputs: [...pair([128, 784], SCORE, TARGET), null, null],
        options: {},
        bytes: 128 * 784 * 8,
      },
    ],
  }),
  gradient(
    "bce_with_logits_grad",
    SCORE,
    (g, x, t) => apply(bceWithLogitsGradOp, [g, x, t], undefined)[0],
    (x, t) => 1 / (1 + Math.exp(-x)) - t,
  ),
  residual("smoothL1Loss", "SmoothL1Loss", "beta"),
  residual("huberLoss", "HuberLoss", "delta"),
  opCase<LossOptions>({
    name: "smoothL1Loss with beta 0",
    ops: [],
    run: ([x, t], options) => F.smoothL1Loss(x as Tensor, t as Tensor, { ...options, beta: 0 }),
    oracle: ([x, t], options) =>
      reduceLoss(
        x!.map((v, i) => Math.abs(v - t!.data[i]!)),
        options,
      ),
    samples: [{ name: "mean", inputs: pair([3, 5], SCORE, SCORE), options: {} }],
    errors: [OTHER_SHAPE("SmoothL1Loss")],
  }),
  gradient(
    "huber_grad",
    { low: -3, high: 3 },
    (g, x, t) => apply(huberGradOp, [g, x, t], { op: "HuberLoss", knee: 1.5, slope: 0.7 })[0],
    (x, t) => 0.7 * Math.min(Math.max((x - t) / 1.5, -1), 1),
  ),
];
