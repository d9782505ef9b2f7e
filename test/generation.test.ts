import { describe, expect, test } from "vitest";
import { functional as F, nn, noGrad, scope, setBackend, type Tensor, tensor } from "../src/node.js";
import { distance, disturb, freeAfterEach, mask, normal, own } from "./support/modules.js";

freeAfterEach();

describe("a cache", () => {
  test.each([false, true])(
    "makes a decoder give token by token what it gives at once (batchFirst %s)",
    (batchFirst) => {
      const layer = own(new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 12, batchFirst, normFirst: true }));
      const decoder = disturb(new nn.TransformerDecoder(layer, 2, { norm: new nn.LayerNorm(8) })).eval();
      const cache = own(new nn.KeyValueCache());
      const dim = batchFirst ? 1 : 0;
      for (const backend of ["js", "wasm"] as const) {
        setBackend(backend);
        cache.dispose();
        noGrad(() => {
          // More positions than the cache has room for at first.
          const length = 40;
          const tgt = batchFirst ? normal(2, length, 8) : normal(length, 2, 8);
          const memoryOf = batchFirst ? normal(2, 5, 8) : normal(5, 2, 8);
          const whole = decoder.forward(tgt, memoryOf, { tgtIsCausal: true });
          for (let t = 0; t < length; t++) {
            expect(cache.length).toBe(t);
            const y = decoder.forward(F.narrow(tgt, { dim, start: t, length: 1 }), memoryOf, {
              tgtIsCausal: true,
              cache,
            });
            expect(distance(y, F.narrow(whole, { dim, start: t, length: 1 }))).toBeLessThan(2e-5);
          }
        });
      }
    },
  );

  test("makes a causal encoder a generator, from a prompt on, with padding and learned positions", () => {
    const layer = own(new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12, batchFirst: true }));
    const encoder = disturb(new nn.TransformerEncoder(layer, 2)).eval();
    const positions = disturb(new nn.LearnedPositionalEncoding(20, 8, { batchFirst: true }));
    const cache = own(new nn.KeyValueCache());
    noGrad(() => {
      const x = normal(2, 9, 8);
      const padding = mask([2, 9], (i) => i < 2);
      const whole = encoder.forward(positions.forward(x), { isCausal: true, srcKeyPaddingMask: padding });
      let done = 0;
      for (const n of [4, 1, 3, 1]) {
        const part = positions.forward(F.narrow(x, { dim: 1, start: done, length: n }), { offset: done });
        const srcKeyPaddingMask = F.narrow(padding, { dim: 1, start: 0, length: done + n });
        const y = encoder.forward(part, { isCausal: true, srcKeyPaddingMask, cache });
        // The first two positions of the first sequence are padding, and see nothing but padding.
        const seen = (t: Tensor): Tensor => F.select(t, { dim: 0, index: 1 });
        expect(distance(seen(y), seen(F.narrow(whole, { dim: 1, start: done, length: n })))).toBeLessThan(2e-5);
        done += n;
        expect(cache.length).toBe(done);
      }
    });
  });

  test("follows the beams it is reordered to", () => {
    const attention = disturb(new nn.MultiheadAttention(8, 2));
    const [cache, other] = [own(new nn.KeyValueCache()), own(new nn.KeyValueCache())];
    noGrad(() => {
      const x = normal(3, 2, 8);
      const swap = (t: Tensor): Tensor => F.flip(t, { dims: 1 });
      attention.forward(x, x, x, { cache, needWeights: false });
      attention.forward(swap(x), swap(x), swap(x), { cache: other, needWeights: false });
      cache.reorder(own(tensor(Int32Array.of(1, 0))));
      expect(cache.length).toBe(3);
      const [a, b] = [cache, other].map((c) => attention.forward(x, x, x, { cache: c })[0]);
      expect(distance(a!, b!)).toBe(0);
    });
  });

  test("is for generating only, and for what fits it", () => {
    const attention = own(new nn.MultiheadAttention(8, 2));
    const widened = own(new nn.MultiheadAttention(8, 2, { addZeroAttn: true }));
    const cache = own(new nn.KeyValueCache());
    scope(() => {
      const x = normal(3, 2, 8);
      expect(() => attention.forward(x, x, x, { cache })).toThrow("expected to be called within noGrad");
      noGrad(() => {
        expect(() => widened.forward(x, x, x, { cache })).toThrow("neither addBiasKv nor addZeroAttn");
        expect(() => attention.forward(x, null, null, { cache })).toThrow("no keys and values yet");
        attention.forward(x, x, x, { cache });
        const y = normal(3, 1, 8);
        expect(() => attention.forward(y, y, y, { cache })).toThrow(
          "keys have shape [1, 2, 3, 4]; expected [2, 2, 3, 4]",
        );
        expect(cache.length).toBe(3);
      });
    });
  });
});

