import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  functional as F,
  Generator,
  manualSeed,
  memory,
  nn,
  scope,
  setBackend,
  type Tensor,
  tensor,
} from "../src/node.js";

type Activation = (x: Tensor) => Tensor;

/** Values and gradients of Σ f(x) at the given places. */
function run(f: Activation, at: readonly number[]): { y: number[]; dx: number[] } {
  const x = tensor([...at], { requiresGrad: true });
  const y = scope(() => {
    const out = f(x);
    out.sum().backward();
    return [...out.data()];
  });
  const dx = [...x.grad!.data()];
  x.dispose();
  return { y, dx };
}

const rounded = (values: readonly number[]): number[] => values.map((v) => Number(v.toFixed(4)));

/** Where each function has a kink, and the gradient that PyTorch 1.13 gives there. */
const KINKS: readonly (readonly [string, Activation, readonly number[], readonly number[]])[] = [
  ["relu6", F.relu6, [0, 6], [0, 0]],
  ["hardtanh", F.hardtanh, [-1, 1], [0, 0]],
  ["hardtanh with other bounds", (x) => F.hardtanh(x, { minVal: -0.3, maxVal: 0.1 }), [-0.3, 0.1, -0.29999], [0, 0, 1]],
  ["hardsigmoid", F.hardsigmoid, [-3, 3], [0, 0]],
  ["hardswish", F.hardswish, [-3, 3], [-0.5, 1.5]],
  ["leakyRelu", F.leakyRelu, [0, -0], [0.01, 0.01]],
  ["elu", (x) => F.elu(x, { alpha: 1.5 }), [0, -0], [1.5, 1.5]],
  ["selu", F.selu, [0], [1.7581]],
  ["celu", (x) => F.celu(x, { alpha: 0.5 }), [0], [1]],
  ["hardshrink", F.hardshrink, [-0.5, 0, 0.5], [0, 0, 0]],
  ["softshrink", F.softshrink, [-0.5, 0, 0.5], [0, 0, 0]],
  ["threshold", (x) => F.threshold(x, { threshold: 0.5, value: 7 }), [0.5, 0.75], [0, 1]],
  ["softplus", (x) => F.softplus(x, { threshold: 2 }), [2, 2.5], [0.8808, 1]],
  ["softsign", F.softsign, [0], [1]],
];

/** The fused functions beside what they are fused from. */
const COMPOSITES: readonly (readonly [string, Activation, Activation])[] = [
  ["gelu", F.gelu, (x) => x.mul(F.erf(x.mul(Math.SQRT1_2)).add(1)).mul(0.5)],
  [
    "gelu with tanh",
    (x) => F.gelu(x, { approximate: "tanh" }),
    (x) =>
      x
        .mul(
          x
            .add(x.pow(3).mul(0.044715))
            .mul(Math.sqrt(2 / Math.PI))
            .tanh()
            .add(1),
        )
        .mul(0.5),
  ],
  ["silu", F.silu, (x) => x.mul(x.sigmoid())],
  ["elu", (x) => F.elu(x, { alpha: 1.5 }), (x) => x.relu().add(x.clamp(null, 0).expm1().mul(1.5))],
  ["celu", (x) => F.celu(x, { alpha: 0.5 }), (x) => x.relu().add(x.clamp(null, 0).mul(2).expm1().mul(0.5))],
  ["softplus", (x) => F.softplus(x, { beta: 2 }), (x) => x.mul(2).exp().log1p().mul(0.5)],
  ["logsigmoid", F.logsigmoid, (x) => x.sigmoid().log()],
  ["leakyRelu", (x) => F.leakyRelu(x, { negativeSlope: 0.3 }), (x) => x.relu().add(x.clamp(null, 0).mul(0.3))],
];

let blocksBefore = 0;
beforeEach(() => {
  blocksBefore = memory().liveBlocks;
});
afterEach(() => {
  expect(memory().liveBlocks).toBe(blocksBefore);
});

