import { afterEach, describe, expect, test } from "vitest";
import { K } from "../src/backend/index.js";
import { functional as F, memory, optim, scope, setBackend, type Tensor, tensor } from "../src/node.js";
import { strongWolfe } from "../src/optim/line_search.js";

const made: Tensor[] = [];
afterEach(() => {
  setBackend("wasm");
  for (const t of made.splice(0)) t.dispose();
});

function parameter(values: readonly number[]): Tensor {
  const t = tensor([...values], { requiresGrad: true });
  made.push(t);
  return t;
}

/** A closure for a loss of the parameters. */
function closure(optimizer: optim.Optimizer, loss: () => Tensor): () => Tensor {
  return () => {
    optimizer.zeroGrad();
    const value = loss();
    value.backward();
    return value;
  };
}

/** (x₀ − 1)² + 10(x₁ + x₀²)² + ½(y·x₁ − 2)² + (y − x₀)⁴. */
function bumpy(x: Tensor, y: Tensor): Tensor {
  const [a, b] = [x.select(0, 0), x.select(0, 1)];
  const c = y.select(0, 0);
  const square = (t: Tensor): Tensor => F.square(t);
  const valley = square(b.add(square(a))).mul(10);
  const bowl = square(c.mul(b).sub(2)).mul(0.5);
  return square(a.sub(1))
    .add(valley)
    .add(bowl)
    .add(square(square(c.sub(a))));
}

interface Expected {
  readonly at: readonly number[];
  readonly loss: number;
  readonly evaluations: number;
  readonly iterations: number;
  readonly pairs: number;
}

/** PyTorch 1.13's, in float64, after each of three steps. */
const PYTORCH: readonly (readonly [options: Partial<optim.LBFGSOptions>, steps: readonly Expected[]])[] = [
  [
    { lr: 0.1, maxIter: 4 },
    [
      { at: [0.50538, 0.13948, 1.80569], loss: 8.9375, evaluations: 4, iterations: 4, pairs: 3 },
      { at: [0.47504, 0.07914, 1.61486], loss: 6.19083, evaluations: 8, iterations: 8, pairs: 7 },
      { at: [0.44419, 0.04322, 1.44141], loss: 4.64509, evaluations: 12, iterations: 12, pairs: 11 },
    ],
  ],
  [
    { maxIter: 5, lineSearchFn: "strong_wolfe" },
    [
      { at: [0.53587, -0.16952, 0.97653], loss: 8.9375, evaluations: 6, iterations: 5, pairs: 4 },
      { at: [0.39562, -0.14426, -0.03797], loss: 2.7363, evaluations: 12, iterations: 9, pairs: 8 },
      { at: [0.60061, -0.35703, 0.03549], loss: 2.39118, evaluations: 18, iterations: 14, pairs: 13 },
    ],
  ],
  [
    { maxIter: 3, historySize: 2, lineSearchFn: "strong_wolfe" },
    [
      { at: [0.4774, -0.33882, 1.16306], loss: 8.9375, evaluations: 3, iterations: 2, pairs: 1 },
      { at: [0.54651, -0.19714, 1.11931], loss: 3.48294, evaluations: 6, iterations: 4, pairs: 2 },
      { at: [0.46068, -0.10669, 0.7538], loss: 2.88205, evaluations: 9, iterations: 6, pairs: 2 },
    ],
  ],
];

