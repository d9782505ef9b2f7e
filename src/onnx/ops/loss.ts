import * as F from "../../functional/index.js";
import { checkReduction } from "../../ops/loss.js";
import type { Tensor } from "../../tensor.js";
import { as, type Inputs, maybeAt, needed, tensorAt } from "../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";

/** Stands for "nothing is ignored": no class has it. */
const NONE_IGNORED = -(2 ** 31);

/** The loss of log-probabilities [N, C, …] for classes [N, …]. */
function negativeLogLikelihood(node: NodeView, logits: Tensor, target: Tensor, weight: Tensor | null): Tensor {
  const ignoreIndex = node.int("ignore_index", NONE_IGNORED);
  const reduction = checkReduction(node.opType, node.string("reduction", "mean"));
  return F.nllLoss(logits, target, { weight, ignoreIndex, reduction });
}

function runNll(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  return [as(x, negativeLogLikelihood(node, x.tensor, tensorAt(node, inputs, 1), maybeAt(inputs, 2)))];
}

/** The loss, and the logarithms of the probabilities. */
function runSoftmaxCrossEntropy(node: NodeView, inputs: Inputs): Arg[] {
  const x = needed(node, inputs, 0);
  const logProbabilities = F.logSoftmax(x.tensor, { dim: 1 });
  const loss = negativeLogLikelihood(node, logProbabilities, tensorAt(node, inputs, 1), maybeAt(inputs, 2));
  return [as(x, loss), as(x, logProbabilities)];
}

const ATTRIBUTES = ["ignore_index", "reduction"];

/** Losses over classes. */
export const losses: OperatorTable = {
  NegativeLogLikelihoodLoss: [{ since: 12, attributes: ATTRIBUTES, run: runNll }],
  SoftmaxCrossEntropyLoss: [{ since: 12, attributes: ATTRIBUTES, run: runSoftmaxCrossEntropy }],
};
