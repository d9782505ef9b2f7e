import { describe, expect, test } from "vitest";
import { functional as F, full, ones, setBackend, type Tensor } from "../src/node.js";
import { mersenneUniform } from "../src/onnx/mersenne.js";
import { normalizations } from "../src/onnx/ops/norm.js";
import { randomDraws } from "../src/onnx/ops/random_draws.js";
import { expectClose } from "./support/compare.js";
import { Nd } from "./support/nd.js";
import { gradientError, ints, runArgs, runNode, sample } from "./support/onnx.js";

const TOLERANCE = { rtol: 1e-4, atol: 1e-5 };

const ndOf = (t: Tensor): Nd => new Nd(t.shape, t.data());

function check(got: Tensor, want: Tensor): void {
  expectClose("result", got, ndOf(want), TOLERANCE);
}

const positive = (name: string, n: number): Tensor => sample(name, n).abs().add(0.5);

describe.each(["js", "wasm"] as const)("ONNX normalisation on %s", (backend) => {
  test.each([
    [6, { is_test: 0 }, 5],
    [7, {}, 5],
    [9, {}, 5],
    [14, { training_mode: 1 }, 3],
  ])("of batches in version %i trains by its own word", (opset, mode, outputs) => {
    setBackend(backend);
    const x = sample("x", 3, 4, 5);
    const inputs = [x, positive("w", 4), sample("b", 4), sample("m", 4), positive("v", 4)];
    const got = runNode(normalizations, "BatchNormalization", inputs, { momentum: 0.7, ...mode }, { opset, outputs });
    expect(got).toHaveLength(outputs);
    const mean = F.mean(x, { dim: [0, 2] });
    const variance = F.var(x, { dim: [0, 2], correction: 0 });
    check(got[0]!, F.batchNorm(x, mean, variance, inputs[1]!, inputs[2]!));
    check(got[1]!, inputs[3]!.mul(0.7).add(mean.mul(0.3)));
    check(got[2]!, inputs[4]!.mul(0.7).add(variance.mul(0.3)));
    if (outputs > 3) check(got[3]!, mean);
  });

  test.each([
    [6, { is_test: 1 }],
    [7, {}],
    [9, {}],
    [14, {}],
    [15, { training_mode: 0 }],
  ])("of batches in version %i uses the given statistics, and moves them while the model trains", (opset, mode) => {
    setBackend(backend);
    const x = sample("x", 3, 4, 5);
    const [mean, variance] = [sample("m", 4), positive("v", 4)];
    const [before, spread] = [mean.clone(), variance.clone()];
    const inputs = [x, positive("w", 4), sample("b", 4), mean, variance];
    const [y] = runNode(normalizations, "BatchNormalization", inputs, mode, { opset });
    check(y!, F.batchNorm(x, before, spread, inputs[1]!, inputs[2]!));
    check(mean, before);
    const [trained] = runNode(normalizations, "BatchNormalization", inputs, mode, { opset, training: true });
    check(trained!, F.batchNorm(x, before, spread, inputs[1]!, inputs[2]!, { training: true }));
    check(mean, before);
    check(variance, spread);
    expect(mean.data()).not.toEqual(sample("m", 4).data());
  });

  test("of groups has parameters for each group up to version 20", () => {
    setBackend(backend);
    const [x, w, b] = [sample("x", 2, 6, 4), sample("w", 3), sample("b", 3)];
    const wide = [w, b].map((t) => F.repeatInterleave(t, { repeats: 2, dim: 0 })) as [Tensor, Tensor];
    const want = F.groupNorm(x, ...wide, { numGroups: 3, eps: 1e-3 });
    const attributes = { num_groups: 3, epsilon: 1e-3 };
    check(runNode(normalizations, "GroupNormalization", [x, w, b], attributes, { opset: 18 })[0]!, want);
    check(runNode(normalizations, "GroupNormalization", [x, ...wide], attributes, { opset: 21 })[0]!, want);
  });

  test("of instances, and of layers with parameters of another shape", () => {
    setBackend(backend);
    const [x, w, b] = [sample("x", 2, 3, 4, 5), sample("w", 3), sample("b", 3)];
    check(runNode(normalizations, "InstanceNormalization", [x, w, b])[0]!, F.instanceNorm(x, null, null, w, b));
    const [scale, shift] = [sample("s", 4, 1), sample("t", 5)];
    const layer = (...t: Tensor[]): Tensor => runNode(normalizations, "LayerNormalization", t, { axis: 2 })[0]!;
    const normal = F.layerNorm(x, { normalizedShape: [4, 5] });
    check(layer(x, scale, shift), normal.mul(scale).add(shift));
    const [plane, own] = [sample("p", 4, 5), sample("q", 4, 5)];
    check(layer(x, plane, own), normal.mul(plane).add(own));
    expect(gradientError(layer, [x, plane, own])).toBeLessThan(5e-3);
    const rms = runNode(normalizations, "RMSNormalization", [x, scale], { axis: 2 }, { opset: 23 })[0]!;
    check(rms, F.rmsNorm(x, { normalizedShape: [4, 5], eps: 1e-5 }).mul(scale));
  });

  test.each([2, 3, 4])("over %i neighbouring channels", (size) => {
    setBackend(backend);
    const x = sample("x", 2, 5, 3);
    const attributes = { size, alpha: 0.5, beta: 0.6, bias: 2 };
    const [y] = runNode(normalizations, "LRN", [x], attributes);
    const square = F.mul(x, x);
    const want = F.stack(
      Array.from({ length: 5 }, (_, c) => {
        const start = Math.max(0, c - Math.floor((size - 1) / 2));
        const end = Math.min(5, c + Math.ceil((size - 1) / 2) + 1);
        const sum = square.slice(1, { start, end }).sum(1);
        return x.select(1, c).div(F.pow(sum.mul(0.5 / size).add(2), 0.6));
      }),
      { dim: 1 },
    );
    check(y!, want);
  });

  test("to mean 0 and variance 1 over axes", () => {
    setBackend(backend);
    const x = sample("x", 2, 3, 4, 5);
    const [y] = runNode(normalizations, "MeanVarianceNormalization", [x]);
    expect(Math.max(...Array.from(F.mean(y!, { dim: [0, 2, 3] }).data(), Math.abs))).toBeLessThan(1e-6);
    check(F.var(y!, { dim: [0, 2, 3], correction: 0 }), ones([3]));
  });

  test.each(["Softmax", "LogSoftmax", "Hardmax"])("by %s takes all axes from one on up to version 12", (op) => {
    setBackend(backend);
    const x = sample("x", 2, 3, 4);
    const flat = runNode(normalizations, op, [x], {}, { opset: 11 })[0]!;
    check(flat.reshape([2, 12]), runNode(normalizations, op, [x.reshape([2, 12])], {}, { opset: 13 })[0]!);
    const along = runNode(normalizations, op, [x], { axis: 1 }, { opset: 13 })[0]!;
    const moved = runNode(normalizations, op, [x.transpose(1, 2)], {}, { opset: 13 })[0]!;
    check(along, moved.transpose(1, 2));
  });

  test("by Hardmax chooses the first of equals", () => {
    setBackend(backend);
    const x = F.stack([ints([3, 7, 7, 1]), ints([2, 2, 2, 2])]).to("float32");
    expect(runNode(normalizations, "Hardmax", [x])[0]!.tolist()).toEqual([
      [0, 1, 0, 0],
      [1, 0, 0, 0],
    ]);
  });
});