describe.each(["wasm", "js"] as const)("LBFGS on %s", (backend) => {
  test.each(PYTORCH)("goes PyTorch's way with %o", (options, steps) => {
    setBackend(backend);
    const [x, y] = [parameter([0.5, 0.25]), parameter([2])];
    const lbfgs = new optim.LBFGS([x, y], options);
    for (const want of steps) {
      const loss = scope(() => lbfgs.step(closure(lbfgs, () => bumpy(x, y))).item());
      expect(loss).toBeCloseTo(want.loss, 3);
      [...x.data(), ...y.data()].forEach((v, i) => {
        expect(v).toBeCloseTo(want.at[i]!, 3);
      });
      const state = lbfgs.stateDict().state[0]!;
      expect([state.func_evals, state.n_iter]).toEqual([want.evaluations, want.iterations]);
      expect(state.ro).toHaveLength(want.pairs);
    }
    lbfgs.dispose();
  });

  test("solves a linear regression in one step", () => {
    setBackend(backend);
    const x = tensor([
      [1, 0, 2],
      [0, 1, -1],
      [3, 1, 0],
      [1, 1, 1],
      [2, -1, 1],
    ]);
    const y = tensor([7, -2, 5, 6, 3]);
    made.push(x, y);
    const w = parameter([0, 0, 0]);
    const lbfgs = new optim.LBFGS([w], { lineSearchFn: "strong_wolfe" });
    scope(() => lbfgs.step(closure(lbfgs, () => F.mean(F.square(x.matmul(w).sub(y))))));
    // Normal equations, solved by hand: w = (XᵀX)⁻¹Xᵀy.
    const residual = scope(() => x.transpose(0, 1).matmul(x.matmul(w).sub(y)).data());
    for (const r of residual) expect(Math.abs(r)).toBeLessThan(1e-4);
    lbfgs.dispose();
  });
});

describe("LBFGS", () => {
  const make = (p: Tensor[]): optim.LBFGS => new optim.LBFGS(p, { maxIter: 3, lineSearchFn: "strong_wolfe" });
  const advance = (lbfgs: optim.LBFGS, x: Tensor, y: Tensor): void =>
    scope(() => {
      lbfgs.step(closure(lbfgs, () => bumpy(x, y)));
    });

  test("continues to the bit where it was saved", () => {
    const [x, y] = [parameter([0.5, 0.25]), parameter([2])];
    const whole = make([x, y]);
    for (let i = 0; i < 2; i++) advance(whole, x, y);
    const [u, v] = [parameter([...x.data()]), parameter([...y.data()])];
    const second = make([u, v]);
    second.loadStateDict(whole.stateDict());
    for (let i = 0; i < 2; i++) {
      advance(whole, x, y);
      advance(second, u, v);
      expect([...u.data(), ...v.data()]).toEqual([...x.data(), ...y.data()]);
    }
    whole.dispose();
    second.dispose();
  });

  test("keeps memory flat once its history is full, and frees it", () => {
    const [x, y] = [parameter([0.5, 0.25]), parameter([2])];
    const lbfgs = new optim.LBFGS([x, y], { lr: 0.05, maxIter: 4, historySize: 3 });
    const before = memory().liveBlocks;
    for (let i = 0; i < 2; i++) advance(lbfgs, x, y);
    const full = memory().liveBlocks;
    for (let i = 0; i < 3; i++) advance(lbfgs, x, y);
    expect(memory().liveBlocks).toBe(full);
    lbfgs.zeroGrad();
    lbfgs.dispose();
    expect(memory().liveBlocks).toBe(before);
  });

  test("stops at once where the gradient is small, and returns the loss", () => {
    const x = parameter([0, 0]);
    const lbfgs = new optim.LBFGS([x]);
    expect(scope(() => lbfgs.step(closure(lbfgs, () => x.mul(x).sum())).item())).toBe(0);
    expect(lbfgs.stateDict().state[0]).toEqual({ func_evals: 1, n_iter: 0 });
  });

  test("takes parameters that do not lie in order, and leaves alone those without a gradient", () => {
    const base = tensor([
      [3, -1, 2],
      [1, 1, 1],
    ]);
    made.push(base);
    const x = scope(() => base.transpose(0, 1).keep()).requiresGrad_();
    const idle = parameter([5]);
    made.push(x);
    const lbfgs = new optim.LBFGS([idle, x], { lineSearchFn: "strong_wolfe" });
    scope(() => lbfgs.step(closure(lbfgs, () => F.sum(F.square(x.sub(1))))));
    for (const v of x.data()) expect(v).toBeCloseTo(1, 5);
    expect(idle.item()).toBe(5);
    lbfgs.dispose();
  });

  test("refuses what it cannot do", () => {
    const x = parameter([1]);
    const lbfgs = new optim.LBFGS([x]);
    expect(() => lbfgs.step()).toThrow("LBFGS: step() got undefined; expected a closure");
    expect(() => lbfgs.step(() => "loss")).toThrow("the closure returned loss");
    expect(() => lbfgs.addParamGroup({ params: parameter([1]) })).toThrow("second parameter group");
    expect(() => new optim.LBFGS([{ params: x }, { params: parameter([1]) }])).toThrow("second parameter group");
    expect(() => new optim.LBFGS([x], { lineSearchFn: "armijo" as never })).toThrow('lineSearchFn is "armijo"');
    expect(() => new optim.LBFGS([x], { maxIter: 0 })).toThrow("maxIter is 0");
    const paramGroups = [{ params: [0] }];
    const state = { 0: { func_evals: 1, n_iter: 1, d: parameter([1, 2]), extra: 1 } };
    expect(() => lbfgs.loadStateDict({ state, paramGroups })).toThrow(
      /unexpected extra .*t is missing.*d is float32 \[2\], expected float32 \[1\]/,
    );
  });
});

