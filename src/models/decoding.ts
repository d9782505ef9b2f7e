// The loop that all ways of generating share.

import { checkInteger } from "../check.js";
import { ArgumentError } from "../errors.js";
import { modesOf } from "../nn/mode.js";
import { Module } from "../nn/module.js";
import { noGrad } from "../scoping.js";
import type { Tensor } from "../tensor.js";
import type { Decoding, DecodingOptions, GenerativeModel } from "./generation.js";
import { checkBoolean } from "./options.js";

export interface LengthOptions extends DecodingOptions {
  /** A sequence is cut behind so many tokens, not counting the prompt. Default 128. */
  readonly maxNewTokens?: number;
  /** A token that ends its sequence, or several such. Default null: none. */
  readonly eos?: number | readonly number[] | null;
}

/** Names of the options that all ways share. */
export const LENGTH_OPTIONS: readonly string[] = ["maxNewTokens", "eos", "cache"];

export interface LengthSettings {
  readonly maxNewTokens: number;
  readonly eos: ReadonlySet<number>;
  readonly cache: boolean;
}

/** The common options with their defaults. */
export function lengthSettings(op: string, options: LengthOptions): LengthSettings {
  const { eos = null } = options;
  const ends = eos === null ? [] : typeof eos === "object" ? eos : [eos];
  return {
    maxNewTokens: checkInteger(op, "maxNewTokens", options.maxNewTokens ?? 128, 1),
    eos: new Set(ends.map((token) => checkInteger(op, "eos", token, 0))),
    cache: checkBoolean(op, "cache", options.cache ?? true),
  };
}

/** What is to be read next: a token for each row that goes on, and which rows those are. */
export interface Next {
  readonly tokens: Int32Array;
  /** Rows that go on, in their new order. Null: all, as they are. */
  readonly rows: Int32Array | null;
}

/**
 * Shows `choose` the logits [N, V] behind the prompt, and then those behind the tokens that it chose, until it returns null. `rest` is what the
 * prompt has in each row beyond what was read at first. The model is in evaluation mode, without gradients; each step's tensors
 * are freed, and modes are restored.
 */
export function decode<P>(
  op: string,
  model: GenerativeModel<P>,
  prompt: P,
  { cache }: LengthSettings,
  choose: (logits: Tensor, rest: Decoding["rest"]) => Next | null,
): void {
  if (!(model instanceof Module) || typeof model.startDecoding !== "function") {
    throw new ArgumentError(op, "model has no startDecoding; expected a model that generates, as CharRNN or DecoderLM");
  }
  const restoreModes = modesOf(model);
  try {
    model.eval();
    const [logits, decoding] = noGrad(() => model.startDecoding(prompt, { cache }));
    try {
      let next = noGrad(() => choose(logits, decoding.rest));
      logits.dispose();
      while (next !== null) {
        const { tokens, rows } = next;
        next = noGrad(() => {
          if (rows !== null) decoding.reorder(rows);
          return choose(decoding.step(tokens), decoding.rest);
        });
      }
    } finally {
      logits.dispose();
      decoding.dispose();
    }
  } finally {
    restoreModes();
  }
}
