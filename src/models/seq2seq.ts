// Encoder and decoder of recurrent layers. N batch, S steps of the source, T of the target, H features of a state, V target words.
import { checkInteger, checkNumber, checkOneOf, checkOptions } from "../check.js";
import { makeTensor } from "../creation.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { cat, narrow, permute, reshape, select } from "../functional/copy.js";
import { argmax } from "../functional/extrema.js";
import { indexSelect } from "../functional/rows.js";
import { tanh } from "../functional/transcendental.js";
import { AdditiveAttention, LuongAttention } from "../nn/attention_scored.js";
import { ModuleList } from "../nn/container.js";
import { Dropout } from "../nn/dropout.js";
import { Embedding } from "../nn/embedding.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import type { Lengths } from "../nn/packed.js";
import { checkProbability } from "../ops/random.js";
import { defaultGenerator, type Generator } from "../random.js";
import { noGrad } from "../scoping.js";
import { formatShape } from "../shape.js";
import { adopt, type Tensor } from "../tensor.js";
import type { Decoding, DecodingOptions, GenerativeModel } from "./generation.js";
import { checkBoolean } from "./options.js";
import {
  CELL_KINDS,
  type CellKind,
  type CellLayer,
  type CellState,
  cellLayer,
  checkPaddingIdx,
  checkTokens,
  Kept,
  paddingMask,
  runCell,
  type SourcePrompt,
  tokenColumn,
} from "./sequence_parts.js";

/** How a decoder's state scores the encoder's outputs. */
export type Seq2SeqAttention = "additive" | "dot" | "general";

export interface Seq2SeqOptions {
  /** Kind of the recurrent layers. Default "gru". */
  readonly cell?: CellKind;
  /** Features of a word, in both languages. Default 256. */
  readonly embeddingDim?: number;
  /** Features of a state; those of a bidirectional encoder are halves of it. Default 256. */
  readonly hiddenSize?: number;
  /** Layers of the encoder, and of the decoder. Default 1. */
  readonly numLayers?: number;
  /** Probability to drop a feature of words, between layers, of the encoder's outputs and before the last layer. Default 0. */
  readonly dropout?: number;
  /** Read the source in both directions. Default false. */
  readonly bidirectional?: boolean;
  /** "additive" as Bahdanau et al.; "dot" or "general" as Luong et al.; null for none. Default null. */
  readonly attention?: Seq2SeqAttention | null;
  /** The word that fills up short sequences, whose vector stays 0; null for none. Default 0. */
  readonly paddingIdx?: number | null;
}

export interface Seq2SeqEncodeOptions {
  /** Steps of each source of a padded batch. Default null: all have S. */
  readonly lengths?: Lengths | null;
}