describe.each(["wasm", "js"] as const)("activations on %s", (backend) => {
  beforeEach(() => {
    setBackend(backend);
  });

  test.each(KINKS)("%s has PyTorch's gradient at its kinks", (_, f, at, want) => {
    expect(rounded(run(f, at).dx)).toEqual(want);
  });

  test.each(COMPOSITES)("%s agrees with its composition, and so does its gradient", (_, fused, composite) => {
    const at = Array.from({ length: 41 }, (_v, i) => (i - 20.5) / 5);
    const [a, b] = [run(fused, at), run(composite, at)];
    for (const key of ["y", "dx"] as const) {
      const error = Math.max(...a[key].map((v, i) => Math.abs(v - b[key][i]!)));
      expect(error, key).toBeLessThanOrEqual(3e-6);
    }
  });

  test("logsigmoid and softplus stay exact where their parts overflow", () => {
    const { y, dx } = run(F.logsigmoid, [-1000, -100, 100, 1000]);
    expect(y.slice(0, 2)).toEqual([-1000, -100]);
    expect(y.slice(2).every((v) => v <= 0 && v > -1e-37)).toBe(true);
    expect(rounded(dx)).toEqual([1, 1, 0, 0]);
    expect(run((x) => F.softplus(x, { threshold: 1e4 }), [1000, -1000])).toEqual({ y: [1000, 0], dx: [1, 0] });
  });

  test("rrelu draws slopes within its bounds in training, and its gradient is the slopes", () => {
    const at = Array.from({ length: 1000 }, (_v, i) => i / 100 - 8);
    const rrelu = new nn.RReLU({ lower: 0.2, upper: 0.4, generator: new Generator(1) });
    const { y, dx } = run((x) => rrelu.forward(x), at);
    const slopes = at.flatMap((x, i) => (x < 0 ? [y[i]! / x] : []));
    expect(Math.min(...slopes)).toBeGreaterThanOrEqual(0.2 - 1e-6);
    expect(Math.max(...slopes)).toBeLessThan(0.4 + 1e-6);
    expect(new Set(slopes).size).toBeGreaterThan(700);
    expect(slopes.reduce((s, v) => s + v, 0) / slopes.length).toBeCloseTo(0.3, 2);
    at.forEach((x, i) => {
      expect(dx[i]!).toBeCloseTo(x > 0 ? 1 : x < 0 ? y[i]! / x : dx[i]!, 5);
    });
    rrelu.eval();
    expect(rounded(run((x) => rrelu.forward(x), [-1, 2]).y)).toEqual([-0.3, 2]);
  });

  test("rrelu draws anew at each call, and again after the same seed", () => {
    const f: Activation = (x) => F.rrelu(x, { training: true });
    manualSeed(3);
    const [first, second] = [run(f, [-1, -2, -3]), run(f, [-1, -2, -3])];
    manualSeed(3);
    expect(run(f, [-1, -2, -3])).toEqual(first);
    expect(second).not.toEqual(first);
  });

  test("PReLU learns one slope or one a channel, and its gradient has the same bits each time", () => {
    const x = tensor(
      Float32Array.from({ length: 2 * 3 * 50 }, (_, i) => Math.sin(i * 1.7) * 3),
      { shape: [2, 3, 50] },
    );
    for (const numParameters of [1, 3]) {
      const prelu = new nn.PReLU({ numParameters, init: 0.1 });
      expect([...prelu.stateDict().keys()]).toEqual(["weight"]);
      expect(rounded([...prelu.weight.data()])).toEqual(Array(numParameters).fill(0.1));
      const grads = [0, 1].map(() => {
        prelu.zeroGrad();
        scope(() => prelu.forward(x).sum().backward());
        return [...prelu.weight.grad!.data()];
      });
      expect(grads[0]).toEqual(grads[1]);
      const want = Array<number>(numParameters).fill(0);
      x.data().forEach((v, i) => {
        if (v < 0) want[numParameters === 1 ? 0 : Math.floor(i / 50) % 3]! += v;
      });
      grads[0]!.forEach((g, c) => {
        expect(g).toBeCloseTo(want[c]!, 3);
      });
      prelu.dispose();
    }
    x.dispose();
  });

  test("Softmax2d sums to 1 over the channels of each place", () => {
    const x = tensor(
      Float32Array.from({ length: 24 }, (_, i) => i % 7),
      { shape: [1, 3, 2, 4] },
    );
    scope(() => {
      const sums = new nn.Softmax2d().forward(x).sum(1);
      expect(rounded([...sums.data()])).toEqual(Array(8).fill(1));
      expect(() => new nn.Softmax2d().forward(F.reshape(x, { shape: [6, 4] }))).toThrow(/Softmax2d: .*rank 3 or 4/);
    });
    x.dispose();
  });

  test("prelu and hardshrink are methods of tensors too", () => {
    const x = tensor([-2, -0.25, 3]);
    const weight = tensor([0.5]);
    scope(() => {
      expect(x.prelu(weight).tolist()).toEqual([-1, -0.125, 3]);
      expect(x.hardshrink(1).tolist()).toEqual([-2, 0, 3]);
      expect(x.hardshrink().tolist()).toEqual([-2, 0, 3]);
    });
    x.dispose();
    weight.dispose();
  });
});

