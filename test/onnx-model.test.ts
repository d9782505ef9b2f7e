import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ArgumentError,
  DTypeError,
  functional as F,
  FileError,
  FormatError,
  memory,
  nn,
  noGrad,
  onnx,
  optim,
  ShapeError,
  type Tensor,
  tensor,
  UnsupportedOperatorError,
} from "../src/node.js";
import { watchOps } from "../src/profile.js";
import { expectClose } from "./support/compare.js";
import { generatorOf } from "./support/make.js";
import { Nd } from "./support/nd.js";
import { func, graph, initializer, modelBytes, node, value } from "./support/onnx-model.js";

function sample(seed: number, ...shape: number[]): Tensor {
  const random = generatorOf(seed);
  const count = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: count }, () => random() - 0.5),
    { shape },
  );
}

function one(y: unknown): Tensor {
  return y as Tensor;
}

const weights = { w1: sample(1, 5, 4), b1: sample(2, 5), w2: sample(3, 5, 3), b2: sample(4, 3) };

/** relu(x w1ᵀ + b1) w2 + b2. */
function perceptron(): Uint8Array {
  return modelBytes({
    initializer: Object.entries(weights).map(([name, t]) => initializer(name, t)),
    input: [value("x", ["N", 4])],
    output: [value("y", ["N", 3])],
    node: [
      node("Gemm", ["x", "w1", "b1"], ["h"], { transB: 1 }),
      node("Relu", ["h"], ["a"]),
      node("MatMul", ["a", "w2"], ["m"]),
      node("Add", ["m", "b2"], ["y"]),
    ],
  });
}

/** The most bytes that are alive while ops run. */
function liveDuring(run: () => unknown): number {
  let most = 0;
  const note = (): void => {
    most = Math.max(most, memory().liveBytes);
  };
  one(watchOps({ note }, () => noGrad(run))).dispose();
  return most;
}

