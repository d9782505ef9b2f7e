// What `generate` and `beamSearch` ask of a model. N batch, V tokens of the vocabulary.
import type { Module } from "../nn/module.js";
import type { Tensor } from "../tensor.js";

export interface DecodingOptions {
  /**
   * Keep what later steps need of earlier tokens (keys and values, for a Transformer) instead of computing it anew in each step. Models
   * that have a state anyway keep it in both cases. Default true.
   */
  readonly cache?: boolean;
}

/**
 * Sequences that a model is writing: it has read a prompt, and takes tokens one at a time. Its tensors belong to no scope and live until
 * `dispose()`. All calls are made within `noGrad`, with the model in evaluation mode.
 */
export interface Decoding {
  /**
   * Tokens of each row that the prompt had beyond what was read at once, if its rows differ in length: they are given to `step` in place
   * of chosen ones. Left out if there are none.
   */
  readonly rest?: readonly ArrayLike<number>[];

  /** Reads one token a row, int32 [N], and returns the logits [N, V] of the next ones, which belong to the innermost scope. */
  step(tokens: Int32Array): Tensor;

  /** Row index[i] goes on as row i. There may be more or fewer rows afterwards, N = index.length. */
  reorder(index: Int32Array): void;

  /** Frees the state. */
  dispose(): void;
}

/**
 * A model that writes sequences token by token. A prompt is whatever the model begins with: the first tokens for a language model, the
 * source for an encoder with a decoder, which then also reads the token that begins a target.
 */
export interface GenerativeModel<P> extends Module {
  /**
   * Reads a prompt of N sequences: the logits [N, V] of the first tokens to write, and what goes on from there, which the caller disposes
   * of. If it throws, it leaves nothing behind.
   */
  startDecoding(prompt: P, options?: DecodingOptions): [logits: Tensor, decoding: Decoding];
}
