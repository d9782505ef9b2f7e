import { checkDType, checkInteger, checkOneOf, checkOptions, checkRank } from "../check.js";
import { makeTensor } from "../creation.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { constant, reshape } from "../ops/copy.js";
import { paddingRow } from "../ops/embedding.js";
import { scatterReduce } from "../ops/gather.js";
import { expand } from "../ops/reduce.js";
import { indexAdd, indexSelect } from "../ops/rows.js";
import { formatShape, sameShape } from "../shape.js";
import { adopt, type Tensor } from "../tensor.js";
import { div, mul } from "./arithmetic.js";
import { type EmbeddingOptions, embedding } from "./embedding.js";
import { splitOptions } from "./operand.js";

export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** How a bag's rows become one. Default "mean". */
  readonly mode?: "sum" | "mean" | "max";
  /** The last offset is the end of the last bag instead of the beginning of one. Default false. */
  readonly includeLastOffset?: boolean;
  /** A factor for each index, of the input's shape; with mode "sum" only. Default null. */
  readonly perSampleWeights?: Tensor | null;
}

const OPTIONS = [
  "mode",
  "includeLastOffset",
  "perSampleWeights",
  "paddingIdx",
  "maxNorm",
  "normType",
  "scaleGradByFreq",
];

/** The bag of each index. */
interface Bags {
  readonly count: number;
  readonly of: Int32Array;
}

/**
 * One row a bag of indices: the sum, mean or maximum of their rows of `weight` [num, dim]; an empty bag gives zeros. Shapes: input
 * int32 [bags, length], or [n] with int32 offsets [bags], where each bag begins; y [bags, dim]. Indices equal to paddingIdx do not count.
 * PyTorch: it also has sparse gradients.
 */
export function embeddingBag(
  input: Tensor,
  weight: Tensor,
  ...rest: [options?: EmbeddingBagOptions] | [offsets: Tensor | null, options?: EmbeddingBagOptions]
): Tensor {
  const {
    tensors: [offsets = null],
    options = {},
  } = splitOptions(rest);
  checkOptions("EmbeddingBag", options, OPTIONS);
  const { mode: wanted = "mean", includeLastOffset = false, perSampleWeights = null, ...lookup } = options;
  const mode = checkOneOf("EmbeddingBag", "mode", wanted, ["sum", "mean", "max"]);
  checkDType("EmbeddingBag", "input", input, "int32");
  if (perSampleWeights !== null && (mode !== "sum" || !sameShape(perSampleWeights.shape, input.shape))) {
    throw new ArgumentError(
      "EmbeddingBag",
      `perSampleWeights ${formatShape(perSampleWeights.shape)} with mode "${mode}"; expected ${formatShape(input.shape)} and "sum"`,
    );
  }
  checkRank("EmbeddingBag", "weight", weight.shape, 2);
  const bags = bagsOf(input, offsets, includeLastOffset);
  const padding = paddingRow(lookup.paddingIdx ?? null, weight.shape[0] ?? 0);
  const indices = input.data();
  for (const i of indices) checkInteger("EmbeddingBag", "an index", i, 0, weight.size(0) - 1);
  const kept = [...indices.keys()].filter((i) => indices[i] !== padding);
  const bagOf = kept.map((i) => bags.of[i]!);
  const positions = integers(kept);
  const rows = embedding(indexSelect(reshape(input, [-1]), positions, 0), weight, lookup);
  const target = integers(bagOf);
  const dim = weight.shape[1]!;
  const empty = constant([bags.count, dim], 0);
  if (mode === "max") {
    const to = expand(reshape(target, [-1, 1]), [kept.length, dim]);
    return scatterReduce(empty, to, rows, { dim: 0, reduce: "amax", includeSelf: false });
  }
  const weights = perSampleWeights && indexSelect(reshape(perSampleWeights, [-1]), positions, 0);
  const total = indexAdd(empty, target, weights === null ? rows : mul(rows, reshape(weights, [-1, 1])), 0);
  if (mode === "sum") return total;
  const counts = new Float32Array(bags.count);
  for (const bag of bagOf) counts[bag]!++;
  return div(
    total,
    adopt(
      makeTensor(
        counts.map((n) => Math.max(n, 1)),
        { shape: [bags.count, 1] },
      ),
    ),
  );
}

function integers(values: readonly number[]): Tensor {
  return adopt(makeTensor(Int32Array.from(values)));
}

function bagsOf(input: Tensor, offsets: Tensor | null, includeLast: boolean): Bags {
  if (input.ndim === 2 && offsets === null) {
    const [count, length] = [input.size(0), input.size(1)];
    return { count, of: Int32Array.from({ length: count * length }, (_, i) => Math.floor(i / length)) };
  }
  if (input.ndim !== 1 || offsets === null || offsets.ndim !== 1) {
    const given = offsets === null ? "no offsets" : `offsets ${formatShape(offsets.shape)}`;
    throw new ShapeError(
      "EmbeddingBag",
      `input ${formatShape(input.shape)} with ${given}; expected [bags, length], or [n] with offsets [bags]`,
    );
  }
  checkDType("EmbeddingBag", "offsets", offsets, "int32");
  const starts = Array.from(offsets.data());
  const ends = includeLast ? starts.slice(1) : [...starts.slice(1), input.numel];
  starts.forEach((start, i) => {
    const end = ends[i] ?? input.numel;
    if (start > end || (i === 0 && start !== 0)) {
      throw new ArgumentError(
        "EmbeddingBag",
        `offsets [${starts.join(", ")}] for ${input.numel} indices; expected them to begin at 0 and never to fall`,
      );
    }
  });
  const of = new Int32Array(input.numel);
  ends.forEach((end, i) => {
    of.fill(i, starts[i]!, end);
  });
  return { count: ends.length, of };
}
