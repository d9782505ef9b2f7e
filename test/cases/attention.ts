import { functional as F, type Tensor } from "../../src/node.js";
import { packedAttention } from "../../src/ops/attention.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase, type Sample } from "../support/op-case.js";

type Options = Pick<F.AttentionOptions, "isCausal" | "scale" | "dropoutP">;

/** Places of a matrix whose leading dimensions, and last two, may be stretched. */
function reader(x: Nd): (lead: readonly number[], i: number, j: number) => number {
  const own = x.shape.length;
  return (lead, i, j) => {
    const full = [...lead, i, j];
    const index = full.slice(full.length - own).map((v, d) => (x.shape[d] === 1 ? 0 : v));
    return x.get(...index);
  };
}

/** softmax(scale · q kᵀ + mask) v, one query after the other. */
function attention(q: Nd, k: Nd, v: Nd, mask: Nd | null, isBool: boolean, { isCausal, scale }: Options): Nd {
  const [l, e] = q.shape.slice(-2) as [number, number];
  const [s, ev] = v.shape.slice(-2) as [number, number];
  const leads = [q, k, v, ...(mask === null ? [] : [mask])].map((x) => x.shape.slice(0, -2));
  const rank = Math.max(...leads.map((x) => x.length));
  const lead = Array.from({ length: rank }, (_, d) => {
    const sizes = leads.map((x) => x[d - rank + x.length] ?? 1);
    return sizes.find((n) => n !== 1) ?? 1;
  });
  const [Q, K, V, M] = [q, k, v, mask ?? new Nd([1, 1])].map(reader) as ReturnType<typeof reader>[];
  const y = new Nd([...lead, l, ev]);
  const factor = scale ?? 1 / Math.sqrt(e);
  forIndex([...lead, l], (index) => {
    const outer = index.slice(0, -1);
    const i = index[rank]!;
    const scores = Array.from({ length: s }, (_, j) => {
      let dot = 0;
      for (let p = 0; p < e; p++) dot += Q!(outer, i, p) * K!(outer, j, p);
      const value = dot * factor + (mask !== null && !isBool ? M!(outer, i, j) : 0);
      const hidden = (isCausal && j > i) || (isBool && M!(outer, i, j) === 0);
      return hidden ? -Infinity : value;
    });
    const top = Math.max(...scores);
    const weights = scores.map((x) => Math.exp(x - top));
    const total = weights.reduce((a, b) => a + b, 0);
    for (let c = 0; c < ev; c++) {
      const sum = weights.reduce((a, w, j) => a + (w / total) * V!(outer, j, c), 0);
      y.set(sum, ...outer, i, c);
    }
  });
  return y;
}

type Sizes = readonly [l: number, s: number, e: number, ev: number];

/** q, k, v with these leading dimensions, and a mask. */
const inputs = (lead: readonly number[], [l, s, e, ev]: Sizes, mask: InputSpec | null = null): (InputSpec | null)[] => [
  { shape: [...lead, l, e], low: -2, high: 2 },
  { shape: [...lead, s, e], low: -2, high: 2 },
  { shape: [...lead, s, ev] },
  mask,
];

const SIZES: readonly Sizes[] = [
  [1, 1, 1, 1],
  [2, 3, 5, 2],
  [3, 2, 1, 5],
  [5, 17, 3, 33],
  [17, 5, 33, 3],
  [33, 33, 2, 17],
  [1, 33, 17, 5],
];

const name = (sizes: Sizes): string => `L S E V ${sizes.join(" ")}`;

const plain: Sample<Options>[] = SIZES.flatMap((sizes) => [
  { name: name(sizes), inputs: inputs([2], sizes) },
  { name: `${name(sizes)}, causal`, inputs: inputs([1, 2], sizes), options: { isCausal: true } },
]);