describe.each(["wasm", "js"] as const)("the kernels for whole vectors on %s", (backend) => {
  test.each([0, 1, 3, 4, 5, 17])("add up in float64 and leave what is behind %i elements alone", (n) => {
    setBackend(backend);
    const a = parameter(Array.from({ length: n + 4 }, (_, i) => 1e8 + i * 16));
    const b = parameter(Array.from({ length: n + 4 }, (_, i) => (i % 2 === 0 ? 1 : -1)));
    const [x, z] = [a.data().subarray(0, n), b.data().subarray(0, n)];
    expect(K.dot_f32(a.ptr, b.ptr, n)).toBe([...x].reduce((sum, v, i) => sum + v * z[i]!, 0));
    const behind = [...a.data().subarray(n)];
    K.combine_f32(a.ptr, a.ptr, b.ptr, n, 0.5, 3);
    expect([...a.data()]).toEqual([...Array.from(x, (v, i) => Math.fround(0.5 * v + 3 * z[i]!)), ...behind]);
  });
});

describe("the strong Wolfe search", () => {
  const search = (f: (t: number) => number, slope: (t: number) => number, first: number) => {
    let calls = 0;
    const at = (t: number) => {
      calls++;
      return { t, loss: f(t), slope: slope(t), gradient: null };
    };
    const origin = { t: 0, loss: f(0), slope: slope(0), gradient: null };
    return { found: strongWolfe(at, origin, first, 1, 1e-9), origin, calls: () => calls };
  };

  test.each([
    ["a parabola, too far", (t: number) => (t - 1) ** 2, (t: number) => 2 * (t - 1), 20],
    ["a parabola, not far enough", (t: number) => (t - 1) ** 2, (t: number) => 2 * (t - 1), 1e-3],
    ["waves", (t: number) => Math.cos(3 * t) - t / 10, (t: number) => -3 * Math.sin(3 * t) - 0.1, 5],
    ["a wall", (t: number) => Math.exp(5 * t) - 20 * t, (t: number) => 5 * Math.exp(5 * t) - 20, 30],
    ["a loss that ends", (t: number) => -Math.log(1 - t) - 3 * t, (t: number) => 1 / (1 - t) - 3, 4],
  ] as const)("finds a point on %s", (_, f, slope, first) => {
    const { found, origin, calls } = search(f, slope, first);
    expect(found.loss).toBeLessThanOrEqual(origin.loss + 1e-4 * found.t * origin.slope);
    expect(Math.abs(found.slope)).toBeLessThanOrEqual(0.9 * Math.abs(origin.slope));
    expect(calls()).toBeLessThan(20);
  });

  test("gives up after 25 further evaluations where the loss falls without end", () => {
    const { calls } = search(
      (t) => -t,
      () => -1,
      1,
    );
    expect(calls()).toBe(26);
  });
});

