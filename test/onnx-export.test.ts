import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ArgumentError,
  functional as F,
  FileError,
  graph,
  linalg,
  manualSeed,
  memory,
  models,
  nn,
  noGrad,
  onnx,
  scope,
  Tensor,
  tensor,
  zeros,
} from "../src/node.js";
import { type GraphProto, type ModelProto, modelProto, type ValueInfoProto } from "../src/onnx/messages.js";
import { decodeMessage } from "../src/onnx/protobuf.js";
import { expectClose } from "./support/compare.js";
import { Compute, layerInputs, makeLayer, openLayers, openSizes } from "./support/export-layers.js";
import { smallModel } from "./support/export-rows.js";
import { Nd } from "./support/nd.js";
import { modelBytes, node, value } from "./support/onnx-model.js";

function tensorsIn(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result];
  return Array.isArray(result) ? result.flatMap(tensorsIn) : [];
}

/** The file's outputs are the module's. */
function expectSame(model: nn.Module, again: onnx.OnnxModel, inputs: readonly Tensor[]): void {
  scope(() =>
    noGrad(() => {
      const got = tensorsIn(again.forward(...inputs));
      for (const [i, w] of tensorsIn(model.forward(...inputs)).entries()) {
        expectClose(`output ${i}`, got[i]!, new Nd(w.shape, Float64Array.from(w.data())), { rtol: 1e-5, atol: 1e-5 });
      }
    }),
  );
}

function protoOf(bytes: Uint8Array): ModelProto & { readonly graph: GraphProto } {
  const proto = decodeMessage(modelProto, bytes, "model");
  return { ...proto, graph: proto.graph! };
}

function typesIn(bytes: Uint8Array): string[] {
  return protoOf(bytes).graph.node.map((n) => n.opType);
}

/** Name, number of the element type, and sizes. */
function described({ name, type }: ValueInfoProto): unknown[] {
  const { elemType, shape } = type!.tensorType!;
  return [name, elemType, shape!.dim.map((d) => d.dimValue ?? d.dimParam)];
}

function messageOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError);
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
}

const compute = (run: (...tensors: Tensor[]) => unknown): nn.Module => new Compute(run);

function wave(...shape: number[]): Tensor {
  const n = shape.reduce((p, s) => p * s, 1);
  return tensor(
    Float32Array.from({ length: n }, (_, i) => Math.sin(i * 2.3) + Math.cos(i * 0.7)),
    { shape },
  );
}

describe("open sizes:", () => {
  test.each(openLayers.map((layer, i) => ({ layer, name: layer.name, opset: i % 2 === 0 ? 17 : 21 })))(
    "$name",
    ({ layer, opset }) => {
      const model = makeLayer(layer).eval();
      const again = onnx.load(onnx.save(model, layerInputs(layer, 2, 4), { ...openSizes(layer), opset }));
      for (const [n, l] of [
        [2, 4],
        [3, 7],
        [1, 5],
      ] as const) {
        expectSame(model, again, layerInputs(layer, n, l));
      }
    },
  );

  test("are names in the declarations, and nothing is computed for a batch alone", () => {
    const model = new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.Flatten(), new nn.Linear(8, 3));
    const bytes = onnx.save(model, zeros([2, 1, 4, 4]), { dynamic: { N: [["input", 0]] } });
    const { graph: g } = protoOf(bytes);
    expect(g.input.map(described)).toEqual([["input", 1, ["N", 1, 4, 4]]]);
    expect(g.output.map(described)).toEqual([["output", 1, ["N", 3]]]);
    expect(typesIn(bytes)).toEqual(["Conv", "Reshape", "Gemm"]);
  });

  test("that grow are expressions; two of them are computed from the shapes", () => {
    const model = compute((x) => F.cat([x!, x!], { dim: 1 }).reshape(x!.shape[1]! * 2, x!.shape[0]!, 3));
    const bytes = onnx.save(model, zeros([2, 4, 3]), {
      dynamic: { N: [["input", 0]], L: [["input", 1]] },
      outputNames: ["y"],
    });
    expect(protoOf(bytes).graph.output.map(described)).toEqual([["y", 1, ["2L", "N", 3]]]);
    expect(typesIn(bytes)).toContain("Shape");
    expectSame(model, onnx.load(bytes), [wave(3, 5, 3)]);
  });

  test("in what needs numbers are refused, each by name", () => {
    const model = compute((x) => F.cumprod(F.interpolate(x!, { scaleFactor: 2, mode: "bilinear" }), { dim: 3 }));
    const message = messageOf(() => onnx.save(model, zeros([1, 1, 4, 4]), { dynamic: { W: [["input", 3]] } }));
    expect(message).toContain("resample");
    expect(message).toContain("cumprod");
    expect(message).toContain("symbol");
  });
});

