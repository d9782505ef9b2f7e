import { afterAll, describe, expect, test } from "vitest";
import { K } from "../src/backend/index.js";
import { probe } from "../src/backend/probe.js";
import { initSync, setBackend } from "../src/node.js";
import { arena } from "../src/runtime/arena.js";
import type { Ptr } from "../src/types.js";

/** A prime, so that the sweep meets every exponent with many different mantissas. */
const STEP = 2053;
const COUNT = Math.floor(2 ** 32 / STEP);

/** 2/√π ∫₀ˣ e^{−t²} dt in float64: the Taylor series, and beyond 2.5 the continued fraction of erfc (Abramowitz and Stegun 7.1.14). */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6 || Number.isNaN(x)) return Number.isNaN(x) ? x : Math.sign(x);
  if (a < 2.5) {
    let term = x;
    let sum = x;
    for (let k = 1; Math.abs(term) > 1e-18 * Math.abs(sum); k++) {
      term *= (-x * x) / k;
      sum += term / (2 * k + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)));
}

/** The distribution function of the normal distribution in float64, without cancellation below 0. */
function normalCdf(x: number): number {
  const a = Math.abs(x) / Math.SQRT2;
  if (a < 2.5) return (1 + erf(x / Math.SQRT2)) / 2;
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (a + fraction);
  const tail = Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)) / 2;
  return x < 0 ? tail : 1 - tail;
}

const logistic = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));

/** Activations, which are products: in float64, with the bounds that assembly/activation.ts states. */
const ACTIVATIONS = [
  { name: "gelu", parameters: [], f: (x: number) => x * normalCdf(x) },
  {
    name: "self_gate",
    parameters: [2 * Math.sqrt(2 / Math.PI), 0.044715 * 2 * Math.sqrt(2 / Math.PI)],
    f: (x: number) => x * logistic(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)),
  },
  { name: "self_gate", parameters: [1, 0], f: (x: number) => x * logistic(x) },
  { name: "elu", parameters: [1, 1.5, 1], f: (x: number) => (x > 0 ? x : 1.5 * Math.expm1(x)) },
  {
    name: "softplus",
    parameters: [1, 20],
    f: (x: number) => (x > 20 ? x : Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  },
] as const;

/** Reference in float64, and the bounds that assembly/lib/math.ts states. */
const FUNCTIONS = [
  { name: "exp", f: Math.exp, ulp: 1.1 },
  { name: "expm1", f: Math.expm1, ulp: 2 },
  { name: "log", f: Math.log, ulp: 1 },
  { name: "log1p", f: Math.log1p, ulp: 3 },
  { name: "tanh", f: Math.tanh, ulp: 3 },
  { name: "sigmoid", f: logistic, ulp: 3 },
  { name: "erf", f: erf, ulp: 2 },
  { name: "sin", f: Math.sin, ulp: 2 },
  { name: "cos", f: Math.cos, ulp: 2 },
] as const;

const bits = new DataView(new ArrayBuffer(8));

/** Distance of neighbouring float32 values around a float64 value. */
function ulpAt(v: number): number {
  bits.setFloat64(0, v);
  const exponent = Math.max(((bits.getInt32(0) >>> 20) & 0x7ff) - 1023, -126);
  return 2 ** (exponent - 23);
}

/** Error in units in the last place; 0 for equal infinities and for NaN twice. */
function errorInUlp(got: number, want: number): number {
  if (Object.is(got, want) || (Number.isNaN(got) && Number.isNaN(want))) return 0;
  if (!Number.isFinite(got)) return Math.fround(want) === got ? 0 : Infinity;
  return Math.abs(got - want) / ulpAt(want);
}

function withBuffers(count: number, use: (x: Ptr, y: Ptr) => void): void {
  const x = arena.alloc(4 * count);
  const y = arena.alloc(4 * count);
  use(arena.at(x, 0), arena.at(y, 0));
  arena.free(x);
  arena.free(y);
}

afterAll(() => {
  initSync();
});

/** The relaxed binary rounds differently; it is measured where it runs. */
const BINARIES = probe().binary === "relaxed" ? (["simd", "relaxed", "js"] as const) : (["simd", "js"] as const);

