import { describe, expect, test } from "vitest";
import {
  ArgumentError,
  functional as F,
  memory,
  models,
  nn,
  type ProfileRow,
  profile,
  RuntimeError,
  ShapeError,
  scope,
  tensor,
  zeros,
} from "../src/node.js";

function rowOf(rows: readonly ProfileRow[], op: string): ProfileRow {
  const row = rows.find((r) => r.op === op);
  if (row === undefined) throw new Error(`no row ${op} in ${rows.map((r) => r.op).join(", ")}`);
  return row;
}

/** The gradients of a loss in all parameters, for one image. */
function gradients(model: models.LeNet5): number[][] {
  const image = tensor(
    Float32Array.from({ length: 784 }, (_, i) => Math.sin(i)),
    { shape: [1, 1, 28, 28] },
  );
  const label = tensor([3], { dtype: "int32" });
  const found = scope(() => {
    new nn.CrossEntropyLoss().forward(model.forward(image), label).backward();
    return Array.from(model.parameters(), (p) => Array.from(p.grad!.data()));
  });
  model.zeroGrad();
  image.dispose();
  label.dispose();
  return found;
}

describe("a profile", () => {
  test("counts calls, operations and bytes of each op", () => {
    scope(() => {
      const [a, b] = [zeros([8, 16]), zeros([16, 4])];
      const { rows } = profile(() => [F.matmul(a, b), F.matmul(a, b), F.relu(a), a.reshape(128)]);
      expect(rows.map((r) => r.op).sort()).toEqual(["matmul", "relu", "reshape"]);
      expect(rowOf(rows, "matmul")).toMatchObject({
        calls: 2,
        flops: 2 * (2 * 8 * 16 * 4),
        bytes: 2 * 4 * (8 * 16 + 16 * 4 + 8 * 4),
      });
      expect(rowOf(rows, "relu")).toMatchObject({ calls: 1, flops: null, gflops: null, bytes: 2 * 4 * 128 });
      expect(rowOf(rows, "reshape")).toMatchObject({ calls: 1, bytes: 0 });
    });
  });

  test("reads no more of an expanded operand than there is", () => {
    scope(() => {
      const one = zeros([1, 64]);
      const { rows } = profile(() => one.expand(32, 64).contiguous());
      expect(rowOf(rows, "contiguous").bytes).toBe(4 * (64 + 32 * 64));
    });
  });

  test("has shares that add up to the time in ops, which is within the whole, the longest first", () => {
    const model = new models.LeNet5();
    const { rows, ms } = profile(() => gradients(model));
    model.dispose();
    const inOps = rows.reduce((sum, r) => sum + r.ms, 0);
    expect(inOps).toBeGreaterThan(0);
    expect(inOps).toBeLessThanOrEqual(ms);
    expect(rows.reduce((sum, r) => sum + r.share, 0)).toBeCloseTo(inOps / ms, 6);
    expect(rows.map((r) => r.ms)).toEqual(rows.map((r) => r.ms).sort((a, b) => b - a));
    for (const r of rows) {
      if (r.flops !== null && r.ms > 0) expect(r.gflops).toBeCloseTo(r.flops / r.ms / 1e6, 6);
    }
  });

  test("tells forward and backward apart, and knows what a convolution costs", () => {
    const model = new models.LeNet5();
    const { rows } = profile(() => gradients(model));
    model.dispose();
    const conv1 = 2 * 28 * 28 * 6 * 25;
    const conv2 = 2 * 10 * 10 * 16 * 6 * 25;
    expect(rowOf(rows, "conv")).toMatchObject({ calls: 2, flops: conv1 + conv2 });
    expect(rowOf(rows, "conv_weight_grad")).toMatchObject({ calls: 2, flops: conv1 + conv2 });
    // Nobody needs the gradient of the model's input.
    expect(rowOf(rows, "conv_input_grad")).toMatchObject({ calls: 1, flops: conv2 });
    expect(rowOf(rows, "linear").flops).toBe(2 * (400 * 120 + 120 * 84 + 84 * 10));
    expect(rowOf(rows, "relu").calls).toBe(4);
    expect(rowOf(rows, "relu_grad").calls).toBe(4);
  });

  test("counts attention by its scores and a recurrent layer by its rows", () => {
    scope(() => {
      const q = zeros([2, 3, 5, 8], { requiresGrad: true });
      const attention = profile(() => F.scaledDotProductAttention(q, q, q).sum().backward());
      expect(rowOf(attention.rows, "scaledDotProductAttention").flops).toBe(2 * 2 * 3 * 5 * 5 * 16);
      expect(rowOf(attention.rows, "scaledDotProductAttention_grad").flops).toBe(2 * 2 * 3 * 5 * 5 * 40);
      const lstm = new nn.LSTM(7, 6);
      const recurrent = profile(() =>
        lstm
          .forward(zeros([4, 2, 7]))[0]
          .sum()
          .backward(),
      );
      expect(rowOf(recurrent.rows, "lstm").flops).toBe(2 * 8 * 24 * (7 + 6));
      expect(rowOf(recurrent.rows, "lstm_grad").flops).toBe(2 * 8 * 24 * 6);
      lstm.dispose();
    });
  });

  test("changes neither results nor memory", () => {
    const model = new models.LeNet5();
    const plain = gradients(model);
    const { liveBlocks } = memory();
    expect(profile(() => gradients(model)).result).toEqual(plain);
    expect(memory().liveBlocks).toBe(liveBlocks);
    model.dispose();
  });

  test("prints a line for each op, one for the rest and one for the sum", () => {
    scope(() => {
      const a = zeros([64, 64]);
      const lines = String(profile(() => F.relu(F.matmul(a, a)))).split("\n");
      expect(lines.map((line) => line.split(/ {2,}/)[0]).sort()).toEqual([
        "all",
        "matmul",
        "op",
        "outside ops",
        "relu",
      ]);
      expect(lines[0]).toMatch(/^op +calls +ms +share +GFLOP\/s +MB$/);
      expect(lines.at(-1)).toMatch(/^all +2 +\d+\.\d{3} +100\.0 % +0\.082$/);
      expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    });
  });

  test("of nothing is empty", () => {
    const { rows, result } = profile(() => 42);
    expect(result).toBe(42);
    expect(rows).toEqual([]);
  });
});

describe("taking a profile", () => {
  test("is refused inside of another, which goes on", () => {
    scope(() => {
      const a = zeros([4]);
      const { rows } = profile(() => {
        expect(() => profile(() => F.relu(a))).toThrow(RuntimeError);
        return F.abs(a);
      });
      expect(rows.map((r) => r.op)).toEqual(["abs"]);
    });
  });

  test("ends when the function throws, and ops that were refused are not counted", () => {
    scope(() => {
      const [a, b] = [zeros([2, 3]), zeros([2, 3])];
      expect(() => profile(() => F.matmul(a, b))).toThrow(ShapeError);
      const { rows } = profile(() => {
        expect(() => F.matmul(a, b)).toThrow(ShapeError);
        return F.relu(a);
      });
      expect(rows.map((r) => r.op)).toEqual(["relu"]);
    });
  });

  test("refuses an asynchronous function", () => {
    expect(() => profile(async () => 1)).toThrow(ArgumentError);
    expect(profile(() => 1).result).toBe(1);
  });
});