describe("positions", () => {
  test("are added along the sequence, from an offset on", () => {
    const first = own(new nn.SinusoidalPositionalEncoding(6, { maxLength: 12, batchFirst: true }));
    const second = own(new nn.SinusoidalPositionalEncoding(6, { maxLength: 12 }));
    expect(first.stateDict().size).toBe(0);
    scope(() => {
      const table = F.sinusoidalPositionalEncoding({ length: 12, dim: 6 });
      const x = normal(2, 4, 6);
      const rows = F.narrow(table, { dim: 0, start: 3, length: 4 });
      expect(distance(first.forward(x, { offset: 3 }), F.add(x, rows))).toBe(0);
      const turned = F.transpose(x, { dim0: 0, dim1: 1 });
      const back = F.transpose(second.forward(turned, { offset: 3 }), { dim0: 0, dim1: 1 });
      expect(distance(back, F.add(x, rows))).toBe(0);
      expect(
        distance(
          second.forward(F.select(x, { dim: 0, index: 1 })),
          F.add(F.select(x, { dim: 0, index: 1 }), F.narrow(table, { dim: 0, start: 0, length: 4 })),
        ),
      ).toBe(0);
      expect(() => first.forward(x, { offset: 9 })).toThrow("positions 9 to 13 are asked for; expected at most 12");
      expect(() => first.forward(normal(2, 4, 5))).toThrow("[2, 4, 5]");
      const odd = F.sinusoidalPositionalEncoding({ length: 2, dim: 3 }).tolist() as number[][];
      expect(odd[1]![2]).toBeCloseTo(Math.sin(10000 ** (-2 / 3)), 6);
    });
  });

  test("that are learned get a gradient where they were used", () => {
    const positions = own(new nn.LearnedPositionalEncoding(5, 3));
    scope(() => {
      positions
        .forward(normal(2, 4, 3))
        .sum()
        .backward();
      expect(F.sum(positions.weight.grad!, { dim: 1 }).tolist()).toEqual([12, 12, 0, 0, 0]);
    });
    expect([...positions.stateDict().keys()]).toEqual(["weight"]);
  });

  test.each([true, false])("that turn make products depend on distances only (interleaved %s)", (interleaved) => {
    const rotary = own(new nn.RotaryEmbedding(8, { maxLength: 30, interleaved }));
    scope(() => {
      const [q, k] = [normal(1, 8), F.roll(normal(1, 8), { shifts: 3 })];
      const product = (i: number, j: number): number =>
        F.sum(F.mul(rotary.forward(q, { offset: i }), rotary.forward(k, { offset: j }))).item();
      expect(product(7, 3)).toBeCloseTo(product(24, 20), 5);
      expect(product(7, 3)).not.toBeCloseTo(product(3, 7), 3);
      const x = normal(2, 2, 9, 8);
      expect(distance(rotary.forward(x, { offset: 4 }), F.rotaryEmbedding(x, { offset: 4, interleaved }))).toBe(0);
      expect(() => rotary.forward(x, { offset: 22 })).toThrow("RotaryEmbedding: positions 22 to 31");
    });
  });
});

describe("attention with rotary positions", () => {
  test.each([true, false])("turns queries and keys, also those behind a cache (batchFirst %s)", (batchFirst) => {
    const attention = disturb(new nn.MultiheadAttention(12, 2, { batchFirst, rotary: {} }));
    const cache = own(new nn.KeyValueCache());
    const dim = batchFirst ? 1 : 0;
    for (const backend of ["js", "wasm"] as const) {
      setBackend(backend);
      cache.dispose();
      noGrad(() => {
        const order = (t: Tensor): Tensor => (batchFirst ? t : F.transpose(t, { dim0: 0, dim1: 1 }));
        const rows = normal(2, 7, 12);
        const [q, k, v] = F.linear(rows, attention.inProjWeight!, attention.inProjBias)
          .reshape([2, 7, 3, 2, 6])
          .permute([2, 0, 3, 1, 4])
          .unbind(0);
        const turned = [q!, k!].map((t) => F.rotaryEmbedding(t)) as [Tensor, Tensor];
        const heads = F.scaledDotProductAttention(...turned, v!, { isCausal: true });
        const want = order(attention.outProj.forward(heads.permute([0, 2, 1, 3]).reshape([2, 7, 12])));
        const x = order(rows);
        for (const needWeights of [true, false]) {
          const [y] = attention.forward(x, x, x, { isCausal: true, needWeights });
          expect(distance(y, want)).toBeLessThan(2e-5);
        }
        for (const [start, length] of [
          [0, 4],
          [4, 1],
          [5, 2],
        ] as const) {
          const part = F.narrow(x, { dim, start, length });
          const [y] = attention.forward(part, part, part, { isCausal: true, cache });
          expect(distance(y, F.narrow(want, { dim, start, length }))).toBeLessThan(2e-5);
        }
      });
    }
  });

  test("is for self-attention, of an encoder's and a decoder's layers", () => {
    const attention = own(new nn.MultiheadAttention(8, 2, { rotary: { maxLength: 4 } }));
    scope(() => {
      const [x, other] = [normal(4, 2, 8), normal(3, 2, 8)];
      expect(() => attention.forward(x, other, other)).toThrow("key is not query; expected self-attention");
      const long = normal(5, 2, 8);
      expect(() => attention.forward(long, long, long)).toThrow("positions 0 to 5 are asked for; expected at most 4");
      expect(() => new nn.MultiheadAttention(8, 2, { rotary: {}, addZeroAttn: true })).toThrow("neither addBiasKv");
      const sizes = { dimFeedforward: 8, dropout: 0 };
      const encoders = [sizes, { ...sizes, rotary: {} }].map((o) => own(new nn.TransformerEncoderLayer(8, 2, o)));
      const decoders = [sizes, { ...sizes, rotary: {} }].map((o) => own(new nn.TransformerDecoderLayer(8, 2, o)));
      for (const [plain, rotary] of [encoders, decoders]) rotary!.loadStateDict(plain!.stateDict());
      const [a, b] = encoders.map((layer) => layer.forward(x));
      const [c, d] = decoders.map((layer) => layer.forward(x, other));
      expect(distance(a!, b!)).toBeGreaterThan(1e-3);
      expect(distance(c!, d!)).toBeGreaterThan(1e-3);
    });
  });
});

