import { describe, expect, test } from "vitest";
import {
  ArgumentError,
  functional as F,
  manualSeed,
  nn,
  noGrad,
  profile,
  ShapeError,
  scope,
  type Tensor,
} from "../src/node.js";
import { distance, freeAfterEach, normal, own } from "./support/modules.js";

freeAfterEach();

/** Running statistics and parameters begin as 0 and 1, which would hide what they do. */
function lived<M extends nn.Module>(module: M): M {
  for (const [name, t] of [...module.namedParameters(), ...module.namedBuffers()]) {
    if (t.dtype !== "float32") continue;
    if (name.endsWith("running_var")) nn.init.uniform_(t, 0.5, 2);
    else if (name.endsWith("running_mean") || t.ndim === 1) nn.init.normal_(t, 0.2, 0.5);
  }
  return own(module);
}

const opsOf = (fn: () => unknown): string[] => profile(() => scope(() => void fn())).rows.map((row) => row.op);

describe("nn.utils.fuse", () => {
  const models: [name: string, make: () => nn.Module, shape: number[], without: string[]][] = [
    ["a basic block", () => new nn.BasicBlock(4, 6, { stride: 2 }), [2, 4, 9, 9], ["batch_norm_eval", "relu", "add"]],
    ["a bottleneck", () => new nn.Bottleneck(8, 2), [2, 8, 7, 7], ["batch_norm_eval", "relu", "add"]],
    ["an inverted residual", () => new nn.InvertedResidual(4, 4, 1, 6), [1, 4, 6, 6], ["batch_norm_eval", "add"]],
    ["a shuffle unit", () => new nn.ShuffleUnit(4, 8, 2), [1, 4, 6, 6], ["batch_norm_eval", "relu"]],
    [
      "an inception block",
      () => new nn.InceptionBlock(3, { one: 2, three: [2, 3], five: [2, 2], pool: 2 }),
      [1, 3, 5, 5],
      ["batch_norm_eval", "relu"],
    ],
    [
      "linear layers",
      () => new nn.Sequential(new nn.Linear(5, 7), new nn.BatchNorm1d(7), new nn.ReLU(), new nn.Linear(7, 3)),
      [4, 5],
      ["batch_norm_eval", "relu"],
    ],
    [
      "convolutions over one and three dimensions",
      () =>
        new nn.Sequential(
          new nn.Conv1d(2, 3, 3, { bias: false }),
          new nn.BatchNorm1d(3, { affine: false }),
          new nn.Unflatten(1, [1, 3, 1]),
          new nn.Conv3d(1, 2, [2, 1, 3]),
          new nn.BatchNorm3d(2),
        ),
      [2, 2, 8],
      ["batch_norm_eval"],
    ],
  ];

  test.each(models)("gives what %s gives, in fewer passes", (_, make, shape, without) => {
    manualSeed(3);
    const model = lived(make()).eval();
    const fused = own(nn.utils.fuse(model));
    const x = own(normal(...shape));
    noGrad(() => {
      const want = model.forward(x) as Tensor;
      expect(distance(want, fused.forward(x) as Tensor)).toBeLessThan(2e-5 * Math.max(1, F.abs(want).max().item()));
      expect(opsOf(() => model.forward(x))).toContain("batch_norm_eval");
    });
    const left = opsOf(() => noGrad(() => fused.forward(x)));
    expect(without.filter((op) => left.includes(op))).toEqual([]);
  });

  test("leaves the model as it is, and one whose normalisation has no statistics unfused", () => {
    const model = own(new nn.Sequential(new nn.Conv2d(1, 2, 1), new nn.BatchNorm2d(2, { trackRunningStats: false })));
    const keys = [...model.stateDict().keys()];
    const fused = own(nn.utils.fuse(model));
    expect(model.training).toBe(true);
    expect([...model.stateDict().keys()]).toEqual(keys);
    expect([...fused.stateDict().keys()]).toEqual(keys);
  });

  test("folds one pair on request, and says what it cannot fold", () => {
    const conv = lived(new nn.Conv2d(2, 3, 3));
    const norm = lived(new nn.BatchNorm2d(3));
    const x = own(normal(1, 2, 5, 5));
    const fuse = (): nn.Conv2d => nn.utils.fuseConvBnEval(conv, norm);
    expect(fuse).toThrow(ArgumentError);
    expect(fuse).toThrow("fuseConvBnEval: normalisation is in training mode; expected evaluation, call eval()");
    norm.eval();
    const fused = own(fuse());
    noGrad(() => expect(distance(norm.forward(conv.forward(x)), fused.forward(x))).toBeLessThan(1e-5));
    const other = own(new nn.BatchNorm2d(4)).eval();
    expect(() => nn.utils.fuseConvBnEval(conv, other)).toThrow(ShapeError);
    expect(() => nn.utils.fuseConvBnEval(conv, other)).toThrow(/has 4 channels; expected 3/);
    const bare = own(new nn.BatchNorm2d(3, { trackRunningStats: false })).eval();
    expect(() => nn.utils.fuseConvBnEval(conv, bare)).toThrow("expected trackRunningStats");
    const linear = lived(new nn.Linear(4, 3));
    const norm1d = lived(new nn.BatchNorm1d(3)).eval();
    const rows = own(normal(5, 4));
    const both = own(nn.utils.fuseLinearBnEval(linear, norm1d));
    noGrad(() => expect(distance(norm1d.forward(linear.forward(rows)), both.forward(rows))).toBeLessThan(1e-5));
  });
});