describe("a file", () => {
  test("holds the weights under their keys, and who has written it", () => {
    manualSeed(1);
    const model = new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4));
    const bytes = onnx.save(model, zeros([2, 3]), { opset: 21, producer: "me", metadata: { task: "none" } });
    const proto = protoOf(bytes);
    expect(proto.graph.initializer.map((t) => t.name)).toEqual([
      "0.weight",
      "0.bias",
      "1.weight",
      "1.bias",
      "1.running_mean",
      "1.running_var",
    ]);
    const { info } = onnx.load(bytes);
    expect(info.opsets.get("")).toBe(21);
    expect(info.irVersion).toBe(10);
    expect(info.producer).toBe("me");
    expect([...info.metadata]).toEqual([["task", "none"]]);
    expect(onnx.load(onnx.save(model, zeros([2, 3]))).info).toMatchObject({ irVersion: 8, producer: "quadlane" });
    const parameters = new Map(onnx.load(bytes).namedParameters());
    expect(parameters.get("0.weight")!.tolist()).toEqual(model.stateDict().get("0.weight")!.tolist());
  });

  const cases: readonly [name: string, model: nn.Module, input: Tensor, old: string[], recent: string[]][] = [
    ["layer norm", new nn.LayerNorm(4), zeros([2, 4]), ["LayerNormalization"], ["LayerNormalization"]],
    [
      "group norm",
      new nn.GroupNorm(2, 4),
      zeros([2, 4, 3]),
      ["Reshape", "InstanceNormalization", "Shape", "Reshape", "Reshape", "Mul", "Reshape", "Add"],
      ["GroupNormalization"],
    ],
    ["gelu", new nn.GELU(), zeros([2]), ["Mul", "Erf", "Mul", "Add", "Mul"], ["Gelu"]],
    ["maximum", compute((x) => x!.amax(0)), zeros([2]), ["ReduceMax"], ["ReduceMax"]],
    ["instance norm", new nn.InstanceNorm1d(4), zeros([2, 4, 3]), ["InstanceNormalization"], ["InstanceNormalization"]],
    ["a copy", compute((x) => x!), zeros([2]), ["Identity"], ["Identity"]],
    ["steps back", compute((x) => x!.permute(1, 0).contiguous()), zeros([2, 3]), ["Transpose"], ["Transpose"]],
  ];
  test.each(cases)("has the operators of its set: %s", (_, model, x, old, recent) => {
    expect(typesIn(onnx.save(model, x))).toEqual(old);
    expect(typesIn(onnx.save(model, x, { opset: 21 }))).toEqual(recent);
  });

  test("counts in int64 only where an operator wants it", () => {
    const model = compute((x, i) => [F.gather(x!, i!, { dim: 1 }), F.argmax(x!, { dim: 1 }).add(i!.sum())]);
    const inputs = [wave(2, 3), tensor(Int32Array.of(0, 2), { shape: [2, 1] })];
    const bytes = onnx.save(model, inputs);
    expect(typesIn(bytes)).toEqual(["GatherElements", "ArgMax", "Cast", "ReduceSum", "Add"]);
    expectSame(model, onnx.load(bytes), inputs);
  });

  test("has other element types for its ends if asked", () => {
    const model = compute((i) => [F.oneHot(i!, { numClasses: 3 }), i!.to("float32").add(0.5)]);
    const inputs = [tensor(Int32Array.of(0, 2))];
    const elements = { input: "int64", output_0: "int64", output_1: "float64" } as const;
    const bytes = onnx.save(model, inputs, { elements });
    const { input, output } = protoOf(bytes).graph;
    expect([...input, ...output].map(described)).toEqual([
      ["input", 7, [2]],
      ["output_0", 7, [2, 3]],
      ["output_1", 11, [2]],
    ]);
    // Neither end is cast to int32 on the way to an operator that takes int64.
    expect(typesIn(bytes)).toEqual(["Cast", "OneHot", "Cast", "Add", "Cast"]);
    expectSame(model, onnx.load(bytes), inputs);
    const wrong = messageOf(() => onnx.save(model, inputs, { elements: { input: "float64" } }));
    expect(wrong).toContain('"input"');
    expect(messageOf(() => onnx.save(model, inputs, { elements: { x: "int64" } }))).toContain('"x"');
  });

  test("of an imported model keeps its names and element types", () => {
    const first = modelBytes({
      input: [value("ids", ["N"], "int64"), value("scale", [], "float64")],
      output: [value("best", ["N"], "int64"), value("y", ["N"], "float64")],
      node: [
        node("Neg", ["ids"], ["best"]),
        node("Cast", ["ids"], ["f"], { to: 11 }),
        node("Mul", ["f", "scale"], ["y"]),
      ],
    });
    const model = onnx.load(first);
    const inputs = [tensor(Int32Array.of(1, 2)), tensor(0.5)];
    const bytes = onnx.save(model, inputs, { dynamic: { N: [["ids", 0]] } });
    const { input, output } = protoOf(bytes).graph;
    expect([...input, ...output].map(described)).toEqual([
      ["ids", 7, ["N"]],
      ["scale", 11, []],
      ["best", 7, ["N"]],
      ["y", 11, ["N"]],
    ]);
    expectSame(model, onnx.load(bytes), inputs);
    expectSame(model, onnx.load(bytes), [tensor(Int32Array.of(1, 2, 3)), tensor(0.25)]);
  });

  test("is written from a graph alike", () => {
    const model = new nn.Linear(3, 2);
    const traced = graph.trace(model, zeros([1, 3]));
    expect(onnx.save(traced)).toEqual(onnx.save(model, zeros([1, 3])));
    const dynamic: object = { dynamic: {} };
    expect(messageOf(() => onnx.save(traced, dynamic))).toContain("dynamic");
  });
});

