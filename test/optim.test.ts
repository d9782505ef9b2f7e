import { afterEach, describe, expect, test } from "vitest";
import {
  AutogradError,
  functional as F,
  memory,
  nn,
  optim,
  scope,
  setBackend,
  type Tensor,
  tensor,
} from "../src/node.js";

afterEach(() => setBackend("wasm"));

const BACKENDS = ["wasm", "js"] as const;
const made: Tensor[] = [];
afterEach(() => {
  for (const t of made.splice(0)) t.dispose();
});

function parameter(values: readonly number[]): Tensor {
  const t = tensor([...values], { requiresGrad: true });
  made.push(t);
  return t;
}

const ramp = (n: number, seed = 0): number[] =>
  Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i * 1.7 + seed)));

/** Steps with the given gradients; returns the parameter's values after each. */
function run(
  make: (params: Tensor[]) => optim.Optimizer,
  start: readonly number[],
  gradients: readonly (readonly number[])[],
): number[][] {
  const p = parameter(start);
  const optimizer = make([p]);
  const out = gradients.map((g) => {
    p.grad = tensor([...g]);
    optimizer.step();
    return [...p.data()];
  });
  optimizer.dispose();
  return out;
}

function expectNear(got: readonly number[][], want: readonly number[][]): void {
  got.forEach((values, s) => {
    values.forEach((v, i) => {
      expect(Math.abs(v - want[s]![i]!), `step ${s}, element ${i}: ${v}, expected ${want[s]![i]}`).toBeLessThan(2e-6);
    });
  });
}

describe.each(BACKENDS)("on %s", (backend) => {
  test.each([0, 1, 3, 4, 5, 17])("SGD follows its formula for %i elements", (n) => {
    setBackend(backend);
    const start = ramp(n);
    const gradients = [1, 2, 3, 4].map((s) => ramp(n, s));
    const options = { lr: 0.1, momentum: 0.9, dampening: 0.2, weightDecay: 0.01 };
    let p = start;
    let buf: number[] = [];
    const want = gradients.map((g, s) => {
      const d = g.map((v, i) => v + 0.01 * p[i]!);
      buf = s === 0 ? d : d.map((v, i) => 0.9 * buf[i]! + 0.8 * v);
      p = p.map((v, i) => v - 0.1 * buf[i]!);
      return p;
    });
    expectNear(
      run((params) => new optim.SGD(params, options), start, gradients),
      want,
    );
  });

  test.each([0, 1, 3, 4, 5, 17])("Adam and AdamW follow their formulas for %i elements", (n) => {
    setBackend(backend);
    const start = ramp(n);
    const gradients = [1, 2, 3, 4].map((s) => ramp(n, s));
    for (const [decoupled, amsgrad] of [
      [false, false],
      [true, false],
      [true, true],
    ] as const) {
      const zeros = (): number[] => start.map(() => 0);
      let [p, m, v, top] = [start, zeros(), zeros(), zeros()];
      const want = gradients.map((grad, s) => {
        const shrunk = decoupled ? p.map((x) => x * (1 - 0.05 * 0.1)) : p;
        const d = grad.map((x, i) => -x + (decoupled ? 0 : 0.1 * p[i]!));
        m = m.map((x, i) => 0.8 * x + 0.2 * d[i]!);
        v = v.map((x, i) => 0.95 * x + 0.05 * d[i]! ** 2);
        top = top.map((x, i) => Math.max(x, v[i]!));
        const used = amsgrad ? top : v;
        p = shrunk.map((x, i) => {
          const size = Math.sqrt(used[i]! / (1 - 0.95 ** (s + 1))) + 1e-4;
          return x - (0.05 * (m[i]! / (1 - 0.8 ** (s + 1)))) / size;
        });
        return p;
      });
      const options = { lr: 0.05, betas: [0.8, 0.95] as const, eps: 1e-4, weightDecay: 0.1, amsgrad, maximize: true };
      const Kind = decoupled ? optim.AdamW : optim.Adam;
      expectNear(
        run((params) => new Kind(params, options), start, gradients),
        want,
      );
    }
  });

  test("decayed state ends at 0, not in denormals", () => {
    setBackend(backend);
    const p = parameter(ramp(6));
    for (const optimizer of [new optim.SGD([p], { momentum: 0.5 }), new optim.Adam([p], { betas: [0.5, 0.5] })]) {
      p.grad = tensor(ramp(6, 1));
      optimizer.step();
      p.grad = tensor([0, 0, 0, 0, 0, 0]);
      for (let i = 0; i < 200; i++) optimizer.step();
      const { step, ...slots } = optimizer.stateDict().state[0]!;
      expect(step).toBe(201);
      for (const slot of Object.values(slots)) expect((slot as Tensor).tolist()).toEqual([0, 0, 0, 0, 0, 0]);
      optimizer.dispose();
    }
  });

  test("a NaN in the gradient stays visible", () => {
    setBackend(backend);
    for (const Kind of [optim.SGD, optim.Adam]) {
      const options = Kind === optim.SGD ? { momentum: 0.9 } : {};
      const [after] = run((params) => new Kind(params, options), [1, 2, 3, 4, 5], [[0, NaN, 0, 0, NaN]]);
      expect(after!.map(Number.isNaN)).toEqual([false, true, false, false, true]);
    }
  });

  test("fits a line", () => {
    setBackend(backend);
    const x = tensor([-1, 0, 1, 2]);
    const y = tensor([-1, 1, 3, 5]);
    for (const make of [
      (p: Tensor[]) => new optim.SGD(p, { lr: 0.05, momentum: 0.9 }),
      (p: Tensor[]) => new optim.Adam(p, { lr: 0.1 }),
    ]) {
      const w = parameter([0]);
      const b = parameter([0]);
      const optimizer = make([w, b]);
      for (let i = 0; i < 300; i++) {
        scope(() => {
          optimizer.zeroGrad();
          const e = x.mul(w).add(b).sub(y);
          F.mean(e.mul(e)).backward();
          optimizer.step();
        });
      }
      expect(w.item()).toBeCloseTo(2, 3);
      expect(b.item()).toBeCloseTo(1, 3);
      optimizer.dispose();
    }
    x.dispose();
    y.dispose();
  });
});