describe("a loaded model", () => {
  test("describes itself", () => {
    const model = onnx.load(perceptron());
    expect(model.inputs).toEqual([{ name: "x", elem: "float32", shape: ["N", 4] }]);
    expect(model.outputs.map((o) => o.name)).toEqual(["y"]);
    expect(model.info.opsets.get("")).toBe(17);
    expect(Object.fromEntries(model.operators)).toEqual({ Gemm: 1, Relu: 1, MatMul: 1, Add: 1 });
    expect([...model.stateDict().keys()]).toEqual(["w1", "b1", "w2", "b2"]);
    expect(model.training).toBe(false);
  });

  test("computes, and has the gradients, of the same layers", () => {
    const model = onnx.load(perceptron());
    const same = new nn.Sequential(new nn.Linear(4, 5), new nn.ReLU(), new nn.Linear(5, 3));
    same.loadStateDict({
      "0.weight": weights.w1,
      "0.bias": weights.b1,
      "2.weight": weights.w2.T,
      "2.bias": weights.b2,
    });
    const [x, target] = [sample(5, 6, 4), sample(6, 6, 3)];
    const pair = [model, same].map((m) => {
      const y = one(m.forward(x));
      F.mseLoss(y, target).backward();
      return y;
    });
    const close = (got: Tensor, want: Tensor): void =>
      expectClose("tensor", got, new Nd(want.shape, want.data()), { rtol: 1e-5, atol: 1e-6 });
    close(pair[0]!, pair[1]!);
    const grads = [...same.parameters()].map((p) => p.grad!);
    const own = [...model.parameters()].map((p) => p.grad!);
    expect(own).toHaveLength(4);
    for (const [i, g] of own.entries()) close(g, i === 2 ? grads[i]!.T : grads[i]!);
  });

  test("learns", () => {
    const model = onnx.load(perceptron()).train();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
    const [x, target] = [sample(5, 6, 4), sample(6, 6, 3)];
    const before = [...model.parameters()].map((p) => p.data());
    const losses = [0, 1, 2, 3].map(() => {
      optimizer.zeroGrad();
      const loss = F.mseLoss(one(model.forward(x)), target);
      loss.backward();
      optimizer.step();
      return loss.item();
    });
    expect(losses[3]).toBeLessThan(losses[0]!);
    for (const [i, p] of [...model.parameters()].entries()) expect(p.data()).not.toEqual(before[i]);
  });

  test("takes and gives tensors by name", () => {
    const model = onnx.load(perceptron());
    const x = sample(5, 6, 4);
    expect(model.forward({ x }).y!.data()).toEqual(one(model.forward(x)).data());
  });

  test("refuses inputs that do not fit", () => {
    const model = onnx.load(perceptron());
    const x = sample(5, 6, 4);
    expect(() => model.forward()).toThrow(ArgumentError);
    expect(() => model.forward(x, x)).toThrow("2 inputs; expected x: float32 [N, 4]");
    expect(() => model.forward({ x, z: x })).toThrow("unknown inputs z");
    expect(() => model.forward({})).toThrow('input "x" is missing');
    expect(() => model.forward(tensor(Int32Array.of(1)))).toThrow(DTypeError);
    expect(() => model.forward(sample(1, 6, 5))).toThrow(ShapeError);
    expect(() => Reflect.apply(onnx.load, undefined, [perceptron(), { external: 1 }])).toThrow(
      'unknown option "external"',
    );
    expect(() => Reflect.apply(onnx.load, undefined, ["model.onnx"])).toThrow(FormatError);
  });

  test("holds two values of a chain at a time, and none after it", () => {
    const deep = modelBytes({
      input: [value("v0", [1000])],
      output: [value("v20", [1000])],
      node: Array.from({ length: 20 }, (_, i) => node("Exp", [`v${i}`], [`v${i + 1}`])),
    });
    const x = sample(1, 1000);
    const model = onnx.load(deep);
    const before = memory();
    expect(liveDuring(() => model.forward(x)) - before.liveBytes).toBeLessThan(3 * 4000);
    expect(memory().liveBytes).toBe(before.liveBytes);
  });

  test("is copied with weights of its own", () => {
    const model = onnx.load(perceptron());
    const copy = model.clone();
    const x = sample(5, 6, 4);
    const want = one(model.forward(x)).data();
    model.dispose();
    expect(one(copy.forward(x)).data()).toEqual(want);
  });
});

