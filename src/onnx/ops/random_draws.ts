import { full, makeTensor } from "../../creation.js";
import * as F from "../../functional/index.js";
import { affine, mul } from "../../ops/arithmetic.js";
import * as random from "../../ops/random.js";
import { defaultGenerator, Generator } from "../../random.js";
import { multinomial } from "../../sampling.js";
import { adopt, type Tensor } from "../../tensor.js";
import { as, asElem, elemAttribute, type Inputs, needed, numbersAt } from "../arguments.js";
import type { Arg, Elem, Handler, NodeView, OperatorTable } from "../handler.js";
import { mersenneUniform } from "../mersenne.js";

/** The stream of a node: a seeded one of its own, which begins anew in every run, or the library's. */
function generatorOf(node: NodeView): Generator {
  return node.has("seed") ? new Generator(Math.trunc(node.float("seed"))) : defaultGenerator;
}

/** Where elements stay, 1, or are dropped, 0. With a seed they are those of ONNX's reference implementation. */
function keepMask(node: NodeView, x: Tensor, ratio: number): Tensor {
  if (!node.has("seed")) return random.bernoulli(full(x.shape, 1 - ratio), defaultGenerator);
  const draws = mersenneUniform(node.int("seed"), x.numel);
  return adopt(
    makeTensor(
      Float32Array.from(draws, (u) => (u >= ratio ? 1 : 0)),
      { shape: x.shape },
    ),
  );
}

/**
 * Drops while the model trains, or if the node says so itself. `maskElem` is the type of the second output; null that of the input.
 */
function dropout(maskElem: Elem | null): Handler {
  return (node, inputs) => {
    const x = needed(node, inputs, 0);
    const ratio = numbersAt(inputs, 1)?.[0] ?? node.float("ratio", 0.5);
    const told = numbersAt(inputs, 2)?.[0];
    const byItself = told === undefined ? node.has("is_test") && node.int("is_test") === 0 : told !== 0;
    const active = ratio !== 0 && (byItself || (told === undefined && node.training));
    const results: Arg[] = [];
    let kept: Tensor | null = null;
    if (!active) results.push(x);
    else if (node.outputs < 2 && !node.has("seed")) results.push(as(x, F.dropout(x.tensor, { p: ratio })));
    else {
      kept = keepMask(node, x.tensor, ratio);
      results.push(as(x, mul(x.tensor, affine(kept, ratio === 1 ? 0 : 1 / (1 - ratio), 0))));
    }
    if (node.outputs < 2) return results;
    return [...results, asElem(kept ?? full(x.tensor.shape, 1), maskElem ?? x.elem)];
  };
}

function runBernoulli(node: NodeView, inputs: Inputs): [Arg] {
  const p = needed(node, inputs, 0);
  return [asElem(random.bernoulli(p.tensor, generatorOf(node)), elemAttribute(node, "dtype", p.elem))];
}

/** Draws with replacement; the input's rows are logarithms of weights. */
function runMultinomial(node: NodeView, inputs: Inputs): [Arg] {
  const { tensor: logits } = needed(node, inputs, 0);
  const weights = F.softmax(logits, { dim: -1 });
  const drawn = multinomial(weights, node.int("sample_size", 1), { replacement: true, generator: generatorOf(node) });
  return [asElem(drawn, elemAttribute(node, "dtype", "int32"))];
}

/** Operators that draw random numbers from their inputs. */
export const randomDraws: OperatorTable = {
  Dropout: [
    { since: 6, attributes: ["is_test", "ratio"], run: dropout(null) },
    { since: 7, attributes: ["ratio"], run: dropout(null) },
    { since: 10, attributes: ["ratio"], run: dropout("bool") },
    { since: 12, attributes: ["seed"], run: dropout("bool") },
  ],
  Bernoulli: [{ since: 15, attributes: ["dtype", "seed"], run: runBernoulli }],
  Multinomial: [{ since: 7, attributes: ["dtype", "sample_size", "seed"], run: runMultinomial }],
};
