import { checkDType, checkInteger, checkNumber, checkOneOf, checkOptions, checkRank } from "../check.js";
import { ArgumentError } from "../errors.js";
import { select } from "../functional/copy.js";
import { oneHot } from "../functional/embedding.js";
import { linear } from "../functional/matmul.js";
import { indexSelect } from "../functional/rows.js";
import { unsqueeze } from "../functional/view.js";
import { CarriedState } from "../nn/bptt.js";
import { Dropout } from "../nn/dropout.js";
import { Embedding } from "../nn/embedding.js";
import { uniform_ } from "../nn/init.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { GRU, LSTM, RNN } from "../nn/recurrent.js";
import { cast } from "../ops/copy.js";
import type { Tensor } from "../tensor.js";
import type { Decoding, GenerativeModel } from "./generation.js";
import { checkBoolean } from "./options.js";
import { integers, type Prompt, splitPrompt, tokenTensor } from "./prompt.js";

const CELLS = { rnn: RNN, lstm: LSTM, gru: GRU };

export interface CharRNNOptions {
  /** Tokens of the vocabulary. Default 65, the characters of tiny Shakespeare. */
  readonly vocabSize?: number;
  /** Features of a token; null: the token is a one-hot vector. Default null, or hiddenSize if tied. */
  readonly embeddingDim?: number | null;
  /** Default 128. */
  readonly hiddenSize?: number;
  /** Recurrent layers. Default 2. */
  readonly numLayers?: number;
  /** Default "lstm". */
  readonly cell?: keyof typeof CELLS;
  /** Probability to drop a feature of the embedding, between layers and before the head. Default 0. */
  readonly dropout?: number;
  /** The embedding's table is the head's weight, which then has no bias. Default false. */
  readonly tied?: boolean;
}

/** What a CharRNN remembers: [h], or [h, c] for an LSTM, each [numLayers, N, hiddenSize]. */
export type CharRNNState = readonly Tensor[];

/**
 * Recurrent language model: h = RNN(dropout(E x)), logits of the next token = W dropout(h) + b, where E x is a row of a table or a one-hot
 * vector. Shapes: tokens int32 [N, T] → logits [N, T, vocabSize]. With a state (null for zeros) it returns [logits, state].
 *
 * Parameters with V tokens, H features and a one-hot input: 4H(V + H + 2) in the first layer of an LSTM, 8H(H + 1) in each other, V(H + 1) in
 * the head: 240,321 with the defaults. A GRU has 3/4 of the layers', an RNN 1/4; an embedding V·embeddingDim.
 * Keys: embedding.weight (if there is one), rnn.…, head.… (unless tied).
 * Errors: ArgumentError for tied weights of another size than hiddenSize; DTypeError or ShapeError for other tokens.
 * Sources: Graves, Generating Sequences with Recurrent Neural Networks, 2013; Karpathy, The Unreasonable Effectiveness of Recurrent
 * Neural Networks, 2015; tied weights: Press and Wolf, Using the Output Embedding to Improve Language Models, 2017.
 */
export class CharRNN extends Module implements GenerativeModel<Prompt> {
  readonly embedding: Embedding | null;
  readonly dropout: Dropout;
  readonly rnn: RNN | LSTM | GRU;
  readonly head: Linear | null;
  readonly vocabSize: number;

