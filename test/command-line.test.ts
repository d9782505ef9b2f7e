import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { compileFile } from "../src/cli/compile.js";
import { convert } from "../src/cli/convert.js";
import { readWeights, writeWeights } from "../src/cli/files.js";
import { check, info } from "../src/cli/info.js";
import { bench, run } from "../src/cli/run.js";
import { loadNpz, onnx, saveNpy, saveSafetensors, type Tensor, tensor, zeros } from "../src/node.js";
import { Program } from "../src/program/index.node.js";
import { temporaryFolder } from "./support/files.js";
import { initializer, modelBytes, node, value } from "./support/onnx-model.js";
import { pytorchFile } from "./support/pytorch-file.js";

const folder = temporaryFolder();
const at = (name: string): string => join(folder, name);

const weight = tensor([
  [1, 2],
  [3, 4],
  [5, 6],
]);
/** y = relu(x · w), the batch being open. */
const layer = {
  input: [value("x", ["N", 3])],
  output: [value("y", ["N", 2])],
  initializer: [initializer("w", weight)],
  node: [node("MatMul", ["x", "w"], ["xw"]), node("Relu", ["xw"], ["y"])],
};
writeFileSync(at("layer.onnx"), modelBytes(layer));
writeFileSync(
  at("strange.onnx"),
  modelBytes({ ...layer, node: [node("Frobnicate", ["x"], ["a"]), node("Twist", ["a"], ["y"])] }),
);
writeFileSync(at("checkpoint.pt"), pytorchFile());
saveSafetensors(at("a.safetensors"), { weight }, { by: "test" });
saveNpy(at("x.npy"), tensor([[1, 0, -1]]));
saveNpy(at("wide.npy"), tensor([[1, 0, -1, 2]]));

const FEED = { seed: 1, backend: "wasm", threads: 1, memory: "fast" } as const;

