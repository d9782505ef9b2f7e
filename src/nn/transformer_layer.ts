import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { gelu } from "../functional/activation.js";
import { add } from "../ops/arithmetic.js";
import { checkProbability } from "../ops/random.js";
import { relu } from "../ops/unary.js";
import type { Tensor } from "../tensor.js";
import { MultiheadAttention, type MultiheadAttentionForwardOptions } from "./attention.js";
import type { KeyValueCache } from "./cache.js";
import { Dropout } from "./dropout.js";
import { forwardWith } from "./epilogue.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";
import { LayerNorm } from "./norm.js";
import type { RotaryModuleOptions } from "./positions.js";

/** The non-linearity between the two linear layers. */
export type TransformerActivation = "relu" | "gelu" | ((x: Tensor) => Tensor);

export interface TransformerLayerOptions {
  /** Features between the two linear layers. Default 2048. */
  readonly dimFeedforward?: number;
  /** Of attention weights, of the feed-forward's hidden features and of what each part adds. Default 0.1. */
  readonly dropout?: number;
  /** Default "relu". */
  readonly activation?: TransformerActivation;
  /** Default 1e-5. */
  readonly layerNormEps?: number;
  /** Sequences are [N, L, E]; else [L, N, E]. Default false. */
  readonly batchFirst?: boolean;
  /** Normalise the input of each part instead of its sum with what it adds. Default false. */
  readonly normFirst?: boolean;
  /** Learn additive biases everywhere. Default true. */
  readonly bias?: boolean;
  /** `rotary` of the self-attention: positions that turn queries and keys. Default null: none. */
  readonly rotary?: RotaryModuleOptions | null;
}

export const LAYER_OPTIONS: readonly string[] = [
  "dimFeedforward",
  "dropout",
  "activation",
  "layerNormEps",
  "batchFirst",
  "normFirst",
  "bias",
  "rotary",
];

interface LayerSettings extends Required<TransformerLayerOptions> {
  readonly activate: (x: Tensor) => Tensor;
}

function settingsOf(op: string, dModel: number, options: TransformerLayerOptions): LayerSettings {
  checkOptions(op, options, LAYER_OPTIONS);
  checkInteger(op, "dModel", dModel, 1);
  const { activation = "relu", batchFirst = false, normFirst = false, bias = true, rotary = null } = options;
  return {
    dimFeedforward: checkInteger(op, "dimFeedforward", options.dimFeedforward ?? 2048, 1),
    dropout: checkProbability(op, options.dropout ?? 0.1),
    layerNormEps: checkNumber(op, "layerNormEps", options.layerNormEps ?? 1e-5, 0),
    activation,
    batchFirst,
    normFirst,
    bias,
    rotary,
    activate: activationOf(op, activation),
  };
}

function activationOf(op: string, activation: TransformerActivation): (x: Tensor) => Tensor {
  if (typeof activation === "function") return activation;
  if (activation === "relu") return relu;
  if (activation === "gelu") return (x) => gelu(x);
  throw new ArgumentError(op, `activation is ${String(activation)}; expected "relu", "gelu" or a function`);
}

/** One part of a layer: what it adds to x, with the normalisation before it or after the sum. */
function residual(x: Tensor, norm: LayerNorm, first: boolean, part: (x: Tensor) => Tensor): Tensor {
  return first ? add(x, part(norm.forward(x))) : norm.forward(add(x, part(x)));
}

export interface EncoderLayerForwardOptions {
  /** `attnMask` of the self-attention: bool, true for pairs that do not attend, or float32. */
  readonly srcMask?: Tensor | null;
  /** `keyPaddingMask` of the self-attention: true for padding. */
  readonly srcKeyPaddingMask?: Tensor | null;
  /** Each position attends only to those before it and itself. Default false. */
  readonly isCausal?: boolean;
  /** Positions of earlier calls, to which the input's are appended. */
  readonly cache?: KeyValueCache | null;
}

/**
 * Self-attention, then a feed-forward network linear2(activation(linear1(x))), each added to its input and normalised. Shape: [L, N,
 * dModel], [N, L, dModel] with batchFirst, or [L, dModel]. State: self_attn.…, linear1.…, linear2.…, norm1.…, norm2.….
 * PyTorch: it has no rotary positions; with a cache and isCausal it is a layer of a decoder without a memory.
 * Source: Vaswani et al., Attention Is All You Need, 2017.
 */
export class TransformerEncoderLayer extends Module {
  readonly selfAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly activation: (x: Tensor) => Tensor;
  readonly normFirst: boolean;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const s = settingsOf("TransformerEncoderLayer", dModel, options);
    const { bias, dropout, batchFirst, rotary } = s;
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, bias, rotary });
    this.linear1 = new Linear(dModel, s.dimFeedforward, { bias });
    this.dropout = new Dropout({ p: dropout });
    this.linear2 = new Linear(s.dimFeedforward, dModel, { bias });
    this.norm1 = new LayerNorm(dModel, { eps: s.layerNormEps, bias });
    this.norm2 = new LayerNorm(dModel, { eps: s.layerNormEps, bias });
    this.dropout1 = new Dropout({ p: dropout });
    this.dropout2 = new Dropout({ p: dropout });
    this.activation = s.activate;
    this.normFirst = s.normFirst;
  }

  forward(src: Tensor, options: EncoderLayerForwardOptions = {}): Tensor {
    checkOptions("TransformerEncoderLayer", options, ["srcMask", "srcKeyPaddingMask", "isCausal", "cache"]);
    const { srcMask = null, srcKeyPaddingMask = null, isCausal = false, cache = null } = options;
    const masks = { attnMask: srcMask, keyPaddingMask: srcKeyPaddingMask, isCausal, cache };
    const x = residual(src, this.norm1, this.normFirst, (y) =>
      this.dropout1.forward(attend(this.selfAttn, y, y, masks)),
    );
    return residual(x, this.norm2, this.normFirst, (y) => this.dropout2.forward(feedForward(this, y)));
  }
}

