import { makeTensor } from "../creation.js";
import * as F from "../functional/index.js";
import { add, affine, mul, sub } from "../ops/arithmetic.js";
import { attention } from "../ops/attention.js";
import { cat, narrow, reshape, slice, transpose } from "../ops/copy.js";
import { maskedFill } from "../ops/mask.js";
import { matmul } from "../ops/matmul.js";
import { stack } from "../ops/rearrange.js";
import { noGrad } from "../scoping.js";
import { adopt, type Tensor } from "../tensor.js";
import type { NodeView } from "./handler.js";

// What the operators for attention have in common.

/** [B, L, H·E] as [B, H, L, E]; four dimensions stay. */
export function headsApart(node: NodeView, x: Tensor, attribute: string): Tensor {
  if (x.ndim === 4) return x;
  const heads = node.int(attribute);
  if (x.ndim !== 3 || heads < 1 || x.size(2) % heads !== 0) {
    throw node.fail(
      `input [${x.shape.join(", ")}] with ${attribute} ${heads}; expected [B, L, a multiple of the heads]`,
    );
  }
  return transpose(reshape(x, [x.size(0), x.size(1), heads, x.size(2) / heads]), 1, 2);
}

/** The places j ≤ i + offset, bool [L, S]; or with a tensor of offsets, one for each of the batch, [B, 1, L, S]. */
export function causal(length: number, keys: number, offset: number | Tensor): Tensor {
  const rows = adopt(
    makeTensor(
      Int32Array.from({ length }, (_, i) => i),
      { shape: [length, 1] },
    ),
  );
  const columns = counting(keys);
  return F.le(columns, typeof offset === "number" ? F.add(rows, offset) : F.add(rows, reshape(offset, [-1, 1, 1, 1])));
}

/** 0, 1, 2, … */
export function counting(count: number): Tensor {
  return adopt(makeTensor(Int32Array.from({ length: count }, (_, i) => i)));
}

/** [B, H, L, E] as [B, L, H·E]. */
export function headsTogether(x: Tensor): Tensor {
  return reshape(transpose(x, 1, 2), [x.size(0), x.size(2), x.size(1) * x.size(3)]);
}

/**
 * softmax along the last dimension, where a row that is −∞ throughout gives zeros: a query that may attend to nothing.
 */
export function weightsOf(scores: Tensor): Tensor {
  const empty = noGrad(() => F.eq(F.amax(scores, { dim: -1, keepdim: true }), -Infinity));
  return maskedFill(F.softmax(maskedFill(scores, empty, 0), { dim: -1 }), empty, 0);
}

/** Turns the pairs among the first features of x [B, L, H, E], as many as there are cosines and sines [B or 1, L, 1, pairs]. */
export function rotated(x: Tensor, cos: Tensor, sin: Tensor, interleaved: boolean): Tensor {
  const features = x.size(3);
  const half = cos.size(3);
  const turned = 2 * half;
  const part = narrow(x, 3, 0, turned);
  const [a, b] = interleaved
    ? [slice(part, 3, { start: 0, step: 2 }), slice(part, 3, { start: 1, step: 2 })]
    : [narrow(part, 3, 0, half), narrow(part, 3, half, half)];
  const pair = [sub(mul(a, cos), mul(b, sin)), add(mul(a, sin), mul(b, cos))];
  const all = interleaved ? reshape(stack(pair, 4), part.shape) : cat(pair, 3);
  return turned === features ? all : cat([all, narrow(x, 3, turned, features - turned)], 3);
}

/** How queries attend to keys. */
export interface Attending {
  readonly scale: number;
  /** Query i sees the keys j ≤ i + diagonal; null: all of them. */
  readonly diagonal: number | null;
  /** Scores are softcap · tanh(scores / softcap); 0: as they are. */
  readonly softcap: number;
  /** Added to the scores, [B or 1, H or 1, L or 1, S]. */
  readonly bias: Tensor | null;
  /** Where a query sees a key, bool of a shape like that of the bias. */
  readonly allow: Tensor | null;
}

/** softmax(scores) v for q [B, H, L, E], k and v [B, K, S, E], H being a multiple of K: several queries' heads share one of the others. */
export function attended(q: Tensor, k: Tensor, v: Tensor, how: Attending): Tensor {
  const [batch, heads, length] = q.shape as [number, number, number];
  const own = k.size(1);
  // Heads that share keys become a dimension along which those broadcast.
  const split = (t: Tensor): Tensor => {
    const [n, h] = t.shape as [number, number];
    return heads === own ? t : reshape(t, [n, ...(h === heads ? [own, heads / own] : [h, 1]), t.size(2), t.size(3)]);
  };
  const { scale, diagonal, softcap } = how;
  const [bias, allow] = [how.bias && split(how.bias), how.allow && split(how.allow)];
  const [queries, keys, values] = [split(q), split(k), split(v)];
  const joined = (y: Tensor): Tensor => (heads === own ? y : reshape(y, [batch, heads, length, v.size(3)]));
  if (softcap === 0) return joined(attention(queries, keys, values, { bias, allow }, { scale, diagonal }, null));
  const raw = matmul(affine(queries, scale / softcap, 0), transpose(keys, -2, -1));
  const capped = affine(F.tanh(raw), softcap, 0);
  const biased = bias === null ? capped : add(capped, bias);
  const below = diagonal === null ? null : causal(length, k.size(2), diagonal);
  const scores = [allow, below].reduce<Tensor>(
    (s, seen) => (seen === null ? s : maskedFill(s, F.logicalNot(seen), -Infinity)),
    biased,
  );
  return joined(matmul(weightsOf(scores), values));
}