describe("an optimizer", () => {
  test("takes parameters as a module gives them, and groups with options of their own", () => {
    const model = new nn.Sequential(new nn.Dropout());
    expect(() => new optim.SGD(model.parameters(), { lr: 0.1 })).toThrow("SGD: got no parameters");
    const [a, b] = [parameter([1]), parameter([1])];
    const sgd = new optim.SGD([{ params: [a] }, { params: b, lr: 1 }], { lr: 0.5 });
    expect(sgd.paramGroups.map((g) => g.lr)).toEqual([0.5, 1]);
    for (const p of [a, b]) p.grad = tensor([1]);
    sgd.step();
    expect([a.item(), b.item()]).toEqual([0.5, 0]);
    sgd.paramGroups[0]!.lr = 0.25;
    sgd.step();
    expect([a.item(), b.item()]).toEqual([0.25, -1]);
    const c = parameter([0]);
    sgd.addParamGroup({ params: [c], momentum: 0.9 });
    expect(sgd.paramGroups[2]).toMatchObject({ lr: 0.5, momentum: 0.9 });
  });

  test("leaves parameters without a gradient alone", () => {
    const [a, b] = [parameter([1]), parameter([1])];
    b.requiresGrad_(false);
    const adam = new optim.Adam([a, b]);
    adam.step();
    expect([a.item(), b.item()]).toEqual([1, 1]);
    expect(adam.stateDict().state).toEqual({});
  });

  test("clears gradients to null, or to zeros", () => {
    const p = parameter([1, 2]);
    const sgd = new optim.SGD([p]);
    p.grad = tensor([3, 4]);
    sgd.zeroGrad({ setToNone: false });
    expect(p.grad?.tolist()).toEqual([0, 0]);
    sgd.zeroGrad();
    expect(p.grad).toBeNull();
    expect(() => sgd.zeroGrad({ setToNull: true } as never)).toThrow('unknown option "setToNull"');
  });

  test("calls a closure with recording on and returns its value", () => {
    const p = parameter([2]);
    const sgd = new optim.SGD([p], { lr: 0.25 });
    const loss = sgd.step(() =>
      scope(() => {
        const y = p.mul(p).sum();
        y.backward();
        return y.item();
      }),
    );
    expect(loss).toBe(4);
    expect(p.item()).toBe(1);
  });

  test("keeps its state outside every scope and memory flat", () => {
    const p = parameter(ramp(100));
    const adam = new optim.Adam([p], { amsgrad: true });
    const step = (): void =>
      scope(() => {
        p.grad = null;
        p.mul(p).sum().backward();
        adam.step();
      });
    step();
    const after = memory().liveBlocks;
    for (let i = 0; i < 20; i++) step();
    expect(memory().liveBlocks).toBe(after);
    adam.dispose();
    expect(memory().liveBlocks).toBe(after - 3);
  });

  test("counts as an in-place write, which backward notices", () => {
    const p = parameter([1, 2]);
    p.grad = tensor([1, 1]);
    scope(() => {
      const y = p.mul(p).sum();
      new optim.SGD([p]).step();
      expect(() => y.backward()).toThrow(AutogradError);
    });
  });

  test("updates parameters and takes gradients that do not lie in order", () => {
    const flat = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const p = scope(() => new nn.Parameter(flat.transpose(0, 1).keep()));
    const g = tensor([
      [1, 1, 1],
      [2, 2, 2],
    ]);
    p.grad = scope(() => g.transpose(0, 1).keep());
    const before = memory().liveBlocks;
    new optim.SGD([p], { lr: 1 }).step();
    expect(p.tolist()).toEqual([
      [0, 2],
      [1, 3],
      [2, 4],
    ]);
    expect(memory().liveBlocks).toBe(before);
    for (const t of [p, g, flat]) t.dispose();
  });
});

