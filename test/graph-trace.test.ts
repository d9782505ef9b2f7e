import { describe, expect, test } from "vitest";
import { evaluate } from "../src/graph/evaluate.js";
import { type TraceOptions, trace } from "../src/graph/trace.js";
import {
  ArgumentError,
  functional as F,
  manualSeed,
  memory,
  models,
  nn,
  RuntimeError,
  rand,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../src/node.js";
import { body, Fn, type Forward } from "./support/graphs.js";

function traced(fn: Forward, inputs: readonly Tensor[], options?: TraceOptions): string[] {
  return body(trace(new Fn(fn), inputs, options));
}

describe("a traced graph", () => {
  test("is readable: names of the state dict, sizes, symbols, attributes that matter, modules", () => {
    const model = new nn.Sequential(
      new nn.Conv2d(1, 2, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Linear(32, 3),
    );
    const graph = trace(model, zeros([2, 1, 4, 4]), { inputNames: ["image"], dynamic: { N: [["image", 0]] } });
    expect(String(graph)).toBe(`graph {
  input %image: float32[N, 1, 4, 4]
  const %0.weight: float32[2, 1, 3, 3]
  const %0.bias: float32[2]
  const %3.weight: float32[3, 32]
  const %3.bias: float32[3]
  %conv: float32[N, 2, 4, 4] = conv(%image, %0.weight, %0.bias) {window: {stride: [1, 1], padding: [[1, 1], [1, 1]], dilation: [1, 1], groups: 1}}  # 0
  %relu: float32[N, 2, 4, 4] = relu(%conv)  # 1
  %reshape: float32[N, 32] = reshape(%relu) {shape: [N, 32]}  # 2
  %output: float32[N, 3] = linear(%reshape, %3.weight, %3.bias)  # 3
  return %output
}`);
    expect(graph.toDot()).toContain('n0 -> n1 [label="float32[N, 2, 4, 4]"];');
    const { weight } = model.at(0) as nn.Conv2d;
    expect([...graph.constants.values()].map((t) => t.storage)).toContain(weight.storage);
  });

  test.each(["resnet18", "mobilenet_v2", "densenet121", "squeezenet1_1"] as const)("computes what %s does", (name) => {
    manualSeed(3);
    const model = models.create(name, { numClasses: 5 });
    const x = randn([1, 3, 32, 32]);
    const graph = trace(model, x);
    expect(model.training).toBe(true);
    expect(evaluate(graph, [x]).output!.data()).toEqual((model.eval().forward(x) as Tensor).data());
  });

  test("has inputs and outputs of nested values by name, and leaves out what nobody uses", () => {
    const lstm = new nn.LSTM(3, 4);
    const graph = trace(lstm, [zeros([5, 2, 3]), [zeros([1, 2, 4]), zeros([1, 2, 4])]]);
    expect(graph.inputs.map((v) => v.name)).toEqual(["input_0", "input_1.0", "input_1.1"]);
    expect(graph.outputs.map((v) => v.name)).toEqual(["output_0", "output_1.0", "output_1.1"]);
    const both = trace(new Fn((x) => ({ same: x, twice: F.mul(x, 2), dead: null, again: x })), zeros([2]));
    expect(body(both)).toEqual([
      "%twice: float32[2] = affine(%input) {scale: 2, shift: 0}",
      "%same: float32[2] = contiguous(%input)",
      "%again: float32[2] = contiguous(%input)",
      "return %same, %twice, %again",
    ]);
    const unused = traced(
      (x) => {
        F.exp(x);
        return F.relu(x);
      },
      [zeros([2])],
    );
    expect(unused).toEqual(["%output: float32[2] = relu(%input)", "return %output"]);
  });

  test("holds the constants that the model makes, beyond the life of its own", () => {
    const x = tensor([1, 2]);
    const graph = scope(() => trace(new Fn((t) => F.add(t, zeros([2]).add(tensor([3, 4])))), x));
    expect(Array.from(evaluate(graph, { input: x }).output!.data())).toEqual([4, 6]);
  });

  test("leaves modes, gradients and memory as they were", () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), new nn.Dropout({ p: 0.5 }));
    model.at(1)!.eval();
    const x = zeros([1, 2]);
    const before = memory().liveBytes;
    trace(model, x);
    expect(memory().liveBytes).toBe(before);
    expect([model.training, model.at(1)!.training]).toEqual([true, false]);
    expect(Object.hasOwn(model, "forward")).toBe(false);
  });
});

describe("what JavaScript reads of an input", () => {
  const sign = new Fn((x) => (F.sum(x).item() > 0 ? F.relu(x) : F.neg(x)));

  test("becomes a guard", () => {
    const graph = trace(sign, tensor([1, 2]));
    expect(body(graph)).toEqual([
      "%sum: float32[] = sum(%input) {dims: [0]}",
      "%output: float32[2] = relu(%input)",
      "guard %sum = [3]",
      "return %output",
    ]);
    expect(() => evaluate(graph, [tensor([-1, -2])])).toThrow(RuntimeError);
  });

  test("of constants is no guard", () => {
    const graph = trace(new Fn((x) => F.mul(x, F.sum(tensor([1, 2])).item())), tensor([1]));
    expect(body(graph)).toEqual(["%output: float32[1] = affine(%input) {scale: 3, shift: 0}", "return %output"]);
  });

  test.each<[string, Forward, Tensor]>([
    ["nonzero", (x) => F.nonzero(x), tensor([0, 1, 2])],
    ["maskedSelect", (x) => F.maskedSelect(x, F.gt(x, 0)), tensor([0, 1, 2])],
    ["unique", (x) => F.unique(x), tensor([1, 1, 2])],
    [
      "oneHot without numClasses",
      (x) => F.oneHot(F.argmax(x, { dim: 1 })),
      tensor([
        [0, 1],
        [1, 0],
      ]),
    ],
    ["repeatInterleave with a tensor", (x) => F.repeatInterleave(x, { repeats: x.to("int32") }), tensor([1, 2])],
  ])("guards the size of what %s gives", (_, fn, x) => {
    const graph = trace(new Fn(fn), x);
    expect(graph.guards.length).toBe(1);
    const wider = F.mul(x, 0);
    expect(() => evaluate(graph, [wider])).toThrow();
  });
});

