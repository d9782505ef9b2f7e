import { afterEach, describe, expect, test } from "vitest";
import { K } from "../src/backend/index.js";
import {
  bernoulli,
  defaultGenerator,
  functional as F,
  full,
  Generator,
  manualSeed,
  multinomial,
  normal,
  ones,
  rand,
  randint,
  randn,
  randperm,
  scope,
  setBackend,
  type Tensor,
  tensor,
  uniform,
} from "../src/node.js";
import { arena } from "../src/runtime/arena.js";
import type { Ptr } from "../src/types.js";

const BACKENDS = ["wasm", "js"] as const;
const SIZES = [0, 1, 2, 3, 4, 5, 15, 16, 17, 31, 64, 1001];

afterEach(() => setBackend("wasm"));

/** Bit patterns, so that NaN and -0 count. */
function bits(t: Tensor): number[] {
  const data = t.data();
  return [...new Uint32Array(data.buffer, 0, data.length)];
}

/** Runs `make` on both back ends from the same seed. */
function onBoth(make: (g: Generator) => Tensor): [number[], number[]] {
  return BACKENDS.map((backend) => {
    setBackend(backend);
    return scope(() => bits(make(new Generator(1234567890123n))));
  }) as [number[], number[]];
}

function moments(values: ArrayLike<number>): { mean: number; variance: number; skew: number; kurtosis: number } {
  const n = values.length;
  const all = Array.from(values);
  const mean = all.reduce((s, v) => s + v, 0) / n;
  const moment = (k: number): number => all.reduce((s, v) => s + (v - mean) ** k, 0) / n;
  const variance = moment(2);
  return { mean, variance, skew: moment(3) / variance ** 1.5, kurtosis: moment(4) / variance ** 2 };
}

