import { describe, expect, test } from "vitest";
import { chain } from "../bench/chain.js";
import { differenceOf } from "../bench/compare.js";
import { modelWeights, uniform } from "../bench/inputs.js";
import * as models from "../bench/models.js";
import { opJob, opWorks } from "../bench/ops.js";
import { build } from "../bench/quadlane/modules.js";
import { prepare } from "../bench/quadlane/prepare.js";
import { recorded } from "../bench/record.js";
import { type Row, summary } from "../bench/report.js";
import { merged } from "../bench/results.js";
import { modelFlops, outputShape } from "../bench/shapes.js";
import { type OpWork, type Task, type Work, works } from "../bench/works.js";
import * as backend from "../src/backend/index.js";
import { memory, setBackend } from "../src/node.js";
import { arena } from "../src/runtime/arena.js";

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

describe("the networks", () => {
  const millions = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / 1e6;

  // Operations (two a multiply-add) and parameters as published for them.
  test.each([
    ["resnet18", models.resnet18, [1000], 3628, 11.69],
    ["mobilenetv2", models.mobilenetv2, [1000], 601, 3.505],
    ["squeezenet", models.squeezenet, [1000], 698, 1.235],
  ] as const)("%s has the published size", (_, model, shape, flops, parameters) => {
    expect(outputShape(model)).toEqual(shape);
    expect(millions(modelFlops(model))).toBeCloseTo(flops, -1);
    const counts = Object.entries(modelWeights(model))
      .filter(([name]) => !name.includes("running_"))
      .map(([, { data }]) => data.length);
    expect(millions(counts)).toBeCloseTo(parameters, 2);
  });

  test("have modules that take weights by PyTorch's keys", () => {
    const { layers } = models.resnet18Cifar;
    const small = { input: [64, 8, 8], layers: layers.slice(3, 5) };
    const model = build(small);
    const keys = [...model.stateDict().keys()].filter((key) => !key.endsWith("num_batches_tracked"));
    expect(Object.keys(modelWeights(small)).sort()).toEqual(keys.sort());
    expect(model.stateDict().get("0.body.3.weight")!.data()).toEqual(modelWeights(small)["0.body.3.weight"]!.data);
    model.dispose();
  });

  test("chain residual sums and branches in order", () => {
    const leaf = ({ type }: models.Layer, path: string) => {
      return (x: string): string => `${type}${path}(${x})`;
    };
    const relu = { type: "relu" } as const;
    const forward = chain<string>(
      {
        input: [1],
        layers: [
          { type: "residual", body: [relu], shortcut: [] },
          { type: "concat", branches: [[relu], [relu]] },
        ],
      },
      { leaf, add: (a, b) => `${a}+${b}`, concat: (xs) => `[${xs.join()}]` },
    );
    const sum = "relu0.body.0(x)+x";
    expect(forward("x")).toBe(`[relu1.branches.0.0(${sum}),relu1.branches.1.0(${sum})]`);
  });
});

