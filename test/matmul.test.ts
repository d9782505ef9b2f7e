import { describe, expect, test } from "vitest";
import { K } from "../src/backend/index.js";
import { functional as F, memory, nn, QuadlaneError, scope, setBackend, type Tensor, tensor } from "../src/node.js";
import { arena } from "../src/runtime/arena.js";
import { generatorOf } from "./support/make.js";

const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 130, 257];
const VARIANTS = ["nn", "nt", "tn"] as const;
const STARTS = ["nothing", "c", "a bias per column", "a bias per row"] as const;
const CANARY = 0x5a;
const CANARY_BYTES = 64;

interface Problem {
  readonly variant: (typeof VARIANTS)[number];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: number;
  /** Elements between the end of a stored row and the next. */
  readonly gap: number;
  readonly start: number;
  readonly relu: boolean;
}

/** Runs one kernel on random values and compares every element of C, between its rows and behind it, and what lies behind the scratch. */
function check({ variant, m, n, k, batch, gap, start, relu }: Problem): void {
  const random = generatorOf(m * 1e6 + n * 1e3 + k);
  const [aRows, aCols] = variant === "tn" ? [k, m] : [m, k];
  const [bRows, bCols] = variant === "nt" ? [n, k] : [k, n];
  const [ldc, lda, ldb] = [n + gap, aCols + gap, bCols + gap];
  const filled = (count: number): Tensor => tensor(Float32Array.from({ length: count }, () => 2 * random() - 1));
  const [c, a, b] = [filled(batch * m * ldc + 8), filled(batch * aRows * lda), filled(batch * bRows * ldb)];
  const bias = filled(Math.max(m, n));
  const scratchBytes = K.gemm_scratch_bytes(m, n, k);
  const scratch = tensor(new Uint8Array(scratchBytes + CANARY_BYTES).fill(0), { dtype: "bool" });
  arena.view(scratch.ptr, scratch.numel, "bool").fill(CANARY);
  const [before, va, vb, vBias] = [c.data(), a.data(), b.data(), bias.data()];
  K[`gemm_${variant}_f32`](
    c.ptr,
    a.ptr,
    b.ptr,
    bias.ptr,
    scratch.ptr,
    batch,
    m,
    n,
    k,
    m * ldc,
    aRows * lda,
    bRows * ldb,
    ldc,
    lda,
    ldb,
    start,
    relu ? 0 : -Infinity,
    Infinity,
  );
  const after = c.data();
  const what = `${variant} ${m}×${n}×${k}, batch ${batch}, gap ${gap}, starting with ${STARTS[start]}`;
  const want = Float64Array.from(before);
  for (let s = 0; s < batch; s++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        const at = (s * m + i) * ldc + j;
        let sum = [0, before[at]!, vBias[j]!, vBias[i]!][start]!;
        for (let p = 0; p < k; p++) {
          const x = va[s * aRows * lda + (variant === "tn" ? p * lda + i : i * lda + p)]!;
          sum += x * vb[s * bRows * ldb + (variant === "nt" ? j * ldb + p : p * ldb + j)]!;
        }
        want[at] = relu ? Math.max(sum, 0) : sum;
      }
    }
  }
  const worst = after.findIndex((v, i) => !(Math.abs(v - want[i]!) <= 1e-5 + 1e-6 * k));
  if (worst >= 0) throw new Error(`${what}: element ${worst} is ${after[worst]}; expected ${want[worst]}`);
  for (let at = 0; at < before.length; at++) {
    const column = at % ldc;
    const inside = at < batch * m * ldc && column < n;
    if (!inside && after[at] !== before[at]) throw new Error(`${what}: wrote beyond the columns of C at ${at}`);
  }
  const behind = arena.view(scratch.ptr, scratch.numel, "bool").subarray(scratchBytes);
  if (behind.some((v) => v !== CANARY)) throw new Error(`${what}: wrote behind its scratch space`);
  for (const t of [c, a, b, bias, scratch]) t.dispose();
}

describe.each(["js", "wasm"] as const)("the gemm kernels on %s", (backend) => {
  test.each(VARIANTS)("%s computes every edge of every tile and writes nowhere else", (variant) => {
    setBackend(backend);
    let turn = 0;
    for (const m of SIZES) {
      for (const n of SIZES) {
        const k = SIZES[turn++ % SIZES.length]!;
        if (m * n * k > 4e5) continue;
        check({ variant, m, n, k, batch: 1 + (turn % 2), gap: turn % 3, start: turn % 4, relu: turn % 5 === 0 });
      }
    }
  });

  test.each(VARIANTS)("%s sums over every depth, block edges and the empty sum included", (variant) => {
    setBackend(backend);
    for (const k of [0, ...SIZES, 255, 256, 257, 513, 1025]) {
      for (const [m, n] of [
        [1, 7],
        [2, 5],
        [3, 9],
        [4, 6],
        [11, 12],
        [12, 35],
        [13, 41],
        [6, 100],
        [9, 1],
        [9, 3],
      ] as const) {
        for (let start = 0; start < 4; start++) {
          check({ variant, m, n, k, batch: 1, gap: 1, start, relu: k % 2 === 1 });
        }
      }
    }
  });

  test.each(VARIANTS)("%s sums into several blocks of columns", (variant) => {
    setBackend(backend);
    for (const n of [255, 256, 257, 600]) check({ variant, m: 13, n, k: 5, batch: 1, gap: 2, start: 2, relu: false });
    check({ variant, m: 2, n: 2050, k: 9, batch: 2, gap: 0, start: 2, relu: true });
  });
});

