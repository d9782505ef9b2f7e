import { afterEach, describe, expect, test } from "vitest";
import { optim, type Tensor, tensor } from "../src/node.js";

const { lrScheduler } = optim;

const made: Tensor[] = [];
afterEach(() => {
  for (const t of made.splice(0)) t.dispose();
});

function parameter(): Tensor {
  const t = tensor([0], { requiresGrad: true });
  made.push(t);
  return t;
}

const sgd = (lr = 1, momentum = 0.3): optim.SGD => new optim.SGD([parameter()], { lr, momentum });

/** The rates in force at step 0, 1, 2, … */
function rates(optimizer: optim.Optimizer, scheduler: { step(): void }, steps: number): number[] {
  const out = [optimizer.paramGroups[0]!.lr];
  for (let i = 0; i < steps; i++) {
    scheduler.step();
    out.push(optimizer.paramGroups[0]!.lr);
  }
  return out;
}

function expectNear(got: readonly number[], want: readonly number[]): void {
  expect(got.length).toBe(want.length);
  got.forEach((v, i) => {
    expect(v, `step ${i}`).toBeCloseTo(want[i]!, 6);
  });
}

type Make = (optimizer: optim.Optimizer) => optim.lrScheduler.LRScheduler;

const CLOSED: readonly (readonly [name: string, make: Make, rate: (t: number) => number])[] = [
  ["StepLR", (o) => new lrScheduler.StepLR(o, 3, { gamma: 0.5 }), (t) => 0.5 ** Math.floor(t / 3)],
  [
    "MultiStepLR, a milestone twice",
    (o) => new lrScheduler.MultiStepLR(o, [5, 2, 5], { gamma: 0.5 }),
    (t) => (t < 2 ? 1 : t < 5 ? 0.5 : 0.125),
  ],
  ["ExponentialLR", (o) => new lrScheduler.ExponentialLR(o, 0.9), (t) => 0.9 ** t],
  ["ConstantLR", (o) => new lrScheduler.ConstantLR(o, { factor: 0.25, totalIters: 4 }), (t) => (t < 4 ? 0.25 : 1)],
  [
    "LinearLR from 0",
    (o) => new lrScheduler.LinearLR(o, { startFactor: 0, endFactor: 0.8, totalIters: 5 }),
    (t) => (0.8 * Math.min(t, 5)) / 5,
  ],
  [
    "PolynomialLR",
    (o) => new lrScheduler.PolynomialLR(o, { totalIters: 6, power: 2 }),
    (t) => (1 - Math.min(t, 6) / 6) ** 2,
  ],
  [
    "CosineAnnealingLR, down and up again",
    (o) => new lrScheduler.CosineAnnealingLR(o, 4, { etaMin: 0.1 }),
    (t) => 0.1 + (0.9 * (1 + Math.cos((Math.PI * t) / 4))) / 2,
  ],
  [
    "CosineAnnealingWarmRestarts",
    (o) => new lrScheduler.CosineAnnealingWarmRestarts(o, 2, { TMult: 3, etaMin: 0.1 }),
    (t) => 0.1 + (0.9 * (1 + Math.cos(Math.PI * (t < 2 ? t / 2 : t < 8 ? (t - 2) / 6 : (t - 8) / 18)))) / 2,
  ],
  ["LambdaLR", (o) => new lrScheduler.LambdaLR(o, (t) => 1 / (1 + t)), (t) => 1 / (1 + t)],
];

describe.each(CLOSED)("%s", (_, make, rate) => {
  const want = Array.from({ length: 13 }, (__, t) => rate(t));

  test("follows its closed form", () => {
    const optimizer = sgd();
    expectNear(rates(optimizer, make(optimizer), 12), want);
  });

  test("jumps to any step", () => {
    const optimizer = sgd();
    const scheduler = make(optimizer);
    for (const t of [7, 2, 12, 0]) {
      scheduler.step(t);
      expect(optimizer.paramGroups[0]!.lr).toBeCloseTo(want[t]!, 6);
    }
    expect(() => scheduler.step(-1)).toThrow("epoch is -1");
  });

  test("continues to the bit where it was saved", () => {
    const whole = sgd();
    const all = rates(whole, make(whole), 12);
    const [a, b] = [sgd(), sgd()];
    const first = make(a);
    rates(a, first, 5);
    const second = make(b);
    b.loadStateDict(a.stateDict());
    second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())) as optim.lrScheduler.SchedulerState);
    expect(second.getLastLr()).toEqual(first.getLastLr());
    expect(rates(b, second, 7)).toEqual(all.slice(5));
  });
});

