import { describe, expect, test, vi } from "vitest";
import { ArgumentError, functional as F, manualSeed, memory, nn, scope, tensor, train } from "../src/node.js";
import { ones, runSteps } from "./support/callbacks.js";
import { expectNoLeaks, own } from "./support/loading.js";

const { GradientMonitor, diagnoseGradients } = train;
expectNoLeaks();

/** Disposes of a model after the test. */
function built<M extends nn.Module>(module: M): M {
  for (const t of [...module.parameters(), ...module.buffers()]) own(t);
  return module;
}

const kinds = (warnings: readonly train.GradientWarning[]) => warnings.map((w) => [w.kind, w.layer]);

describe("diagnoseGradients", () => {
  test("measures norms by hand-worked values", () => {
    const model = built(ones(new nn.Sequential(new nn.Linear(2, 1), new nn.Linear(1, 1, { bias: false }))));
    const x = own(tensor([[3, 4]]));
    scope(() => model.forward(x).sum().backward());
    const { layers, totalNorm, warnings } = diagnoseGradients(model);
    // dL/dw = [3, 4] and dL/db = 1; the second layer sees 3 + 4.
    expect(layers).toEqual([
      {
        layer: "0",
        type: "Linear",
        gradNorm: expect.closeTo(Math.sqrt(26), 12),
        weightNorm: Math.SQRT2,
        ratio: expect.closeTo(Math.sqrt(13), 12),
        missing: false,
      },
      { layer: "1", type: "Linear", gradNorm: 7, weightNorm: 1, ratio: 7, missing: false },
    ]);
    expect(totalNorm).toBeCloseTo(Math.sqrt(26 + 49), 12);
    expect(warnings).toEqual([]);
    model.zeroGrad();
  });

  test("warns of a deep chain of sigmoids, whose first layers hardly learn", () => {
    manualSeed(3);
    const layers = Array.from({ length: 12 }, () => [new nn.Linear(8, 8), new nn.Sigmoid()]).flat();
    const model = built(new nn.Sequential(...layers));
    const x = own(tensor([[1, -1, 2, -2, 0.5, 1, 0, 3]]));
    scope(() => model.forward(x).sum().backward());
    const { warnings } = diagnoseGradients(model);
    expect(kinds(warnings)).toContainEqual(["vanishing", "0"]);
    expect(kinds(warnings)).not.toContainEqual(["vanishing", "22"]);
    expect(warnings[0]!.message).toMatch(/^the gradient of 0 \(Linear\) has norm .*e-/);
    model.zeroGrad();
  });

  test("warns of exploding, infinite and missing gradients, and not of frozen layers", () => {
    const net = () => new nn.Linear(1, 1, { bias: false });
    const model = built(ones(new nn.Sequential(net(), net(), net(), net())));
    const gradients = [1000, Number.POSITIVE_INFINITY, 1];
    for (const [i, p] of [...model.parameters()].entries()) {
      if (i < 3) p.grad = tensor([[gradients[i]!]]);
    }
    const found = diagnoseGradients(model);
    expect(kinds(found.warnings)).toEqual([
      ["exploding", "0"],
      ["exploding", "1"],
      ["missing", "3"],
    ]);
    expect(found.warnings.map((w) => w.message)).toEqual([
      "the gradient of 0 (Linear) has norm 1000, above 100",
      "the gradient of 1 (Linear) is not finite",
      "3 (Linear) has no gradient",
    ]);
    model.at(3)!.requiresGrad_(false);
    model.at(1)!.requiresGrad_(false);
    const { layers, warnings } = diagnoseGradients(model, { exploding: 2000, vanishing: 0.01 });
    expect(layers.map((l) => l.layer)).toEqual(["0", "2"]);
    expect(kinds(warnings)).toEqual([["vanishing", "2"]]);
    model.zeroGrad();
  });

  test("does not overflow where the squares of float32 would", () => {
    const model = built(ones(new nn.Linear(2, 1, { bias: false })));
    model.weight.grad = tensor([[3e30, 4e30]]);
    expect(diagnoseGradients(model).totalNorm / 5e30).toBeCloseTo(1, 6);
    model.zeroGrad();
  });

  test("prints a table with the warnings below it", () => {
    const model = built(ones(new nn.Linear(2, 1, { bias: false })));
    const text = String(diagnoseGradients(model));
    expect(text.split("\n")).toEqual([
      "layer   gradient  weights    ratio",
      "Linear   0.00e+0  1.41e+0  0.00e+0",
      "all      0.00e+0",
      "missing: Linear has no gradient",
    ]);
  });

  test("refuses other things than modules, and other options", () => {
    expect(() => Reflect.apply(diagnoseGradients, undefined, [{}])).toThrow(ArgumentError);
    const model = built(new nn.Linear(1, 1));
    expect(() => diagnoseGradients(model, { vanishing: -1 })).toThrow("diagnoseGradients: vanishing is -1");
    expect(() => Reflect.apply(diagnoseGradients, undefined, [model, { dead: 1 }])).toThrow('unknown option "dead"');
  });
});

