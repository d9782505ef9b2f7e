// Transformers on words. N batch, S words of the source, T of the target, L of either, d = dModel, F = dimFeedforward, V words.
import { checkDType, checkInteger, checkOneOf, checkOptions, checkRank } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { div, mul } from "../functional/arithmetic.js";
import { eq, ne } from "../functional/compare.js";
import { select } from "../functional/copy.js";
import { mean, sum } from "../functional/reduce.js";
import { unsqueeze } from "../functional/view.js";
import type { KeyValueCache } from "../nn/cache.js";
import { Embedding } from "../nn/embedding.js";
import { xavierUniform_ } from "../nn/init.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { LayerNorm } from "../nn/norm.js";
import { type PositionOptions, SinusoidalPositionalEncoding } from "../nn/positions.js";
import { TransformerDecoder, TransformerEncoder } from "../nn/transformer.js";
import {
  LAYER_OPTIONS,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "../nn/transformer_layer.js";
import { cast } from "../ops/copy.js";
import { noGrad } from "../scoping.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { checkPaddingIdx, checkTokens } from "./sequence_parts.js";

export interface TransformerBaseOptions extends Omit<TransformerLayerOptions, "batchFirst"> {
  /** Features of a word; nhead divides it. Default 512. */
  readonly dModel?: number;
  /** Default 8. */
  readonly nhead?: number;
  /** Words of the longest sequence. Default 5000. */
  readonly maxLength?: number;
  /** The word that fills up short sequences; nobody attends to it in a source, and its vector stays 0. Null for none. Default 0. */
  readonly paddingIdx?: number | null;
}

export interface TransformerStackModelOptions extends TransformerBaseOptions {
  /** Default 6. */
  readonly numLayers?: number;
}

export interface TransformerSettings {
  readonly dModel: number;
  readonly nhead: number;
  readonly maxLength: number;
  readonly paddingIdx: number | null;
  readonly layer: TransformerLayerOptions;
}

/** Options with their defaults, checked before any layer is made. `others` are a model's own. */
export function transformerSettings(
  op: string,
  numWords: number,
  options: TransformerBaseOptions,
  others: readonly string[],
): TransformerSettings {
  const layerOptions = LAYER_OPTIONS.filter((name) => name !== "batchFirst");
  checkOptions(op, options, ["dModel", "nhead", "maxLength", "paddingIdx", ...layerOptions, ...others]);
  const dModel = checkInteger(op, "dModel", options.dModel ?? 512, 1);
  const nhead = checkInteger(op, "nhead", options.nhead ?? 8, 1);
  if (dModel % nhead !== 0) throw new ArgumentError(op, `dModel is ${dModel}; expected a multiple of nhead, ${nhead}`);
  checkInteger(op, "numWords", numWords, 1);
  const given = Object.entries(options).filter(([name]) => layerOptions.includes(name));
  return {
    dModel,
    nhead,
    maxLength: checkInteger(op, "maxLength", options.maxLength ?? 5000, 1),
    paddingIdx: checkPaddingIdx(op, options.paddingIdx === undefined ? 0 : options.paddingIdx, numWords),
    layer: { ...Object.fromEntries(given), batchFirst: true },
  };
}

/** The waves that are added to words, and the dropout of the sum. */
export function wordPositions({ dModel, maxLength, layer }: TransformerSettings): SinusoidalPositionalEncoding {
  return new SinusoidalPositionalEncoding(dModel, { maxLength, dropout: layer.dropout ?? 0.1, batchFirst: true });
}

/**
 * Words as a Transformer reads them: dropout(√d · E[x] + PE) (Vaswani et al., 2017, Sections 3.4 and 3.5). V·d parameters, which begin as
 * N(0, 1/d). Shapes: x int32 [N, L] → [N, L, d]. Keys: embedding.weight.
 */
export class TransformerEmbedding extends Module {
  readonly embedding: Embedding;

  constructor(
    numWords: number,
    readonly positions: SinusoidalPositionalEncoding,
    paddingIdx: number | null,
  ) {
    super();
    const { dim } = positions;
    this.embedding = new Embedding(numWords, dim, { paddingIdx });
    noGrad(() => {
      // Scaled, not drawn anew: the vector of padding stays 0.
      const { weight } = this.embedding;
      weight.copy_(mul(weight, 1 / Math.sqrt(dim)));
    });
  }

  forward(x: Tensor, options: PositionOptions = {}): Tensor {
    return this.positions.forward(mul(this.embedding.forward(x), Math.sqrt(this.positions.dim)), options);
  }
}

/** bool [N, L], true for padding; null if no word is. */
export function wordPadding(x: Tensor, paddingIdx: number | null): Tensor | null {
  return paddingIdx === null ? null : eq(x, paddingIdx);
}

/** A stack of clones of `layer`, whose matrices begin as those of `nn.Transformer`. */
function stackOf<M extends Module>(layer: Module, make: () => M): M {
  try {
    const stack = make();
    for (const p of stack.parameters()) if (p.ndim > 1) xavierUniform_(p);
    return stack;
  } finally {
    layer.dispose();
  }
}

function finalNorm({ dModel, layer }: TransformerSettings): LayerNorm {
  const { layerNormEps: eps = 1e-5, bias = true } = layer;
  return new LayerNorm(dModel, { eps, bias });
}

/**
 * The Transformer's encoder on words: embedding, layers of self-attention, a normalisation (Vaswani et al., Attention Is All You Need, 2017,
 * Figure 1 left; nn.Transformer's final normalisation). With V words it has V·d + numLayers·(4·d² + 2·d·F + F + 9·d) + 2·d parameters;
 * base sizes: 512·V + 18,915,328. Shapes: x int32 [N, L] → [N, L, d]. Padding is not attended to; a sequence of nothing else gives NaN.
 * Keys: embedding.…, encoder.layers.0.…, encoder.norm.….
 */
export class TransformerEncoderModel extends Module {
  readonly embedding: TransformerEmbedding;
  readonly encoder: TransformerEncoder;
  readonly paddingIdx: number | null;

  constructor(numWords: number, options: TransformerStackModelOptions = {}) {
    super();
    const op = "TransformerEncoderModel";
    const settings = transformerSettings(op, numWords, options, ["numLayers"]);
    const numLayers = checkInteger(op, "numLayers", options.numLayers ?? 6, 1);
    const layer = new TransformerEncoderLayer(settings.dModel, settings.nhead, settings.layer);
    this.encoder = stackOf(layer, () => new TransformerEncoder(layer, numLayers, { norm: finalNorm(settings) }));
    this.paddingIdx = settings.paddingIdx;
    this.embedding = new TransformerEmbedding(numWords, wordPositions(settings), this.paddingIdx);
  }

  forward(x: Tensor): Tensor {
    checkTokens("TransformerEncoderModel", "input", x);
    return this.encoder.forward(this.embedding.forward(x), { srcKeyPaddingMask: wordPadding(x, this.paddingIdx) });
  }
}

export interface TransformerClassifierOptions extends TransformerStackModelOptions {
  /** "mean" over the words but padding, or the "first" word's features. Default "mean". */
  readonly pooling?: "mean" | "first";
}

/**
 * A class for each sequence: a linear layer on the mean of the encoder's outputs, or on the first (Vaswani et al., 2017; the first: Devlin et
 * al., BERT, 2019). numClasses·(d + 1) parameters and those of `TransformerEncoderModel`. Shapes: x int32 [N, L] → logits [N, numClasses].
 * Keys: encoder.…, head.weight, head.bias.
 */
export class TransformerClassifier extends Module {
  readonly encoder: TransformerEncoderModel;
  readonly head: Linear;
  readonly pooling: "mean" | "first";

  constructor(numWords: number, numClasses: number, options: TransformerClassifierOptions = {}) {
    super();
    const { pooling = "mean", ...rest } = options;
    this.pooling = checkOneOf("TransformerClassifier", "pooling", pooling, ["mean", "first"]);
    checkInteger("TransformerClassifier", "numClasses", numClasses, 1);
    this.encoder = new TransformerEncoderModel(numWords, rest);
    this.head = new Linear(this.encoder.embedding.positions.dim, numClasses);
  }

  forward(x: Tensor): Tensor {
    return this.head.forward(this.pooled(x));
  }

  private pooled(x: Tensor): Tensor {
    const y = this.encoder.forward(x);
    const { paddingIdx } = this.encoder;
    if (this.pooling === "first") return select(y, { dim: 1, index: 0 });
    if (paddingIdx === null) return mean(y, { dim: 1 });
    const words = unsqueeze(cast(ne(x, paddingIdx), "float32"), { dim: 2 });
    return div(sum(mul(y, words), { dim: 1 }), sum(words, { dim: 1 }));
  }
}

export interface TransformerDecodeOptions {
  /** bool [N, S], true for padding of the memory. Default null: none. */
  readonly memoryPadding?: Tensor | null;
  /** What earlier calls have read, to which this target is appended; within `noGrad`. Default null. */
  readonly cache?: KeyValueCache | null;
}

/** Features [N, T, d] of target words, each of those before it and the memory [N, S, d]. */
export function readTarget(
  op: string,
  embedding: TransformerEmbedding,
  decoder: TransformerDecoder,
  [target, memory]: readonly [target: Tensor, memory: Tensor],
  options: TransformerDecodeOptions,
): Tensor {
  checkOptions(op, options, ["memoryPadding", "cache"]);
  const { memoryPadding = null, cache = null } = options;
  checkTokens(op, "target", target);
  checkDType(op, "memory", memory, "float32");
  checkRank(op, "memory", memory.shape, 3);
  const [n, d] = [target.size(0), embedding.positions.dim];
  if (memory.size(0) !== n || memory.size(2) !== d) {
    throw new ShapeError(
      op,
      `memory has shape ${formatShape(memory.shape)}; expected [${n}, S, ${d}] for target ${formatShape(target.shape)}`,
    );
  }
  const words = embedding.forward(target, { offset: cache?.length ?? 0 });
  return decoder.forward(words, memory, { tgtIsCausal: true, memoryKeyPaddingMask: memoryPadding, cache });
}

/**
 * The Transformer's decoder on words: embedding, layers of causal self-attention and attention to a memory, a normalisation, a linear layer
 * (Vaswani et al., Attention Is All You Need, 2017, Figure 1 right). With V words it has V·(2·d + 1) + numLayers·(8·d² + 2·d·F + F + 15·d) +
 * 2·d parameters; base sizes: 1025·V + 25,225,216. Shapes: target int32 [N, T] and memory [N, S, d] → logits [N, T, V]. Padding needs no mask
 * in a target, as it stands behind the words. Keys: embedding.…, decoder.layers.0.…, decoder.norm.…, generator.….
 */
export class TransformerDecoderModel extends Module {
  readonly embedding: TransformerEmbedding;
  readonly decoder: TransformerDecoder;
  readonly generator: Linear;

  constructor(numWords: number, options: TransformerStackModelOptions = {}) {
    super();
    const op = "TransformerDecoderModel";
    const settings = transformerSettings(op, numWords, options, ["numLayers"]);
    const numLayers = checkInteger(op, "numLayers", options.numLayers ?? 6, 1);
    const layer = new TransformerDecoderLayer(settings.dModel, settings.nhead, settings.layer);
    this.decoder = stackOf(layer, () => new TransformerDecoder(layer, numLayers, { norm: finalNorm(settings) }));
    this.embedding = new TransformerEmbedding(numWords, wordPositions(settings), settings.paddingIdx);
    this.generator = new Linear(settings.dModel, numWords);
  }

  forward(target: Tensor, memory: Tensor, options: TransformerDecodeOptions = {}): Tensor {
    const { embedding, decoder } = this;
    return this.generator.forward(readTarget("TransformerDecoderModel", embedding, decoder, [target, memory], options));
  }
}