describe("attention of a recurrent decoder", () => {
  test("with Bahdanau's score is Σ softmax(vᵀ tanh(W q + U k + b)) values", () => {
    const attention = disturb(new nn.AdditiveAttention(3, 4, 5));
    expect([...attention.stateDict().keys()]).toEqual([
      "query_proj.weight",
      "key_proj.weight",
      "key_proj.bias",
      "score_proj.weight",
    ]);
    scope(() => {
      const [query, keys, values] = [normal(2, 3), normal(2, 6, 4), normal(2, 6, 7)];
      const keyPaddingMask = mask([2, 6], (i) => i === 5 || i === 8);
      const [context, weights] = attention.forward(query, keys, { values, keyPaddingMask });
      const { queryProj, keyProj, scoreProj } = attention;
      const [W, U, b, v] = [queryProj.weight, keyProj.weight, keyProj.bias!, scoreProj.weight].map((t) =>
        t.tolist(),
      ) as [number[][], number[][], number[], number[][]];
      const [q, k, x] = [query, keys, values].map((t) => t.tolist()) as [number[][], number[][][], number[][][]];
      const dot = (a: readonly number[], c: readonly number[]): number => a.reduce((s, n, i) => s + n * c[i]!, 0);
      for (const n of [0, 1]) {
        const scores = k[n]!.map((key, s) => {
          if (n * 6 + s === 5 || n * 6 + s === 8) return 0;
          return Math.exp(
            dot(
              v[0]!,
              W.map((w, h) => Math.tanh(dot(w, q[n]!) + dot(U[h]!, key) + b[h]!)),
            ),
          );
        });
        const total = scores.reduce((a, c) => a + c, 0);
        scores.forEach((s, j) => {
          expect(weights.data()[n * 6 + j]).toBeCloseTo(s / total, 5);
        });
        for (let c = 0; c < 7; c++) {
          const want = scores.reduce((sum, s, j) => sum + (s / total) * x[n]![j]![c]!, 0);
          expect(context.data()[n * 7 + c]).toBeCloseTo(want, 5);
        }
      }
      const [steps, each] = attention.forward(query.reshape([2, 1, 3]), keys, { values, keyPaddingMask });
      expect(steps.shape).toEqual([2, 1, 7]);
      expect(each.shape).toEqual([2, 1, 6]);
      expect(distance(steps.reshape([2, 7]), context)).toBe(0);
      expect(() => attention.forward(normal(2, 4), keys)).toThrow("AdditiveAttention: query has shape [2, 4]");
    });
  });

  test("with Luong's scores is a product, with or without a matrix between", () => {
    const general = disturb(new nn.LuongAttention(3, 4));
    const plain = own(new nn.LuongAttention(4, 4, { score: "dot" }));
    expect(plain.stateDict().size).toBe(0);
    scope(() => {
      const [query, keys] = [normal(2, 5, 3), normal(2, 6, 4)];
      const through = F.matmul(query, general.keyProj!.weight);
      const want = F.scaledDotProductAttention(through, keys, keys, { scale: 1 });
      expect(distance(general.forward(query, keys)[0], want)).toBeLessThan(1e-5);
      expect(distance(plain.forward(through, keys)[0], want)).toBeLessThan(1e-5);
      expect(() => new nn.LuongAttention(3, 4, { score: "dot" })).toThrow("keyDim is 4; expected queryDim, 3");
    });
  });
});
