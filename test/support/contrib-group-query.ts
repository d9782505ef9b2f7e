// Attention to a growing buffer of keys, with what it gives by its formula.
import { functional as F, type Tensor, tensor } from "../../src/node.js";
import { apart, attention, caches, turned } from "./contrib-attention.js";
import { type ContribCase, operand } from "./contrib-case.js";
import { ints, sample } from "./onnx.js";
import type { node } from "./onnx-model.js";

const [B, L, D, H] = [2, 3, 32, 2];
const [G, KV] = [4, 2];
const E = D / H;
const query = sample("query", B, L, G * E);
const own = [sample("key", B, L, KV * E), sample("value", B, L, KV * E)] as const;

interface Grouped {
  readonly of: string;
  readonly batch: number;
  readonly length: number;
  /** Room of the past, and how many of it count by text. */
  readonly room: number;
  readonly before: readonly number[];
  readonly attributes?: Parameters<typeof node>[3];
  readonly softcap?: number;
  readonly window?: number;
  readonly rotary?: "halves" | "interleaved";
  readonly packed?: boolean;
}

function grouped({
  of,
  batch,
  length,
  room,
  before,
  attributes = {},
  softcap,
  window,
  rotary,
  packed: inOne,
}: Grouped): ContribCase {
  const cut = (t: Tensor): Tensor => t.narrow(0, 0, batch).narrow(1, 0, length).contiguous();
  const [q, k, v] = [cut(query), cut(own[0]), cut(own[1])];
  // What does not count of a past is 0, as ONNX Runtime leaves it.
  const counts = tensor(
    Float32Array.from({ length: batch * room }, (_, i) => Number(i % room < before[Math.floor(i / room)]!)),
  );
  const old = [0, 1].map((i) =>
    room === 0 ? null : sample(`past${i}`, batch, KV, room, E).mul(counts.reshape([batch, 1, room, 1])),
  );
  const total = length + Math.max(...before);
  const keys = Math.max(room, total);
  const options = {
    ...(softcap !== undefined && { softcap: { f: softcap } }),
    ...(window !== undefined && { local_window_size: window }),
    ...(rotary !== undefined && { do_rotary: 1, rotary_interleaved: Number(rotary === "interleaved") }),
  };
  return {
    op: "GroupQueryAttention",
    of,
    inputs: [
      operand(inOne ? F.cat([q, k, v], { dim: 2 }) : q),
      inOne ? null : operand(k),
      inOne ? null : operand(v),
      old[0] ? operand(old[0]) : null,
      old[1] ? operand(old[1]) : null,
      operand(ints(before.map((n) => n + length - 1))),
      operand(ints([total])),
      ...(rotary === undefined ? [] : [operand(caches[0]), operand(caches[1])]),
    ],
    attributes: { num_heads: G, kv_num_heads: KV, ...options, ...attributes },
    want: () => {
      const turn = (t: Tensor): Tensor =>
        rotary === undefined ? t : turned(t, (b, i) => before[b]! + i, caches, rotary === "interleaved");
      const grown = [turn(apart(k, KV)), apart(v, KV)].map((now, n) => {
        const out = new Float32Array(batch * KV * keys * E);
        const [from, fresh] = [old[n]?.data(), now.data()];
        for (let b = 0; b < batch; b++) {
          for (let h = 0; h < KV; h++) {
            for (let j = 0; j < keys; j++) {
              for (let e = 0; e < E; e++) {
                const behind = j - before[b]!;
                const row = b * KV + h;
                out[(row * keys + j) * E + e] =
                  behind >= 0 && behind < length
                    ? fresh[(row * length + behind) * E + e]!
                    : j < room
                      ? from![(row * room + j) * E + e]!
                      : 0;
              }
            }
          }
        }
        return tensor(out, { shape: [batch, KV, keys, E] });
      }) as [Tensor, Tensor];
      const score = (s: number, b: number, _h: number, i: number, j: number): number => {
        const at = before[b]! + i;
        if (j > at || (window !== undefined && j <= at - window)) return -Infinity;
        return softcap === undefined ? s : softcap * Math.tanh(s / softcap);
      };
      const y = attention(turn(apart(q, G)), grown[0], grown[1], { score });
      return [y, ...grown];
    },
  };
}

const groups = [
  { of: "a first text", batch: 2, length: 3, room: 0, before: [0, 0] },
  { of: "one more word", batch: 1, length: 1, room: 4, before: [4] },
  { of: "one more word each, turned", batch: 2, length: 1, room: 4, before: [4, 4], rotary: "halves" },
  { of: "texts of different lengths", batch: 2, length: 1, room: 4, before: [4, 2], rotary: "interleaved" },
  { of: "all in one tensor", batch: 2, length: 3, room: 0, before: [0, 0], rotary: "halves", packed: true },
  { of: "soft bounds", batch: 2, length: 3, room: 0, before: [0, 0], softcap: 0.5 },
  { of: "a window", batch: 2, length: 3, room: 0, before: [0, 0], window: 2 },
  { of: "a window over a past", batch: 1, length: 1, room: 4, before: [4], window: 3 },
] as const;

export const groupQueryCases: readonly ContribCase[] = groups.map(grouped);