/** Attention without weights to show. */
function attend(
  attention: MultiheadAttention,
  query: Tensor,
  memory: Tensor | null,
  options: MultiheadAttentionForwardOptions,
): Tensor {
  return attention.forward(query, memory, memory, { ...options, needWeights: false })[0];
}

/** linear2(dropout(activation(linear1(x)))). */
function feedForward(layer: TransformerEncoderLayer | TransformerDecoderLayer, x: Tensor): Tensor {
  const { linear1, activation } = layer;
  const hidden =
    activation === relu ? (forwardWith(linear1, x, { activation: "relu" }) as Tensor) : activation(linear1.forward(x));
  return layer.linear2.forward(layer.dropout.forward(hidden));
}

export interface DecoderLayerForwardOptions {
  /** `attnMask` of the self-attention: bool, true for pairs that do not attend, or float32. */
  readonly tgtMask?: Tensor | null;
  /** `attnMask` of the attention to the memory. */
  readonly memoryMask?: Tensor | null;
  /** True for padding of the target. */
  readonly tgtKeyPaddingMask?: Tensor | null;
  /** True for padding of the memory. */
  readonly memoryKeyPaddingMask?: Tensor | null;
  /** Each target position attends only to those before it and itself. Default false. */
  readonly tgtIsCausal?: boolean;
  /** The same for target and memory. Default false. */
  readonly memoryIsCausal?: boolean;
  /** Target positions of earlier calls, to which these are appended, and the projected memory, taken from the first call. */
  readonly cache?: KeyValueCache | null;
}

export const DECODER_FORWARD_OPTIONS: readonly string[] = [
  "tgtMask",
  "memoryMask",
  "tgtKeyPaddingMask",
  "memoryKeyPaddingMask",
  "tgtIsCausal",
  "memoryIsCausal",
  "cache",
];

/**
 * Self-attention of the target, attention of the target to the memory, then a feed-forward network, each added to its input and
 * normalised. Shapes: target and output [T, N, dModel], memory [S, N, dModel]; N first with batchFirst, none without a batch.
 * State: self_attn.…, multihead_attn.…, linear1.…, linear2.…, norm1.…, norm2.…, norm3.….
 * Source: Vaswani et al., Attention Is All You Need, 2017.
 * PyTorch: 1.13 has neither bias nor the causal flags nor a cache, and no version rotary positions.
 */
export class TransformerDecoderLayer extends Module {
  readonly selfAttn: MultiheadAttention;
  readonly multiheadAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly norm3: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly dropout3: Dropout;
  readonly activation: (x: Tensor) => Tensor;
  readonly normFirst: boolean;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const s = settingsOf("TransformerDecoderLayer", dModel, options);
    const { bias, dropout, batchFirst, rotary } = s;
    const norm = { eps: s.layerNormEps, bias };
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, bias, rotary });
    this.multiheadAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, bias });
    this.linear1 = new Linear(dModel, s.dimFeedforward, { bias });
    this.dropout = new Dropout({ p: dropout });
    this.linear2 = new Linear(s.dimFeedforward, dModel, { bias });
    this.norm1 = new LayerNorm(dModel, norm);
    this.norm2 = new LayerNorm(dModel, norm);
    this.norm3 = new LayerNorm(dModel, norm);
    this.dropout1 = new Dropout({ p: dropout });
    this.dropout2 = new Dropout({ p: dropout });
    this.dropout3 = new Dropout({ p: dropout });
    this.activation = s.activate;
    this.normFirst = s.normFirst;
  }

  forward(tgt: Tensor, memory: Tensor, options: DecoderLayerForwardOptions = {}): Tensor {
    checkOptions("TransformerDecoderLayer", options, DECODER_FORWARD_OPTIONS);
    const { tgtMask = null, memoryMask = null, tgtIsCausal = false, memoryIsCausal = false, cache = null } = options;
    const own = {
      attnMask: tgtMask,
      keyPaddingMask: options.tgtKeyPaddingMask ?? null,
      isCausal: tgtIsCausal,
      cache: cache?.part("self") ?? null,
    };
    const cross = {
      attnMask: memoryMask,
      keyPaddingMask: options.memoryKeyPaddingMask ?? null,
      isCausal: memoryIsCausal,
      cache: cache?.part("memory") ?? null,
    };
    const known = cross.cache !== null && cross.cache.length > 0;
    const { normFirst } = this;
    let x = residual(tgt, this.norm1, normFirst, (y) => this.dropout1.forward(attend(this.selfAttn, y, y, own)));
    x = residual(x, this.norm2, normFirst, (y) =>
      this.dropout2.forward(attend(this.multiheadAttn, y, known ? null : memory, cross)),
    );
    return residual(x, this.norm3, normFirst, (y) => this.dropout3.forward(feedForward(this, y)));
  }
}