describe("GradientMonitor", () => {
  test("records norms and how far each step moves the weights", () => {
    const model = built(ones(new nn.Linear(2, 1, { bias: false })));
    const x = own(tensor([[3, 4]]));
    const monitor = new GradientMonitor({ every: 2 });
    runSteps(model, [monitor], 4, () => model.forward(x).sum(), { lr: 0.1 });
    expect(monitor.records.map((r) => r.step)).toEqual([1, 3]);
    const [first] = monitor.records;
    expect(first!.totalNorm).toBe(5);
    // Δw = −0.1 · [3, 4], w = [1, 1].
    expect(first!.layers[0]!.updateRatio).toBeCloseTo(0.5 / Math.SQRT2, 6);
  });

  test("finds dead units, by channel in images and by output in vectors", () => {
    const image = new nn.Conv2d(1, 4, 1);
    const model = built(
      ones(new nn.Sequential(image, new nn.ReLU(), new nn.Flatten(), new nn.Linear(4, 4), new nn.ReLU6())),
    );
    const bias = own(tensor([-9, -9, -9, 0]));
    image.loadStateDict({ bias }, { strict: false });
    const x = own(tensor([[[[1]]], [[[2]]]]));
    const warned: [string, string, number][] = [];
    const onWarning = (w: train.GradientWarning, step: number) => warned.push([w.kind, w.layer, step]);
    const monitor = new GradientMonitor({ every: 1, onWarning });
    runSteps(model, [monitor], 3, () => model.forward(x).sum(), { lr: 1e-6 });
    expect(monitor.records[0]!.activations).toEqual([
      { layer: "1", type: "ReLU", kind: "dead", fraction: 0.75 },
      { layer: "4", type: "ReLU6", kind: "dead", fraction: 0 },
    ]);
    // Once, though it stays so.
    expect(monitor.records.every((r) => kinds(r.warnings).some(([kind]) => kind === "dead"))).toBe(true);
    expect(warned.filter(([kind]) => kind === "dead")).toEqual([["dead", "1", 1]]);
    expect(monitor.records[0]!.warnings[0]!.message).toBe("75 % of the units of 1 (ReLU) are dead");
  });

  test("finds saturated sigmoids and tanhs", () => {
    const model = built(new nn.Sequential(new nn.Linear(1, 1, { bias: false }), new nn.Sigmoid(), new nn.Tanh()));
    ones(model);
    const x = own(tensor([[-9], [0], [1], [9]]));
    const monitor = new GradientMonitor({ saturated: 0.4, onWarning: () => undefined });
    runSteps(model, [monitor], 1, () => model.forward(x).sum());
    expect(monitor.records[0]!.activations).toEqual([
      { layer: "1", type: "Sigmoid", kind: "saturated", fraction: 0.5 },
      { layer: "2", type: "Tanh", kind: "saturated", fraction: 0 },
    ]);
    expect(kinds(monitor.records[0]!.warnings)).toEqual([["saturated", "1"]]);
  });

  test("hooks nothing between measured steps, nor after the training, and ignores evaluation", () => {
    const model = built(ones(new nn.Sequential(new nn.Linear(1, 1), new nn.ReLU())));
    const x = own(tensor([[1]]));
    const hooked: boolean[] = [];
    const relu = model.at(1)!;
    const monitor = new GradientMonitor({ every: 3, onWarning: () => undefined });
    runSteps(model, [monitor], 5, (i) => {
      hooked.push(Object.hasOwn(relu, "forward"));
      if (i === 3) {
        model.eval();
        scope(() => void model.forward(own(tensor([[-100]]))));
        model.train();
      }
      return model.forward(x).sum();
    });
    expect(hooked).toEqual([true, false, false, true, false]);
    expect(Object.hasOwn(relu, "forward")).toBe(false);
    expect(monitor.records.map((r) => r.activations[0]!.fraction)).toEqual([0, 0]);
  });

  test("tells the console by default, and holds no tensors", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const model = built(ones(new nn.Linear(1, 1, { bias: false })));
    const before = memory().liveBytes;
    const x = own(tensor([[500]]));
    const held = memory().liveBytes;
    runSteps(model, [new GradientMonitor()], 2, () => F.mul(model.forward(x), 1).sum());
    expect(memory().liveBytes).toBe(held);
    expect(held).toBeGreaterThan(before);
    expect(warn.mock.calls).toEqual([["step 1: exploding: the gradient of Linear has norm 500, above 100"]]);
    warn.mockRestore();
  });

  test("refuses options out of range", () => {
    expect(() => new GradientMonitor({ every: 0 })).toThrow("GradientMonitor: every is 0");
    expect(() => new GradientMonitor({ dead: 2 })).toThrow("GradientMonitor: dead is 2");
    expect(() => Reflect.construct(GradientMonitor, [{ onWarning: 1 }])).toThrow(ArgumentError);
    expect(() => Reflect.construct(GradientMonitor, [{ log: 1 }])).toThrow('unknown option "log"');
  });
});