describe("this library's side of a work", () => {
  const tiny: models.Model = {
    input: [3, 9, 9],
    layers: [
      { type: "conv", inC: 3, outC: 64, kernel: 3, stride: 2, padding: 1, bias: false },
      { type: "batchnorm", channels: 64 },
      { type: "relu6" },
      { type: "maxpool", kernel: 3, stride: 2, padding: 1 },
      ...models.resnet18Cifar.layers.slice(3, 5),
      {
        type: "concat",
        branches: [
          [{ type: "conv", inC: 64, outC: 64, kernel: 3, padding: 1, groups: 64 }],
          [{ type: "conv", inC: 64, outC: 8, kernel: 1 }],
        ],
      },
      { type: "avgpool" },
      { type: "flatten" },
      { type: "linear", inF: 72, outF: 5 },
    ],
  };
  const recurrent = { kind: "recurrent", length: 5, inF: 6, outF: 8 } as const;
  const shortened = (model: models.Model, length: number): models.Model => ({
    ...model,
    input: [length],
    layers: model.layers.map((layer) => (layer.type === "positions" ? { ...layer, length } : layer)),
  });
  const tasks: readonly [string, Task][] = [
    ["gemm", { kind: "gemm", m: 5, k: 7, n: 9 }],
    ["conv", { kind: "conv", size: 6, inC: 4, outC: 8, kernel: 3, groups: 4 }],
    ["lstm", { ...recurrent, cell: "lstm", batch: 3 }],
    ["gru", { ...recurrent, cell: "gru", batch: 1 }],
    ["softmax", { kind: "softmax", rows: 3, width: 17 }],
    ["layernorm", { kind: "layernorm", rows: 3, width: 17 }],
    ["batchnorm", { kind: "batchnorm", batch: 2, channels: 3, size: 5, training: false }],
    ["batchnorm with a batch's statistics", { kind: "batchnorm", batch: 2, channels: 3, size: 5, training: true }],
    ["maxpool", { kind: "maxpool", channels: 3, size: 7 }],
    ["attention", { kind: "attention", heads: 2, length: 9, depth: 8 }],
    ["adam", { kind: "adam", count: 37 }],
    ["inference", { kind: "infer", model: tiny, batch: 2 }],
    ["inference of an encoder", { kind: "infer", model: { ...models.transformerEncoder, input: [5, 256] }, batch: 1 }],
    ["training", { kind: "train", model: tiny, batch: 4, lr: 0.01, losses: 2 }],
    ["training on characters", { kind: "train", model: shortened(models.charLstm, 4), batch: 2, lr: 1, losses: 2 }],
    [
      "training of causal encoders",
      { kind: "train", model: shortened(models.charTransformer, 4), batch: 2, lr: 0.1, losses: 2 },
    ],
  ];

  /** The outputs on one back end, after two runs have passed without a fault. */
  const outputsOn = async (name: "js" | "wasm", task: Task): Promise<readonly Float32Array[]> => {
    setBackend(name);
    try {
      const job = await prepare({ name: "", tolerance: 0, ...task });
      const outputs = await job.outputs();
      job.run();
      job.run();
      job.dispose?.();
      return outputs;
    } finally {
      setBackend("wasm");
    }
  };

  test.each(tasks)("is the same on both back ends, and leaves nothing behind: %s", async (_, task) => {
    const before = memory().liveBlocks;
    const js = await outputsOn("js", task);
    const wasm = await outputsOn("wasm", task);
    expect(differenceOf(wasm, js, 1e-5)).toBeNull();
    const spread = js[0]!.some((v) => v !== js[0]![0]);
    expect(spread).toBe(true);
    expect(memory().liveBlocks).toBe(before);
  });

  test("covers every kind of work", () => {
    const covered = new Set(tasks.map(([, { kind }]) => kind));
    expect(works.map((w) => w.kind).filter((kind) => kind !== "ceiling" && !covered.has(kind))).toEqual([]);
  });

  test("can be recorded: repeated kernel calls train as the run does", async () => {
    const before = memory().liveBlocks;
    const work = { name: "", tolerance: 0, kind: "train", model: tiny, batch: 4, lr: 0.01, losses: 3 } as const;
    const whole = await prepare(work);
    const [losses] = await whole.outputs();
    whole.dispose?.();
    const job = await prepare({ ...work, losses: 1 });
    const kernels = recorded(job, { backend, arena });
    // The first run is recorded, a step by itself, and then repeated.
    kernels.run();
    expect((await job.outputs())[0]![0]).toBe(losses![2]);
    kernels.dispose?.();
    expect(memory().liveBlocks).toBe(before);
  });
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
    { ...row, impl: "own", ms: 2, gflops: 30, ceiling: 40 },
    { ...row, impl: "fast", ms: 1, gflops: 60 },
    { ...row, impl: "broken", ms: null, gflops: null, runs: 0, reason: "no such op" },
  ];
  const text = summary(rows, "own", ["fast", "broken"]);
  expect(text).toContain("| gemm/64 |  2.000 | 30.0 GFLOP/s |    40.0 |  75 % |   0.50 |        – |");
  expect(text).toContain("- broken: no such op (gemm/64)");
});

test("the summary has tables of their own for variants, and names the works of a reason together", () => {
  const row = { threads: 1, runs: 10, gflops: null };
  const missing = { ms: null, runs: 0, reason: "no threads" };
  const rows: Row[] = [
    { ...row, work: "a", impl: "own", ms: 2 },
    { ...row, work: "a", impl: "peer", ms: 3 },
    { ...row, work: "threads/a", impl: "own", ms: 2 },
    { ...row, work: "threads/a", impl: "two", ms: 1 },
    { ...row, work: "threads/b", impl: "own", ms: 2 },
    { ...row, work: "threads/b", impl: "two", ...missing },
    { ...row, work: "threads/c", impl: "two", ...missing },
  ];
  const text = summary(rows, "own", ["peer"], { two: "two threads." });
  expect(text).toMatch(/\| a {4}\|.*\| +1\.50 \|\n\ntwo: two threads\./);
  expect(text).toMatch(/\| threads\/a \| +2\.000 \| +1\.000 \| +2\.00 \|/);
  expect(text).toContain("- two: no threads (threads/b, threads/c)");
});

test("the file of results has a section for each engine; a new one takes the place of its own only", () => {
  const section = (node: string, text: string) => ({ node, about: ["library: 1.0"], summary: text });
  const date = new Date("2024-05-06T07:08:09Z");
  const first = merged("", [section("v20", "old"), section("v24", "kept")], "a machine", date);
  const second = merged(first, [section("v20", "new")], "a machine", date);
  expect(second).toBe(merged("", [section("v20", "new"), section("v24", "kept")], "a machine", date));
  expect(second).toContain("## Node v20\n\n- 2024-05-06\n- a machine\n- library: 1.0\n\nnew\n\n## Node v24\n");
  expect(second).not.toContain("old");
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