  constructor(options: CharRNNOptions = {}) {
    super();
    const op = "CharRNN";
    const known = ["vocabSize", "embeddingDim", "hiddenSize", "numLayers", "cell", "dropout", "tied"];
    checkOptions(op, options, known);
    const hiddenSize = checkInteger(op, "hiddenSize", options.hiddenSize ?? 128, 1);
    const numLayers = checkInteger(op, "numLayers", options.numLayers ?? 2, 1);
    const tied = checkBoolean(op, "tied", options.tied ?? false);
    const { embeddingDim = tied ? hiddenSize : null } = options;
    if (embeddingDim !== null) checkInteger(op, "embeddingDim", embeddingDim, 1);
    if (tied && embeddingDim !== hiddenSize) {
      throw new ArgumentError(
        op,
        `embeddingDim is ${embeddingDim}; expected hiddenSize ${hiddenSize} for tied weights`,
      );
    }
    const cell = checkOneOf(op, "cell", options.cell ?? "lstm", ["rnn", "lstm", "gru"]);
    const p = checkNumber(op, "dropout", options.dropout ?? 0, 0, 1);
    this.vocabSize = checkInteger(op, "vocabSize", options.vocabSize ?? 65, 1);
    this.embedding = embeddingDim === null ? null : new Embedding(this.vocabSize, embeddingDim);
    // N(0, 1) suits a table that is read, not a matrix that makes logits.
    if (tied) uniform_(this.embedding!.weight, -0.1, 0.1);
    this.dropout = new Dropout({ p });
    const rnn = { numLayers, dropout: p, batchFirst: true };
    this.rnn = new CELLS[cell](embeddingDim ?? this.vocabSize, hiddenSize, rnn);
    this.head = tied ? null : new Linear(hiddenSize, this.vocabSize);
  }

  forward(tokens: Tensor): Tensor;
  forward(tokens: Tensor, state: CharRNNState | null): [logits: Tensor, state: CharRNNState];
  forward(tokens: Tensor, state?: CharRNNState | null): Tensor | [logits: Tensor, state: CharRNNState] {
    const [y, after] = this.read(tokens, state ?? null);
    const logits = this.logits(y);
    return state === undefined ? logits : [logits, after];
  }

  startDecoding(prompt: Prompt): [logits: Tensor, decoding: Decoding] {
    const { rows, rest } = splitPrompt("CharRNN", prompt);
    const decoding = new CharacterDecoding(this, rest);
    return [decoding.read(tokenTensor(rows)), decoding];
  }

  /** tokens [N, T] → features [N, T, hiddenSize], and the state behind them. */
  read(tokens: Tensor, state: CharRNNState | null): [y: Tensor, state: CharRNNState] {
    checkDType("CharRNN", "tokens", tokens, "int32");
    checkRank("CharRNN", "tokens", tokens.shape, 2);
    const { embedding, rnn } = this;
    const x =
      embedding === null
        ? cast(oneHot(tokens, { numClasses: this.vocabSize }), "float32")
        : this.dropout.forward(embedding.forward(tokens));
    const wanted = rnn instanceof LSTM ? 2 : 1;
    if (state !== null && state.length !== wanted) {
      throw new ArgumentError(
        "CharRNN",
        `state has ${state.length} tensors; expected ${wanted}, as an earlier call gave`,
      );
    }
    if (rnn instanceof LSTM) return rnn.forward(x, state === null ? null : [state[0]!, state[1]!]);
    const [y, h] = rnn.forward(x, state?.[0] ?? null);
    return [y, [h]];
  }

  /** Features [.., hiddenSize] → logits [.., vocabSize]. */
  logits(y: Tensor): Tensor {
    const dropped = this.dropout.forward(y);
    return this.head === null ? linear(dropped, this.embedding!.weight) : this.head.forward(dropped);
  }
}

/** The state of a CharRNN that is writing. */
class CharacterDecoding implements Decoding {
  private readonly carried = new CarriedState<CharRNNState>();

  constructor(
    private readonly model: CharRNN,
    readonly rest: readonly number[][],
  ) {}

  /** tokens [N, T] → the logits behind the last. */
  read(tokens: Tensor): Tensor {
    const [y, state] = this.model.read(tokens, this.carried.state);
    const logits = this.model.logits(select(y, { dim: 1, index: tokens.size(1) - 1 }));
    this.carried.carry(state);
    return logits;
  }

  step(tokens: Int32Array): Tensor {
    return this.read(unsqueeze(integers(tokens), { dim: 1 }));
  }

  reorder(index: Int32Array): void {
    const at = integers(index);
    this.carried.carry(this.carried.state!.map((s) => indexSelect(s, at, { dim: 1 })));
  }

  dispose(): void {
    this.carried.dispose();
  }
}

/** By name. */
export const charRNNs = {
  char_rnn: (options: CharRNNOptions = {}): CharRNN => new CharRNN(options),
};