export interface Seq2SeqForwardOptions extends Seq2SeqEncodeOptions {
  /** Probability that the decoder reads the target's word, else its own best one; drawn for each step behind the first. Default 1. */
  readonly teacherForcing?: number;
  /** Where the draws come from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

/** What a decoder reads from. */
export interface Seq2SeqMemory {
  /** The encoder's outputs [N, S, H]; null without attention. */
  readonly keys: Tensor | null;
  /** bool [N, S], true for padding; null if there is none. */
  readonly padding: Tensor | null;
  /** The decoder's state, [h] or [h, c], each [numLayers, N, H]. */
  readonly state: CellState;
}

/** How the writing of targets begins. */
export interface Seq2SeqPrompt extends SourcePrompt, Seq2SeqEncodeOptions {}

const OP = "Seq2Seq";

/**
 * Translation by two recurrent networks: the encoder reads the source, the decoder begins with its last state and is asked for the next word
 * of the target, given those before it (Sutskever, Vinyals and Le, Sequence to Sequence Learning with Neural Networks, 2014; Cho et al., 2014).
 * Without attention logits_t = W h_t + b. With it the decoder also sees c_t = Σ_s a_ts key_s, a mean of the encoder's outputs, and
 * logits_t = W tanh(W_c [c_t; h_t] + b_c) + b: for "dot" and "general" h_t asks for it (Luong et al., Effective Approaches to Attention-based
 * NMT, 2015), for "additive" h_(t−1) does, and the decoder reads [word_t; c_t] (Bahdanau, Cho and Bengio, 2015; tanh in place of maxout).
 * A bidirectional encoder's states become the decoder's by tanh of a linear layer.
 *
 * Parameters, with U and V words, E features of a word, G gates (LSTM 4, GRU 3, RNN 1) and one layer: (U + V)·E + 2·G·H·(E + H + 2) +
 * V·(H + 1); bidirectional: −G·H²/2, and H·(H + 1) for h, and for c; attention: H·(2·H + 1), and H² for "general"; 2·H² + 2·H + G·H² for
 * "additive". Shapes: source int32 [N, S], target int32 [N, T], which begins with the word that begins every target → logits [N, T, V].
 * Keys: source_embedding.…, target_embedding.…, encoder.…, bridge.0.…, decoder.…, attention.…, combine.…, head.….
 */
export class Seq2Seq extends Module implements GenerativeModel<Seq2SeqPrompt> {
  readonly sourceEmbedding: Embedding;
  readonly targetEmbedding: Embedding;
  readonly encoder: CellLayer;
  /** One layer for each part of the state of a bidirectional encoder; else null. */
  readonly bridge: ModuleList<Linear> | null;
  readonly decoder: CellLayer;
  readonly attention: AdditiveAttention | LuongAttention | null;
  readonly combine: Linear | null;
  readonly head: Linear;
  readonly dropout: Dropout;

  constructor(sourceWords: number, targetWords: number, options: Seq2SeqOptions = {}) {
    super();
    const known = [
      "cell",
      "embeddingDim",
      "hiddenSize",
      "numLayers",
      "dropout",
      "bidirectional",
      "attention",
      "paddingIdx",
    ];
    checkOptions(OP, options, known);
    checkInteger(OP, "sourceWords", sourceWords, 1);
    checkInteger(OP, "targetWords", targetWords, 1);
    const kind = checkOneOf(OP, "cell", options.cell ?? "gru", CELL_KINDS);
    const dim = checkInteger(OP, "embeddingDim", options.embeddingDim ?? 256, 1);
    const hidden = checkInteger(OP, "hiddenSize", options.hiddenSize ?? 256, 1);
    const numLayers = checkInteger(OP, "numLayers", options.numLayers ?? 1, 1);
    const dropout = checkProbability(OP, options.dropout ?? 0);
    const bidirectional = checkBoolean(OP, "bidirectional", options.bidirectional ?? false);
    const { attention = null, paddingIdx = 0 } = options;
    if (attention !== null) checkOneOf(OP, "attention", attention, ["additive", "dot", "general"]);
    checkPaddingIdx(OP, paddingIdx, Math.min(sourceWords, targetWords));
    if (bidirectional && hidden % 2 !== 0) {
      throw new ArgumentError(OP, `hiddenSize is ${hidden}; expected an even number for a bidirectional encoder`);
    }
    const layers = { numLayers, dropout };
    this.sourceEmbedding = new Embedding(sourceWords, dim, { paddingIdx });
    this.targetEmbedding = new Embedding(targetWords, dim, { paddingIdx });
    this.encoder = cellLayer(kind, dim, bidirectional ? hidden / 2 : hidden, { ...layers, bidirectional });
    const parts = kind === "lstm" ? 2 : 1;
    this.bridge = bidirectional
      ? new ModuleList(Array.from({ length: parts }, () => new Linear(hidden, hidden)))
      : null;
    this.decoder = cellLayer(kind, attention === "additive" ? dim + hidden : dim, hidden, layers);
    this.attention =
      attention === null
        ? null
        : attention === "additive"
          ? new AdditiveAttention(hidden, hidden, hidden)
          : new LuongAttention(hidden, hidden, { score: attention });
    this.combine = attention === null ? null : new Linear(2 * hidden, hidden);
    this.head = new Linear(hidden, targetWords);
    this.dropout = new Dropout({ p: dropout });
  }

