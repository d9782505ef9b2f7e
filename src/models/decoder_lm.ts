import { checkDType, checkInteger, checkNumber, checkOneOf, checkOptions, checkRank } from "../check.js";
import { ArgumentError } from "../errors.js";
import { mul } from "../functional/arithmetic.js";
import { select } from "../functional/copy.js";
import { linear } from "../functional/matmul.js";
import { KeyValueCache } from "../nn/cache.js";
import { Dropout } from "../nn/dropout.js";
import { Embedding } from "../nn/embedding.js";
import { normal_, zeros_ } from "../nn/init.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { LayerNorm } from "../nn/norm.js";
import { LearnedPositionalEncoding, SinusoidalPositionalEncoding } from "../nn/positions.js";
import { TransformerEncoder } from "../nn/transformer.js";
import { TransformerEncoderLayer } from "../nn/transformer_layer.js";
import type { Tensor } from "../tensor.js";
import type { Decoding, DecodingOptions, GenerativeModel } from "./generation.js";
import { checkBoolean } from "./options.js";
import { integers, type Prompt, splitPrompt, tokenTensor } from "./prompt.js";

export interface DecoderLMOptions {
  /** Tokens of the vocabulary. Default 65, the characters of tiny Shakespeare. */
  readonly vocabSize?: number;
  /** Positions that the model sees at most. Default 256. */
  readonly contextLength?: number;
  /** Features of a token, a multiple of numHeads. Default 128. */
  readonly hiddenDim?: number;
  /** Default 4. */
  readonly numHeads?: number;
  /** Blocks. Default 4. */
  readonly numLayers?: number;
  /** Features of the hidden layer of each block's perceptron. Default 4 · hiddenDim. */
  readonly mlpDim?: number;
  /** Probability to drop a feature of the embedding, of what each part of a block adds, and an attention weight. Default 0. */
  readonly dropout?: number;
  /**
   * A learned vector for each position, or fixed waves, is added to the embedding; or queries and keys are turned by their position in every
   * block. Default "learned".
   */
  readonly positions?: "learned" | "sinusoidal" | "rotary";
  /** The embedding's table is the head's weight. Default true. */
  readonly tied?: boolean;
}

export interface DecoderLMForwardOptions {
  /** Keys and values of earlier tokens, which these follow; theirs are appended. Within `noGrad` only. Default null. */
  readonly cache?: KeyValueCache | null;
}

const OP = "DecoderLM";
const SIZES = ["vocabSize", "contextLength", "hiddenDim", "numHeads", "numLayers", "mlpDim"] as const;

/**
 * Decoder-only Transformer, a language model: x = E tokens + positions, numLayers times x += attention(norm(x)) where each position sees itself
 * and those before it, x += W₂ gelu(W₁ norm(x)); logits of the next token = W norm(x). Shapes: tokens int32 [N, T] → logits
 * [N, T, vocabSize].
 *
 * Parameters with V tokens, d features and L blocks: V·d for the embedding, contextLength·d for learned positions, L(12d² + 13d) with the
 * usual mlpDim, 2d for the last norm, and V·d for a head that is not tied; with GPT-2's sizes ("gpt2") 124,439,808. The head has no
 * bias. Weights begin as N(0, 0.02²), those of the last layer of each part of a block less by √(2L), biases as 0. With sinusoidal
 * positions the embedding is multiplied by √d.
 * Keys: embedding.weight, positions.weight (if learned), blocks.layers.0.…, norm.…, head.weight (unless tied).
 * Errors: ArgumentError for more positions than contextLength; DTypeError or ShapeError for other tokens.
 * Sources: Radford et al., Improving Language Understanding by Generative Pre-Training, 2018, and Language Models are Unsupervised
 * Multitask Learners, 2019 (the norm before each part, and the beginning). What differs: gelu is exact.
 */
export class DecoderLM extends Module implements GenerativeModel<Prompt> {
  readonly embedding: Embedding;
  readonly positions: LearnedPositionalEncoding | SinusoidalPositionalEncoding | null;
  readonly dropout: Dropout;
  readonly blocks: TransformerEncoder;
  readonly norm: LayerNorm;
  readonly head: Linear | null;
  readonly contextLength: number;
  /** Factor of the embedding. */
  private readonly scale: number;

  constructor(options: DecoderLMOptions = {}) {
    super();
    checkOptions(OP, options, [...SIZES, "dropout", "positions", "tied"]);
    const mlp = 4 * (options.hiddenDim ?? 128);
    const defaults = { vocabSize: 65, contextLength: 256, hiddenDim: 128, numHeads: 4, numLayers: 4, mlpDim: mlp };
    const [vocabSize, contextLength, dim, numHeads, numLayers, dimFeedforward] = SIZES.map((key) =>
      checkInteger(OP, key, options[key] ?? defaults[key], 1),
    ) as [number, number, number, number, number, number];
    const dropout = checkNumber(OP, "dropout", options.dropout ?? 0, 0, 1);
    const kinds = ["learned", "sinusoidal", "rotary"] as const;
    const positions = checkOneOf(OP, "positions", options.positions ?? "learned", kinds);
    const tied = checkBoolean(OP, "tied", options.tied ?? true);
    const divisor = positions === "rotary" ? 2 * numHeads : numHeads;
    if (dim % divisor !== 0) {
      const heads = divisor === numHeads ? "numHeads" : "2 · numHeads, for rotary positions";
      throw new ArgumentError(OP, `hiddenDim is ${dim}; expected a multiple of ${divisor} (${heads})`);
    }
    this.contextLength = contextLength;
    this.scale = positions === "sinusoidal" ? Math.sqrt(dim) : 1;
    this.embedding = new Embedding(vocabSize, dim);
    this.positions = positionsOf(positions, contextLength, dim);
    this.dropout = new Dropout({ p: dropout });
    const block = new TransformerEncoderLayer(dim, numHeads, {
      dimFeedforward,
      dropout,
      activation: "gelu",
      batchFirst: true,
      normFirst: true,
      rotary: positions === "rotary" ? { maxLength: contextLength } : null,
    });
    this.blocks = new TransformerEncoder(block, numLayers);
    block.dispose();
    this.norm = new LayerNorm(dim);
    this.head = tied ? null : new Linear(dim, vocabSize, { bias: false });
    this.resetParameters();
  }