describe("a schedule", () => {
  test("treats each group by its own rate", () => {
    const optimizer = new optim.SGD([{ params: parameter(), lr: 1 }, { params: parameter() }], { lr: 0.5 });
    const scheduler = new lrScheduler.LambdaLR(optimizer, [(t) => 1 + t, () => 0.5]);
    expect(scheduler.getLastLr()).toEqual([1, 0.25]);
    scheduler.step();
    expect(optimizer.paramGroups.map((g) => g.lr)).toEqual([2, 0.25]);
    expect(() => new lrScheduler.LambdaLR(optimizer, [() => 1])).toThrow("LambdaLR: lrLambda is");
  });

  test("respects a rate that was set by hand", () => {
    const optimizer = sgd();
    const scheduler = new lrScheduler.ExponentialLR(optimizer, 0.5);
    scheduler.step();
    optimizer.paramGroups[0]!.lr = 8;
    scheduler.step();
    expect(optimizer.paramGroups[0]!.lr).toBe(4);
  });

  test("resumes after lastEpoch in an optimizer whose groups know where it began", () => {
    const before = sgd();
    rates(before, new lrScheduler.CosineAnnealingLR(before, 10), 4);
    const after = sgd();
    after.loadStateDict(before.stateDict());
    expect(after.paramGroups[0]!.initialLr).toBe(1);
    const scheduler = new lrScheduler.CosineAnnealingLR(after, 10, { lastEpoch: 4 });
    expect(scheduler.lastEpoch).toBe(5);
    expect(after.paramGroups[0]!.lr).toBeCloseTo(0.5, 6);
    expect(() => new lrScheduler.StepLR(sgd(), 2, { lastEpoch: 3 })).toThrow("group 0 has no initialLr");
  });

  test("moves a learning rate that the optimizer uses", () => {
    const p = parameter();
    const optimizer = new optim.GD([p], { lr: 1 });
    const scheduler = new lrScheduler.StepLR(optimizer, 1, { gamma: 0.5 });
    p.grad = tensor([1]);
    for (let i = 0; i < 3; i++) {
      optimizer.step();
      scheduler.step();
    }
    expect(p.item()).toBe(-1.75);
  });
});

// The expected values are PyTorch 1.13's.
describe("composed schedules", () => {
  test("SequentialLR begins each schedule anew at its milestone", () => {
    const o = sgd();
    const parts = [
      new lrScheduler.ConstantLR(o, { factor: 0.1, totalIters: 2 }),
      new lrScheduler.ExponentialLR(o, 0.5),
      new lrScheduler.CosineAnnealingLR(o, 3),
    ];
    const want = [0.1, 0.1, 1, 1, 0.5, 0.25, 1, 0.75, 0.25, 0, 0.25];
    expectNear(rates(o, new lrScheduler.SequentialLR(o, parts, [3, 6]), 10), want);
    const p = sgd();
    const restarts = new lrScheduler.CosineAnnealingWarmRestarts(p, 2);
    const growing = new lrScheduler.LambdaLR(p, (t) => t + 1);
    expectNear(rates(p, new lrScheduler.SequentialLR(p, [restarts, growing], [3]), 5), [1, 0.5, 1, 1, 2, 3]);
  });

  test("WarmUpLR rises on a line and goes over into another schedule", () => {
    const o = sgd();
    const after = new lrScheduler.StepLR(o, 2, { gamma: 0.1 });
    const scheduler = new lrScheduler.WarmUpLR(o, 3, { startFactor: 0.25, after });
    expectNear(rates(o, scheduler, 7), [0.25, 0.5, 0.75, 1, 1, 0.1, 0.1, 0.01]);
    const p = sgd(2);
    expectNear(rates(p, new lrScheduler.WarmUpLR(p, 2, { startFactor: 0 }), 4), [0, 1, 2, 2, 2]);
  });

  test("ChainedScheduler applies all in every step", () => {
    const o = sgd();
    const parts = [
      new lrScheduler.ConstantLR(o, { factor: 0.1, totalIters: 2 }),
      new lrScheduler.ExponentialLR(o, 0.5),
    ];
    expectNear(rates(o, new lrScheduler.ChainedScheduler(parts), 5), [0.1, 0.05, 0.25, 0.125, 0.0625, 0.03125]);
  });

  test("MultiplicativeLR multiplies what is in force", () => {
    const o = sgd();
    expectNear(rates(o, new lrScheduler.MultiplicativeLR(o, (t) => 0.5 + t / 10), 4), [1, 0.6, 0.42, 0.336, 0.3024]);
  });

  test("save and load the state of their parts", () => {
    const makers = [
      (o: optim.Optimizer) => new lrScheduler.WarmUpLR(o, 3, { after: new lrScheduler.ExponentialLR(o, 0.7) }),
      (o: optim.Optimizer) =>
        new lrScheduler.ChainedScheduler([
          new lrScheduler.LinearLR(o, { totalIters: 6 }),
          new lrScheduler.CosineAnnealingWarmRestarts(o, 4),
        ]),
    ];
    for (const make of makers) {
      const whole = sgd();
      const all = rates(whole, make(whole), 10);
      const [a, b] = [sgd(), sgd()];
      const first = make(a);
      rates(a, first, 4);
      const second = make(b);
      b.loadStateDict(a.stateDict());
      second.loadStateDict(first.stateDict());
      expect(rates(b, second, 6)).toEqual(all.slice(4));
    }
  });
});