describe("what cannot be run", () => {
  test("is reported all at once, with operator, domain, version and node", () => {
    const bytes = modelBytes(
      {
        input: [value("x", [2]), value("c", [], "bool")],
        output: [value("y")],
        node: [
          node("Frobnicate", ["x"], ["a"], {}, { name: "first" }),
          node("Gelu", ["a"], ["b"], {}, { domain: "com.example" }),
          node("If", ["c"], ["d"], {
            then_branch: graph({ node: [node("Nope", ["b"], ["t"])], output: [value("t")] }),
            else_branch: graph({ node: [node("Relu", ["b"], ["e"], { slope: 1 })], output: [value("e")] }),
          }),
          node("toString", ["d"], ["y"]),
        ],
      },
      {
        opsetImport: [
          { domain: "", version: 17 },
          { domain: "com.example", version: 3 },
        ],
      },
    );
    expect(() => onnx.load(bytes)).toThrow(UnsupportedOperatorError);
    try {
      onnx.load(bytes);
    } catch (error) {
      const { operators, message } = error as UnsupportedOperatorError;
      expect(operators.map((o) => [o.opType, o.domain, o.version, o.node, o.attribute])).toEqual([
        ["Frobnicate", "", 17, "first", null],
        ["Gelu", "com.example", 3, "b", null],
        ["Nope", "", 17, "t", null],
        ["Relu", "", 17, "e", "slope"],
        ["toString", "", 17, "y", null],
      ]);
      expect(message).toContain('Frobnicate (domain "ai.onnx", version 17) at node "first"');
      expect(message).toContain('attribute "slope" of Relu');
    }
  });

  const relu = [node("Relu", ["x"], ["y"])];
  const ends = { input: [value("x", [2])], output: [value("y")] };
  test.each<[string, Uint8Array, string]>([
    ["no model", new Uint8Array(), "no graph"],
    ["a value that nothing defines", modelBytes({ ...ends, node: [node("Add", ["x", "z"], ["y"])] }), 'reads "z"'],
    [
      "nodes out of order",
      modelBytes({ ...ends, node: [node("Neg", ["a"], ["y"]), node("Neg", ["x"], ["a"])] }),
      'reads "a"',
    ],
    ["a cycle", modelBytes({ ...ends, node: [node("Neg", ["y"], ["y"])] }), 'reads "y"'],
    ["a value defined twice", modelBytes({ ...ends, node: [...relu, ...relu] }), '"y" is defined twice'],
    ["an output that nothing computes", modelBytes({ ...ends, output: [value("q")], node: relu }), 'reads "q"'],
    [
      "a newer operator set",
      modelBytes({ ...ends, node: relu }, { opsetImport: [{ domain: "", version: 99 }] }),
      "operator set 99",
    ],
    [
      "an input that is no tensor",
      modelBytes({ ...ends, input: [{ ...value("x"), type: null }], node: relu }),
      '"x" is no tensor',
    ],
    ["a sparse initializer", modelBytes({ ...ends, node: relu, sparseInitializer: [new Uint8Array(2)] }), "sparse"],
  ])("is refused: %s", (_, bytes, message) => {
    expect(() => onnx.load(bytes)).toThrow(FormatError);
    expect(() => onnx.load(bytes)).toThrow(message);
  });

  test("names the node where a run fails", () => {
    const bytes = modelBytes({
      ...ends,
      input: [value("x", null)],
      node: [node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "f"], ["y"], {}, { name: "square" })],
    });
    expect(() => onnx.load(bytes).forward(sample(1, 2, 3))).toThrow('node "square", MatMul of ai.onnx 17');
  });
});

describe("functions of a model", () => {
  const scaled = func({
    domain: "own",
    name: "Scaled",
    input: ["a"],
    output: ["r"],
    attribute: ["slope"],
    opsetImport: [{ domain: "", version: 17 }],
    node: [
      node("LeakyRelu", ["a"], ["t"], { alpha: { type: 1, refAttrName: "slope", f: 0 } }),
      node("Add", ["t", "a"], ["r"]),
    ],
  });
  const opsetImport = [
    { domain: "", version: 17 },
    { domain: "own", version: 1 },
  ];

  test("run in the place of their calls", () => {
    const call = (from: string, to: string, slope: number) =>
      node("Scaled", [from], [to], { slope: { type: 1, f: slope } }, { domain: "own" });
    const bytes = modelBytes(
      { input: [value("x", [2])], output: [value("y")], node: [call("x", "m", 0.5), call("m", "y", 0.25)] },
      { opsetImport, functions: [scaled] },
    );
    expect(one(onnx.load(bytes).forward(tensor([1, -2]))).tolist()).toEqual([4, -3.75]);
  });

  test("that call each other without end are refused", () => {
    const endless = func({
      ...scaled,
      opsetImport,
      node: [node("Scaled", ["a"], ["t"], {}, { domain: "own" }), node("Scaled", ["t"], ["r"], {}, { domain: "own" })],
    });
    const bytes = modelBytes(
      { input: [value("x", [2])], output: [value("y")], node: [node("Scaled", ["x"], ["y"], {}, { domain: "own" })] },
      { opsetImport, functions: [endless] },
    );
    expect(() => onnx.load(bytes)).toThrow("deeper than 32");
  });
});