/** A module with the functional call that it must equal. */
const MODULES: readonly (readonly [string, nn.Layer, Activation])[] = [
  ["ReLU6", new nn.ReLU6(), F.relu6],
  ["LeakyReLU", new nn.LeakyReLU({ negativeSlope: 0.2 }), (x) => F.leakyRelu(x, { negativeSlope: 0.2 })],
  ["ELU", new nn.ELU({ alpha: 2 }), (x) => F.elu(x, { alpha: 2 })],
  ["SELU", new nn.SELU(), F.selu],
  ["CELU", new nn.CELU({ alpha: 2 }), (x) => F.celu(x, { alpha: 2 })],
  ["GELU", new nn.GELU({ approximate: "tanh" }), (x) => F.gelu(x, { approximate: "tanh" })],
  ["SiLU", new nn.SiLU(), F.silu],
  ["Softplus", new nn.Softplus({ beta: 2, threshold: 1 }), (x) => F.softplus(x, { beta: 2, threshold: 1 })],
  ["LogSigmoid", new nn.LogSigmoid(), F.logsigmoid],
  ["Mish", new nn.Mish(), F.mish],
  ["Hardswish", new nn.Hardswish(), F.hardswish],
  ["Hardsigmoid", new nn.Hardsigmoid(), F.hardsigmoid],
  ["Hardtanh", new nn.Hardtanh({ minVal: -2, maxVal: 0.5 }), (x) => F.hardtanh(x, { minVal: -2, maxVal: 0.5 })],
  ["Softsign", new nn.Softsign(), F.softsign],
  ["Tanhshrink", new nn.Tanhshrink(), F.tanhshrink],
  ["Softshrink", new nn.Softshrink({ lambd: 1 }), (x) => F.softshrink(x, { lambd: 1 })],
  ["Hardshrink", new nn.Hardshrink({ lambd: 1 }), (x) => F.hardshrink(x, { lambd: 1 })],
  ["Threshold", new nn.Threshold(0.1, 20), (x) => F.threshold(x, { threshold: 0.1, value: 20 })],
  ["GLU", new nn.GLU({ dim: 0 }), (x) => F.glu(x, { dim: 0 })],
];

describe("activation modules", () => {
  test.each(MODULES)("%s hands its options on", (_, module, f) => {
    const at = [-4, -1.5, -0.7, -0.2, 0, 0.3, 0.8, 2.5];
    expect(run((x) => module.forward(x), at)).toEqual(run(f, at));
    expect([...module.parameters()]).toEqual([]);
  });

  test("refuse unknown options and values out of range when they are made", () => {
    expect(() => new nn.LeakyReLU({ slope: 1 } as object)).toThrow(/LeakyReLU: unknown option "slope"/);
    expect(() => new nn.Hardtanh({ minVal: 2 })).toThrow(/Hardtanh: minVal is 2/);
    expect(() => new nn.CELU({ alpha: 0 })).toThrow(/CELU: alpha is 0/);
    expect(() => new nn.Softplus({ beta: 0 })).toThrow(/Softplus: beta is 0/);
    expect(() => new nn.Softshrink({ lambd: -1 })).toThrow(/Softshrink: lambd is -1/);
    expect(() => new nn.RReLU({ lower: 1 })).toThrow(/RReLU/);
    expect(() => new nn.PReLU({ numParameters: 0 })).toThrow(/PReLU: numParameters is 0/);
    expect(() => new nn.Threshold(NaN, 1)).toThrow(/Threshold: threshold is NaN/);
    expect(() => new nn.GELU({ approximate: "fast" as "none" })).toThrow(/GELU: approximate is "fast"/);
  });
});