/** Lengths around the edges of a tile of scores, 128 queries (64 if causal) by 256 keys. */
const tiles: Sample<Options>[] = (
  [
    [3, 255, 2, 3],
    [3, 256, 2, 3],
    [3, 257, 2, 3],
    [64, 513, 1, 2],
    [65, 3, 2, 1],
    [129, 258, 2, 2],
  ] as const
).flatMap((sizes) => [
  { name: `${name(sizes)}, tiles`, inputs: inputs([], sizes), forwardOnly: sizes[0] > 3 },
  {
    name: `${name(sizes)}, tiles, causal and biased`,
    inputs: inputs([], sizes, { shape: [sizes[0], sizes[1]] }),
    options: { isCausal: true },
    forwardOnly: sizes[0] > 3,
  },
]);

const boolMask = (shape: readonly number[], visible: (flat: number) => boolean): InputSpec => {
  const count = shape.reduce((p, n) => p * n, 1);
  return { shape, dtype: "bool", values: Array.from({ length: count }, (_, i) => Number(visible(i))) };
};

const masked: Sample<Options>[] = [
  { name: "bias for all heads", inputs: inputs([2, 3], [3, 5, 2, 4], { shape: [3, 5] }) },
  { name: "bias per key", inputs: inputs([2], [3, 5, 2, 4], { shape: [2, 1, 5] }) },
  { name: "bias per query, which changes nothing", inputs: inputs([2], [3, 5, 2, 4], { shape: [3, 1] }) },
  { name: "bias of one value", inputs: inputs([], [3, 5, 2, 4], { shape: [] }) },
  { name: "bias with more leading dimensions", inputs: inputs([2], [3, 5, 2, 1], { shape: [3, 1, 3, 5] }) },
  { name: "bias, causal", inputs: inputs([2], [5, 6, 3, 2], { shape: [5, 6] }), options: { isCausal: true } },
  {
    name: "allowed keys per sample",
    inputs: inputs(
      [2, 2],
      [3, 5, 2, 4],
      boolMask([2, 1, 1, 5], (i) => i % 5 < 3),
    ),
  },
  {
    name: "allowed pairs",
    inputs: inputs(
      [2],
      [5, 17, 3, 4],
      boolMask([5, 17], (i) => i % 3 !== 1),
    ),
  },
  {
    name: "the first tile of keys not allowed",
    inputs: inputs(
      [],
      [3, 300, 2, 2],
      boolMask([300], (j) => j > 270),
    ),
  },
  {
    name: "allowed pairs, causal",
    inputs: inputs(
      [2],
      [5, 5, 3, 4],
      boolMask([5, 5], (i) => i % 5 === 0 || i % 2 === 0),
    ),
    options: { isCausal: true },
  },
];

const other: Sample<Options>[] = [
  { name: "a scale", inputs: inputs([2], [3, 4, 5, 2]), options: { scale: 0.3 } },
  { name: "a negative scale", inputs: inputs([2], [3, 4, 5, 2]), options: { scale: -1.5 } },
  {
    name: "shared keys and values",
    inputs: [{ shape: [2, 3, 4, 5] }, { shape: [2, 1, 6, 5] }, { shape: [6, 2] }, null],
  },
  { name: "no queries", inputs: inputs([2], [0, 3, 2, 2]) },
  { name: "no keys", inputs: inputs([2], [3, 0, 2, 2]), forwardOnly: true },
  { name: "no heads", inputs: inputs([0], [3, 3, 2, 2]) },
  { name: "no value features", inputs: inputs([2], [3, 3, 2, 0]) },
  {
    name: "large scores",
    inputs: [{ shape: [3, 2], low: 40, high: 60 }, { shape: [5, 2], low: 40, high: 60 }, { shape: [5, 3] }, null],
    forwardOnly: true,
  },
  {
    name: "a query that may attend to nothing",
    inputs: inputs(
      [2],
      [3, 5, 2, 4],
      boolMask([3, 5], (i) => i < 5 || i > 12),
    ),
    forwardOnly: true,
  },
  {
    name: "a bias of −∞ for some keys, for all of one query",
    inputs: inputs([], [3, 300, 2, 4], {
      shape: [3, 300],
      values: Array.from({ length: 900 }, (_, i) => (i < 270 || i >= 600 ? -Infinity : 0.1)),
    }),
    forwardOnly: true,
  },
  {
    name: "NaN and infinities",
    inputs: [
      { shape: [4, 2], values: [NaN, 1, Infinity, 1, 1, 1, -Infinity, 0] },
      { shape: [3, 2], low: 0.1, high: 1 },
      { shape: [3, 3], values: [1, 2, 3, 4, NaN, 6, 7, 8, Infinity] },
      null,
    ],
    forwardOnly: true,
  },
  {
    name: "NaN among keys that come later",
    inputs: [
      { shape: [2, 1], values: [1, 1] },
      { shape: [300, 1], values: Array.from({ length: 300 }, (_, j) => (j === 280 ? NaN : j / 300)) },
      { shape: [300, 1] },
      null,
    ],
    forwardOnly: true,
  },
];