describe("refused are", () => {
  test("all ops that cannot be written, in one message", () => {
    class Solver extends nn.Module {
      inner = compute((x) => linalg.cholesky(x!));
      forward(x: Tensor): unknown {
        return linalg.solve(this.inner.forward(x) as Tensor, linalg.qr(x)[0]);
      }
    }
    const message = messageOf(() =>
      onnx.save(
        new Solver(),
        tensor([
          [2, 0],
          [0, 2],
        ]),
      ),
    );
    for (const part of ["3 ops", "operator set 17", "cholesky", 'in "inner"', "qr", "solve"])
      expect(message).toContain(part);
  });

  test("values that the model has read, unless they are assumed", () => {
    const model = compute((x) => F.maskedSelect(x!, x!.gt(0)));
    const x = tensor([1, -1, 2]);
    expect(messageOf(() => onnx.save(model, x))).toContain("count_true");
    expectSame(model, onnx.load(onnx.save(model, x, { guards: "assume" })), [x]);
  });

  const options: readonly [object, string][] = [
    [{ opset: 18 }, "opset is 18; expected 17 or 21"],
    [{ opsets: 17 }, "opsets"],
    [{ guards: "ignore" }, "guards"],
    [{ dynamic: { N: [["x", 0]] } }, "x"],
  ];
  test.each(options)("%j", (given, part) => {
    expect(messageOf(() => onnx.save(new nn.ReLU(), zeros([2]), given))).toContain(part);
  });
});