describe("control flow", () => {
  test("follows a condition, with gradients through outer values", () => {
    const branch = (op: string) => graph({ node: [node(op, ["x", "w"], [op])], output: [value(op)] });
    const bytes = modelBytes({
      initializer: [initializer("w", tensor([2, 3]))],
      input: [value("x", [2]), value("c", [], "bool")],
      output: [value("y")],
      node: [node("If", ["c"], ["y"], { then_branch: branch("Mul"), else_branch: branch("Add") })],
    });
    const model = onnx.load(bytes);
    const x = tensor([5, 7]);
    const y = one(model.forward(x, tensor(true)));
    expect(y.tolist()).toEqual([10, 21]);
    y.sum().backward();
    expect([...model.parameters()][0]!.grad!.tolist()).toEqual([5, 7]);
    expect(one(model.forward(x, tensor(false))).tolist()).toEqual([7, 10]);
  });

  test("carries states through a loop, and collects what each iteration gives", () => {
    const body = graph({
      input: [value("i", [], "int64"), value("go", [], "bool"), value("s", [2])],
      output: [value("more", [], "bool"), value("t", [2]), value("u", [2])],
      node: [
        node("Add", ["s", "x"], ["t"]),
        node("Mul", ["t", "t"], ["u"]),
        node("ReduceSum", ["t"], ["total"], { keepdims: 0 }),
        node("Less", ["total", "limit"], ["more"]),
      ],
    });
    const bytes = modelBytes({
      initializer: [initializer("limit", tensor(9)), initializer("n", tensor(Int32Array.of(10), { shape: [] }))],
      input: [value("x", [2])],
      output: [value("last", [2]), value("squares", ["k", 2])],
      node: [node("Loop", ["n", "", "x"], ["last", "squares"], { body })],
    });
    const [last, squares] = onnx.load(bytes).forward(tensor([1, 2])) as readonly Tensor[];
    expect(last!.tolist()).toEqual([3, 6]);
    expect(squares!.tolist()).toEqual([
      [4, 16],
      [9, 36],
    ]);
  });
});

describe("a file", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quadlane-onnx-"));
    mkdirSync(join(folder, "model/weights"), { recursive: true });
    writeFileSync(join(folder, "secret.bin"), new Uint8Array(8));
    writeFileSync(join(folder, "model/weights/w.bin"), new Uint8Array(Float32Array.of(9, 2, 3).buffer));
    symlinkSync("../secret.bin", join(folder, "model/link.bin"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function modelWith(location: string): string {
    const w = { ...initializer("w", tensor([0, 0])), rawData: null, dataLocation: 1 };
    const externalData = Object.entries({ location, offset: "4", length: "8" }).map(([key, text]) => ({
      key,
      value: text,
    }));
    const path = join(folder, "model/model.onnx");
    const ends = { input: [value("x", [2])], output: [value("y")] };
    writeFileSync(
      path,
      modelBytes({ ...ends, initializer: [{ ...w, externalData }], node: [node("Mul", ["x", "w"], ["y"])] }),
    );
    return path;
  }

  test("brings its weights from beside it", () => {
    expect(one(onnx.loadFile(modelWith("weights/w.bin")).forward(tensor([1, 10]))).tolist()).toEqual([2, 30]);
  });

  test.each(["../secret.bin", "weights/../../secret.bin", "link.bin", "", "."])("does not read %j", (location) => {
    expect(() => onnx.loadFile(modelWith(location))).toThrow("expected a file in the model's folder");
  });

  test("does not read an absolute path", () => {
    expect(() => onnx.loadFile(modelWith(join(folder, "model/weights/w.bin")))).toThrow(FormatError);
  });

  test("that is missing is named", () => {
    expect(() => onnx.loadFile(modelWith("weights/none.bin"))).toThrow(FileError);
    expect(() => onnx.loadFile(join(folder, "none.onnx"))).toThrow("none.onnx");
  });
});