describe.each(BACKENDS)("on %s", (backend) => {
  const words = (k0: number, k1: number, c: readonly [number, number, number, number], count: number): string[] => {
    setBackend(backend);
    const block = arena.alloc(count * 4 + 4);
    const y: Ptr = arena.at(block, 0);
    arena.i32[(y >>> 2) + count] = 0x55555555;
    K.philox_i32(y, count, k0, k1, ...c);
    const out = Array.from(arena.view(y, count, "int32"), (w) => (w >>> 0).toString(16).padStart(8, "0"));
    expect(arena.i32[(y >>> 2) + count], "written past the end").toBe(0x55555555);
    arena.free(block);
    return out;
  };

  test("Philox gives the known answers of Random123", () => {
    expect(words(0, 0, [0, 0, 0, 0], 4)).toEqual(["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]);
    expect(words(-1, -1, [-1, -1, -1, -1], 4)).toEqual(["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]);
    expect(words(0xa4093822, 0x299f31d0, [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], 4)).toEqual([
      "d16cfe09",
      "94fdcceb",
      "5001e420",
      "24126ea1",
    ]);
  });

  test("the counter carries into its second word", () => {
    const across = words(7, 8, [-2, 5, 0, 0], 36);
    expect(across.slice(8)).toEqual(words(7, 8, [0, 6, 0, 0], 28));
    expect(across.slice(4, 8)).toEqual(words(7, 8, [-1, 5, 0, 0], 4));
  });

  test.each(SIZES)("a draw of %i writes exactly its values, in any chunks", (n) => {
    const whole = words(1, 2, [0xfffffff0, 0, 0, 0], n);
    for (let from = 0; from < n; from += 8) {
      const part = words(1, 2, [0xfffffff0 + from / 4, from / 4 >= 16 ? 1 : 0, 0, 0], Math.min(8, n - from));
      expect(part).toEqual(whole.slice(from, from + 8));
    }
  });

  test("uniform numbers have the moments of the uniform distribution and stay in range", () => {
    setBackend(backend);
    const values = scope(() => rand([100_000], { generator: new Generator(1) }).data());
    const { mean, variance } = moments(values);
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
    expect(Math.min(...values.subarray(0, 1000))).toBeGreaterThanOrEqual(0);
    expect(values.every((v) => v >= 0 && v < 1)).toBe(true);
    const buckets = new Array<number>(20).fill(0);
    for (const v of values) buckets[Math.floor(v * 20)]!++;
    const chi = buckets.reduce((s, c) => s + (c - 5000) ** 2 / 5000, 0);
    expect(chi).toBeLessThan(43.8); // 99.9 % quantile at 19 degrees of freedom
  });

  test("a narrow uniform range never gives its upper bound", () => {
    setBackend(backend);
    const values = scope(() => uniform(16_777_214, 16_777_216, [5000], { generator: new Generator(2) }).data());
    expect(new Set(values)).toEqual(new Set([16_777_214, 16_777_215]));
    expect(scope(() => uniform(3, 3, [5]).tolist())).toEqual([3, 3, 3, 3, 3]);
  });

  test("normal numbers have the moments and the tails of the normal distribution", () => {
    setBackend(backend);
    const values = scope(() => randn([200_000], { generator: new Generator(3) }).data());
    const { mean, variance, skew, kurtosis } = moments(values);
    expect(mean).toBeCloseTo(0, 2);
    expect(Math.abs(variance - 1)).toBeLessThan(0.02);
    expect(Math.abs(skew)).toBeLessThan(0.03);
    expect(Math.abs(kurtosis - 3)).toBeLessThan(0.06);
    const beyond = (x: number): number => values.filter((v) => Math.abs(v) > x).length / values.length;
    expect(Math.abs(beyond(1) - 0.3173)).toBeLessThan(0.005);
    expect(Math.abs(beyond(2) - 0.0455)).toBeLessThan(0.002);
    expect(Math.abs(beyond(3) - 0.0027)).toBeLessThan(0.0006);
  });

  test("Box and Muller's values agree with Math.log, Math.cos and Math.sin", () => {
    setBackend(backend);
    const n = 4001;
    const raw = new Generator(4).words(n + 3);
    const got = scope(() => normal(1, 2, [n], { generator: new Generator(4) }).data());
    for (let i = 0; i < n; i += 2) {
      const r = Math.sqrt(-2 * Math.log((raw[i]! + 1) / 2 ** 32));
      const angle = (2 * Math.PI * raw[i + 1]!) / 2 ** 32;
      expect(Math.abs(got[i]! - (1 + 2 * r * Math.cos(angle)))).toBeLessThan(1e-6);
      if (i + 1 < n) expect(Math.abs(got[i + 1]! - (1 + 2 * r * Math.sin(angle)))).toBeLessThan(1e-6);
    }
  });

  test("integers are uniform over the whole of int32 and over small ranges", () => {
    setBackend(backend);
    scope(() => {
      const small = randint(-2, 3, [50_000], { generator: new Generator(5) }).data();
      for (const v of [-2, -1, 0, 1, 2]) expect(small.filter((w) => w === v).length / 1e4).toBeCloseTo(1, 1);
      const wide = randint(-(2 ** 31), 2 ** 31 - 1, [50_000]).data();
      expect(moments(wide).mean / 2 ** 31).toBeCloseTo(0, 1);
      expect(wide.some((v) => v < -(2 ** 30)) && wide.some((v) => v > 2 ** 30)).toBe(true);
      expect(randint(1, [3]).tolist()).toEqual([0, 0, 0]);
    });
  });

  test("bernoulli follows the probability of each element", () => {
    setBackend(backend);
    scope(() => {
      const p = tensor([0, 1, 0.25]).expand(20_000, 3);
      const mean = bernoulli(p, { generator: new Generator(6) })
        .mean(0)
        .data();
      expect(mean[0]).toBe(0);
      expect(mean[1]).toBe(1);
      expect(mean[2]).toBeCloseTo(0.25, 1);
      expect(
        bernoulli(0.75, [20_000], { generator: new Generator(7) })
          .mean()
          .item(),
      ).toBeCloseTo(0.75, 1);
    });
  });

  test("dropout's gradient is exactly its mask, without a stored mask", () => {
    setBackend(backend);
    const x = tensor(
      Float32Array.from({ length: 1003 }, (_, i) => i - 500.5),
      { requiresGrad: true },
    );
    scope(() => {
      const y = F.dropout(x, { p: 0.3, generator: new Generator(8) });
      y.sum().backward();
      const g = x.grad!.data();
      const values = y.data();
      const scale = Math.fround(1 / 0.7);
      expect(new Set(g)).toEqual(new Set([0, scale]));
      g.forEach((m, i) => {
        expect(values[i]).toBe(Math.fround((i - 500.5) * m));
      });
      expect(g.filter((m) => m === 0).length / 1003).toBeCloseTo(0.3, 1);
    });
    x.dispose();
  });

  test("dropout keeps NaN, as in PyTorch, gives zeros for p = 1 and its input for p = 0", () => {
    setBackend(backend);
    scope(() => {
      const x = full([9], Number.NaN);
      expect(F.dropout(x).data().every(Number.isNaN)).toBe(true);
      const y = ones([5], { requiresGrad: true });
      const dropped = F.dropout(y, { p: 1 });
      dropped.sum().backward();
      expect(dropped.tolist()).toEqual([0, 0, 0, 0, 0]);
      expect(y.grad!.tolist()).toEqual([0, 0, 0, 0, 0]);
      expect(F.dropout(y, { p: 0 })).toBe(y);
      expect(F.dropout(y, { training: false })).toBe(y);
    });
  });
});

test.each(SIZES)("both back ends give the same bits for %i values", (n) => {
  const x = tensor(Float32Array.from({ length: n }, (_, i) => Math.sin(i)));
  const cases: ((generator: Generator) => Tensor)[] = [
    (generator) => rand([n], { generator }),
    (generator) => uniform(-0.1, 3.7, [n], { generator }),
    (generator) => randn([n], { generator }),
    (generator) => normal(-3.3, 0.7, [n], { generator }),
    (generator) => randint(-7, 1000, [n], { generator }),
    (generator) => bernoulli(x, { generator }),
    (generator) => F.dropout(x, { p: 0.1, generator }),
  ];
  for (const make of cases) {
    const [wasm, js] = onBoth(make);
    expect(wasm).toEqual(js);
  }
  x.dispose();
});

test("both back ends give the same bits for a million normal numbers", () => {
  const [wasm, js] = onBoth((generator) => randn([1_000_000], { generator }));
  expect(wasm.findIndex((w, i) => w !== js[i])).toBe(-1);
});

describe("a generator", () => {
  test("moves on by ⌈n/4⌉ blocks for n values", () => {
    const g = new Generator(9);
    for (const [n, blocks] of [
      [0, 0],
      [1, 1],
      [4, 1],
      [5, 2],
      [17, 5],
    ] as const) {
      const before = g.getState().offset;
      scope(() => rand([n], { generator: g }));
      expect(g.getState().offset - before).toBe(blocks);
    }
  });

  test("goes back to a saved state, through JSON too", () => {
    const g = new Generator(-5);
    const state = JSON.parse(JSON.stringify(g.getState()));
    const first = scope(() => randn([7], { generator: g }).tolist());
    expect(scope(() => randn([7], { generator: g }).tolist())).not.toEqual(first);
    g.setState(state);
    expect(scope(() => randn([7], { generator: g }).tolist())).toEqual(first);
    expect(scope(() => randn([7], { generator: new Generator(2n ** 64n - 5n) }).tolist())).toEqual(first);
  });

  test("goes through offsets above 32 bits", () => {
    const at = (offset: number): number[] =>
      scope(() => bits(rand([8], { generator: new Generator(1).setState({ seed: "1", offset }) })));
    expect(at(2 ** 32 - 1).slice(4)).toEqual(at(2 ** 32).slice(0, 4));
    expect(at(2 ** 32)).not.toEqual(at(0));
  });

  test("manualSeed makes the default one repeat itself", () => {
    const draw = (): unknown => scope(() => [rand([3]).tolist(), randperm(5).tolist(), randint(9, [4]).tolist()]);
    expect(manualSeed(42)).toBe(defaultGenerator);
    const first = draw();
    manualSeed(42);
    expect(draw()).toEqual(first);
    expect(defaultGenerator.initialSeed()).toBe(42n);
  });

  test("takes a seed from the platform if it is given none", () => {
    expect(new Generator().initialSeed()).not.toBe(new Generator().initialSeed());
  });

  test("refuses seeds and states that it could not repeat", () => {
    expect(() => new Generator(0.5)).toThrow("seed is 0.5");
    expect(() => new Generator(2 ** 53)).toThrow("safe integer");
    expect(() => new Generator(2n ** 64n)).toThrow("64 bits");
    const g = new Generator(3);
    expect(() => g.setState({ seed: "x", offset: 0 })).toThrow('seed is "x"');
    expect(() => g.setState({ seed: "1", offset: -1 })).toThrow("offset is -1");
    expect(g.getState()).toEqual({ seed: "3", offset: 0 });
  });
});

test("randperm is a permutation, and every place is equally likely", () => {
  const g = new Generator(10);
  expect(scope(() => randperm(0).tolist())).toEqual([]);
  expect([...scope(() => randperm(1000, { generator: g }).data())].sort((a, b) => a - b)).toEqual(
    Array.from({ length: 1000 }, (_, i) => i),
  );
  const counts = [0, 1, 2].map(() => [0, 0, 0]);
  for (let i = 0; i < 6000; i++) {
    scope(() => randperm(3, { generator: g }).data()).forEach((v, at) => {
      counts[at]![v]!++;
    });
  }
  for (const c of counts.flat()) expect(Math.abs(c - 2000)).toBeLessThan(150);
});

describe("multinomial", () => {
  test("draws in proportion to the weights", () => {
    scope(() => {
      const w = tensor([
        [0, 1, 3],
        [5, 0, 5],
      ]);
      const got = multinomial(w, 20_000, { replacement: true, generator: new Generator(11) });
      expect(got.shape).toEqual([2, 20_000]);
      expect(got.dtype).toBe("int32");
      const values = got.data();
      const share = (row: number, v: number): number =>
        values.subarray(row * 20_000, (row + 1) * 20_000).filter((x) => x === v).length / 20_000;
      expect([share(0, 0), share(1, 1)]).toEqual([0, 0]);
      expect(share(0, 2)).toBeCloseTo(0.75, 1);
      expect(share(1, 0)).toBeCloseTo(0.5, 1);
    });
  });

  test("without replacement draws each category at most once", () => {
    scope(() => {
      const w = tensor([1, 0, 2, 3, 0.5]);
      for (let i = 0; i < 50; i++) {
        const got = multinomial(w, 4).data();
        expect([...got].sort()).toEqual([0, 2, 3, 4]);
      }
    });
  });

  test("refuses weights that are no weights", () => {
    scope(() => {
      expect(() => multinomial(tensor([1, -1]), 1)).toThrow("weight 1 is -1");
      expect(() => multinomial(tensor([1, Infinity]), 1)).toThrow("Infinity");
      expect(() => multinomial(tensor([0, 0]), 1)).toThrow("0 weights are positive");
      expect(() => multinomial(tensor([1, 0]), 2)).toThrow("expected at least 2");
      expect(() => multinomial(tensor(1), 1)).toThrow("expected [C] or [N, C]");
    });
  });
});
