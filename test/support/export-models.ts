// Every model of the registry, small, and what it is given.
import { type Tensor, tensor } from "../../src/node.js";
import { smallModel } from "./export-rows.js";
import { SMALL_MODELS, TARGET_WORDS, WORDS } from "./sequences.js";

/** Options that make a model small, and its inputs for a batch. */
export interface Example {
  readonly options: Readonly<Record<string, unknown>>;
  inputs(batch: number): readonly Tensor[];
}

const FEATURES = 8;
const LATENT = 6;
const SIDE = 28;

/** Reproducible values around 0. */
function wave(...shape: readonly number[]): Tensor {
  const n = shape.reduce((p, s) => p * s, 1);
  return tensor(
    Float32Array.from({ length: n }, (_, i) => Math.sin(i * 2.3) + Math.cos(i * 0.7)),
    { shape },
  );
}

/** Words from 1 on; 0 is padding. */
function words(count: number, ...shape: readonly [rows: number, steps: number]): Tensor {
  const values = Int32Array.from({ length: shape[0] * shape[1] }, (_, i) => 1 + ((i * 5) % (count - 1)));
  return tensor(values, { shape });
}

const language = { vocabSize: WORDS, hiddenDim: FEATURES, numHeads: 2, numLayers: 1, contextLength: 6 };
const sentences = (batch: number): Tensor[] => [words(WORDS, batch, 5)];
const pairs = (batch: number): Tensor[] => [words(WORDS, batch, 5), words(TARGET_WORDS, batch, 4)];
const images = (batch: number): Tensor[] => [wave(batch, 1, SIDE, SIDE)];
const codes = (batch: number): Tensor[] => [wave(batch, LATENT)];
const gray = { inChannels: 1, imageSize: SIDE };

const OTHERS: Readonly<Record<string, Example>> = {
  bidirectional_tagger: { options: SMALL_MODELS.bidirectional_tagger!, inputs: sentences },
  char_rnn: { options: { vocabSize: WORDS, hiddenSize: FEATURES }, inputs: sentences },
  conv_autoencoder: { options: { widths: [4, 8], latent: LATENT }, inputs: images },
  conv_vae: { options: { widths: [4, 8], latent: LATENT }, inputs: images },
  dcgan_discriminator: { options: { ...gray, width: 4 }, inputs: images },
  dcgan_generator: { options: { ...gray, width: 4, latent: LATENT }, inputs: codes },
  decoder_lm: { options: language, inputs: sentences },
  deep_rnn: { options: SMALL_MODELS.deep_rnn!, inputs: (batch) => [wave(batch, 5, 3)] },
  dense_autoencoder: { options: { widths: [16, 8], latent: LATENT }, inputs: images },
  dense_vae: { options: { widths: [16], latent: LATENT }, inputs: images },
  gan_discriminator: { options: { ...gray, widths: [16, 8] }, inputs: images },
  gan_generator: { options: { ...gray, widths: [8, 16], latent: LATENT }, inputs: codes },
  gpt2: { options: language, inputs: sentences },
  seq2seq: { options: SMALL_MODELS.seq2seq!, inputs: pairs },
  seq2seq_attention: { options: SMALL_MODELS.seq2seq_attention!, inputs: pairs },
  transformer: { options: SMALL_MODELS.transformer!, inputs: pairs },
  transformer_classifier: { options: SMALL_MODELS.transformer_classifier!, inputs: sentences },
  transformer_decoder: {
    options: SMALL_MODELS.transformer_decoder!,
    inputs: (batch) => [words(TARGET_WORDS, batch, 4), wave(batch, 3, FEATURES)],
  },
  transformer_encoder: { options: SMALL_MODELS.transformer_encoder!, inputs: sentences },
};

export function exampleOf(name: string): Example {
  const other = OTHERS[name];
  if (other !== undefined) return other;
  const { options, shape } = smallModel(name);
  return { options, inputs: (batch) => [wave(batch, ...shape.slice(1))] };
}