describe("cycles", () => {
  const momenta = (optimizer: optim.Optimizer, scheduler: { step(): void }, steps: number): number[] => {
    const [group] = optimizer.paramGroups as readonly { momentum?: number; betas?: readonly number[] }[];
    const read = (): number => group!.betas?.[0] ?? group!.momentum!;
    const out = [read()];
    for (let i = 0; i < steps; i++) {
      scheduler.step();
      out.push(read());
    }
    return out;
  };

  test("OneCycleLR moves the momentum against the rate", () => {
    const make = (o: optim.Optimizer) => new lrScheduler.OneCycleLR(o, 2, { totalSteps: 6 });
    const [a, b] = [sgd(), sgd()];
    expectNear(rates(a, make(a), 6), [0.08, 1.988831, 1.623491, 0.925274, 0.266955, 8e-6, 0.266955]);
    const want = [0.95, 0.850558, 0.868826, 0.903737, 0.936653, 0.95, 0.936653];
    expectNear(momenta(b, make(b), 6), want);
  });

  test("OneCycleLR with three phases cycles the first beta of Adam and leaves the second", () => {
    const adam = new optim.Adam([parameter()], { lr: 1 });
    const options = { totalSteps: 6, threePhase: true, pctStart: 0.5 };
    const scheduler = new lrScheduler.OneCycleLR(adam, 2, options);
    expectNear(momenta(adam, scheduler, 5), [0.95, 0.9, 0.85, 0.9, 0.95, 0.95]);
    expect(adam.paramGroups[0]!.betas[1]).toBe(0.999);
    expect(adam.paramGroups[0]!.lr).toBeCloseTo(8e-6, 9);
  });

  test("OneCycleLR refuses a step beyond its end, and then nothing has changed", () => {
    const o = sgd();
    const scheduler = new lrScheduler.OneCycleLR(o, 2, { epochs: 2, stepsPerEpoch: 2 });
    rates(o, scheduler, 4);
    const { lr } = o.paramGroups[0]!;
    expect(() => scheduler.step()).toThrow("OneCycleLR: step 5 is beyond the cycle; expected at most 4");
    expect([o.paramGroups[0]!.lr, scheduler.lastEpoch]).toEqual([lr, 4]);
  });

  test("CyclicLR goes up and down, the momentum down and up", () => {
    const make = (o: optim.Optimizer) => new lrScheduler.CyclicLR(o, 0.1, 0.5, { stepSizeUp: 2 });
    const [a, b] = [sgd(), sgd()];
    expectNear(rates(a, make(a), 5), [0.1, 0.3, 0.5, 0.3, 0.1, 0.3]);
    expectNear(momenta(b, make(b), 5), [0.9, 0.85, 0.8, 0.85, 0.9, 0.85]);
  });

  test("CyclicLR takes a height of one's own, by cycle or by step", () => {
    const options = { stepSizeUp: 1, scaleFn: (x: number) => 1 / x, cycleMomentum: false };
    const o = new optim.GD([parameter()], { lr: 1 });
    expectNear(rates(o, new lrScheduler.CyclicLR(o, 0, 1, options), 4), [0, 1, 0, 0.5, 0]);
    const p = new optim.GD([parameter()], { lr: 1 });
    const byStep = { ...options, scaleMode: "iterations" as const, scaleFn: (x: number) => x };
    expectNear(rates(p, new lrScheduler.CyclicLR(p, 0, 1, byStep), 4), [0, 1, 0, 3, 0]);
  });

  test("CosineAnnealingWarmRestarts takes fractions of an epoch", () => {
    const o = sgd();
    const scheduler = new lrScheduler.CosineAnnealingWarmRestarts(o, 2);
    scheduler.step(2.5);
    expect(o.paramGroups[0]!.lr).toBeCloseTo((1 + Math.cos(Math.PI / 4)) / 2, 12);
    expect(scheduler.lastEpoch).toBe(2);
  });
});

