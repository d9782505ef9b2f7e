import { describe, expect, test } from "vitest";
import { differenceOf } from "../bench/compare.js";
import { uniform } from "../bench/inputs.js";
import { opJob, opWorks } from "../bench/ops.js";
import { type Row, summary } from "../bench/report.js";
import { type OpWork, type Work, works } from "../bench/works.js";
import { memory } from "../src/node.js";

test("makes the same inputs every time, spread over their range", () => {
  const { data } = uniform("x", [100, 100], 0.5);
  expect(uniform("x", [100, 100], 0.5).data).toEqual(data);
  expect(uniform("y", [100, 100], 0.5).data).not.toEqual(data);
  const mean = data.reduce((a, b) => a + b, 0) / data.length;
  const variance = data.reduce((a, b) => a + b * b, 0) / data.length;
  expect(Math.abs(mean)).toBeLessThan(0.01);
  expect(variance).toBeCloseTo(0.25 / 3, 2);
});

test("counts the operations of a network layer by layer", () => {
  const flops = (name: string): number | undefined => works.find((work) => work.name === name)?.flops;
  const conv1 = 2 * 28 * 28 * 6 * 25;
  const lenet = conv1 + 2 * 10 * 10 * 16 * 6 * 25 + 2 * (400 * 120 + 120 * 84 + 84 * 10);
  expect(flops("infer/lenet-b1")).toBe(lenet);
  expect(flops("train/lenet-b64")).toBe(64 * (3 * lenet - conv1));
  expect(flops("dwconv/112x32k3")).toBe(2 * 112 * 112 * 32 * 9);
});

describe("the comparison of outputs", () => {
  const reference = [Float32Array.of(1, -100)];
  test("allows a share of the largest value", () => {
    expect(differenceOf([Float32Array.of(1.0009, -100)], reference, 1e-5)).toBeNull();
    expect(differenceOf([Float32Array.of(1.01, -100)], reference, 1e-5)).toMatch(
      /^output 0 is 1\.00\d+ at 0; expected 1/,
    );
  });
  test("knows infinities", () => {
    const want = [Float32Array.of(1, -Infinity)];
    expect(differenceOf([Float32Array.of(1, -Infinity)], want, 1e-5)).toBeNull();
    expect(differenceOf([Float32Array.of(1.01, -Infinity)], want, 1e-5)).not.toBeNull();
    expect(differenceOf([Float32Array.of(1, Infinity)], want, 1e-5)).not.toBeNull();
    expect(differenceOf([Float32Array.of(1, 3)], want, 1e-5)).not.toBeNull();
  });
  test("refuses NaN and other lengths", () => {
    expect(differenceOf([Float32Array.of(NaN, -100)], reference, 1e-5)).not.toBeNull();
    expect(differenceOf([Float32Array.of(1)], reference, 1e-5)).toBe("output 0 has 1 values; expected 2");
    expect(differenceOf([], reference, 1e-5)).toBe("gave 0 outputs; expected 1");
  });
});

test("the summary gives ratios, the share of the ceiling, and reasons in words", () => {
  const row = { work: "gemm/64", threads: 1, runs: 10 };
  const rows: Row[] = [
    { ...row, work: "ceiling", impl: "ceiling", ms: 1, gflops: 60 },
    { ...row, impl: "own", ms: 2, gflops: 30 },
    { ...row, impl: "fast", ms: 1, gflops: 60 },
    { ...row, impl: "broken", ms: null, gflops: null, runs: 0, reason: "no such op" },
  ];
  const text = summary(rows, "own", ["fast", "broken"]);
  expect(text).toContain("| gemm/64 |  2.000 | 30.0 GFLOP/s |       50 % |   0.50 |        – |");
  expect(text).toContain("gemm/64, broken: no such op");
});

describe("the works of ops", () => {
  const find = (name: string): Work & OpWork => {
    const work = opWorks.find((w) => w.name === name);
    if (work?.kind !== "op") throw new Error(`no work ${name}`);
    return work;
  };

  test("take part in no plain run, and have names of their own", () => {
    expect(works.filter((w) => w.kind === "op" || w.name.startsWith("op/"))).toEqual([]);
    expect(new Set(opWorks.map((w) => w.name)).size).toBe(opWorks.length);
  });

  test("come with a backward pass where there are gradients, and count it twice", () => {
    const forward = find("op/linear/32×784×256");
    expect(forward.flops).toBe(2 * 32 * 784 * 256);
    expect(find("op/linear/32×784×256 + backward").flops).toBe(3 * forward.flops!);
    expect(opWorks.some((w) => w.name === "op/argmax/rows of 1024x1000 + backward")).toBe(false);
  });

  test("give the same outputs and gradients on both back ends, and leave nothing behind", () => {
    const before = memory().liveBlocks;
    const work = find("op/linear/32×784×256 + backward");
    const [js, wasm] = (["js", "wasm"] as const).map((backend) => {
      const job = opJob(work, backend);
      const outputs = job.outputs();
      job.run();
      job.dispose?.();
      return outputs as readonly Float32Array[];
    });
    expect(js!.map((o) => o.length)).toEqual([32 * 256, 32 * 784, 256 * 784, 256]);
    expect(differenceOf(wasm!, js!, work.tolerance)).toBeNull();
    expect(memory().liveBlocks).toBe(before);
  });
});
