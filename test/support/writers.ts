import { models, nn } from "../../src/node.js";
import { own } from "./modules.js";

// Small language models whose matrices are large enough that their choices differ from step to step. Vectors stay: a large bias would
// choose the same token for ever.

export const VOCABULARY = 11;

/** A model with weights of its own for each call, to be freed after the test. */
function lively<M extends nn.Module>(model: M): M {
  for (const p of model.parameters()) if (p.ndim > 1) nn.init.normal_(p, 0, 0.8);
  return own(model);
}

export function charRNN(options: models.CharRNNOptions = {}): models.CharRNN {
  return lively(new models.CharRNN({ vocabSize: VOCABULARY, hiddenSize: 12, ...options }));
}

export function decoderLM(options: models.DecoderLMOptions = {}): models.DecoderLM {
  const sizes = { vocabSize: VOCABULARY, contextLength: 24, hiddenDim: 16, numHeads: 2, numLayers: 2 };
  return lively(new models.DecoderLM({ ...sizes, ...options }));
}

/** The kinds of language models, by what they are called in tests. */
export const KINDS: readonly (readonly [string, () => models.CharRNN | models.DecoderLM])[] = [
  ["an LSTM", () => charRNN()],
  ["a GRU with an embedding", () => charRNN({ cell: "gru", embeddingDim: 5 })],
  ["a tied RNN", () => charRNN({ cell: "rnn", tied: true })],
  ["a Transformer", () => decoderLM()],
  ["a Transformer with waves", () => decoderLM({ positions: "sinusoidal", tied: false })],
  ["a Transformer with rotary positions", () => decoderLM({ positions: "rotary" })],
];