interface PackedOptions {
  readonly heads: number;
  readonly batchFirst: boolean;
  readonly diagonal: number | null;
}

/** Attention of heads cut out of projections [N, L, 3E] or [L, N, 3E], put together again. */
function packed(x: Nd, mask: Nd | null, isBool: boolean, { heads, batchFirst, diagonal }: PackedOptions): Nd {
  const [first, second, width] = x.shape as [number, number, number];
  const [n, l] = batchFirst ? [first, second] : [second, first];
  const e = width / 3;
  const d = e / heads;
  const at = (a: number, i: number, c: number): number[] => (batchFirst ? [a, i, c] : [i, a, c]);
  const [q, k, v] = [0, 1, 2].map((part) => {
    const own = new Nd([n, heads, l, d]);
    forIndex(own.shape, ([a, h, i, c]) => {
      own.set(x.get(...at(a!, i!, part * e + h! * d + c!)), a!, h!, i!, c!);
    });
    return own;
  }) as [Nd, Nd, Nd];
  const y = attention(q, k, v, mask, isBool, { isCausal: diagonal !== null, scale: 0.4 });
  const joined = new Nd([first, second, e]);
  forIndex(y.shape, ([a, h, i, c]) => {
    joined.set(y.get(a!, h!, i!, c!), ...at(a!, i!, h! * d + c!));
  });
  return joined;
}

const packedSample = (
  what: string,
  shape: readonly number[],
  options: Partial<PackedOptions> = {},
  mask: InputSpec | null = null,
): Sample<PackedOptions> => ({
  name: what,
  inputs: [{ shape, low: -2, high: 2 }, mask],
  options: { heads: 2, batchFirst: true, diagonal: null, ...options },
});

/** Shapes that do not fit, with what the message says of them. */
const refused = (what: string, specs: (InputSpec | null)[], message: readonly string[], options?: Options) => ({
  name: what,
  inputs: specs,
  ...(options === undefined ? {} : { options }),
  message: ["scaledDotProductAttention", ...message],
});