  /** Draws all parameters anew but for the norms' and the positions'. */
  resetParameters(): void {
    const { layers } = this.blocks;
    const last = 0.02 / Math.sqrt(2 * layers.length);
    normal_(this.embedding.weight, 0, 0.02);
    if (this.head !== null) normal_(this.head.weight, 0, 0.02);
    for (const { selfAttn, linear1, linear2 } of layers) {
      normal_(selfAttn.inProjWeight!, 0, 0.02);
      normal_(selfAttn.outProj.weight, 0, last);
      normal_(linear1.weight, 0, 0.02);
      normal_(linear2.weight, 0, last);
      for (const bias of [selfAttn.inProjBias, selfAttn.outProj.bias, linear1.bias, linear2.bias]) zeros_(bias!);
    }
  }

  forward(tokens: Tensor, options: DecoderLMForwardOptions = {}): Tensor {
    checkOptions(OP, options, ["cache"]);
    return this.logits(this.read(tokens, options.cache ?? null));
  }

  startDecoding(prompt: Prompt, options: DecodingOptions = {}): [logits: Tensor, decoding: Decoding] {
    checkOptions(OP, options, ["cache"]);
    const { rows, rest } = splitPrompt(OP, prompt);
    const decoding = new WindowDecoding(this, rows, rest, options.cache ?? true);
    try {
      return [decoding.read(), decoding];
    } catch (error) {
      decoding.dispose();
      throw error;
    }
  }

  /** tokens [N, T] behind those of the cache → features [N, T, hiddenDim]. */
  read(tokens: Tensor, cache: KeyValueCache | null): Tensor {
    checkDType(OP, "tokens", tokens, "int32");
    checkRank(OP, "tokens", tokens.shape, 2);
    const { positions, contextLength } = this;
    const offset = cache?.length ?? 0;
    const length = offset + tokens.size(1);
    if (length > contextLength) {
      throw new ArgumentError(OP, `there are ${length} positions; expected at most contextLength ${contextLength}`);
    }
    const x = this.embedding.forward(tokens);
    const scaled = this.scale === 1 ? x : mul(x, this.scale);
    const placed = positions === null ? scaled : positions.forward(scaled, { offset });
    return this.norm.forward(this.blocks.forward(this.dropout.forward(placed), { isCausal: true, cache }));
  }

  /** Features [.., hiddenDim] → logits [.., vocabSize]. */
  logits(y: Tensor): Tensor {
    return this.head === null ? linear(y, this.embedding.weight) : this.head.forward(y);
  }
}

function positionsOf(
  kind: "learned" | "sinusoidal" | "rotary",
  maxLength: number,
  dim: number,
): LearnedPositionalEncoding | SinusoidalPositionalEncoding | null {
  if (kind === "learned") return new LearnedPositionalEncoding(maxLength, dim, { batchFirst: true });
  return kind === "sinusoidal" ? new SinusoidalPositionalEncoding(dim, { maxLength, batchFirst: true }) : null;
}

/**
 * Tokens that a DecoderLM has written, and their keys and values. Beyond contextLength the model sees the last tokens only; they then stand at
 * other positions in each step, so that nothing can be kept.
 */
class WindowDecoding implements Decoding {
  private cache: KeyValueCache | null;
  private rows: number[][];

  constructor(
    private readonly model: DecoderLM,
    rows: readonly number[][],
    readonly rest: readonly number[][],
    cache: boolean,
  ) {
    this.rows = rows.map((row) => [...row]);
    this.cache = cache ? new KeyValueCache() : null;
  }

  /** Reads the tokens that the cache does not have → the logits behind the last. */
  read(): Tensor {
    const { model, rows } = this;
    const length = rows[0]!.length;
    if (length > model.contextLength) this.dispose();
    const from = this.cache?.length ?? Math.max(0, length - model.contextLength);
    const y = model.read(tokenTensor(rows.map((row) => row.slice(from))), this.cache);
    return model.logits(select(y, { dim: 1, index: length - from - 1 }));
  }

  step(tokens: Int32Array): Tensor {
    for (const [i, row] of this.rows.entries()) row.push(tokens[i]!);
    return this.read();
  }

  reorder(index: Int32Array): void {
    this.rows = Array.from(index, (row) => [...this.rows[row]!]);
    this.cache?.reorder(integers(index));
  }

  dispose(): void {
    this.cache?.dispose();
    this.cache = null;
  }
}

/** Sizes of the smallest GPT-2 (Radford et al., 2019, Table 2). */
const GPT2: DecoderLMOptions = { vocabSize: 50257, contextLength: 1024, hiddenDim: 768, numHeads: 12, numLayers: 12 };

/** By name. */
export const decoderLMs = {
  decoder_lm: (options: DecoderLMOptions = {}): DecoderLM => new DecoderLM(options),
  gpt2: (options: DecoderLMOptions = {}): DecoderLM => new DecoderLM({ ...GPT2, ...options }),
};