describe("an optimizer's state", () => {
  const gradients = [1, 2, 3, 4].map((s) => ramp(7, s));
  const makers = [
    (p: Tensor[]) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.5 }),
    (p: Tensor[]) => new optim.AdamW(p, { lr: 0.1, amsgrad: true }),
  ];

  test.each(makers)("continues where it was saved", (make) => {
    const want = run(make, ramp(7), gradients);
    const p = parameter(ramp(7));
    const first = make([p]);
    for (const g of gradients.slice(0, 2)) {
      p.grad = tensor(g);
      first.step();
    }
    first.paramGroups[0]!.lr = 0.1;
    const q = parameter([...p.data()]);
    const second = make([q]);
    second.paramGroups[0]!.lr = 55;
    second.loadStateDict(first.stateDict());
    first.dispose();
    second.loadStateDict(second.stateDict());
    const rest = gradients.slice(2).map((g) => {
      q.grad = tensor(g);
      second.step();
      return [...q.data()];
    });
    expect(rest).toEqual(want.slice(2));
    second.dispose();
  });

  test("has PyTorch's names", () => {
    const p = parameter([1]);
    p.grad = tensor([1]);
    const adam = new optim.Adam([p], { amsgrad: true });
    adam.step();
    const { state, paramGroups } = adam.stateDict();
    expect(Object.keys(state[0]!)).toEqual(["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]);
    expect(paramGroups).toEqual([
      { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: true, maximize: false, params: [0] },
    ]);
    adam.dispose();
  });

  test("that does not fit is refused, and nothing changes", () => {
    const p = parameter([1, 2]);
    const sgd = new optim.SGD([p], { momentum: 0.9 });
    const paramGroups = [{ params: [0], lr: 7 }];
    const wrong = parameter([1, 2, 3]);
    expect(() => sgd.loadStateDict({ state: { 0: { step: 1, momentum_buffer: wrong } }, paramGroups })).toThrow(
      "parameter 0: momentum_buffer is float32 [3], expected float32 [2]",
    );
    expect(() => sgd.loadStateDict({ state: { 0: { step: 1, exp_avg: p } }, paramGroups })).toThrow(
      "unexpected exp_avg",
    );
    expect(() => sgd.loadStateDict({ state: { 3: { step: 1 } }, paramGroups })).toThrow(
      "unexpected state of parameter 3",
    );
    expect(() => sgd.loadStateDict({ state: {}, paramGroups: [] })).toThrow("groups have [] parameters, expected [1]");
    expect(() => sgd.loadStateDict({ state: {}, paramGroups: [{ params: [0], lr: -1 }] })).toThrow("lr is -1");
    expect(sgd.paramGroups[0]!.lr).toBe(1e-3);
  });
});

describe("wrong calls are refused", () => {
  test.each([
    ["SGD: lr is -0.5", () => new optim.SGD([parameter([1])], { lr: -0.5 })],
    ["SGD: nesterov with momentum 0", () => new optim.SGD([parameter([1])], { lr: 0.1, nesterov: true })],
    ["SGD: momentum is -1", () => new optim.SGD([parameter([1])], { momentum: -1 })],
    ['SGD: unknown option "betas"', () => new optim.SGD([parameter([1])], { betas: 1 } as never)],
    ["SGD: weightDecay is -2", () => new optim.SGD([{ params: parameter([1]), weightDecay: -2 }])],
    ["Adam: betas[0] is 1.5", () => new optim.Adam([parameter([1])], { betas: [1.5, 0.9] })],
    ["Adam: betas are 0.9", () => new optim.Adam([parameter([1])], { betas: 0.9 } as never)],
    ["AdamW: eps is -1", () => new optim.AdamW([parameter([1])], { eps: -1 })],
    ["SGD: got no parameters", () => new optim.SGD([])],
    ["SGD: got no parameters", () => new optim.SGD(undefined as never)],
    ["SGD: got 5 for a parameter", () => new optim.SGD([5] as never)],
    ["expected one kind", () => new optim.SGD([parameter([1]), { params: parameter([1]) }] as never)],
  ])("%s", (message, make) => {
    expect(make).toThrow(message);
  });

  test("a parameter twice, a result of an op, integers", () => {
    const p = parameter([1]);
    expect(() => new optim.SGD([p, p])).toThrow("is there twice");
    expect(() => new optim.SGD([{ params: p }, { params: p }])).toThrow("is there twice");
    scope(() => {
      expect(() => new optim.SGD([p.mul(2)])).toThrow("expected a leaf");
    });
    const ints = tensor(Int32Array.from([1]));
    made.push(ints);
    expect(() => new optim.SGD([ints])).toThrow("SGD: parameter 0 is int32; expected float32");
  });
});
