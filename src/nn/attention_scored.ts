import { checkDType, checkInteger, checkOneOf, checkOptions, type NoOptions } from "../check.js";
import { ShapeError } from "../errors.js";
import { add } from "../ops/arithmetic.js";
import { reshape, transpose } from "../ops/copy.js";
import { maskedFill } from "../ops/mask.js";
import { matmul } from "../ops/matmul.js";
import { softmax } from "../ops/softmax.js";
import { tanhOp } from "../ops/transcendental.js";
import { map } from "../ops/unary.js";
import { unsqueeze } from "../ops/view.js";
import { formatShape, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";

export interface ScoredAttentionForwardOptions {
  /** What is averaged. Default null: the keys themselves. */
  readonly values?: Tensor | null;
  /** bool [N, S]: true for keys that nobody attends to. Default null: none. */
  readonly keyPaddingMask?: Tensor | null;
}

/** Attention of a decoder's state to an encoder's outputs, with a score of its own. */
abstract class ScoredAttention extends Module {
  constructor(
    readonly queryDim: number,
    readonly keyDim: number,
    ...none: NoOptions
  ) {
    super(...none);
    checkInteger(new.target.name, "queryDim", queryDim, 1);
    checkInteger(new.target.name, "keyDim", keyDim, 1);
  }

  /** Scores [N, L, S] of queries [N, L, queryDim] and keys [N, S, keyDim]. */
  protected abstract scores(query: Tensor, keys: Tensor): Tensor;

  forward(
    query: Tensor,
    keys: Tensor,
    options: ScoredAttentionForwardOptions = {},
  ): [context: Tensor, weights: Tensor] {
    const name = this.constructor.name;
    checkOptions(name, options, ["values", "keyPaddingMask"]);
    const values = options.values ?? keys;
    const mask = options.keyPaddingMask ?? null;
    this.checkInputs(name, query, keys, values, mask);
    const single = query.ndim === 2;
    const scores = this.scores(single ? unsqueeze(query, 1) : query, keys);
    const weights = softmax(mask === null ? scores : maskedFill(scores, unsqueeze(mask, 1), -Infinity), 2);
    const context = matmul(weights, values);
    if (!single) return [context, weights];
    return [reshape(context, [query.size(0), values.size(2)]), reshape(weights, [query.size(0), keys.size(1)])];
  }

  private checkInputs(name: string, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | null): void {
    const [n, ...rest] = query.shape;
    const refuse = (what: string, x: Tensor, expected: string): never => {
      throw new ShapeError(name, `${what} has shape ${formatShape(x.shape)}; expected ${expected}`);
    };
    const { queryDim, keyDim } = this;
    if ((query.ndim !== 2 && query.ndim !== 3) || rest.at(-1) !== queryDim) {
      refuse("query", query, `[N, ${queryDim}] or [N, L, ${queryDim}]`);
    }
    if (keys.ndim !== 3 || keys.shape[0] !== n || keys.shape[2] !== keyDim)
      refuse("keys", keys, `[${n}, S, ${keyDim}]`);
    const s = keys.size(1);
    if (values.ndim !== 3 || values.shape[0] !== n || values.shape[1] !== s)
      refuse("values", values, `[${n}, ${s}, V]`);
    if (mask === null) return;
    checkDType(name, "keyPaddingMask", mask, "bool");
    if (!sameShape(mask.shape, [n!, s])) refuse("keyPaddingMask", mask, `[${n}, ${s}]`);
  }
}

/**
 * context = Σ_s a_s value_s with a = softmax_s(vᵀ tanh(W query + U key_s + b)). Shapes: query [N, queryDim] (one step of a decoder) or
 * [N, L, queryDim], keys [N, S, keyDim], context [N, V] or [N, L, V], weights [N, S] or [N, L, S]; N first, always.
 * State: query_proj.weight (W), key_proj.weight and bias (U, b), score_proj.weight (v). Without any key left the context is NaN.
 * Source: Bahdanau et al., Neural Machine Translation by Jointly Learning to Align and Translate, 2015.
 */
export class AdditiveAttention extends ScoredAttention {
  readonly queryProj: Linear;
  readonly keyProj: Linear;
  readonly scoreProj: Linear;

  constructor(queryDim: number, keyDim: number, hiddenDim: number, ...none: NoOptions) {
    super(queryDim, keyDim, ...none);
    checkInteger("AdditiveAttention", "hiddenDim", hiddenDim, 1);
    this.queryProj = new Linear(queryDim, hiddenDim, { bias: false });
    this.keyProj = new Linear(keyDim, hiddenDim);
    this.scoreProj = new Linear(hiddenDim, 1, { bias: false });
  }

  protected override scores(query: Tensor, keys: Tensor): Tensor {
    const hidden = add(unsqueeze(this.queryProj.forward(query), 2), unsqueeze(this.keyProj.forward(keys), 1));
    const scores = this.scoreProj.forward(map(tanhOp, hidden));
    return reshape(scores, scores.shape.slice(0, -1));
  }
}

export interface LuongAttentionOptions {
  /** "dot": query · key, of equal sizes; "general": queryᵀ W key. Default "general". */
  readonly score?: "dot" | "general";
}

/**
 * context = Σ_s a_s value_s with a = softmax_s(queryᵀ W key_s), or without W. Shapes as `AdditiveAttention`.
 * State: key_proj.weight (W [queryDim, keyDim]), or none. Source: Luong et al., Effective Approaches to Attention-based NMT, 2015.
 */
export class LuongAttention extends ScoredAttention {
  readonly keyProj: Linear | null;

  constructor(queryDim: number, keyDim: number, options: LuongAttentionOptions = {}) {
    super(queryDim, keyDim);
    checkOptions("LuongAttention", options, ["score"]);
    const score = checkOneOf("LuongAttention", "score", options.score ?? "general", ["dot", "general"]);
    if (score === "dot" && queryDim !== keyDim) {
      throw new ShapeError(
        "LuongAttention",
        `keyDim is ${keyDim}; expected queryDim, ${queryDim}, for the score "dot"`,
      );
    }
    this.keyProj = score === "dot" ? null : new Linear(keyDim, queryDim, { bias: false });
  }

  protected override scores(query: Tensor, keys: Tensor): Tensor {
    return matmul(query, transpose(this.keyProj?.forward(keys) ?? keys, 1, 2));
  }
}