  /** Errors: DTypeError, ShapeError for other inputs; ArgumentError for lengths outside 1 to S. */
  forward(source: Tensor, target: Tensor, options: Seq2SeqForwardOptions = {}): Tensor {
    checkOptions(OP, options, ["lengths", "teacherForcing", "generator"]);
    const { lengths = null, generator = defaultGenerator } = options;
    const ratio = checkNumber(OP, "teacherForcing", options.teacherForcing ?? 1, 0, 1);
    checkTokens(OP, "source", source);
    checkTokens(OP, "target", target);
    checkSameBatch(target, source.size(0));
    const memory = this.encode(source, { lengths });
    return ratio === 1 ? this.decode(target, memory)[0] : this.decodeFreely(target, memory, ratio, generator);
  }

  /** Reads the source: what the decoder begins with. */
  encode(source: Tensor, options: Seq2SeqEncodeOptions = {}): Seq2SeqMemory {
    checkOptions(OP, options, ["lengths"]);
    checkTokens(OP, "source", source);
    const { lengths = null } = options;
    const words = this.dropout.forward(this.sourceEmbedding.forward(source));
    const [outputs, last] = runCell(this.encoder, words, null, { lengths });
    const attends = this.attention !== null;
    return {
      keys: attends ? this.dropout.forward(outputs) : null,
      padding: attends ? paddingMask(OP, lengths, source.size(0), source.size(1)) : null,
      state: this.bridge === null ? last : last.map((part, i) => bridged(part, this.bridge!.at(i)!)),
    };
  }

  /** Reads target words [N, T] that follow those read so far: the logits [N, T, V] of the next ones, and the memory to go on from. */
  decode(target: Tensor, memory: Seq2SeqMemory): [logits: Tensor, memory: Seq2SeqMemory] {
    checkTokens(OP, "target", target);
    checkSameBatch(target, memory.state[0]!.size(1));
    const words = this.dropout.forward(this.targetEmbedding.forward(target));
    const [features, state] =
      this.attention instanceof AdditiveAttention ? this.alternate(words, memory) : this.read(words, memory);
    const joined = this.combine === null ? features : tanh(this.combine.forward(features));
    return [this.head.forward(this.dropout.forward(joined)), { ...memory, state }];
  }

  startDecoding(prompt: Seq2SeqPrompt, options: DecodingOptions = {}): [logits: Tensor, decoding: Decoding] {
    checkOptions(OP, options, ["cache"]);
    checkOptions(OP, prompt, ["source", "lengths", "begin"]);
    const { source, lengths = null, begin } = prompt;
    checkInteger(OP, "begin", begin, 0, this.targetEmbedding.numEmbeddings - 1);
    return noGrad(() => {
      const first = tokenColumn(new Int32Array(source.size(0)).fill(begin));
      const [logits, memory] = this.decode(first, this.encode(source, { lengths }));
      return [select(logits, { dim: 1, index: 0 }), new RecurrentDecoding(this, memory)];
    });
  }

  /** All steps at once: h, or [c; h] of the attention that h asks for. */
  private read(words: Tensor, { keys, padding, state }: Seq2SeqMemory): [features: Tensor, state: CellState] {
    const [h, after] = runCell(this.decoder, words, state);
    if (this.attention === null || keys === null) return [h, after];
    const [context] = this.attention.forward(h, keys, { keyPaddingMask: padding });
    return [cat([context, h], { dim: 2 }), after];
  }