describe("saveFile", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "quadlane-onnx-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("writes what save gives, whole or not at all", () => {
    const path = join(folder, "model.onnx");
    const model = new nn.Linear(3, 2);
    onnx.saveFile(path, model, zeros([1, 3]));
    const bytes = readFileSync(path);
    expect(bytes.equals(onnx.save(model, zeros([1, 3])))).toBe(true);
    expectSame(model, onnx.loadFile(path), [wave(1, 3)]);
    const broken = compute((x) => linalg.cholesky(x!));
    expect(() => onnx.saveFile(path, broken, tensor([[1]]))).toThrow(ArgumentError);
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(readdirSync(folder)).toEqual(["model.onnx"]);
  });

  test("holds on to no weight, whether it writes or refuses", () => {
    const before = memory().liveBytes;
    const model = new nn.Linear(64, 64);
    const x = zeros([1, 64]);
    onnx.saveFile(join(folder, "model.onnx"), model, x);
    expect(() => onnx.save(model, x, { opset: 18 })).toThrow(ArgumentError);
    for (const t of [model, x]) t.dispose();
    expect(memory().liveBytes).toBe(before);
  });

  test("takes a graph, and tells of a file that cannot be written", () => {
    const traced = graph.trace(new nn.ReLU(), zeros([2]));
    onnx.saveFile(join(folder, "graph.onnx"), traced, { opset: 21 });
    expect(onnx.loadFile(join(folder, "graph.onnx")).info.opsets.get("")).toBe(21);
    writeFileSync(join(folder, "file"), "");
    expect(() => onnx.saveFile(join(folder, "file", "graph.onnx"), traced)).toThrow(FileError);
    expect(() => onnx.saveFile(join(folder, "none", "graph.onnx"), traced)).toThrow(FileError);
  });

  test.each([
    [true, "model.onnx.data"],
    ["weights.bin", "weights.bin"],
  ])("puts large constants beside the model: externalData %j", (externalData, name) => {
    const path = join(folder, "model.onnx");
    const model = new nn.Sequential(new nn.Linear(32, 40), new nn.ReLU(), new nn.Linear(40, 64));
    onnx.saveFile(path, model, zeros([1, 32]), { externalData, dynamic: { N: [["input", 0]] } });
    expect(readdirSync(folder).sort()).toEqual(["model.onnx", name].sort());
    const stored = new Map(protoOf(readFileSync(path)).graph.initializer.map((t) => [t.name, t]));
    const placeOf = (key: string): unknown => stored.get(key)!.externalData.map((e) => [e.key, e.value]);
    expect(placeOf("0.weight")).toEqual([
      ["location", name],
      ["offset", "0"],
      ["length", "5120"],
    ]);
    // What follows begins at a page; 160 bytes stay where they are.
    expect(placeOf("2.weight")).toContainEqual(["offset", "8192"]);
    expect(stored.get("0.bias")!.rawData).toHaveLength(160);
    expect(statSync(join(folder, name)).size).toBe(8192 + 4 * 40 * 64);
    expectSame(model, onnx.loadFile(path), [wave(3, 32)]);
    expect(() => onnx.load(readFileSync(path))).toThrow(`lies in the file "${name}"`);
  });

  test("leaves neither file behind if one cannot be written, and the old ones as they were", () => {
    const path = join(folder, "model.onnx");
    const model = new nn.Linear(32, 32);
    onnx.saveFile(path, model, zeros([1, 32]), { externalData: true });
    const before = readFileSync(`${path}.data`);
    const broken = compute((x) => linalg.cholesky(x!));
    expect(() => onnx.saveFile(path, broken, tensor([[1]]), { externalData: true })).toThrow(ArgumentError);
    expect(readFileSync(`${path}.data`).equals(before)).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(["model.onnx", "model.onnx.data"]);
  });

  test.each(["", "..", "a/b", "../x", "model.onnx", 3])("refuses external data named %j", (externalData) => {
    const options: object = { externalData };
    const save = (): void => onnx.saveFile(join(folder, "model.onnx"), new nn.Linear(2, 2), zeros([1, 2]), options);
    expect(messageOf(save)).toContain("expected true, or the name of another file");
    expect(messageOf(() => onnx.save(new nn.Linear(2, 2), zeros([1, 2]), options))).toContain("externalData");
    expect(readdirSync(folder)).toEqual([]);
  });
});

// One of each family; npm run onnx-roundtrip does all of them.
const ARCHITECTURES = [
  "densenet121",
  "efficientnet_b0",
  "fcn_resnet50",
  "googlenet",
  "mobilenet_v2",
  "regnet_y_400mf",
  "resnet18",
  "se_resnet50",
  "shufflenet_v2_x1_0",
  "unet",
  "vit_b_16",
];

test.each(models.list().filter((name) => ARCHITECTURES.includes(name)))(
  "%s keeps its outputs for any batch",
  (name) => {
    manualSeed(3);
    const { options, shape } = smallModel(name);
    const model = models.create(name as string, options);
    const [two, three] = [2, 3].map((n) => wave(n, ...shape.slice(1))) as [Tensor, Tensor];
    model.eval();
    const again = onnx.load(onnx.save(model, two, { dynamic: { N: [["input", 0]] } }));
    expectSame(model, again, [two]);
    expectSame(model, again, [three]);
  },
);

const shared = fileURLToPath(new URL("../../shared/onnx/models/", import.meta.url));

test.runIf(existsSync(shared))("real models keep their outputs from file to file", () => {
  for (const name of readdirSync(shared)) {
    const model = onnx.loadFile(join(shared, name, "model.onnx"));
    const set = join(shared, name, "test_data_set_0");
    const files = readdirSync(set).filter((file) => file.startsWith("input_"));
    const inputs = files.map((_, i) => onnx.parseTensor(readFileSync(join(set, `input_${i}.pb`))).tensor);
    expectSame(model, onnx.load(onnx.save(model, inputs)), inputs);
  }
});
