import { checkDType, checkNumber, checkOptions } from "../check.js";
import * as ops from "../ops/attention.js";
import { checkProbability } from "../ops/random.js";
import { defaultGenerator, type Generator } from "../random.js";
import type { Tensor } from "../tensor.js";

export interface AttentionOptions {
  /** [.., L, S], broadcast. bool: true where a query may attend to a key; float32: added to the scores. Default null: none. */
  readonly attnMask?: Tensor | null;
  /** Query i attends to the keys j ≤ i only, within what the mask allows. Default false. */
  readonly isCausal?: boolean;
  /** Factor of the scores. Default null: 1/√E. */
  readonly scale?: number | null;
  /** Probability to drop an attention weight. Default 0. */
  readonly dropoutP?: number;
  /** False: nothing is dropped. Default true. */
  readonly training?: boolean;
  /** Where the dropout comes from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

const OPTIONS = ["attnMask", "isCausal", "scale", "dropoutP", "training", "generator"];

/**
 * y = softmax(scale · q kᵀ + mask) v, without keeping the matrix of weights. Shapes: q [.., L, E], k [.., S, E], v [.., S, V],
 * y [.., L, V]; leading dimensions (batch, heads) broadcast. A query that may attend to no key gets NaN, as from softmax.
 * Gradients: q, k, v and a float32 mask. Errors: feature counts, lengths or a mask that do not fit; a mask of another dtype.
 * PyTorch: refuses a mask together with isCausal; here both hold.
 * Source: Vaswani et al., Attention Is All You Need, 2017; computed by tiles as in Dao et al., FlashAttention, 2022.
 * PyTorch: from 2.0 on.
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const op = "scaledDotProductAttention";
  checkOptions(op, options, OPTIONS);
  const { attnMask = null, isCausal = false, training = true, generator = defaultGenerator } = options;
  const scale = checkNumber(op, "scale", options.scale ?? 1 / Math.sqrt(q.shape.at(-1) ?? 1));
  const p = checkProbability(op, options.dropoutP ?? 0);
  if (attnMask !== null) checkDType(op, "attnMask", attnMask, "float32", "bool");
  const masks = attnMask?.dtype === "bool" ? { bias: null, allow: attnMask } : { bias: attnMask, allow: null };
  return ops.attention(q, k, v, masks, { scale, diagonal: isCausal ? 0 : null }, training ? { p, generator } : null);
}