describe("matmul", () => {
  test("reads transposed views in place", () => {
    setBackend("wasm");
    scope(() => {
      const a = tensor(new Float32Array(64 * 32).fill(1), { shape: [64, 32] });
      const b = tensor(new Float32Array(48 * 32).fill(1), { shape: [48, 32] });
      F.matmul(a, b.t());
      const { liveBytes } = memory();
      arena.resetPeak();
      const y = F.matmul(a, b.t());
      // Nothing but the result was allocated on the way.
      expect(memory().peakBytes - liveBytes).toBeLessThan(64 * 48 * 4 + 128);
      expect(y.data().every((v) => v === 32)).toBe(true);
      a.dispose();
      b.dispose();
    });
  });

  test("of a batch and one matrix gives the matrix one gradient without a copy a batch", () => {
    scope(() => {
      const a = tensor(new Float32Array(2 * 3 * 2).fill(2), { shape: [2, 3, 2] });
      const b = tensor(
        [
          [1, 2],
          [3, 4],
        ],
        { requiresGrad: true },
      );
      F.matmul(a, b).sum().backward();
      expect(b.grad?.tolist()).toEqual([
        [12, 12],
        [12, 12],
      ]);
    });
  });

  test("adds up the gradients of an operand that is used three times", () => {
    scope(() => {
      const a = tensor(
        [
          [1, 2],
          [3, 4],
        ],
        { requiresGrad: true },
      );
      const y = F.matmul(F.matmul(a, a), a).sum();
      y.backward();
      expect(a.grad?.tolist()).toEqual([
        [51, 87],
        [67, 111],
      ]);
    });
  });
});

describe("Linear", () => {
  test("begins uniform in ±1/√in, with PyTorch's keys and shapes", () => {
    const layer = new nn.Linear(100, 40);
    expect([...layer.stateDict()].map(([key, t]) => [key, t.shape])).toEqual([
      ["weight", [40, 100]],
      ["bias", [40]],
    ]);
    for (const p of layer.parameters()) {
      const values = p.data();
      expect(Math.max(...values)).toBeLessThanOrEqual(0.1);
      expect(Math.min(...values)).toBeGreaterThanOrEqual(-0.1);
      expect(Math.max(...values)).toBeGreaterThan(0.07);
      expect(Math.min(...values)).toBeLessThan(-0.07);
    }
    layer.dispose();
  });

  test("without a bias has one parameter, and refuses options that it does not know", () => {
    const layer = new nn.Linear(3, 2, { bias: false });
    expect([...layer.namedParameters()].map(([name]) => name)).toEqual(["weight"]);
    layer.dispose();
    expect(() => Reflect.construct(nn.Linear, [3, 2, { bais: false }])).toThrow(/Linear: unknown option "bais"/);
    expect(() => new nn.Linear(3.5, 2)).toThrow(QuadlaneError);
  });

  test("fused with relu has the gradients of the two ops one after the other", () => {
    const random = generatorOf(3);
    const values = (n: number): Float32Array => Float32Array.from({ length: n }, () => 2 * random() - 1);
    const [x, w, b] = [values(7 * 6), values(9 * 6), values(9)];
    const gradients = [true, false].map((fused) =>
      scope(() => {
        const tensors = [
          tensor(x, { shape: [7, 6], requiresGrad: true }),
          tensor(w, { shape: [9, 6], requiresGrad: true }),
          tensor(b, { requiresGrad: true }),
        ] as const;
        const y = fused ? F.linear(...tensors, { activation: "relu" }) : F.relu(F.linear(...tensors));
        y.mul(y).sum().backward();
        return tensors.map((t) => t.grad?.tolist());
      }),
    );
    expect(gradients[0]).toEqual(gradients[1]);
  });
});

describe("Bilinear, Identity, Flatten and Unflatten", () => {
  test("keep PyTorch's keys and ranges", () => {
    const layer = new nn.Bilinear(16, 5, 3);
    expect([...layer.stateDict()].map(([key, t]) => [key, t.shape])).toEqual([
      ["weight", [3, 16, 5]],
      ["bias", [3]],
    ]);
    for (const p of layer.parameters()) expect(Math.max(...p.data().map(Math.abs))).toBeLessThanOrEqual(0.25);
    layer.dispose();
  });

  test("give back, merge and split", () => {
    const x = tensor(new Float32Array(24), { shape: [2, 3, 4] });
    expect(new nn.Identity(54, { unused: true }).forward(x)).toBe(x);
    scope(() => {
      expect(new nn.Flatten().forward(x).shape).toEqual([2, 12]);
      expect(new nn.Flatten({ startDim: 0, endDim: 1 }).forward(x).shape).toEqual([6, 4]);
      expect(new nn.Unflatten(-1, [2, -1]).forward(x).shape).toEqual([2, 3, 2, 2]);
    });
    x.dispose();
  });
});
