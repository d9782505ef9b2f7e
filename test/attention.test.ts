import { describe, expect, test } from "vitest";
import {
  arange,
  eye,
  functional as F,
  Generator,
  memory,
  noGrad,
  ones,
  randn,
  scope,
  setBackend,
  type Tensor,
} from "../src/node.js";
import { distance, freeAfterEach } from "./support/modules.js";

const BACKENDS = ["js", "wasm"] as const;

freeAfterEach();

/** Runs `run` on both back ends, in a scope. */
function onBoth(run: () => void): void {
  for (const backend of BACKENDS) {
    setBackend(backend);
    scope(run);
  }
}

/** softmax(scale · q kᵀ + mask) v from separate ops: what the fused op must equal. */
function composite(q: Tensor, k: Tensor, v: Tensor, { attnMask, isCausal }: F.AttentionOptions): Tensor {
  let scores = F.mul(F.matmul(q, F.transpose(k, { dim0: -1, dim1: -2 })), 1 / Math.sqrt(q.size(-1)));
  if (attnMask) scores = F.add(scores, attnMask);
  if (isCausal) {
    const later = F.gt(F.triu(ones([q.size(-2), k.size(-2)]), { diagonal: 1 }), 0);
    scores = F.maskedFill(scores, later, { value: -Infinity });
  }
  return F.matmul(F.softmax(scores, { dim: -1 }), v);
}

describe("fused attention", () => {
  test.each([
    [2, 16, 16, 8, 8, false, false],
    [1, 128, 256, 16, 4, false, true],
    [1, 129, 257, 5, 3, false, false],
    [1, 200, 520, 7, 9, true, true],
    [1, 520, 200, 4, 12, true, false],
    [2, 1, 600, 16, 16, false, true],
  ])(
    "of %i heads, %i queries, %i keys, %i and %i features equals the composite, gradients included (causal %s, biased %s)",
    (h, l, s, e, ev, isCausal, biased) => {
      const generator = new Generator(1);
      onBoth(() => {
        const make = (...shape: number[]): Tensor => randn(shape, { generator, requiresGrad: true });
        const inputs = [make(h, l, e), make(h, s, e), make(h, s, ev), ...(biased ? [make(l, s)] : [])];
        const upstream = randn([h, l, ev], { generator });
        const results = [F.scaledDotProductAttention, composite].map((attention) => {
          const [q, k, v, attnMask] = inputs as [Tensor, Tensor, Tensor, Tensor?];
          const y = attention(q, k, v, { attnMask: attnMask ?? null, isCausal });
          y.backward(upstream);
          const gradients = inputs.map((x) => F.mul(x.grad!, 1));
          for (const x of inputs) x.grad = null;
          return [y, ...gradients];
        });
        results[0]!.forEach((t, i) => {
          expect(distance(t, results[1]![i]!)).toBeLessThan(2e-5);
        });
      });
    },
  );

  test("keeps no matrix of weights", () => {
    scope(() => {
      const [q, k, v] = [1, 2, 3].map((seed) =>
        randn([1024, 4], { generator: new Generator(seed), requiresGrad: true }),
      );
      const y = F.scaledDotProductAttention(q!, k!, v!);
      y.sum().backward();
      const { liveBytes, scratchBytes } = memory();
      expect(liveBytes + scratchBytes).toBeLessThan(1024 * 1024 * 4);
    });
  });

  test("drops weights by the generator, the same ones on both back ends and in the gradient", () => {
    const shown = BACKENDS.map((backend) => {
      setBackend(backend);
      return scope(() => {
        // Values that are the identity show the weights; with equal scores each is 1/S.
        const [l, s, p] = [70, 301, 0.25];
        const q = ones([2, l, 3], { requiresGrad: true });
        const k = ones([s, 3]);
        const v = eye(s).requiresGrad_();
        const weights = F.scaledDotProductAttention(q, k, v, { dropoutP: p, generator: new Generator(5) });
        const values = weights.data();
        const kept = Math.fround(1 / s / (1 - p));
        expect(values.every((w) => w === 0 || Math.abs(w - kept) < 1e-8)).toBe(true);
        expect(values.filter((w) => w === 0).length / values.length).toBeCloseTo(p, 2);
        weights.sum().backward();
        // ∂/∂v[j, c] is the sum of the weights of key j.
        expect(
          distance(F.narrow(v.grad!, { dim: 1, start: 0, length: 1 }), F.sum(weights, { dim: [0, 1] }).reshape([s, 1])),
        ).toBeLessThan(1e-5);
        const still = F.scaledDotProductAttention(q, k, v, { dropoutP: p, training: false });
        expect(Math.abs(still.sum().item() - 2 * l)).toBeLessThan(1e-3);
        const gone = F.scaledDotProductAttention(q, k, v, { dropoutP: 1 });
        expect(gone.data().every((w) => w === 0)).toBe(true);
        v.dispose();
        return values.map(Math.sign);
      });
    });
    expect(shown[0]).toEqual(shown[1]);
  });

  test("with dropout has the gradient of a product with the mask that was drawn", () => {
    onBoth(() => {
      const [l, s, e] = [9, 13, 4];
      const inputs = [l, s, s].map((n, i) => randn([n, e], { generator: new Generator(i), requiresGrad: true }));
      const [q, k, v] = inputs as [Tensor, Tensor, Tensor];
      const options = { dropoutP: 0.4 };
      const draw = (values: Tensor): Tensor =>
        F.scaledDotProductAttention(q, k, values, { ...options, generator: new Generator(9) });
      const plain = F.softmax(F.mul(F.matmul(q, F.transpose(k, { dim0: 0, dim1: 1 })), 0.5), { dim: -1 });
      const mask = noGrad(() => F.div(draw(eye(s)), plain));
      const runs = [() => draw(v), () => F.matmul(F.mul(plain, mask), v)].map((run) => {
        run().square().sum().backward();
        const gradients = inputs.map((x) => F.mul(x.grad!, 1));
        for (const x of inputs) x.grad = null;
        return gradients;
      });
      runs[0]!.forEach((g, i) => {
        expect(distance(g, runs[1]![i]!)).toBeLessThan(2e-4);
      });
    });
  });

  test("gives NaN to a query without keys, and to its gradient only", () => {
    onBoth(() => {
      const [q, k, v] = [3, 4, 4].map((n, i) => randn([n, 2], { generator: new Generator(i) }));
      const allow = F.ne(arange(3).reshape([3, 1]), 1);
      q!.requiresGrad_();
      const y = F.scaledDotProductAttention(q!, k!, v!, { attnMask: allow });
      y.sum().backward();
      const rows = (t: Tensor): boolean[] =>
        [0, 1, 2].map((i) => Number.isNaN(F.select(t, { dim: 0, index: i }).sum().item()));
      expect(rows(y)).toEqual([false, true, false]);
      expect(rows(q!.grad!)).toEqual([false, true, false]);
    });
  });
});
