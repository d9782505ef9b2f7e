import { checkInteger, checkNumber, checkOneOf, checkOptions } from "../check.js";
import { ShapeError } from "../errors.js";
import * as F from "../functional/embedding.js";
import { type EmbeddingBagOptions, embeddingBag } from "../functional/embedding_bag.js";
import { copyInto, select } from "../ops/copy.js";
import { EMBEDDING_OPTIONS, paddingRow } from "../ops/embedding.js";
import { noGrad } from "../scoping.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { normal_ } from "./init.js";
import { Module } from "./module.js";
import { type Parameter, uninitialised } from "./parameter.js";

/**
 * A table of vectors, looked up by int32 index; see `functional.embedding`. Shapes: input [*], output [*, embeddingDim], weight
 * [numEmbeddings, embeddingDim], which begins as N(0, 1) with zeros in the row of paddingIdx.
 * PyTorch: it also has sparse gradients.
 */
export class Embedding extends Module {
  readonly weight: Parameter;
  /** Counted from the start; null for none. */
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;

  constructor(
    readonly numEmbeddings: number,
    readonly embeddingDim: number,
    options: F.EmbeddingOptions = {},
  ) {
    super();
    checkOptions("Embedding", options, EMBEDDING_OPTIONS);
    checkInteger("Embedding", "numEmbeddings", numEmbeddings, 0);
    checkInteger("Embedding", "embeddingDim", embeddingDim, 0);
    this.paddingIdx = paddingRow(options.paddingIdx ?? null, numEmbeddings);
    const { maxNorm = null, normType = 2 } = options;
    this.maxNorm = maxNorm === null ? null : checkNumber("Embedding", "maxNorm", maxNorm, 0);
    this.normType = checkNumber("Embedding", "normType", normType, 0);
    this.scaleGradByFreq = options.scaleGradByFreq ?? false;
    this.weight = uninitialised([numEmbeddings, embeddingDim], "Embedding");
    this.resetParameters();
  }

  /** Draws the table anew. */
  resetParameters(): void {
    normal_(this.weight);
    const row = this.paddingIdx;
    if (row === null) return;
    noGrad(() => {
      // In braces: a view that is returned would outlive the module.
      select(this.weight, 0, row).zero_();
    });
  }

  /** A module around a table [num, dim], whose values are copied; frozen unless told otherwise. */
  static fromPretrained(embeddings: Tensor, options: F.EmbeddingOptions & { freeze?: boolean } = {}): Embedding {
    const { freeze = true, ...rest } = options;
    if (embeddings.ndim !== 2) {
      throw new ShapeError("Embedding", `table has shape ${formatShape(embeddings.shape)}; expected rank 2`);
    }
    const module = new Embedding(embeddings.size(0), embeddings.size(1), rest);
    copyInto(module.weight, embeddings);
    module.weight.requiresGrad_(!freeze);
    return module;
  }

  forward(input: Tensor): Tensor {
    return F.embedding(input, this.weight, {
      paddingIdx: this.paddingIdx,
      maxNorm: this.maxNorm,
      normType: this.normType,
      scaleGradByFreq: this.scaleGradByFreq,
    });
  }
}

/** Options of the module; the weights of the samples are an argument of `forward`. */
export type EmbeddingBagModuleOptions = Omit<EmbeddingBagOptions, "perSampleWeights">;

/**
 * One vector a bag of indices: the sum, mean (default) or maximum of their rows; see `functional.embeddingBag`. State: weight
 * [numEmbeddings, embeddingDim] begins as in `Embedding`.
 * PyTorch: it also has sparse gradients.
 */
export class EmbeddingBag extends Module {
  readonly weight: Parameter;
  private readonly options: EmbeddingBagModuleOptions;

  constructor(
    readonly numEmbeddings: number,
    readonly embeddingDim: number,
    options: EmbeddingBagModuleOptions = {},
  ) {
    super();
    checkOptions("EmbeddingBag", options, [...EMBEDDING_OPTIONS, "mode", "includeLastOffset"]);
    checkOneOf("EmbeddingBag", "mode", options.mode ?? "mean", ["sum", "mean", "max"]);
    const { weight } = new Embedding(numEmbeddings, embeddingDim, { paddingIdx: options.paddingIdx ?? null });
    this.weight = weight;
    this.options = { ...options };
  }

  forward(input: Tensor, offsets: Tensor | null = null, perSampleWeights: Tensor | null = null): Tensor {
    return embeddingBag(input, this.weight, offsets, { ...this.options, perSampleWeights });
  }
}
