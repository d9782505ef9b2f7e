import { checkInteger, checkOneOf, checkOptions } from "../check.js";
import { Dropout } from "../nn/dropout.js";
import { Embedding } from "../nn/embedding.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import type { RecurrentForwardOptions } from "../nn/recurrent.js";
import { checkProbability } from "../ops/random.js";
import type { Tensor } from "../tensor.js";
import {
  CELL_KINDS,
  type CellKind,
  type CellLayer,
  cellLayer,
  checkPaddingIdx,
  checkTokens,
  runCell,
} from "./sequence_parts.js";

export interface BidirectionalTaggerOptions {
  /** Kind of the recurrent layers. Default "lstm". */
  readonly cell?: CellKind;
  /** Features of a word. Default 100. */
  readonly embeddingDim?: number;
  /** Features of a state, in each direction. Default 100. */
  readonly hiddenSize?: number;
  /** Default 1. */
  readonly numLayers?: number;
  /** Probability to drop a feature of words, between layers and before the tags. Default 0. */
  readonly dropout?: number;
  /** The word that fills up short sequences, whose vector stays 0; null for none. Default 0. */
  readonly paddingIdx?: number | null;
}

/**
 * A tag for each word, of all words around it: embedding, recurrent layers in both directions, a linear layer on both states (Schuster and
 * Paliwal, Bidirectional Recurrent Neural Networks, 1997; Huang, Xu and Yu, Bidirectional LSTM-CRF Models for Sequence Tagging, 2015, Figure
 * 4): logits_t = W [h→_t; h←_t] + b. With V words, K tags, E and H features and G gates (LSTM 4, GRU 3, RNN 1) it has
 * V·E + 2·G·H·(E + H + 2) + K·(2·H + 1) parameters, and 2·G·H·(3·H + 2) more for each further layer.
 * Shapes: x int32 [N, T] → logits [N, T, numTags]. `lengths` of a padded batch make a sequence's tags those it has alone; logits behind its
 * end are the bias. Keys: embedding.weight, rnn.…, head.weight, head.bias. Errors: DTypeError, ShapeError for other inputs.
 */
export class BidirectionalTagger extends Module {
  readonly embedding: Embedding;
  readonly rnn: CellLayer;
  readonly head: Linear;
  readonly dropout: Dropout;

  constructor(numWords: number, numTags: number, options: BidirectionalTaggerOptions = {}) {
    super();
    const op = "BidirectionalTagger";
    checkOptions(op, options, ["cell", "embeddingDim", "hiddenSize", "numLayers", "dropout", "paddingIdx"]);
    checkInteger(op, "numWords", numWords, 1);
    checkInteger(op, "numTags", numTags, 1);
    const kind = checkOneOf(op, "cell", options.cell ?? "lstm", CELL_KINDS);
    const embeddingDim = checkInteger(op, "embeddingDim", options.embeddingDim ?? 100, 1);
    const hiddenSize = checkInteger(op, "hiddenSize", options.hiddenSize ?? 100, 1);
    const { numLayers = 1, paddingIdx = 0 } = options;
    const dropout = checkProbability(op, options.dropout ?? 0);
    checkPaddingIdx(op, paddingIdx, numWords);
    this.rnn = cellLayer(kind, embeddingDim, hiddenSize, { numLayers, dropout, bidirectional: true });
    this.embedding = new Embedding(numWords, embeddingDim, { paddingIdx });
    this.head = new Linear(2 * hiddenSize, numTags);
    this.dropout = new Dropout({ p: dropout });
  }

  forward(x: Tensor, options: RecurrentForwardOptions = {}): Tensor {
    checkTokens("BidirectionalTagger", "input", x);
    const words = this.dropout.forward(this.embedding.forward(x));
    const [states] = runCell(this.rnn, words, null, options);
    return this.head.forward(this.dropout.forward(states));
  }
}

export interface TaggerModelOptions extends BidirectionalTaggerOptions {
  /** Default 10000. */
  readonly numWords?: number;
  /** Default 17, the universal parts of speech. */
  readonly numTags?: number;
}

/** By name. */
export const taggers = {
  bidirectional_tagger: ({ numWords = 10_000, numTags = 17, ...rest }: TaggerModelOptions = {}): BidirectionalTagger =>
    new BidirectionalTagger(numWords, numTags, rest),
};