export const cases = [
  opCase<Options | undefined>({
    name: "scaledDotProductAttention",
    ops: ["scaledDotProductAttention", "scaledDotProductAttention_grad"],
    run: ([q, k, v, attnMask], options) =>
      F.scaledDotProductAttention(q as Tensor, k as Tensor, v as Tensor, { attnMask: attnMask ?? null, ...options }),
    oracle: ([q, k, v, mask], options = {}) => {
      // Samples with a bool mask have zeros and ones in it and nothing else.
      const isBool = mask !== null && mask!.data.length > 0 && mask!.data.every((m) => m === 0 || m === 1);
      return attention(q!, k!, v!, mask ?? null, isBool, options);
    },
    samples: [...plain, ...tiles, ...masked, ...other],
    errors: [
      refused("other features", [{ shape: [3, 4] }, { shape: [5, 6] }, { shape: [5, 2] }, null], ["6", "4"]),
      refused("other lengths", [{ shape: [3, 4] }, { shape: [5, 4] }, { shape: [6, 2] }, null], ["6", "5"]),
      refused("no matrix", [{ shape: [4] }, { shape: [5, 4] }, { shape: [5, 2] }, null], ["query", "[4]"]),
      refused("other heads", [{ shape: [2, 3, 4] }, { shape: [3, 5, 4] }, { shape: [5, 2] }, null], ["[2]", "[3]"]),
      refused(
        "int32",
        [{ shape: [3, 4] }, { shape: [5, 4], dtype: "int32" }, { shape: [5, 2] }, null],
        ["key", "int32"],
      ),
      refused("a mask that does not fit", inputs([2], [3, 5, 2, 2], { shape: [3, 4] }), [
        "attnMask",
        "[3, 4]",
        "[2, 3, 5]",
      ]),
      refused("an int32 mask", inputs([], [3, 5, 2, 2], { shape: [3, 5], dtype: "int32" }), ["attnMask", "int32"]),
      refused("a probability above 1", inputs([], [3, 5, 2, 2]), ["p is 2"], { dropoutP: 2 }),
    ],
    bench: [
      {
        name: "4 heads, 128 × 64",
        inputs: [...Array<InputSpec>(3).fill({ shape: [1, 4, 128, 64] }), null],
        options: undefined,
        flops: 4 * 4 * 128 * 128 * 64,
      },
      {
        name: "8 heads, 1024 × 64, causal",
        inputs: [...Array<InputSpec>(3).fill({ shape: [1, 8, 1024, 64] }), null],
        options: { isCausal: true },
        flops: 2 * 8 * 1024 * 1024 * 64,
      },
    ],
  }),
  opCase<PackedOptions>({
    name: "packedAttention",
    ops: ["packed_attention", "packed_attention_grad"],
    run: ([x, mask], options) => {
      const isBool = mask?.dtype === "bool";
      const masks = { bias: isBool ? null : (mask ?? null), allow: isBool ? mask! : null };
      return packedAttention(x!, masks, { scale: 0.4, ...options }, null);
    },
    oracle: ([x, mask], options) =>
      packed(x!, mask ?? null, mask !== null && mask!.data.every((m) => m === 0 || m === 1), options),
    samples: [
      packedSample("one head of one feature", [1, 3, 3], { heads: 1 }),
      packedSample("batch first", [2, 5, 18]),
      packedSample("positions first", [5, 2, 18], { batchFirst: false }),
      packedSample("causal", [1, 17, 6], { diagonal: 0 }),
      packedSample(
        "positions first, causal, biased",
        [7, 2, 12],
        { batchFirst: false, diagonal: 0 },
        { shape: [7, 7] },
      ),
      packedSample("a bias per head", [2, 3, 24], { heads: 4 }, { shape: [4, 3, 3] }),
      packedSample(
        "allowed keys per sample",
        [2, 5, 12],
        {},
        boolMask([2, 1, 1, 5], (i) => i % 5 < 3),
      ),
      packedSample("no samples", [0, 5, 12]),
    ],
    errors: [
      {
        name: "a mask that does not fit",
        inputs: [{ shape: [2, 5, 12] }, { shape: [4, 5] }],
        options: { heads: 2, batchFirst: true, diagonal: null },
        message: ["attnMask", "[4, 5]", "[2, 2, 5, 5]"],
      },
    ],
    bench: [
      {
        name: "16 × 64 positions, 4 heads × 32, causal",
        inputs: [{ shape: [16, 64, 384] }, null],
        options: { heads: 4, batchFirst: true, diagonal: 0 },
        flops: 2 * 64 * 64 * 64 * 32,
      },
    ],
  }),
];
