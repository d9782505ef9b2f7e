import { afterEach, describe, expect, test } from "vitest";
import { memory, optim, scope, setBackend, Tensor, tensor } from "../src/node.js";

// Every optimizer that updates each element from its own gradient, against its formula in float64.

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

const ramp = (n: number, seed = 0): number[] =>
  Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i * 1.7 + seed)));

/** One element of a parameter; the reference keeps what it wants to remember under names of its own. */
interface Element {
  p: number;
  [name: string]: number;
}

interface Row {
  readonly name: string;
  make(params: Tensor[]): optim.Optimizer;
  /** Step t, from 1 on, with gradient g. */
  reference(e: Element, g: number, t: number): void;
  /** PyTorch's names of the state. */
  readonly state: readonly string[];
}

const moments = (e: Element, d: number, b1: number, b2: number): void => {
  e.m = b1 * (e.m ?? 0) + (1 - b1) * d;
  e.v = b2 * (e.v ?? 0) + (1 - b2) * d * d;
};

const rows: readonly Row[] = [
  {
    name: "GD",
    make: (p) => new optim.GD(p, { lr: 0.1, weightDecay: 0.2, maximize: true }),
    reference: (e, g) => {
      e.p -= 0.1 * (-g + 0.2 * e.p);
    },
    state: [],
  },
  {
    name: "RMSprop",
    make: (p) => new optim.RMSprop(p, { lr: 0.01, alpha: 0.9, weightDecay: 0.1 }),
    reference: (e, g) => {
      const d = g + 0.1 * e.p;
      e.v = 0.9 * (e.v ?? 0) + 0.1 * d * d;
      e.p -= (0.01 * d) / (Math.sqrt(e.v) + 1e-8);
    },
    state: ["square_avg"],
  },
  {
    name: "RMSprop, centered, with momentum, upwards",
    make: (p) => new optim.RMSprop(p, { lr: 0.01, centered: true, momentum: 0.5, eps: 1e-3, maximize: true }),
    reference: (e, g) => {
      e.v = 0.99 * (e.v ?? 0) + 0.01 * g * g;
      e.a = 0.99 * (e.a ?? 0) - 0.01 * g;
      e.b = 0.5 * (e.b ?? 0) - g / (Math.sqrt(e.v - e.a ** 2) + 1e-3);
      e.p -= 0.01 * e.b;
    },
    state: ["square_avg", "momentum_buffer", "grad_avg"],
  },
  {
    name: "Adagrad",
    make: (p) => new optim.Adagrad(p, { lr: 0.1, lrDecay: 0.5, weightDecay: 0.1, initialAccumulatorValue: 0.3 }),
    reference: (e, g, t) => {
      const d = g + 0.1 * e.p;
      e.s = (e.s ?? 0.3) + d * d;
      e.p -= ((0.1 / (1 + (t - 1) * 0.5)) * d) / (Math.sqrt(e.s) + 1e-10);
    },
    state: ["sum"],
  },
  {
    name: "Adadelta",
    make: (p) => new optim.Adadelta(p, { rho: 0.8, eps: 1e-3, weightDecay: 0.1 }),
    reference: (e, g) => {
      const d = g + 0.1 * e.p;
      e.v = 0.8 * (e.v ?? 0) + 0.2 * d * d;
      const step = (Math.sqrt((e.u ?? 0) + 1e-3) / Math.sqrt(e.v + 1e-3)) * d;
      e.u = 0.8 * (e.u ?? 0) + 0.2 * step * step;
      e.p -= step;
    },
    state: ["square_avg", "acc_delta"],
  },
  {
    name: "Adamax",
    make: (p) => new optim.Adamax(p, { lr: 0.05, betas: [0.8, 0.9], weightDecay: 0.1 }),
    reference: (e, g, t) => {
      const d = g + 0.1 * e.p;
      e.m = 0.8 * (e.m ?? 0) + 0.2 * d;
      e.u = Math.max(0.9 * (e.u ?? 0), Math.abs(d) + 1e-8);
      e.p -= ((0.05 / (1 - 0.8 ** t)) * e.m) / e.u;
    },
    state: ["exp_avg", "exp_inf"],
  },
  {
    name: "NAdam with decoupled decay",
    make: (p) => new optim.NAdam(p, { lr: 0.05, momentumDecay: 0.1, weightDecay: 0.1, decoupledWeightDecay: true }),
    reference: (e, g, t) => {
      e.p -= 0.05 * 0.1 * e.p;
      moments(e, g, 0.9, 0.999);
      const mu = (s: number): number => 0.9 * (1 - 0.5 * 0.96 ** (s * 0.1));
      e.product = (e.product ?? 1) * mu(t);
      const next = mu(t + 1);
      const step = (next * e.m!) / (1 - e.product * mu(t) * next) + ((1 - mu(t)) * g) / (1 - e.product);
      e.p -= (0.05 * step) / (Math.sqrt(e.v! / (1 - 0.999 ** t)) + 1e-8);
    },
    state: ["exp_avg", "exp_avg_sq", "mu_product"],
  },
  {
    name: "RAdam, rectified from the fourth step on",
    make: (p) => new optim.RAdam(p, { lr: 0.05, betas: [0.9, 0.9], eps: 1e-3, weightDecay: 0.1 }),
    reference: (e, g, t) => {
      moments(e, g + 0.1 * e.p, 0.9, 0.9);
      const most = 2 / (1 - 0.9) - 1;
      const length = most - (2 * t * 0.9 ** t) / (1 - 0.9 ** t);
      const mean = e.m! / (1 - 0.9 ** t);
      if (length > 5) {
        const r = Math.sqrt(((length - 4) * (length - 2) * most) / ((most - 4) * (most - 2) * length));
        e.p -= (0.05 * mean * r * Math.sqrt(1 - 0.9 ** t)) / (Math.sqrt(e.v!) + 1e-3);
      } else e.p -= 0.05 * mean;
    },
    state: ["exp_avg", "exp_avg_sq"],
  },
  {
    name: "ASGD, averaging from the third step on",
    make: (p) => new optim.ASGD(p, { lr: 0.1, lambd: 0.1, alpha: 0.5, t0: 2, weightDecay: 0.1 }),
    reference: (e, g, t) => {
      const eta = t === 1 ? 0.1 : 0.1 / Math.sqrt(1 + 0.1 * 0.1 * (t - 1));
      e.p = e.p * (1 - 0.1 * eta) - eta * (g + 0.1 * e.p);
    },
    state: ["ax", "eta", "mu"],
  },
  {
    name: "Rprop",
    make: (p) => new optim.Rprop(p, { lr: 0.1, etas: [0.3, 1.5], stepSizes: [0.05, 0.2] }),
    reference: (e, g) => {
      const turn = g * (e.prev ?? 0);
      e.size = Math.min(Math.max((e.size ?? 0.1) * (turn > 0 ? 1.5 : turn < 0 ? 0.3 : 1), 0.05), 0.2);
      e.prev = turn < 0 ? 0 : g;
      e.p -= e.size * Math.sign(e.prev);
    },
    state: ["prev", "step_size"],
  },
];