describe.each(BINARIES)("on %s", (binary) => {
  const select = (): void => {
    if (binary === "js") setBackend("js");
    else initSync({ binary });
  };

  test.each(FUNCTIONS)("$name stays within $ulp ULP over all exponents", ({ name, f, ulp }) => {
    select();
    withBuffers(COUNT, (x, y) => {
      for (let i = 0; i < COUNT; i++) arena.i32[(x >>> 2) + i] = i * STEP;
      K[`${name}_f32`](y, x, COUNT);
      let worst = 0;
      let at = 0;
      for (let i = 0; i < COUNT; i++) {
        const v = arena.f32[(x >>> 2) + i]!;
        const e = errorInUlp(arena.f32[(y >>> 2) + i]!, f(v));
        if (!(e <= worst)) {
          worst = e;
          at = v;
        }
      }
      expect(worst, `worst at ${at}`).toBeLessThanOrEqual(ulp);
    });
  });

  test.each(FUNCTIONS)("$name is right at zeros, infinities, NaN and the edges of its range", ({ name, f, ulp }) => {
    select();
    const edges = [
      0,
      -0,
      1,
      -1,
      Infinity,
      -Infinity,
      NaN,
      1e-45,
      -1e-45,
      3.4e38,
      -3.4e38,
      88.72,
      88.73,
      -87.4,
      -103.9,
      -104.1,
    ];
    const inputs = Float32Array.from(edges);
    withBuffers(edges.length, (x, y) => {
      arena.f32.set(inputs, x >>> 2);
      K[`${name}_f32`](y, x, edges.length);
      inputs.forEach((v, i) => {
        const got = arena.f32[(y >>> 2) + i]!;
        expect(errorInUlp(got, f(v)), `${name}(${v}) is ${got}`).toBeLessThanOrEqual(ulp);
        if (v === 0 && f(v) === 0) expect(Object.is(got, v), `sign of ${name}(${v})`).toBe(true);
      });
    });
  });

  test.each(ACTIVATIONS)(
    "$name with $parameters stays within 4 ULP from -1 up, and within 4 ULP or 1e-7 below",
    ({ name, parameters, f }) => {
      select();
      withBuffers(COUNT, (x, y) => {
        for (let i = 0; i < COUNT; i++) arena.i32[(x >>> 2) + i] = i * STEP;
        const kernel: (y: Ptr, x: Ptr, n: number, ...rest: number[]) => void = K[`${name}_f32`];
        kernel(y, x, COUNT, ...parameters);
        let worst = 0;
        let at = 0;
        for (let i = 0; i < COUNT; i++) {
          const v = arena.f32[(x >>> 2) + i]!;
          const got = arena.f32[(y >>> 2) + i]!;
          const want = f(v);
          if (v < -1 && Math.abs(got - want) <= 1e-7) continue;
          const e = errorInUlp(got, want);
          if (!(e <= worst)) {
            worst = e;
            at = v;
          }
        }
        expect(worst, `worst at ${at}`).toBeLessThanOrEqual(4);
      });
    },
  );

  test("pow stays within 0.52 ULP", () => {
    select();
    const n = 1 << 19;
    const z = arena.alloc(4 * n);
    const b = arena.at(z, 0);
    withBuffers(n, (x, y) => {
      for (let i = 0; i < n; i++) {
        // Bases over all exponents; powers such that most results stay finite.
        const base = 2 ** ((i % 4001) / 16 - 125) * (1 + ((i * 7919) % 65536) / 65536);
        arena.f32[(x >>> 2) + i] = base;
        arena.f32[(b >>> 2) + i] = (((i * 104729) % 262144) / 131072 - 1) * (130 / (Math.abs(Math.log2(base)) + 0.01));
      }
      K.pow_f32(y, x, b, n);
      let worst = 0;
      for (let i = 0; i < n; i++) {
        const want = arena.f32[(x >>> 2) + i]! ** arena.f32[(b >>> 2) + i]!;
        worst = Math.max(worst, errorInUlp(arena.f32[(y >>> 2) + i]!, want));
      }
      expect(worst).toBeLessThanOrEqual(0.52);
    });
    arena.free(z);
  });

  test("tanh and erf stay within [-1, 1], sigmoid within [0, 1]", () => {
    select();
    withBuffers(COUNT, (x, y) => {
      for (const [name, low] of [
        ["tanh", -1],
        ["erf", -1],
        ["sigmoid", 0],
      ] as const) {
        for (let i = 0; i < COUNT; i++) arena.f32[(x >>> 2) + i] = (i / COUNT - 0.5) * 60;
        K[`${name}_f32`](y, x, COUNT);
        const values = arena.f32.subarray(y >>> 2, (y >>> 2) + COUNT);
        expect(values.reduce((m, v) => Math.max(m, v), -2)).toBeLessThanOrEqual(1);
        expect(values.reduce((m, v) => Math.min(m, v), 2)).toBeGreaterThanOrEqual(low);
      }
    });
  });

  test.each(FUNCTIONS)("$name gives a tail the bits it gives a vector", ({ name }) => {
    select();
    withBuffers(32, (x, y) => {
      for (let i = 0; i < 16; i++) arena.f32[(x >>> 2) + i] = 0.37 * i - 2.1;
      K[`${name}_f32`](y, x, 16);
      const whole = arena.i32.slice(y >>> 2, (y >>> 2) + 16);
      for (let n = 0; n < 8; n++) {
        arena.i32.fill(77, y >>> 2, (y >>> 2) + 16);
        K[`${name}_f32`](y, x, n);
        const part = arena.i32.slice(y >>> 2, (y >>> 2) + 16);
        expect([...part]).toEqual([...whole].map((v, i) => (i < n ? v : 77)));
      }
    });
  });
});
