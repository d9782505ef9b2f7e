import { checkDType, checkOperand } from "../check.js";
import { clone, constant } from "../ops/copy.js";
import { reduced } from "../ops/loss.js";
import { bceWithLogits } from "../ops/loss_elementwise.js";
import type { Tensor } from "../tensor.js";
import { add, mul, neg, sub } from "./arithmetic.js";
import type { LossOptions } from "./loss.js";
import { GAN, type GANObjective, readOptions } from "./loss_options.js";
import { square } from "./unary.js";

export interface GANOptions extends LossOptions {
  /** Default "nonSaturating". */
  readonly objective?: GANObjective;
}

/** The loss of each score. */
type Cost = (op: string, scores: Tensor) => Tensor;

/** −ln σ(s). */
const asReal: Cost = (op, s) => bceWithLogits(op, s, constant(s.shape, 1));
/** −ln(1 − σ(s)). */
const asFake: Cost = (op, s) => bceWithLogits(op, s, constant(s.shape, 0));
const halfSquare = (d: Tensor): Tensor => mul(square(d), 0.5);

const COSTS: Record<GANObjective, { readonly real: Cost; readonly fake: Cost; readonly generator: Cost }> = {
  minimax: { real: asReal, fake: asFake, generator: (op, s) => neg(asFake(op, s)) },
  nonSaturating: { real: asReal, fake: asFake, generator: asReal },
  leastSquares: {
    real: (_, s) => halfSquare(sub(s, 1)),
    fake: (_, s) => halfSquare(s),
    generator: (_, s) => halfSquare(sub(s, 1)),
  },
  wasserstein: { real: (_, s) => neg(s), fake: (_, s) => clone(s), generator: (_, s) => neg(s) },
};

/**
 * What a discriminator minimises, from its scores of real and of generated examples: the sum of both reduced losses; see `GANObjective`.
 * Shapes: [*] and [*]; alike for reduction "none". Errors: ShapeError.
 */
export function ganDiscriminatorLoss(real: Tensor, fake: Tensor, options: GANOptions = {}): Tensor {
  const op = "GANDiscriminatorLoss";
  const { objective, reduction } = readOptions(op, options, GAN);
  checkDType(op, "real", real, "float32");
  checkDType(op, "fake", fake, "float32");
  if (reduction === "none") checkOperand(op, "fake", fake, real.shape, `as real, for reduction "none"`);
  const cost = COSTS[objective];
  return add(reduced(cost.real(op, real), reduction), reduced(cost.fake(op, fake), reduction));
}

/** What a generator minimises, from the discriminator's scores of its examples; see `GANObjective`. Shape: [*]. */
export function ganGeneratorLoss(fake: Tensor, options: GANOptions = {}): Tensor {
  const op = "GANGeneratorLoss";
  const { objective, reduction } = readOptions(op, options, GAN);
  checkDType(op, "fake", fake, "float32");
  return reduced(COSTS[objective].generator(op, fake), reduction);
}