describe("ReduceLROnPlateau", () => {
  test("waits for its patience, counts NaN as no improvement, and takes tensors", () => {
    const o = sgd();
    const scheduler = new lrScheduler.ReduceLROnPlateau(o, { factor: 0.5, patience: 1 });
    const one = tensor([1]);
    made.push(one);
    const seen = [one, NaN, NaN, 0.5, 0.6, 0.6].map((metric) => {
      scheduler.step(metric);
      return o.paramGroups[0]!.lr;
    });
    expect(seen).toEqual([1, 1, 0.5, 0.5, 0.5, 0.25]);
    expect(scheduler.getLastLr()).toEqual([0.25]);
  });

  test("continues where it was saved", () => {
    const [a, b] = [sgd(), sgd()];
    const first = new lrScheduler.ReduceLROnPlateau(a, { patience: 1, cooldown: 1 });
    for (const metric of [1, 2]) first.step(metric);
    const second = new lrScheduler.ReduceLROnPlateau(b, { patience: 1, cooldown: 1 });
    second.loadStateDict(first.stateDict());
    expect(second.stateDict()).toEqual({ lastEpoch: 2, lastLr: [1], best: 1, numBadEpochs: 1, cooldownCounter: 0 });
    second.step(2);
    expect(b.paramGroups[0]!.lr).toBeCloseTo(0.1, 12);
  });
});

describe("wrong calls are refused", () => {
  const { StepLR, LinearLR, OneCycleLR, CyclicLR, ReduceLROnPlateau, SequentialLR, ChainedScheduler } = lrScheduler;
  test.each<readonly [string, () => unknown]>([
    ["StepLR: stepSize is 0", () => new StepLR(sgd(), 0)],
    ['StepLR: unknown option "gama"', () => new StepLR(sgd(), 1, { gama: 1 } as never)],
    ["StepLR: got [object Object] for the optimizer", () => new StepLR({} as never, 1)],
    ["MultiStepLR: milestones[1] is 1.5", () => new lrScheduler.MultiStepLR(sgd(), [1, 1.5])],
    ["LinearLR: startFactor is 2", () => new LinearLR(sgd(), { startFactor: 2 })],
    ["ConstantLR: factor is -1", () => new lrScheduler.ConstantLR(sgd(), { factor: -1 })],
    ["CosineAnnealingWarmRestarts: T0 is 0", () => new lrScheduler.CosineAnnealingWarmRestarts(sgd(), 0)],
    ["OneCycleLR: the length is not given", () => new OneCycleLR(sgd(), 1)],
    ["OneCycleLR: pctStart is 2", () => new OneCycleLR(sgd(), 1, { totalSteps: 2, pctStart: 2 })],
    ["OneCycleLR: the optimizer has neither", () => new OneCycleLR(new optim.GD([parameter()]), 1, { totalSteps: 2 })],
    ["OneCycleLR: maxLr is 1,2", () => new OneCycleLR(sgd(), [1, 2], { totalSteps: 2 })],
    ["CyclicLR: mode is", () => new CyclicLR(sgd(), 0, 1, { mode: "square" as never })],
    ["ReduceLROnPlateau: factor is 1", () => new ReduceLROnPlateau(sgd(), { factor: 1 })],
    ["ReduceLROnPlateau: metric is", () => new ReduceLROnPlateau(sgd()).step(undefined as never)],
    ["SequentialLR: schedulers are ", () => new SequentialLR(sgd(), [], [])],
    ["belongs to another optimizer", () => new SequentialLR(sgd(), [new StepLR(sgd(), 1)], [])],
    ["expected a schedule without a metric", () => new ChainedScheduler([new ReduceLROnPlateau(sgd()) as never])],
  ])("%s", (message, make) => {
    expect(make).toThrow(message);
  });

  test("as many milestones as schedules", () => {
    const o = sgd();
    expect(() => new SequentialLR(o, [new StepLR(o, 1)], [3])).toThrow("got 1 schedulers and 1 milestones");
  });

  test("a state of another schedule, and then nothing has changed", () => {
    const o = sgd();
    const scheduler = new StepLR(o, 1);
    const state = { lastEpoch: 5, lastLr: [1, 2], best: 3 };
    expect(() => scheduler.loadStateDict(state)).toThrow(
      "StepLR: state does not fit: missing baseLrs; unexpected best; lastLr is a list of 2, expected a list of 1",
    );
    const sequence = new SequentialLR(o, [scheduler], []);
    const broken = { ...sequence.stateDict(), lastEpoch: 9, schedulers: [{}] };
    expect(() => sequence.loadStateDict(broken)).toThrow("StepLR: state does not fit: missing lastEpoch");
    expect([scheduler.lastEpoch, sequence.lastEpoch]).toEqual([0, 0]);
  });
});
