import * as F from "../../../functional/index.js";
import { add } from "../../../ops/arithmetic.js";
import { cast } from "../../../ops/copy.js";
import { embedding } from "../../../ops/embedding.js";
import type { Tensor } from "../../../tensor.js";
import { as, asElem, type Inputs, maybeAt, needed, tensorAt } from "../../arguments.js";
import type { Arg, Handler, NodeView, OperatorTable } from "../../handler.js";
import { counting } from "../../heads.js";
import { normalizations } from "../norm.js";

const EPSILON = 1e-12;

function layerNorm(node: NodeView, x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  return F.layerNorm(x, weight, bias, { normalizedShape: x.size(-1), eps: node.float("epsilon", EPSILON) });
}

/** The norm of input + skip (+ bias); the last of four outputs is that sum. The statistics between are not computed. */
function skipping(place: number, norm: (node: NodeView, sum: Tensor, inputs: Inputs) => Tensor): Handler {
  return (node, inputs) => {
    const x = needed(node, inputs, 0);
    const bias = maybeAt(inputs, place);
    const both = add(x.tensor, tensorAt(node, inputs, 1));
    const sum = bias === null ? both : add(both, bias);
    return [as(x, norm(node, sum, inputs)), undefined, undefined, as(x, sum)].slice(0, node.outputs);
  };
}

/** Rows of words, positions and segments, added and normalised; how many words of each text count; the sum. */
function runEmbed(node: NodeView, inputs: Inputs): (Arg | undefined)[] {
  const ids = tensorAt(node, inputs, 0);
  const rows = (index: Tensor, place: number): Tensor =>
    embedding(index, tensorAt(node, inputs, place), { paddingIdx: -1 });
  const words = rows(ids, 2);
  const positions = rows(maybeAt(inputs, 8) ?? counting(ids.size(1)), 3);
  const segments = maybeAt(inputs, 1);
  const placed = add(words, positions);
  const sum = segments === null ? placed : add(placed, rows(segments, 4));
  const y = layerNorm(node, sum, tensorAt(node, inputs, 5), tensorAt(node, inputs, 6));
  const mask = maybeAt(inputs, 7);
  const counted = F.sum(cast(F.ne(mask ?? F.mul(ids, 0), 0), "int32"), { dim: 1 });
  const elem = needed(node, inputs, 2);
  return [as(elem, y), asElem(counted, "int32"), as(elem, sum)];
}

/** Normalisations with what comes before them. */
export const norms: OperatorTable = {
  LayerNormalization: normalizations.LayerNormalization!,
  SimplifiedLayerNormalization: normalizations.SimplifiedLayerNormalization!,
  SkipLayerNormalization: [
    {
      since: 1,
      attributes: ["epsilon"],
      run: skipping(4, (node, sum, inputs) => layerNorm(node, sum, tensorAt(node, inputs, 2), maybeAt(inputs, 3))),
    },
  ],
  SkipSimplifiedLayerNormalization: [
    {
      since: 1,
      attributes: ["epsilon"],
      run: skipping(3, (node, sum, inputs) =>
        F.rmsNorm(sum, tensorAt(node, inputs, 2), {
          normalizedShape: sum.size(-1),
          eps: node.float("epsilon", EPSILON),
        }),
      ),
    },
  ],
  EmbedLayerNormalization: [{ since: 1, attributes: ["epsilon", "mask_index_type"], run: runEmbed }],
};