describe.each(["wasm", "js"] as const)("Newton on %s", (backend) => {
  test("reaches the bottom of a parabola in one step", () => {
    setBackend(backend);
    const x = parameter([4, -3, 10]);
    const newton = new optim.Newton([x]);
    const weights = tensor([1, 20, 0.1]);
    made.push(weights);
    const loss = scope(() => newton.step(closure(newton, () => F.sum(F.square(x.sub(2)).mul(weights)))).item());
    expect(loss).toBeCloseTo(4 + 500 + 6.4, 2);
    for (const v of x.data()) expect(v).toBeCloseTo(2, 2);
  });

  test("walks Rosenbrock's valley, which is not convex everywhere", () => {
    setBackend(backend);
    const x = parameter([-1.2, 1]);
    const newton = new optim.Newton([x]);
    const rosenbrock = (): Tensor => {
      const [a, b] = [x.select(0, 0), x.select(0, 1)];
      return F.square(b.sub(F.square(a)))
        .mul(100)
        .add(F.square(a.sub(1)));
    };
    for (let i = 0; i < 12; i++) scope(() => newton.step(closure(newton, rosenbrock)));
    expect(scope(() => rosenbrock().item())).toBeLessThan(1e-6);
  });

  test("goes downhill from a saddle and where the Hessian is singular", () => {
    setBackend(backend);
    const saddle = parameter([1, 0.1]);
    const signs = tensor([1, -1]);
    made.push(signs);
    const value = (): Tensor => F.sum(F.square(saddle).mul(signs));
    const newton = new optim.Newton([saddle]);
    const before = scope(() => newton.step(closure(newton, value)).item());
    expect(scope(() => value().item())).toBeLessThan(before);
    const [line, idle] = [parameter([3, 1]), parameter([7])];
    const flat = new optim.Newton([line, idle]);
    scope(() => flat.step(closure(flat, () => F.square(F.sum(line)))));
    const [a, b] = line.data();
    expect(a! + b!).toBeCloseTo(0, 2);
    expect(idle.item()).toBe(7);
  });
});

describe("Newton", () => {
  test("leaves nothing behind", () => {
    const x = parameter([1, 2]);
    const newton = new optim.Newton([x]);
    const before = memory().liveBlocks;
    scope(() => {
      newton.step(closure(newton, () => x.mul(x).sum()));
    });
    newton.zeroGrad();
    expect(memory().liveBlocks).toBe(before);
    expect(newton.stateDict().state).toEqual({});
  });

  test("takes lr as the share of the step, and shows a NaN", () => {
    const x = parameter([4]);
    const half = new optim.Newton([x], { lr: 0.5 });
    scope(() => half.step(closure(half, () => x.mul(x).sum())));
    expect(x.item()).toBeCloseTo(2, 3);
    scope(() => half.step(closure(half, () => x.mul(NaN).sum())));
    expect(x.item()).toBeNaN();
  });

  test("refuses what it cannot do", () => {
    expect(() => new optim.Newton([parameter([1, 2, 3])], { maxParams: 2 })).toThrow(
      "Newton: got 3 parameters; expected at most 2",
    );
    const newton = new optim.Newton([parameter([1])]);
    expect(() => newton.step()).toThrow("Newton: step() got undefined");
    expect(() => newton.addParamGroup({ params: parameter([1]) })).toThrow("second parameter group");
    expect(() => new optim.Newton([parameter([1])], { eps: 0 })).toThrow("eps is 0");
  });
});