describe("quadlane info", () => {
  test("tells a model's inputs, outputs, operators and weights", () => {
    const text = info(at("layer.onnx"), {});
    expect(text).toContain("inputs: x: float32 [N, 3]");
    expect(text).toContain("outputs: y: float32 [N, 2]");
    expect(text).toContain("operators: MatMul 1, Relu 1");
    expect(text).toMatch(/w +float32 +\[3, 2\] +6/);
    expect(text).toContain("1 tensors, 6 elements");
  });

  test("tells a file's tensors and what is said about them", () => {
    const text = info(at("a.safetensors"), { stats: true });
    expect(text).toContain("by: test");
    expect(text).toMatch(/weight +float32 +\[3, 2\] +6 +mean 3.5, deviation 1.708, from 1 to 6/);
    expect(JSON.parse(info(at("a.safetensors"), { json: true }))).toEqual({
      metadata: { by: "test" },
      parameters: 6,
      tensors: [{ name: "weight", dtype: "float32", shape: [3, 2] }],
    });
  });

  test("tells values in JSON too, if they are asked for", () => {
    const { tensors } = JSON.parse(info(at("a.safetensors"), { json: true, stats: true }));
    expect(tensors[0].values).toBe("mean 3.5, deviation 1.708, from 1 to 6");
  });

  test("reads the state dict of a checkpoint", () => {
    expect(info(at("checkpoint.pt"), { key: "model" })).toContain("12 tensors");
    expect(() => info(at("a.safetensors"), { key: "model" })).toThrow(/--key is for PyTorch's files/);
  });
});

describe("quadlane check", () => {
  test("accepts a model that runs", () => {
    expect(check(at("layer.onnx"))).toEqual({ ok: true, text: "all 2 operators are supported: MatMul 1, Relu 1" });
  });

  test("lists every operator that is missing", () => {
    const { ok, text } = check(at("strange.onnx"));
    expect(ok).toBe(false);
    expect(text).toMatch(/Frobnicate.*\n.*Twist/);
  });
});

describe("quadlane run", () => {
  test("takes inputs from files and writes outputs", async () => {
    const text = await run(at("layer.onnx"), { ...FEED, input: [`x=${at("x.npy")}`], output: at("y.npz") });
    expect(text).toContain("y: float32 [1, 2]");
    expect(text).toContain("largest at 0 (0.000), 1 (0.000)");
    expect(loadNpz(at("y.npz")).get("y")!.tolist()).toEqual([[0, 0]]);
  });

  test("draws what is not given: the same for the same seed", async () => {
    const once = await run(at("layer.onnx"), { ...FEED, shape: ["x=5x3"] });
    expect(once).toContain("y: float32 [5, 2]");
    expect(await run(at("layer.onnx"), { ...FEED, shape: ["5x3"] })).toBe(once);
    expect(await run(at("layer.onnx"), { ...FEED, shape: ["x=5x3"], seed: 2 })).not.toBe(once);
  });

  test.each([
    [
      "an input that is not there",
      { input: ["z=a.npy"] },
      /names no input; expected name=… with one of x: float32 \[N, 3\]/,
    ],
    ["an input given twice", { input: ["x=a.npy", "x=b.npy"] }, /given twice/],
    ["a file and a shape", { input: [`x=${at("x.npy")}`], shape: ["x=1x3"] }, /both --input and --shape/],
    ["a shape that is none", { shape: ["x=1xthree"] }, /is no shape/],
    ["threads of the js kernels", { shape: ["x=1x3"], backend: "js" as const, threads: 2 }, /is for the wasm kernels/],
    ["a file of another kind", { input: ["x=a.png"] }, /cannot read an input/],
    ["a value that does not fit", { input: [`x=${at("wide.npy")}`] }, /expected \[N, 3\]/],
  ])("refuses %s", async (_, options, message) => {
    await expect(run(at("layer.onnx"), { ...FEED, ...options })).rejects.toThrow(message);
  });
});

test("quadlane bench tells times and memory, and the time of each op", async () => {
  const text = await bench(at("layer.onnx"), { ...FEED, time: 5, profile: true });
  expect(text).toMatch(/wasm, \w+ binary, 1 thread\n/);
  expect(text).toMatch(/\d+ runs: median [\d.]+ ms/);
  expect(text).toMatch(/memory: weights/);
  expect(text).toMatch(/matmul|linear/);
});

describe("quadlane compile", () => {
  const options = { seed: 1, shape: ["x=1x3"], binary: "simd", memory: "fast" } as const;

  test("writes a program that does what the model does", async () => {
    const text = await compileFile(at("layer.onnx"), at("layer.qlp"), options);
    expect(text).toContain("Program(x: float32 [1, 3] → y: float32 [1, 2]; ");
    expect(text).toMatch(/simd kernels: \d+ bytes written to .*layer.qlp$/);
    const program = Program.loadSync(readFileSync(at("layer.qlp")));
    expect(program.run({ x: Float32Array.of(1, 0, 1) }).y).toEqual(Float32Array.of(6, 8));
  });

  test("writes nothing if the model cannot be run so", async () => {
    const wrong = { ...options, shape: ["x=1x4"] };
    await expect(compileFile(at("layer.onnx"), at("none.qlp"), wrong)).rejects.toThrow(/expected \[N, 3\]/);
    expect(existsSync(at("none.qlp"))).toBe(false);
  });
});

test("quadlane bench keeps no forms of weights if memory counts most", async () => {
  const wide = { ...layer, input: [value("x", ["N", 512])], initializer: [initializer("w", zeros([512, 512]))] };
  writeFileSync(at("wide.onnx"), modelBytes(wide));
  const kept = async (memory: "fast" | "least"): Promise<number> => {
    const text = await bench(at("wide.onnx"), { ...FEED, memory, shape: ["x=32x512"], time: 1 });
    return Number(/kept forms of them ([\d.]+) MB/.exec(text)![1]);
  };
  expect(await kept("fast")).toBeGreaterThan(0);
  expect(await kept("least")).toBe(0);
});

describe("quadlane convert", () => {
  test("keeps tensors from format to format", () => {
    writeWeights(at("b.npz"), readWeights(at("checkpoint.pt"), "model"), "F32");
    writeWeights(at("b.safetensors"), readWeights(at("b.npz")), "F32");
    const values = (path: string): unknown => Array.from(readWeights(path).tensors, ([name, t]) => [name, t.tolist()]);
    expect(values(at("b.safetensors"))).toEqual(values(at("b.npz")));
    writeWeights(at("w.npy"), readWeights(at("layer.onnx")), "F32");
    expect(values(at("w.npy"))).toEqual([["array", weight.tolist()]]);
  });

  test.each([
    ["a format that is not written", "c.pt", "F32", /cannot write/],
    ["half precision outside of safetensors", "c.npz", "F16", /is for safetensors/],
    ["several tensors in one array", "c.npy", "F32", /holds one array; expected .npz for 12 tensors/],
  ] as const)("refuses %s", (_, name, floats, message) => {
    expect(() => writeWeights(at(name), readWeights(at("checkpoint.pt"), "model"), floats)).toThrow(message);
  });
});

describe("quadlane convert of a model", () => {
  const examples = { seed: 1 };
  const sizesOf = (path: string): unknown => onnx.loadFile(path).inputs.map((i) => i.shape);
  const outputOf = (path: string): unknown =>
    (
      onnx.loadFile(path).forward(
        tensor([
          [1, 0, -1],
          [-1, 2, 3],
        ]),
      ) as Tensor
    ).tolist();

  test.each([
    ["open sizes of the same names", {}, "open sizes N", [["N", 3]]],
    ["another operator set", { opset: 21 }, "operator set 21", [["N", 3]]],
    ["sizes by other names", { dynamic: ["batch=x:0"] }, "open sizes batch", [["batch", 3]]],
    ["the sizes of the example", { fixed: true, shape: ["x=2x3"] }, "no open sizes", [[2, 3]]],
    ["weights beside it", { externalData: true }, "open sizes N", [["N", 3]]],
  ])("writes it with %s", (_, options, said, sizes) => {
    expect(convert(at("layer.onnx"), at("again.onnx"), { ...examples, ...options })).toContain(said);
    expect(sizesOf(at("again.onnx"))).toEqual(sizes);
    expect(outputOf(at("again.onnx"))).toEqual(outputOf(at("layer.onnx")));
  });

  test("names open sizes that have no name", () => {
    const [x] = [value("x:0", ["N", 3])];
    const unnamed = {
      ...x!.type!.tensorType!,
      shape: {
        dim: [
          { dimValue: null, dimParam: "" },
          { dimValue: 3, dimParam: "" },
        ],
      },
    };
    const input = [{ ...x!, type: { tensorType: unnamed } }];
    writeFileSync(at("unnamed.onnx"), modelBytes({ ...layer, input, node: [node("MatMul", ["x:0", "w"], ["y"])] }));
    convert(at("unnamed.onnx"), at("named.onnx"), examples);
    expect(sizesOf(at("named.onnx"))).toEqual([["x_0_0", 3]]);
  });

  test.each([
    ["a model of weights", "a.safetensors", "b.onnx", {}, /cannot make a model of "a.safetensors"/],
    ["an option of models for weights", "layer.onnx", "b.npz", { opset: 21 }, /--opset is for models/],
    ["an option of weights for models", "layer.onnx", "b.onnx", { floats: "F16" as const }, /--floats is for weights/],
    ["fixed open sizes", "layer.onnx", "b.onnx", { fixed: true, dynamic: ["N=x:0"] }, /exclude each other/],
    ["a size without a place", "layer.onnx", "b.onnx", { dynamic: ["N=x"] }, /--dynamic N=x is no size/],
    ["a size of an unknown input", "layer.onnx", "b.onnx", { dynamic: ["N=z:0"] }, /expected one of "x"/],
    ["another operator set", "layer.onnx", "b.onnx", { opset: 18 }, /expected 17 or 21/],
  ])("refuses %s", (_, from, to, options, message) => {
    expect(() => convert(from.includes("layer") ? at(from) : from, at(to), { ...examples, ...options })).toThrow(
      message,
    );
  });
});

describe("the program", () => {
  const quadlane = (...args: readonly string[]): { status: number | null; out: string; err: string } => {
    const file = fileURLToPath(new URL("../build/lib/cli.js", import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], { encoding: "utf8" });
    return { status, out: stdout, err: stderr };
  };

  test("tells how it is used, with every command", () => {
    const { status, out } = quadlane("--help");
    expect(status).toBe(0);
    for (const command of ["info", "check", "run", "bench", "convert"]) expect(out).toContain(`  ${command} `);
  });

  test.each([
    ["no model", ["run"], 2, /missing required argument 'model'/],
    ["an unknown option", ["info", "a.npy", "--colour"], 2, /unknown option '--colour'/],
    ["a number that is none", ["bench", "a.onnx", "--time", "soon"], 2, /expected an integer from 1 on/],
    ["a file that is missing", ["info", at("missing.npz")], 1, /^error: numpy: cannot read .*missing\.npz/],
    ["a file of an unknown kind", ["info", "a.exe"], 1, /^error: quadlane: cannot read "a\.exe"; expected a name/],
  ])("refuses %s", (_, args, status, message) => {
    const result = quadlane(...args);
    expect(result.status).toBe(status);
    expect(result.err).toMatch(message);
  });

  test("ends with status 1 for a model that does not run", () => {
    expect(quadlane("check", at("strange.onnx")).status).toBe(1);
    expect(quadlane("check", at("layer.onnx")).status).toBe(0);
  });
});