const STEPS = 7;
const gradients = (n: number): number[][] => Array.from({ length: STEPS }, (_, s) => ramp(n, s + 1));

function run(optimizer: optim.Optimizer, p: Tensor, steps: readonly (readonly number[])[]): number[][] {
  return steps.map((g) => {
    p.grad = tensor([...g]);
    optimizer.step();
    return [...p.data()];
  });
}

describe.each(rows)("$name", ({ make, reference, state }) => {
  test.each([
    ["wasm", 0],
    ["wasm", 1],
    ["wasm", 3],
    ["wasm", 4],
    ["wasm", 17],
    ["js", 5],
  ] as const)("follows its formula on %s for %i elements", (backend, n) => {
    setBackend(backend);
    const elements: Element[] = ramp(n).map((p) => ({ p }));
    const p = parameter(ramp(n));
    const optimizer = make([p]);
    run(optimizer, p, gradients(n)).forEach((values, s) => {
      elements.forEach((e, i) => {
        reference(e, gradients(n)[s]![i]!, s + 1);
        const difference = Math.abs(values[i]! - e.p);
        expect(difference, `step ${s}, element ${i}: ${values[i]}, expected ${e.p}`).toBeLessThan(4e-6);
      });
    });
    optimizer.dispose();
  });

  test("continues to the bit where it was saved, with PyTorch's names for its state", () => {
    const whole = parameter(ramp(9));
    const straight = make([whole]);
    const want = run(straight, whole, gradients(9));
    const p = parameter(ramp(9));
    const first = make([p]);
    run(first, p, gradients(9).slice(0, 4));
    const saved = first.stateDict();
    expect(Object.keys(saved.state[0]!).sort()).toEqual(["step", ...state].sort());
    const q = parameter([...p.data()]);
    const second = make([q]);
    second.loadStateDict(saved);
    first.dispose();
    expect(run(second, q, gradients(9).slice(4))).toEqual(want.slice(4));
    for (const o of [straight, second]) o.dispose();
  });

  test("leaves nothing but its state behind", () => {
    const p = parameter(ramp(50));
    const before = memory().liveBlocks;
    const optimizer = make([p]);
    p.grad = tensor(ramp(50, 1));
    optimizer.step();
    const after = memory().liveBlocks;
    for (let i = 0; i < 5; i++) optimizer.step();
    expect(memory().liveBlocks).toBe(after);
    p.grad = null;
    optimizer.dispose();
    expect(memory().liveBlocks).toBe(before);
  });
});