  /** Step by step, as each needs the state before it: [c; h]. */
  private alternate(words: Tensor, memory: Seq2SeqMemory): [features: Tensor, state: CellState] {
    const { padding } = memory;
    let { state } = memory;
    const steps = Array.from({ length: words.size(1) }, (_, t) => {
      const top = select(state[0]!, { dim: 0, index: -1 });
      const [c] = this.attention!.forward(reshape(top, { shape: [top.size(0), 1, -1] }), memory.keys!, {
        keyPaddingMask: padding,
      });
      const [h, after] = runCell(this.decoder, cat([stepOf(words, t), c], { dim: 2 }), state);
      state = after;
      return cat([c, h], { dim: 2 });
    });
    return [cat(steps, { dim: 1 }), state];
  }

  /** Step by step, with the model's own words where no teacher gives them. */
  private decodeFreely(target: Tensor, start: Seq2SeqMemory, ratio: number, generator: Generator): Tensor {
    let memory = start;
    let word = stepOf(target, 0);
    const steps = Array.from({ length: target.size(1) }, (_, t) => {
      const taught = t === 0 || generator.words(1)[0]! < ratio * 2 ** 32;
      const [logits, after] = this.decode(taught ? stepOf(target, t) : word, memory);
      memory = after;
      word = argmax(logits, { dim: 2 });
      return logits;
    });
    return cat(steps, { dim: 1 });
  }
}

/** One step of x [N, T, …]: [N, 1, …]. */
function stepOf(x: Tensor, t: number): Tensor {
  return narrow(x, { dim: 1, start: t, length: 1 });
}

/** Last states [L · 2, N, H/2] of both directions as one [L, N, H]. */
function bridged(state: Tensor, layer: Linear): Tensor {
  const [rows, batch, half] = state.shape as [number, number, number];
  const pairs = permute(reshape(state, { shape: [rows / 2, 2, batch, half] }), { dims: [0, 2, 1, 3] });
  return tanh(layer.forward(reshape(pairs, { shape: [rows / 2, batch, 2 * half] })));
}

function checkSameBatch(target: Tensor, batch: number): void {
  if (target.size(0) !== batch) {
    throw new ShapeError(
      OP,
      `target has shape ${formatShape(target.shape)}; expected [${batch}, T], one row for each source`,
    );
  }
}

/** Targets that a model is writing. */
class RecurrentDecoding implements Decoding {
  private readonly kept = new Kept();

  constructor(
    private readonly model: Seq2Seq,
    private memory: Seq2SeqMemory,
  ) {
    this.keep(memory);
  }

  step(tokens: Int32Array): Tensor {
    return noGrad(() => {
      const [logits, memory] = this.model.decode(tokenColumn(tokens), this.memory);
      this.keep(memory);
      return select(logits, { dim: 1, index: 0 });
    });
  }

  reorder(index: Int32Array): void {
    const { keys, padding, state } = this.memory;
    noGrad(() => {
      const rows = adopt(makeTensor(index));
      this.keep({
        keys: keys && indexSelect(keys, rows, { dim: 0 }),
        padding: padding && indexSelect(padding, rows, { dim: 0 }),
        state: state.map((part) => indexSelect(part, rows, { dim: 1 })),
      });
    });
  }

  dispose(): void {
    this.kept.dispose();
  }

  private keep(memory: Seq2SeqMemory): void {
    this.memory = memory;
    this.kept.replace([memory.keys, memory.padding, ...memory.state]);
  }
}

export interface Seq2SeqModelOptions extends Seq2SeqOptions {
  /** Default 10000. */
  readonly sourceWords?: number;
  /** Default 10000. */
  readonly targetWords?: number;
}

const make =
  (defaults: Seq2SeqOptions) =>
  ({ sourceWords = 10_000, targetWords = 10_000, ...rest }: Seq2SeqModelOptions = {}): Seq2Seq =>
    new Seq2Seq(sourceWords, targetWords, { ...defaults, ...rest });

/** By name. */
export const seq2seqs = {
  seq2seq: make({}),
  seq2seq_attention: make({ attention: "additive", bidirectional: true }),
};
