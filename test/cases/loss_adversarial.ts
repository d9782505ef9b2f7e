import { functional as F, type Tensor } from "../../src/node.js";
import { type LossOptions, reduceLoss, refused, softplus } from "../support/losses.js";
import { type InputSpec, opCase, type Sample } from "../support/op-case.js";

interface Options extends LossOptions {
  objective?: F.GANObjective;
}

type Cost = (score: number) => number;

const COSTS: Record<F.GANObjective, { real: Cost; fake: Cost; generator: Cost }> = {
  minimax: { real: (s) => softplus(-s), fake: softplus, generator: (s) => -softplus(s) },
  nonSaturating: { real: (s) => softplus(-s), fake: softplus, generator: (s) => softplus(-s) },
  leastSquares: { real: (s) => (s - 1) ** 2 / 2, fake: (s) => s ** 2 / 2, generator: (s) => (s - 1) ** 2 / 2 },
  wasserstein: { real: (s) => -s, fake: (s) => s, generator: (s) => -s },
};

const OBJECTIVES = Object.keys(COSTS) as F.GANObjective[];
const scores = (...shape: number[]): InputSpec => ({ shape, low: -3, high: 3 });

function samples(...inputs: InputSpec[]): Sample<Options>[] {
  return OBJECTIVES.flatMap((objective) =>
    (["mean", "sum", "none"] as const).map((reduction) => ({
      name: `${objective}, ${reduction}`,
      inputs,
      options: { objective, reduction },
    })),
  );
}

export const cases = [
  opCase<Options>({
    name: "ganDiscriminatorLoss",
    ops: [],
    run: ([real, fake], options) => F.ganDiscriminatorLoss(real as Tensor, fake as Tensor, options),
    oracle: ([real, fake], options) => {
      const cost = COSTS[options.objective ?? "nonSaturating"];
      const [a, b] = [reduceLoss(real!.map(cost.real), options), reduceLoss(fake!.map(cost.fake), options)];
      return a.map((v, i) => v + b.data[i]!);
    },
    samples: [
      ...samples(scores(5, 1), scores(5, 1)),
      { name: "batches of two sizes, objective by default", inputs: [scores(4), scores(7)], options: {} },
    ],
    errors: [
      {
        name: "two shapes without a reduction",
        inputs: [scores(4), scores(7)],
        options: { reduction: "none" },
        message: ["GANDiscriminatorLoss", "[7]", "[4]"],
      },
      ...refused<Options>("GANDiscriminatorLoss", [scores(2), scores(2)], { objective: "zeroSum" }),
    ],
  }),
  opCase<Options>({
    name: "ganGeneratorLoss",
    ops: [],
    run: ([fake], options) => F.ganGeneratorLoss(fake as Tensor, options),
    oracle: ([fake], options) => reduceLoss(fake!.map(COSTS[options.objective ?? "nonSaturating"].generator), options),
    samples: [...samples(scores(6)), { name: "objective by default", inputs: [scores(4)], options: {} }],
    errors: [
      {
        name: "int32 scores",
        inputs: [{ shape: [2], dtype: "int32" }],
        options: {},
        message: ["GANGeneratorLoss", "int32", "float32"],
      },
      ...refused<Options>("GANGeneratorLoss", [scores(2)], { objective: "zeroSum" }),
    ],
  }),
];