test("ASGD averages the parameters of the steps after t0 + 1", () => {
  const p = parameter([1]);
  const asgd = new optim.ASGD([p], { lr: 0.1, lambd: 0, t0: 1 });
  const average = (): number => {
    const { ax } = asgd.stateDict().state[0]!;
    return ax instanceof Tensor ? ax.item() : NaN;
  };
  const [, , third] = run(asgd, p, [[1], [2], [3]]);
  expect(average()).toBe(third![0]);
  const [fourth, fifth] = run(asgd, p, [[4], [5]]);
  expect(average()).toBeCloseTo((third![0]! + fourth![0]! + fifth![0]!) / 3, 6);
  asgd.dispose();
});

describe.each(["wasm", "js"] as const)("on %s", (backend) => {
  test("RMSprop survives a gradient that does not change, whose variance is 0", () => {
    setBackend(backend);
    const p = parameter([1, 1, 1, 1, 1]);
    const optimizer = new optim.RMSprop([p], { centered: true, alpha: 0.5 });
    p.grad = tensor([0.1, 0.3, 0.7, 1.1, 1.3]);
    for (let i = 0; i < 100; i++) optimizer.step();
    expect([...p.data()].every(Number.isFinite)).toBe(true);
    optimizer.dispose();
  });

  test("a NaN stays visible, but for Rprop, which sees no sign in it", () => {
    setBackend(backend);
    for (const { name, make } of rows) {
      const p = parameter([1, 2, 3, 4, 5]);
      const optimizer = make([p]);
      const [after] = run(optimizer, p, [[0.5, NaN, 0.5, 0.5, NaN]]);
      const hidden = name === "Rprop";
      expect(after!.map(Number.isNaN), name).toEqual([false, !hidden, false, false, !hidden]);
      optimizer.dispose();
    }
  });

  test("state that decays ends at 0", () => {
    setBackend(backend);
    const decaying = [
      new optim.RMSprop([parameter(ramp(6))], { alpha: 0.5, centered: true, momentum: 0.5 }),
      new optim.Adadelta([parameter(ramp(6))], { rho: 0.5 }),
      new optim.NAdam([parameter(ramp(6))], { betas: [0.5, 0.5] }),
    ];
    for (const optimizer of decaying) {
      const p = optimizer.paramGroups[0]!.params[0]!;
      run(optimizer, p, [ramp(6, 1), ...Array.from({ length: 200 }, () => [0, 0, 0, 0, 0, 0])]);
      for (const value of Object.values(optimizer.stateDict().state[0]!)) {
        if (value instanceof Tensor) expect(value.tolist()).toEqual([0, 0, 0, 0, 0, 0]);
      }
      optimizer.dispose();
    }
  });

  test("every optimizer finds the bottom of a bowl", () => {
    setBackend(backend);
    const makers: readonly ((p: Tensor[]) => optim.Optimizer)[] = [
      (p) => new optim.GD(p, { lr: 0.1 }),
      (p) => new optim.RMSprop(p, { lr: 0.01, momentum: 0.5 }),
      (p) => new optim.Adagrad(p, { lr: 0.5 }),
      (p) => new optim.Adadelta(p, { eps: 1e-3 }),
      (p) => new optim.Adamax(p, { lr: 0.05 }),
      (p) => new optim.NAdam(p, { lr: 0.05 }),
      (p) => new optim.RAdam(p, { lr: 0.05 }),
      (p) => new optim.ASGD(p, { lr: 0.1 }),
      (p) => new optim.Rprop(p),
    ];
    for (const make of makers) {
      const p = parameter([1, -2, 0.5]);
      const optimizer = make([p]);
      for (let i = 0; i < 500; i++) {
        scope(() => {
          optimizer.zeroGrad();
          p.mul(p).sum().backward();
          optimizer.step();
        });
      }
      expect(Math.hypot(...p.data()), optimizer.constructor.name).toBeLessThan(0.05);
      optimizer.dispose();
    }
  });
});