describe("refuses", () => {
  const inPlace = new Fn((x) => {
    const y = F.relu(x);
    y.copy_(x);
    return F.neg(y);
  });
  const cached = zeros([2]);

  test.each<[string, nn.Module, RegExp]>([
    ["a value that is overwritten in place", inPlace, /overwritten in place/],
    ["a constant that is overwritten in place", new Fn((x) => F.add(x, zeros([2]).copy_(x))), /overwritten in place/],
    ["state that is overwritten in place", new Fn((x) => F.add(cached.copy_(x), x)), /overwritten in place/],
    ["random numbers", new Fn((x) => F.add(x, rand([2]))), /random numbers/],
    ["dropout that drops", new Fn((x) => F.dropout(x, { p: 0.5, training: true })), /random numbers/],
    ["a result without tensors", new Fn(() => 3), /no tensor/],
    ["a promise", new Fn(async (x) => x), /promise/],
    ["an instance that may hide tensors", new Fn((x) => new Map([["a", x]])), /is a Map/],
  ])("%s", (_, model, message) => {
    expect(() => trace(model, zeros([2]))).toThrow(message);
    expect(Object.hasOwn(model, "forward")).toBe(false);
  });

  test.each<[string, TraceOptions, RegExp]>([
    ["names for other tensors", { inputNames: ["a", "b"] }, /2 input names for 1/],
    ["an output called as an input", { outputNames: ["input"] }, /"input"/],
    ["a symbol of an unknown input", { dynamic: { N: [["x", 0]] } }, /expected one of "input"/],
    ["a symbol of no dimension", { dynamic: { N: [["input", 2]] } }, /from 0 to 0/],
    ["a symbol that is no name", { dynamic: { "2N": [["input", 0]] } }, /no name/],
  ])("%s", (_, options, message) => {
    expect(() => trace(new nn.ReLU(), zeros([2]), options)).toThrow(message);
  });
});

describe("symbols", () => {
  const N = { dynamic: { N: [["input", 0]] } } as const;

  test("are in sizes and attributes, the products of two of them left to the reshape", () => {
    const both = { dynamic: { N: [["input", 0]], L: [["input", 1]] } } as const;
    expect(traced((x) => x.reshape(-1, x.size(2)), [zeros([2, 3, 4])], both)).toEqual([
      "%output: float32[?, 4] = reshape(%input) {shape: [?, 4]}",
      "return %output",
    ]);
    expect(
      traced(
        (x) => F.cat([x, F.narrow(x, { dim: 1, start: 1, length: x.size(1) - 1 })], { dim: 1 }),
        [zeros([2, 4, 1])],
        both,
      ),
    ).toEqual([
      "%slice: float32[N, L - 1, 1] = slice(%input) {starts: [0, 1, 0], sizes: [N, L - 1, 1], steps: [1, 1, 1]}",
      "%output: float32[N, 2L - 1, 1] = cat(%input, %slice) {dim: 1}",
      "return %output",
    ]);
  });

  test("are seen from an example of size 1, in a mean, and in what a model makes of one value", () => {
    const fn: Forward = (x) => F.add(F.mean(x, { dim: 0, keepdim: true }), F.mul(x, zeros([x.size(0), 3])));
    expect(traced(fn, [zeros([1, 3])], N)).toEqual([
      "%constant: float32[N, 3] = expand(0) {shape: [N, 3]}",
      "%sum: float32[1, 3] = sum(%input) {dims: [0], keepdim: true}",
      "%affine: float32[1, 3] = affine(%sum) {scale: 1/N, shift: 0}",
      "%mul: float32[N, 3] = mul(%input, %constant)",
      "%output: float32[N, 3] = add(%affine, %mul)",
      "return %output",
    ]);
  });

  test("leave a size open that is not affine", () => {
    const graph = trace(new nn.Conv1d(1, 1, 2, { stride: 2 }), zeros([1, 1, 8]), { dynamic: { L: [["input", 2]] } });
    expect(graph.outputs[0]!.dims).toEqual([1, 1, null]);
  });

  test.each<[string, Forward]>([
    ["another way", (x) => (x.size(0) > 4 ? F.relu(x) : F.neg(x))],
    ["other constants", (x) => F.add(x, tensor(Array.from({ length: x.size(0) }, (_, i) => i)))],
    ["an attribute that is not affine", (x) => F.mul(x, x.size(0) ** 2)],
  ])("are refused where the model needs %s", (_, fn) => {
    expect(() => trace(new Fn(fn), zeros([3]), N)).toThrow(ArgumentError);
  });
});
