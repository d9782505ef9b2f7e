import * as F from "../../../functional/index.js";
import { add } from "../../../ops/arithmetic.js";
import { logicalAnd } from "../../../ops/compare.js";
import { cat, narrow, reshape, transpose } from "../../../ops/copy.js";
import { scatter } from "../../../ops/gather.js";
import { pad } from "../../../ops/pad.js";
import { expand } from "../../../ops/reduce.js";
import type { Tensor } from "../../../tensor.js";
import { as, type Inputs, maybeAt, needed, tensorAt } from "../../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../../handler.js";
import { attended, counting, headsApart, headsTogether } from "../../heads.js";
import { refuseOptions, scaleOf, turnedBy } from "./attention.js";

/** Queries [B, L, H·E], keys and values; packed, all three are in the first tensor. */
function projections(node: NodeView, inputs: Inputs): [q: Tensor, k: Tensor, v: Tensor] {
  const query = tensorAt(node, inputs, 0);
  if (maybeAt(inputs, 1) !== null) return [query, tensorAt(node, inputs, 1), tensorAt(node, inputs, 2)];
  const [heads, own] = [node.int("num_heads"), node.int("kv_num_heads")];
  const features = query.size(2) / (heads + 2 * own);
  const part = (start: number, count: number): Tensor => narrow(query, 2, start * features, count * features);
  return [part(0, heads), part(heads, own), part(heads + own, own)];
}

/** Where the queries stand among the keys. */
interface Places {
  /** How many keys came before the first query; a number if that is the same for the whole batch, else [B]. */
  readonly past: number | Tensor;
  /** All keys, those that do not count yet included. */
  readonly keys: number;
}

function placesOf(node: NodeView, inputs: Inputs, batch: number, length: number): Places {
  const total = tensorAt(node, inputs, 6).item();
  const room = maybeAt(inputs, 3)?.size(2) ?? 0;
  const keys = Math.max(room, total);
  if (total < length) throw node.fail(`total_sequence_length is ${total}; expected at least the ${length} queries`);
  // The first call has no past, whatever the buffer's room; a text alone is as long as the longest.
  if (total === length || batch === 1) return { past: total - length, keys };
  return { past: reshape(F.add(tensorAt(node, inputs, 5), 1 - length), [batch]), keys };
}

/** The past [B, K, P, E] with newer keys or values written behind what counts of it. */
function appended(past: Tensor | null, now: Tensor, { past: before, keys }: Places): Tensor {
  const length = now.size(2);
  if (past === null || past.size(2) === 0) return now;
  if (before === past.size(2)) return cat([past, now], 2);
  const wide = pad(
    past,
    [
      [0, 0],
      [0, 0],
      [0, keys - past.size(2)],
      [0, 0],
    ],
    "constant",
    0,
  );
  const steps = reshape(counting(length), [1, 1, length, 1]);
  const at = typeof before === "number" ? F.add(steps, before) : add(steps, reshape(before, [-1, 1, 1, 1]));
  return scatter(wide, expand(at, now.shape), now, 2);
}

/** The keys that queries see, bool [B or 1, 1, L, S]: none that came later, and none further back than a window. */
function seen(node: NodeView, length: number, { past, keys }: Places): Tensor | null {
  const window = node.int("local_window_size", -1);
  if (typeof past === "number" && window < 0) return null;
  const start = typeof past === "number" ? past : reshape(past, [-1, 1, 1, 1]);
  const rows = F.add(reshape(counting(length), [1, 1, length, 1]), start);
  const columns = counting(keys);
  const causal = F.le(columns, rows);
  return window < 0 ? causal : logicalAnd(causal, F.gt(columns, F.sub(rows, window)));
}

/** Causal attention to a growing buffer of keys and values, whose heads are shared by several queries' heads. */
function runGroupQuery(node: NodeView, inputs: Inputs): Arg[] {
  refuseOptions(node, ["smooth_softmax", "qk_output"]);
  for (const [place, arg] of inputs.entries()) {
    if (place > 10 && arg !== null) throw node.fail(`input ${place}, a head_sink or a scale, is given; expected none`);
  }
  const x = needed(node, inputs, 0);
  const [query, key, value] = projections(node, inputs);
  const [batch, length] = query.shape as [number, number];
  const places = placesOf(node, inputs, batch, length);
  const turn = node.int("do_rotary", 0) === 0 ? (t: Tensor): Tensor => t : turning(node, inputs, length, places);
  const q = turn(headsApart(node, query, "num_heads"));
  const k = appended(maybeAt(inputs, 3), turn(headsApart(node, key, "kv_num_heads")), places);
  const v = appended(maybeAt(inputs, 4), headsApart(node, value, "kv_num_heads"), places);
  if (q.size(1) % k.size(1) !== 0) throw node.fail(`num_heads ${q.size(1)}; expected a multiple of ${k.size(1)}`);
  const y = attended(q, k, v, {
    scale: scaleOf(node, q.size(3)),
    diagonal: typeof places.past === "number" ? places.past : null,
    softcap: node.float("softcap", 0),
    bias: maybeAt(inputs, 10),
    allow: seen(node, length, places),
  });
  return [headsTogether(y), k, v].slice(0, node.outputs).map((t) => as(x, t));
}

/** Turns heads [B, H, L, E] by their positions, given or behind the past. */
function turning(node: NodeView, inputs: Inputs, length: number, { past }: Places): (t: Tensor) => Tensor {
  const steps = reshape(counting(length), [1, length]);
  const own = typeof past === "number" ? F.add(steps, past) : F.add(steps, reshape(past, [-1, 1]));
  const positions = maybeAt(inputs, 9) ?? own;
  const [cos, sin] = [tensorAt(node, inputs, 7), tensorAt(node, inputs, 8)];
  const interleaved = node.int("rotary_interleaved", 0) !== 0;
  return (t) => transpose(turnedBy(transpose(t, 1, 2), positions, cos, sin, interleaved), 1, 2);
}

/** Attention of decoders. */
export const groupQuery: OperatorTable = {
  GroupQueryAttention: [
    {
      since: 1,
      attributes: [
        "do_rotary",
        "kv_num_heads",
        "local_window_size",
        "num_heads",
        "qk_output",
        "rotary_interleaved",
        "scale",
        "smooth_softmax",
        "softcap",
      ],
      run: runGroupQuery,
    },
  ],
};