describe("wrong options are refused", () => {
  const p = (): Tensor[] => [parameter([1])];
  test.each([
    ["RMSprop: alpha is 2", () => new optim.RMSprop(p(), { alpha: 2 })],
    ["RMSprop: momentum is -1", () => new optim.RMSprop(p(), { momentum: -1 })],
    ["Adagrad: lrDecay is -1", () => new optim.Adagrad(p(), { lrDecay: -1 })],
    ["Adagrad: initialAccumulatorValue is -1", () => new optim.Adagrad(p(), { initialAccumulatorValue: -1 })],
    ["Adadelta: rho is 1.5", () => new optim.Adadelta(p(), { rho: 1.5 })],
    ["NAdam: momentumDecay is -1", () => new optim.NAdam(p(), { momentumDecay: -1 })],
    ["RAdam: betas[1] is 1", () => new optim.RAdam(p(), { betas: [0.9, 1] })],
    ["Adamax: eps is -1", () => new optim.Adamax(p(), { eps: -1 })],
    ["ASGD: lambd is NaN", () => new optim.ASGD(p(), { lambd: NaN })],
    ["Rprop: etas are 1.2,0.5", () => new optim.Rprop(p(), { etas: [1.2, 0.5] })],
    ["Rprop: stepSizes are 2,1", () => new optim.Rprop(p(), { stepSizes: [2, 1] })],
    ['GD: unknown option "momentum"', () => new optim.GD(p(), { momentum: 1 } as never)],
    ["GD: lr is -1", () => new optim.GD(p(), { lr: -1 })],
  ])("%s", (message, make) => {
    expect(make).toThrow(message);
  });

  test("a saved number that is none", () => {
    const nadam = new optim.NAdam(p());
    const state = { 0: { step: 1, mu_product: parameter([1]) } };
    expect(() => nadam.loadStateDict({ state, paramGroups: [{ params: [0] }] })).toThrow("expected a number");
  });
});