describe("ONNX's Dropout", () => {
  const x = sample("x", 20, 50);
  const zeros = (t: Tensor): number => t.eq(0).sum().item();

  test.each([
    [7, { ratio: 0.25 }, []],
    [10, { ratio: 0.25 }, []],
    [12, {}, [0.25]],
    [13, {}, [0.25]],
  ] as const)("of version %i drops while the model trains", (opset, attributes, given) => {
    const inputs = [x, ...given.map((p) => full([], p))];
    const eager = { opset, outputs: 2 };
    const [still, all] = runArgs(randomDraws, "Dropout", inputs, attributes, eager);
    expect(still!.tensor.data()).toEqual(x.data());
    expect(all!.elem).toBe(opset < 10 ? "float32" : "bool");
    expect(all!.tensor.sum().item()).toBe(1000);
    const [y, mask] = runArgs(randomDraws, "Dropout", inputs, attributes, { ...eager, training: true });
    expect(zeros(y!.tensor)).toBeGreaterThan(180);
    expect(zeros(y!.tensor)).toBeLessThan(320);
    check(y!.tensor, x.mul(mask!.tensor.to("float32")).mul(4 / 3));
    expect(zeros(runNode(randomDraws, "Dropout", inputs, attributes, { opset, training: true })[0]!)).toBeGreaterThan(
      180,
    );
  });

  test("does as its input tells, and not as the model, from version 12 on", () => {
    const run = (told: boolean, training: boolean): number =>
      zeros(runNode(randomDraws, "Dropout", [x, full([], 0.5), full([], told)], {}, { training })[0]!);
    expect(run(false, true)).toBe(0);
    expect(run(true, false)).toBeGreaterThan(400);
  });

  test("of version 6 has an attribute for it", () => {
    const run = (is_test: number): number => zeros(runNode(randomDraws, "Dropout", [x], { is_test }, { opset: 6 })[0]!);
    expect(run(1)).toBe(0);
    expect(run(0)).toBeGreaterThan(400);
  });

  test("with a seed drops what NumPy's generator says", () => {
    // numpy.random.seed(0); numpy.random.uniform(size=3).
    expect(Array.from(mersenneUniform(0, 3))).toEqual([0.5488135039273248, 0.7151893663724195, 0.6027633760716439]);
    const inputs = [ones([3]), full([], 0.6), full([], true)];
    const [y, mask] = runNode(randomDraws, "Dropout", inputs, { seed: 0 }, { outputs: 2 });
    expect(mask!.tolist()).toEqual([false, true, true]);
    check(y!, ints([0, 1, 1]).to("float32").mul(2.5));
  });
});

test("Bernoulli and Multinomial draw with the given probabilities, again with a seed", () => {
  const p = full([2000], 0.2);
  const bernoulli = () => runArgs(randomDraws, "Bernoulli", [p], { dtype: 6, seed: 3 })[0]!;
  expect(bernoulli().elem).toBe("int32");
  expect(bernoulli().tensor.data()).toEqual(bernoulli().tensor.data());
  expect(Math.abs(bernoulli().tensor.sum().item() - 400)).toBeLessThan(80);
  const logits = F.log(F.stack([full([3], 1), F.cat([full([2], 1e-9), full([1], 1)])]));
  const drawn = runArgs(randomDraws, "Multinomial", [logits], { sample_size: 300, dtype: 7 })[0]!;
  expect(drawn.elem).toBe("int64");
  expect(drawn.tensor.shape).toEqual([2, 300]);
  const [any, last] = drawn.tensor.tolist() as [number[], number[]];
  expect(new Set(any)).toEqual(new Set([0, 1, 2]));
  expect(new Set(last)).toEqual(new Set([2]));
});
