import { describe, expect, test } from "vitest";
import {
  ArgumentError,
  defaultGenerator,
  functional as F,
  memory,
  models,
  nn,
  profile,
  ShapeError,
  type Summary,
  scope,
  summary,
  type Tensor,
  tensor,
  train,
} from "../src/node.js";
import { expectNoLeaks, own } from "./support/loading.js";

expectNoLeaks();

/** A module that is disposed of before the leak check. */
function built<M extends nn.Module>(module: M): M {
  for (const t of [...module.parameters(), ...module.buffers()]) own(t);
  return module;
}
const rowOf = (s: Summary, path: string) => s.rows.find((row) => row.path === path)!;

describe("summary", () => {
  test("counts LeNet-5 as worked out by hand", () => {
    const s = summary(built(new models.LeNet5()), [1, 1, 28, 28]);
    expect(s.rows.map((r) => [r.path, r.type, r.outputShapes, r.parameters, r.multiplyAdds])).toEqual([
      ["", "LeNet5", [[1, 10]], 0, 0],
      ["conv1", "Conv2d", [[1, 6, 28, 28]], 156, 6 * 28 * 28 * 25],
      ["conv2", "Conv2d", [[1, 16, 10, 10]], 2416, 16 * 10 * 10 * 6 * 25],
      ["fc1", "Linear", [[1, 120]], 48120, 400 * 120],
      ["fc2", "Linear", [[1, 84]], 10164, 120 * 84],
      ["fc3", "Linear", [[1, 10]], 850, 84 * 10],
    ]);
    expect(s.totals.parameters).toBe(61706);
    expect(s.totals.multiplyAdds).toBe(416520);
    expect(s.totals.inputBytes).toBe(28 * 28 * 4);
    expect(s.totals.parameterBytes).toBe(61706 * 4);
    // Pooling and ReLU are functions here: they count for the model itself.
    expect(rowOf(s, "conv1").activationBytes).toBe(6 * 28 * 28 * 4);
    expect(rowOf(s, "").activationBytes).toBe((6 * 28 * 28 + 6 * 14 * 14 + 16 * 100 + 16 * 25 + 120 + 84) * 4);
    expect(rowOf(s, "conv2").receptiveField).toEqual([14, 14]);
    expect(rowOf(s, "fc1").receptiveField).toBeNull();
    expect(s.totals.multiplyAdds).toBe(rowOf(s, "").below.multiplyAdds);
  });

  test("scales multiply-adds and activations with the batch", () => {
    const s = summary(built(new models.LeNet5()), [8, 1, 28, 28]);
    expect(s.totals.multiplyAdds).toBe(8 * 416520);
    expect(rowOf(s, "conv1").activationBytes).toBe(8 * 6 * 28 * 28 * 4);
  });

  test("follows the receptive field through a VGG-like chain, with stride and dilation", () => {
    const pool = () => new nn.MaxPool2d(2);
    const conv = (i: number, o: number) => new nn.Conv2d(i, o, 3, { padding: 1 });
    const act = () => new nn.ReLU();
    const chain = [conv(3, 4), act(), conv(4, 4), act(), pool(), conv(4, 8), act(), conv(8, 8), act(), pool()];
    const head = [
      new nn.Conv2d(8, 8, 3, { padding: 2, dilation: 2 }),
      new nn.AvgPool2d(2),
      new nn.AdaptiveAvgPool2d(1),
    ];
    const s = summary(built(new nn.Sequential(...chain, ...head, new nn.Flatten())), [1, 3, 16, 16]);
    const fields = s.rows.slice(1).map((r) => r.receptiveField?.[0] ?? null);
    expect(fields).toEqual([3, 3, 5, 5, 6, 10, 10, 14, 14, 16, 32, 36, null, null]);
    expect(s.rows[0]!.receptiveField).toBeNull();
  });

  test("takes the wider branch of a residual block, and counts its convolutions", () => {
    class Block extends nn.Module {
      readonly conv1 = new nn.Conv2d(8, 16, 3, { stride: 2, padding: 1, bias: false });
      readonly bn1 = new nn.BatchNorm2d(16);
      readonly conv2 = new nn.Conv2d(16, 16, 3, { padding: 1, bias: false });
      readonly bn2 = new nn.BatchNorm2d(16);
      readonly shortcut = new nn.Conv2d(8, 16, 1, { stride: 2, bias: false });
      forward(x: Tensor): Tensor {
        const y = this.bn2.forward(this.conv2.forward(F.relu(this.bn1.forward(this.conv1.forward(x)))));
        return F.relu(F.add(y, this.shortcut.forward(x)));
      }
    }
    const s = summary(built(new Block()), [1, 8, 8, 8]);
    expect(rowOf(s, "conv1").multiplyAdds).toBe(16 * 16 * 8 * 9);
    expect(rowOf(s, "conv2").multiplyAdds).toBe(16 * 16 * 16 * 9);
    expect(rowOf(s, "shortcut").multiplyAdds).toBe(16 * 16 * 8);
    expect(rowOf(s, "bn1").multiplyAdds).toBe(0);
    expect(s.totals.multiplyAdds).toBe(16 * 16 * (72 + 144 + 8));
    expect(s.totals.parameters).toBe(16 * (72 + 144 + 8) + 64);
    expect(rowOf(s, "").receptiveField).toEqual([7, 7]);
  });

  test("counts a bottleneck of ResNet-50 and grouped, depthwise and transposed convolutions", () => {
    const of = (module: nn.Module, ...shape: number[]) => summary(built(module), shape).totals.multiplyAdds;
    expect(of(new nn.Conv2d(8, 16, 3, { groups: 4, padding: 1 }), 1, 8, 5, 5)).toBe(25 * 16 * 2 * 9);
    expect(of(new nn.Conv2d(8, 8, 3, { groups: 8, padding: 1 }), 1, 8, 5, 5)).toBe(25 * 8 * 9);
    expect(of(new nn.ConvTranspose2d(4, 6, 2, { stride: 2 }), 1, 4, 5, 5)).toBe(25 * 4 * 6 * 4);
    expect(of(new nn.Conv1d(2, 3, 5), 4, 2, 9)).toBe(4 * 5 * 3 * 2 * 5);
    const bottleneck = new nn.Sequential(
      new nn.Conv2d(256, 64, 1, { bias: false }),
      new nn.Conv2d(64, 64, 3, { padding: 1, bias: false }),
      new nn.Conv2d(64, 256, 1, { bias: false }),
    );
    expect(of(bottleneck, 1, 256, 14, 14)).toBe(196 * (256 * 64 + 64 * 64 * 9 + 64 * 256));
  });

  test("counts recurrent layers and attention", () => {
    // 5 steps × 3 rows, 4 gates of 20: each reads 10 inputs and 20 states.
    const lstm = summary(built(new nn.LSTM(10, 20)), [5, 3, 10]);
    expect(lstm.totals.multiplyAdds).toBe(15 * 80 * 30);
    expect(lstm.rows[0]!.outputShapes).toEqual([
      [5, 3, 20],
      [1, 3, 20],
      [1, 3, 20],
    ]);
    expect(summary(built(new nn.GRU(10, 20)), [5, 3, 10]).totals.multiplyAdds).toBe(15 * 60 * 30);
    // 6 positions × 2 rows: projections 16 → 48 and 16 → 16, scores and sums of 4 heads of 4 features.
    const x = own(tensor(new Float32Array(6 * 2 * 16), { shape: [6, 2, 16] }));
    const attention = built(new nn.MultiheadAttention(16, 4));
    const expected = 12 * 16 * 48 + 2 * (2 * 4 * 6 * 6 * 4) + 12 * 16 * 16;
    expect(summary(attention, x, x, x).totals.multiplyAdds).toBe(expected);
    expect(summary(attention, x, x, x, { needWeights: false }).totals.multiplyAdds).toBe(expected);
  });

  test("takes integer inputs, and calls a module that is used twice once in its rows", () => {
    class Shared extends nn.Module {
      readonly table = new nn.Embedding(7, 4);
      readonly layer = new nn.Linear(4, 4);
      readonly again = this.layer;
      readonly unused = new nn.Linear(2, 2);
      forward(ids: Tensor): Tensor {
        return this.again.forward(this.layer.forward(this.table.forward(ids)));
      }
    }
    const model = built(new Shared());
    model.table.weight.requiresGrad_(false);
    const s = summary(model, { shape: [2, 3], dtype: "int32" });
    expect(s.rows.map((r) => [r.path, r.calls, r.parameters, r.trainable, r.multiplyAdds])).toEqual([
      ["", 1, 0, 0, 0],
      ["table", 1, 28, 0, 0],
      ["layer", 2, 20, 20, 2 * 6 * 16],
      ["unused", 0, 6, 6, 0],
    ]);
    expect([s.totals.parameters, s.totals.trainable]).toEqual([54, 26]);
    expect(String(s)).toMatch(/unused: Linear +not run/);
  });

  test("counts a parameter that two modules hold once", () => {
    const first = new nn.Linear(3, 3, { bias: false });
    const second = new nn.Linear(3, 3, { bias: false });
    second.weight.dispose();
    second.weight = first.weight;
    const s = summary(built(new nn.Sequential(first, second)), [1, 3]);
    expect(s.rows.map((r) => r.parameters)).toEqual([0, 9, 0]);
    expect(s.totals.multiplyAdds).toBe(18);
  });

  test("prints an aligned table with nested modules", () => {
    const inner = new nn.Sequential(new nn.Linear(4, 3), new nn.ReLU());
    const s = summary(built(new nn.Sequential(inner, new nn.Linear(3, 1000))), [2, 4]);
    const lines = String(s).split("\n");
    expect(lines.slice(0, 7)).toEqual([
      "module            output shape  parameters  multiply-adds  receptive field  activations",
      "─".repeat(87),
      "Sequential        [2, 1000]              –              –                             –",
      "├─ 0: Sequential  [2, 3]                 –              –                             –",
      "│  ├─ 0: Linear   [2, 3]                15             24                          24 B",
      "│  └─ 1: ReLU     [2, 3]                 –              –                          24 B",
      "└─ 1: Linear      [2, 1000]          4,000          6,000                       8.00 KB",
    ]);
    expect(lines.slice(8)).toEqual([
      "Parameters              4,015",
      "  trainable             4,015",
      "  frozen                0",
      "Multiply-adds           6.02 K",
      "Inputs                  32 B",
      "Activations             8.05 KB",
      "Parameters and buffers  16.06 KB",
    ]);
    expect(s.table({ depth: 1 }).split("\n")[3]).toMatch(/^├─ 0: Sequential +\[2, 3\] +15 +24 +48 B$/);
    expect(s.table({ depth: 1 }).split("\n")).toHaveLength(lines.length - 2);
  });

  test("leaves mode, random numbers, forward methods and memory as they were", () => {
    const model = built(new nn.Sequential(new nn.Linear(4, 4), new nn.ReLU(), new nn.Dropout({ p: 0.5 })));
    model.at(2)!.eval();
    const random = defaultGenerator.getState();
    const before = memory();
    for (let i = 0; i < 3; i++) summary(model, [2, 4]);
    expect(memory().liveBytes).toBe(before.liveBytes);
    expect([...model.modules()].map((m) => m.training)).toEqual([true, true, true, false]);
    expect(defaultGenerator.getState()).toEqual(random);
    expect([...model.modules()].filter((m) => Object.hasOwn(m, "forward"))).toEqual([]);
    model.clone().dispose();
  });

  test("restores everything when forward throws", () => {
    const model = built(new nn.Sequential(new nn.Linear(4, 4)));
    const before = memory().liveBytes;
    expect(() => summary(model, [2, 5])).toThrow(ShapeError);
    expect(memory().liveBytes).toBe(before);
    expect(model.training).toBe(true);
    expect(Object.hasOwn(model, "forward")).toBe(false);
    const seen = profile(() => scope(() => summary(model, [2, 4])));
    expect(seen.rows.find((r) => r.op === "linear")?.calls).toBe(1);
  });

  test("keeps hooks that were there", () => {
    const model = built(new nn.Linear(2, 2));
    let calls = 0;
    const hook = model.registerForwardHook(() => {
      calls++;
    });
    summary(model, [1, 2]);
    const x = own(tensor([[1, 2]]));
    scope(() => void model.forward(x));
    expect(calls).toBe(2);
    hook.remove();
    expect(Object.hasOwn(model, "forward")).toBe(false);
  });

  test("refuses what is no model, no shape or no dtype, and asynchronous models", () => {
    const model = built(new nn.Linear(2, 2));
    const call = (...args: unknown[]) => Reflect.apply(train.summary, undefined, args);
    expect(() => call({}, [1, 2])).toThrow(ArgumentError);
    expect(() => call(model, [1, -2])).toThrow("summary: a size is -2");
    expect(() => call(model, { shape: [1, 2], dtype: "float64" })).toThrow('summary: dtype is "float64"');
    expect(() => call(model, { shape: "x" })).toThrow("summary: shape is x");
    expect(() => call(model, { shape: [1, 2], type: "int32" })).toThrow('unknown option "type"');
    class Later extends nn.Module {
      async forward(): Promise<void> {}
    }
    expect(() => summary(new Later())).toThrow("Later gave a promise");
    expect(() => summary(model, [1, 2]).table({ depth: -1 })).toThrow("summary: depth is -1");
  });
});
