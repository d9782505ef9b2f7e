import { checkDType, checkInteger, checkOptions } from "../check.js";
import { makeTensor } from "../creation.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { mean } from "../functional/reduce.js";
import { add, affine } from "../ops/arithmetic.js";
import { attention, packedAttention } from "../ops/attention.js";
import { logicalNot, logicalOr } from "../ops/compare.js";
import { cat, constant, permute, reshape, transpose } from "../ops/copy.js";
import { maskedFill } from "../ops/mask.js";
import { linear, matmul } from "../ops/matmul.js";
import { checkProbability, dropout } from "../ops/random.js";
import { expand } from "../ops/reduce.js";
import { softmax } from "../ops/softmax.js";
import { splitSizes, unsqueeze } from "../ops/view.js";
import { defaultGenerator } from "../random.js";
import { formatShape, sameShape } from "../shape.js";
import { adopt, type Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import type { KeyValueCache } from "./cache.js";
import { xavierNormal_, xavierUniform_, zeros_ } from "./init.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";
import { type Parameter, uninitialised } from "./parameter.js";
import { RotaryEmbedding, type RotaryModuleOptions } from "./positions.js";

export interface MultiheadAttentionOptions {
  /** Probability to drop an attention weight while training. Default 0. */
  readonly dropout?: number;
  /** Learn additive biases of all projections. Default true. */
  readonly bias?: boolean;
  /** Append a learned key and value to each sequence. Default false. */
  readonly addBiasKv?: boolean;
  /** Append a key and a value of zeros. Default false. */
  readonly addZeroAttn?: boolean;
  /** Features of the keys. Default null: embedDim. */
  readonly kdim?: number | null;
  /** Features of the values. Default null: embedDim. */
  readonly vdim?: number | null;
  /** Sequences are [N, L, E]; else [L, N, E]. Default false. */
  readonly batchFirst?: boolean;
  /** Turn queries and keys by their positions (Su et al., 2021), for self-attention: `{}` for the usual tables. Default null: no. */
  readonly rotary?: RotaryModuleOptions | null;
}

export interface MultiheadAttentionForwardOptions {
  /** [N, S], or [S] without a batch. bool: true for keys that nobody attends to; float32: added to the scores. */
  readonly keyPaddingMask?: Tensor | null;
  /** Also return the attention weights, which takes the matrix of weights to be kept. Default true. */
  readonly needWeights?: boolean;
  /** [L, S] or [N · numHeads, L, S]. bool: true where a query does not attend to a key; float32: added to the scores. */
  readonly attnMask?: Tensor | null;
  /** Return the mean of the heads' weights instead of each. Default true. */
  readonly averageAttnWeights?: boolean;
  /** Query i attends only to the keys j ≤ i, counted from the cache's end if there is one. Default false. */
  readonly isCausal?: boolean;
  /** Keys and values of earlier calls: those of this call are appended. Default null. */
  readonly cache?: KeyValueCache | null;
}

const NAME = "MultiheadAttention";

/** Queries, and the keys and values of this call if it has any: [N, H, positions, features]. */
type Projected = readonly [q: Tensor, own: readonly [k: Tensor, v: Tensor] | null];

/** Hidden pairs (true: do not attend) and what is added to the scores, both broadcast to [N, H, L, S]. */
interface Masks {
  readonly hidden: Tensor | null;
  readonly bias: Tensor | null;
}

/**
 * Attention in numHeads subspaces: y = concat(head_1 … head_H) W_oᵀ + b_o with head_h = softmax(q_h k_hᵀ/√d) v_h and d = embedDim/numHeads,
 * where q, k, v are projections of query, key and value. Shapes: query [L, N, embedDim], key [S, N, kdim], value [S, N, vdim], the
 * output [L, N, embedDim], weights [N, L, S] or [N, H, L, S]; N first with batchFirst, no N without a batch.
 * State: in_proj_weight [3 · embedDim, embedDim] (or q_proj_weight, k_proj_weight, v_proj_weight if kdim or vdim differ), in_proj_bias,
 * bias_k, bias_v [1, 1, embedDim], out_proj.weight, out_proj.bias; weights begin as Xavier's, biases as 0. Errors: embedDim that numHeads
 * does not divide; other shapes. PyTorch: isCausal needs no mask here, and there are a cache and rotary positions.
 * Source: Vaswani et al., Attention Is All You Need, 2017.
 */
export class MultiheadAttention extends Module {
  readonly kdim: number;
  readonly vdim: number;
  readonly headDim: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly addZeroAttn: boolean;
  readonly inProjWeight: Parameter | null = null;
  readonly qProjWeight: Parameter | null = null;
  readonly kProjWeight: Parameter | null = null;
  readonly vProjWeight: Parameter | null = null;
  readonly inProjBias: Parameter | null = null;
  readonly biasK: Parameter | null = null;
  readonly biasV: Parameter | null = null;
  readonly outProj: Linear;
  readonly rotary: RotaryEmbedding | null = null;

  constructor(
    readonly embedDim: number,
    readonly numHeads: number,
    options: MultiheadAttentionOptions = {},
  ) {
    super();
    const known = ["dropout", "bias", "addBiasKv", "addZeroAttn", "kdim", "vdim", "batchFirst", "rotary"];
    checkOptions(NAME, options, known);
    checkInteger(NAME, "embedDim", embedDim, 1);
    checkInteger(NAME, "numHeads", numHeads, 1);
    if (embedDim % numHeads !== 0) {
      throw new ArgumentError(NAME, `embedDim is ${embedDim}; expected a multiple of numHeads, ${numHeads}`);
    }
    this.kdim = checkInteger(NAME, "kdim", options.kdim ?? embedDim, 1);
    this.vdim = checkInteger(NAME, "vdim", options.vdim ?? embedDim, 1);
    this.headDim = embedDim / numHeads;
    this.dropout = checkProbability(NAME, options.dropout ?? 0);
    this.batchFirst = options.batchFirst ?? false;
    this.addZeroAttn = options.addZeroAttn ?? false;
    const bias = options.bias ?? true;
    if (options.rotary && (options.addBiasKv || this.addZeroAttn)) {
      throw new ArgumentError(NAME, "there are rotary positions; expected neither addBiasKv nor addZeroAttn");
    }
    if (this.kdim === embedDim && this.vdim === embedDim) {
      this.inProjWeight = uninitialised([3 * embedDim, embedDim], NAME);
    } else {
      this.qProjWeight = uninitialised([embedDim, embedDim], NAME);
      this.kProjWeight = uninitialised([embedDim, this.kdim], NAME);
      this.vProjWeight = uninitialised([embedDim, this.vdim], NAME);
    }
    if (bias) this.inProjBias = uninitialised([3 * embedDim], NAME);
    if (options.addBiasKv) {
      this.biasK = uninitialised([1, 1, embedDim], NAME);
      this.biasV = uninitialised([1, 1, embedDim], NAME);
    }
    this.outProj = new Linear(embedDim, embedDim, { bias });
    if (options.rotary) this.rotary = new RotaryEmbedding(this.headDim, options.rotary);
    this.resetParameters();
  }

  /** Draws all parameters anew but for the output's weight, as PyTorch. */
  resetParameters(): void {
    for (const w of [this.inProjWeight, this.qProjWeight, this.kProjWeight, this.vProjWeight]) {
      if (w !== null) xavierUniform_(w);
    }
    for (const b of [this.inProjBias, this.outProj.bias]) if (b !== null) zeros_(b);
    for (const b of [this.biasK, this.biasV]) if (b !== null) xavierNormal_(b);
  }

  /** Without key and value, the cache has them all: attention to a memory that does not change. */
  forward(
    query: Tensor,
    key: Tensor | null,
    value: Tensor | null,
    options: MultiheadAttentionForwardOptions = {},
  ): [output: Tensor, weights: Tensor | null] {
    const known = ["keyPaddingMask", "needWeights", "attnMask", "averageAttnWeights", "isCausal", "cache"];
    checkOptions(NAME, options, known);
    const { needWeights = true, averageAttnWeights = true, isCausal = false, cache = null } = options;
    this.checkInputs(query, key, value, cache);
    const batched = query.ndim === 3;
    const positions = batched && this.batchFirst ? 1 : 0;
    const past = cache?.length ?? 0;
    const masks = this.masks(
      batched ? query.size(1 - positions) : 1,
      query.size(positions),
      past + (key?.size(positions) ?? 0),
      options,
    );
    const scale = 1 / Math.sqrt(this.headDim);
    const p = this.training ? this.dropout : 0;
    if (!needWeights && cache === null && this.packs(query, key, value)) {
      const y = this.packedAttention(query, masks, { scale, diagonal: isCausal ? 0 : null }, p);
      return [this.outProj.forward(y), null];
    }
    const [q, own] = this.turned(this.project(query, key, value, positions), past);
    const [k, v] = cache === null ? own! : own === null ? cache.all() : cache.append(...own);
    const diagonal = isCausal ? (own === null ? 0 : past) : null;
    if (!needWeights) {
      const y = attention(q, k, v, allowed(masks), { scale, diagonal }, { p, generator: defaultGenerator });
      return [this.output(y, query), null];
    }
    const weights = attentionWeights(q, k, masks, scale, diagonal);
    const kept = p === 0 ? weights : dropout(weights, p, defaultGenerator);
    const shown = averageAttnWeights ? mean(kept, { dim: 1 }) : kept;
    return [this.output(matmul(kept, v), query), batched ? shown : reshape(shown, shown.shape.slice(1))];
  }

  /** Whether queries, keys and values are one projection of one input. */
  private packs(query: Tensor, key: Tensor | null, value: Tensor | null): boolean {
    const extended = this.biasK !== null || this.addZeroAttn;
    return this.inProjWeight !== null && this.rotary === null && query === key && key === value && !extended;
  }

  /** Queries and keys with rotary positions from `offset` on, if there are any. */
  private turned([q, own]: Projected, offset: number): Projected {
    const { rotary } = this;
    if (rotary === null || own === null) return [q, own];
    return [rotary.forward(q, { offset }), [rotary.forward(own[0], { offset }), own[1]]];
  }

  /** The heads' results side by side, in the layout of x. */
  private packedAttention(
    x: Tensor,
    masks: Masks,
    attrs: { readonly scale: number; readonly diagonal: number | null },
    p: number,
  ): Tensor {
    const batched = x.ndim === 3 ? x : unsqueeze(x, 1);
    const projections = linear(batched, this.inProjWeight!, this.inProjBias);
    const layout = { heads: this.numHeads, batchFirst: x.ndim === 3 && this.batchFirst };
    const dropped = { p, generator: defaultGenerator };
    const y = packedAttention(projections, allowed(masks), { ...attrs, ...layout }, dropped);
    return x.ndim === 3 ? y : reshape(y, x.shape);
  }

  private checkInputs(query: Tensor, key: Tensor | null, value: Tensor | null, cache: KeyValueCache | null): void {
    if (query.ndim !== 2 && query.ndim !== 3) {
      throw new ShapeError(NAME, `query has shape ${formatShape(query.shape)}; expected rank 3, or 2 without a batch`);
    }
    if ((key === null) !== (value === null) || (key === null && cache === null)) {
      throw new ArgumentError(NAME, "key or value is null; expected both, or neither and a cache");
    }
    if (this.rotary !== null && (key === null || key !== query)) {
      throw new ArgumentError(NAME, "there are rotary positions and key is not query; expected self-attention");
    }
    if (cache !== null && (this.biasK !== null || this.addZeroAttn)) {
      throw new ArgumentError(NAME, "there is a cache; expected neither addBiasKv nor addZeroAttn");
    }
    const expect = (what: string, x: Tensor, features: number, like: Tensor, from: number): void => {
      checkDType(NAME, what, x, "float32");
      const lead = like.shape.slice(0, -1).map((n, d) => (d === from ? x.shape[d] : n));
      if (x.ndim !== query.ndim || x.shape.some((n, d) => n !== [...lead, features][d])) {
        throw new ShapeError(
          NAME,
          `${what} has shape ${formatShape(x.shape)}; expected [${[...lead.map((n, d) => (d === from ? "S" : n)), features].join(", ")}] ` +
            `(query ${formatShape(query.shape)})`,
        );
      }
    };
    const positions = query.ndim === 3 && this.batchFirst ? 1 : 0;
    expect("query", query, this.embedDim, query, -1);
    if (key !== null) expect("key", key, this.kdim, query, positions);
    if (value !== null) expect("value", value, this.vdim, key!, -1);
  }

  /** Projections as [N, H, positions, headDim], keys and values with what is appended to them; views wherever the layout allows. */
  private project(query: Tensor, key: Tensor | null, value: Tensor | null, positions: number): Projected {
    const [q, k, v] = this.projections(query, key, value);
    const heads = (x: Tensor): Tensor => this.heads(x, positions);
    const appended = (x: Tensor, bias: Parameter | null): Tensor => {
      const parts = [x];
      const one = x.shape.map((n, d) => (d === positions ? 1 : n));
      if (bias !== null) parts.push(expand(reshape(bias, bias.shape.slice(-x.ndim)), one));
      if (this.addZeroAttn) parts.push(constant(one, 0));
      return parts.length === 1 ? x : cat(parts, positions);
    };
    const own = k !== undefined && v !== undefined;
    return [heads(q!), own ? [heads(appended(k, this.biasK)), heads(appended(v, this.biasV))] : null];
  }

  /** x Wᵀ + b of query, key and value, with as few products as there are different operands. */
  private projections(query: Tensor, key: Tensor | null, value: Tensor | null): readonly Tensor[] {
    const { embedDim: e, inProjWeight, inProjBias } = this;
    const cut = (x: Tensor | null, sizes: readonly number[], dim: number): readonly (Tensor | null)[] =>
      x === null ? sizes.map(() => null) : splitSizes(NAME, x, sizes, dim);
    if (inProjWeight !== null && key !== null && key === value) {
      if (query === key) return splitSizes(NAME, linear(query, inProjWeight, inProjBias), [e, e, e], -1);
      const [wq, wkv] = cut(inProjWeight, [e, 2 * e], 0);
      const [bq, bkv] = cut(inProjBias, [e, 2 * e], 0);
      return [linear(query, wq!, bq!), ...splitSizes(NAME, linear(key, wkv!, bkv!), [e, e], -1)];
    }
    const biases = cut(inProjBias, [e, e, e], 0);
    const weights =
      inProjWeight === null ? [this.qProjWeight, this.kProjWeight, this.vProjWeight] : cut(inProjWeight, [e, e, e], 0);
    const operands = key === null || value === null ? [query] : [query, key, value];
    return operands.map((x, i) => linear(x, weights[i]!, biases[i]!));
  }

  /** [N, L, E], [L, N, E] or [L, E] → [N, H, L, headDim]. */
  private heads(x: Tensor, positions: number): Tensor {
    const whole = x.ndim === 3 ? x : unsqueeze(x, 1);
    const split = reshape(whole, [...whole.shape.slice(0, 2), this.numHeads, this.headDim]);
    return permute(split, positions === 1 ? [0, 2, 1, 3] : [1, 2, 0, 3]);
  }

  /** The heads' results side by side, in the layout of the query, through the last projection. */
  private output(y: Tensor, query: Tensor): Tensor {
    const order = query.ndim === 3 && this.batchFirst ? [0, 2, 1, 3] : [2, 0, 1, 3];
    return this.outProj.forward(reshape(permute(y, order), [...query.shape.slice(0, -1), this.embedDim]));
  }

  /** Both masks together, for `keys` keys and those that are appended. */
  private masks(n: number, l: number, keys: number, options: MultiheadAttentionForwardOptions): Masks {
    const extra = Number(this.biasK !== null) + Number(this.addZeroAttn);
    let hidden: Tensor | null = null;
    let bias: Tensor | null = null;
    const include = (what: string, mask: Tensor | null | undefined, shapes: readonly Shape[], shape: Shape): void => {
      if (mask === null || mask === undefined) return;
      checkDType(NAME, what, mask, "bool", "float32");
      if (!shapes.some((x) => sameShape(x, mask.shape))) {
        const expected = shapes.map(formatShape).join(" or ");
        throw new ShapeError(NAME, `${what} has shape ${formatShape(mask.shape)}; expected ${expected}`);
      }
      const full = extra === 0 ? mask : cat([mask, constant([...mask.shape.slice(0, -1), extra], 0, mask.dtype)], -1);
      const part = reshape(full, [...shape, keys + extra]);
      if (mask.dtype === "bool") hidden = hidden === null ? part : logicalOr(hidden, part);
      else bias = bias === null ? part : add(bias, part);
    };
    const { attnMask, keyPaddingMask } = options;
    const h = this.numHeads;
    include(
      "attnMask",
      attnMask,
      [
        [l, keys],
        [n * h, l, keys],
      ],
      attnMask?.ndim === 3 ? [n, h, l] : [1, 1, l],
    );
    // Without a batch n is 1.
    include("keyPaddingMask", keyPaddingMask, n === 1 ? [[keys], [1, keys]] : [[n, keys]], [n, 1, 1]);
    return { hidden, bias };
  }
}

/** Masks as the fused op takes them. */
function allowed({ hidden, bias }: Masks): { readonly bias: Tensor | null; readonly allow: Tensor | null } {
  return { bias, allow: hidden && logicalNot(hidden) };
}

/** softmax(scale · q kᵀ + masks), [N, H, L, S]. */
function attentionWeights(
  q: Tensor,
  k: Tensor,
  { hidden, bias }: Masks,
  scale: number,
  diagonal: number | null,
): Tensor {
  let scores = matmul(affine(q, scale, 0), transpose(k, -1, -2));
  if (bias !== null) scores = add(scores, bias);
  if (hidden !== null) scores = maskedFill(scores, hidden, -Infinity);
  if (diagonal !== null) scores = maskedFill(scores, laterKeys(q.size(2), k.size(2), diagonal), -Infinity);
  return softmax(scores, scores.ndim - 1);
}

/** bool [L, S], true where j > i + diagonal. */
function laterKeys(l: number, s: number, diagonal: number): Tensor {
  const values = Uint8Array.from({ length: l * s }, (_, at) => Number((at % s) - Math.floor(at / s) > diagonal));
  return adopt(makeTensor(values, { shape: [l, s], dtype: "bool" }));
}