describe("Sequential", () => {
  const layers = (): nn.Module[] => [
    new nn.Conv2d(2, 3, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(3, 2, 1),
    new nn.ReLU6(),
    new nn.Flatten(),
    new nn.Linear(50, 4),
    new nn.ReLU(),
  ];

  test("applies activations where the layers before them are computed, with the same gradients", () => {
    const parts = layers();
    const model = own(new nn.Sequential(...parts));
    const x = own(normal(2, 2, 5, 5));
    const gradients = (forward: () => Tensor): [value: unknown, grads: unknown[]] => {
      model.zeroGrad();
      return scope(() => {
        const y = forward();
        F.mul(y, y).sum().backward();
        return [y.tolist(), [...model.parameters()].map((p) => p.grad?.tolist())];
      });
    };
    const apart = gradients(() => parts.reduce((y, layer) => layer.forward(y) as Tensor, x));
    expect(gradients(() => model.forward(x))).toEqual(apart);
    model.zeroGrad();
    expect(opsOf(() => model.forward(x))).not.toContain("relu");
    expect(opsOf(() => model.forward(x))).not.toContain("relu6");
  });

  test("leaves a layer with a hook alone, so that the hook sees its result", () => {
    const [conv, relu] = [new nn.Conv2d(1, 2, 1), new nn.ReLU()];
    const model = own(new nn.Sequential(conv, relu));
    const x = own(normal(1, 1, 3, 3));
    const smallest: number[] = [];
    const watch = (_: nn.Module, __: readonly unknown[], y: unknown): void => {
      smallest.push((y as Tensor).min().item());
    };
    const handles = [conv.registerForwardHook(watch), relu.registerForwardHook(watch)];
    scope(() => void model.forward(x));
    expect(smallest).toHaveLength(2);
    expect(smallest[0]).toBeLessThan(0);
    expect(smallest[1]).toBe(0);
    for (const handle of handles) handle.remove();
  });

  test("calls the forward of a subclass", () => {
    class Doubled extends nn.Linear {
      override forward(x: Tensor): Tensor {
        return F.mul(super.forward(x), 2);
      }
    }
    const linear = new Doubled(3, 2);
    const model = own(new nn.Sequential(linear, new nn.ReLU()));
    const x = own(normal(4, 3));
    scope(() => expect(model.forward(x).tolist()).toEqual(F.relu(linear.forward(x)).tolist()));
  });

  test("hands an epilogue to its last module, and applies it itself behind an activation or in no module", () => {
    const x = own(normal(1, 2, 3, 3));
    const conv = new nn.Conv2d(2, 2, 1);
    const ends = own(new nn.Sequential(conv));
    const active = own(new nn.Sequential(conv, new nn.ReLU()));
    scope(() => {
      const sum = F.add(conv.forward(x), x);
      expect(distance(ends.forward(x, { residual: x, activation: "relu" }), F.relu(sum))).toBeLessThan(1e-6);
      expect(distance(active.forward(x, { residual: x }), F.add(F.relu(conv.forward(x)), x))).toBeLessThan(1e-6);
      expect(distance(new nn.Sequential().forward(x, { activation: "relu" }), F.relu(x))).toBe(0);
    });
  });
});
