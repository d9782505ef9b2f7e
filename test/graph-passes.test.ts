import { describe, expect, test } from "vitest";
import { Graph } from "../src/graph/graph_class.js";
import { optimize, type Pass, passes } from "../src/graph/optimize.js";
import { trace } from "../src/graph/trace.js";
import { ArgumentError, functional as F, manualSeed, models, randn, scope, tensor, zeros } from "../src/node.js";
import { body, expectSame, Fn, type Forward, rewritten } from "./support/graphs.js";

manualSeed(7);

describe("each pass shows what it does and leaves the results", () => {
  test("constantFolding computes what depends on constants, and leaves expansions", () => {
    const w = randn([2, 3]);
    const { before, after } = rewritten(
      passes.constantFolding,
      (x) => F.add(F.matmul(x, F.relu(w).T), F.exp(w.sum()).expand(4, 2)),
      [randn([4, 3])],
    );
    expect(before).toMatchInlineSnapshot(`
      "%relu: float32[2, 3] = relu(%constant)
      %permute: float32[3, 2] = permute(%relu) {order: [1, 0]}
      %matmul: float32[4, 2] = matmul(%input, %permute)
      %sum: float32[] = sum(%constant) {dims: [0, 1]}
      %exp: float32[] = exp(%sum)
      %expand: float32[4, 2] = expand(%exp) {shape: [4, 2]}
      %output: float32[4, 2] = add(%matmul, %expand)
      return %output"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%matmul: float32[4, 2] = matmul(%input, %permute)
      %expand: float32[4, 2] = expand(%exp) {shape: [4, 2]}
      %output: float32[4, 2] = add(%matmul, %expand)
      return %output"
    `);
  });

  test("deadCode drops what only something dropped has read", () => {
    const w = randn([2]);
    const traced = trace(new Fn((x) => [F.relu(x), F.exp(F.add(x, w))]), randn([2]));
    const graph = passes.deadCode(new Graph({ ...traced, outputs: traced.outputs.slice(0, 1) }));
    expect(body(traced).join("\n")).toMatchInlineSnapshot(`
      "%output_0: float32[2] = relu(%input)
      %add: float32[2] = add(%input, %constant)
      %output_1: float32[2] = exp(%add)
      return %output_0, %output_1"
    `);
    expect(body(graph).join("\n")).toMatchInlineSnapshot(`
      "%output_0: float32[2] = relu(%input)
      return %output_0"
    `);
    expect(graph.constants.size).toBe(0);
  });

  test("commonSubexpressions computes once what is computed twice", () => {
    const fn: Forward = (x) => [
      F.mul(F.softmax(x, { dim: 0 }), F.exp(x)),
      F.exp(x),
      F.mul(F.softmax(x, { dim: 1 }), F.exp(x)),
    ];
    const { before, after } = rewritten(passes.commonSubexpressions, fn, [randn([2, 3])]);
    expect(before).toMatchInlineSnapshot(`
      "%softmax: float32[2, 3] = softmax(%input) {dim: 0}
      %exp: float32[2, 3] = exp(%input)
      %output_0: float32[2, 3] = mul(%softmax, %exp)
      %output_1: float32[2, 3] = exp(%input)
      %softmax_1: float32[2, 3] = softmax(%input) {dim: 1}
      %exp_2: float32[2, 3] = exp(%input)
      %output_2: float32[2, 3] = mul(%softmax_1, %exp_2)
      return %output_0, %output_1, %output_2"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%softmax: float32[2, 3] = softmax(%input) {dim: 0}
      %output_1: float32[2, 3] = exp(%input)
      %output_0: float32[2, 3] = mul(%softmax, %output_1)
      %softmax_1: float32[2, 3] = softmax(%input) {dim: 1}
      %output_2: float32[2, 3] = mul(%softmax_1, %output_1)
      return %output_0, %output_1, %output_2"
    `);
  });

  test("scalarArithmetic brings numbers to scale · x + shift", () => {
    const fn: Forward = (x) => [
      F.div(F.add(F.mul(x, 2), tensor(3)), tensor([4])),
      F.pow(F.sub(tensor(1), F.mul(x, 1)), tensor(2)),
      F.neg(F.neg(x)),
    ];
    const { before, after } = rewritten(passes.scalarArithmetic, fn, [randn([3])]);
    expect(before).toMatchInlineSnapshot(`
      "%affine: float32[3] = affine(%input) {scale: 2, shift: 0}
      %add: float32[3] = add(%affine, 3)
      %output_0: float32[3] = div(%add, %constant_1)
      %affine_1: float32[3] = affine(%input) {scale: 1, shift: 0}
      %sub: float32[3] = sub(1, %affine_1)
      %expand: float32[3] = expand(2) {shape: [3]}
      %output_1: float32[3] = pow(%sub, %expand)
      %neg: float32[3] = neg(%input)
      %output_2: float32[3] = neg(%neg)
      return %output_0, %output_1, %output_2"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%output_0: float32[3] = affine(%input) {scale: 0.5, shift: 0.75}
      %sub: float32[3] = affine(%input) {scale: -1, shift: 1}
      %output_1: float32[3] = square(%sub)
      %output_2: float32[3] = affine(%input) {scale: 1, shift: 0}
      return %output_0, %output_1, %output_2"
    `);
  });

  test("viewMerging drops views that change nothing and joins others, symbols included", () => {
    const fn: Forward = (x) => [
      x.reshape(-1, 2, 3).reshape(-1, 6).relu(),
      x.permute(1, 0).permute(1, 0).neg(),
      x.reshape(x.size(0), 6).clone().slice(0).exp(),
      F.cat([x], { dim: 0 }).abs(),
    ];
    const { before, after } = rewritten(passes.viewMerging, fn, [randn([2, 6])], { dynamic: { N: [["input", 0]] } });
    expect(before).toMatchInlineSnapshot(`
      "%reshape: float32[N, 2, 3] = reshape(%input) {shape: [N, 2, 3]}
      %reshape_1: float32[N, 6] = reshape(%reshape) {shape: [N, 6]}
      %output_0: float32[N, 6] = relu(%reshape_1)
      %permute: float32[6, N] = permute(%input) {order: [1, 0]}
      %permute_1: float32[N, 6] = permute(%permute) {order: [1, 0]}
      %output_1: float32[N, 6] = neg(%permute_1)
      %reshape_2: float32[N, 6] = reshape(%input) {shape: [N, 6]}
      %contiguous: float32[N, 6] = contiguous(%reshape_2)
      %slice: float32[N, 6] = slice(%contiguous) {starts: [0, 0], sizes: [N, 6], steps: [1, 1]}
      %output_2: float32[N, 6] = exp(%slice)
      %cat: float32[N, 6] = cat(%input) {dim: 0}
      %output_3: float32[N, 6] = abs(%cat)
      return %output_0, %output_1, %output_2, %output_3"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%output_0: float32[N, 6] = relu(%input)
      %output_1: float32[N, 6] = neg(%input)
      %output_2: float32[N, 6] = exp(%input)
      %output_3: float32[N, 6] = abs(%input)
      return %output_0, %output_1, %output_2, %output_3"
    `);
  });

  test("transposeElimination lets permutations cancel and products read transposed operands", () => {
    const fn: Forward = (x) => {
      const channelsLast = F.relu(x.permute(0, 2, 3, 1));
      const y = F.add(F.mul(channelsLast, 2), x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2);
      return [y, F.matmul(x, x.transpose(2, 3).contiguous())];
    };
    const pass: Pass = (graph) => optimize(graph, { passes: [passes.transposeElimination, passes.viewMerging] });
    const { before, after } = rewritten(pass, fn, [randn([1, 3, 2, 2])]);
    expect(before).toMatchInlineSnapshot(`
      "%permute: float32[1, 2, 2, 3] = permute(%input) {order: [0, 2, 3, 1]}
      %relu: float32[1, 2, 2, 3] = relu(%permute)
      %affine: float32[1, 2, 2, 3] = affine(%relu) {scale: 2, shift: 0}
      %permute_1: float32[1, 2, 2, 3] = permute(%input) {order: [0, 2, 3, 1]}
      %add: float32[1, 2, 2, 3] = add(%affine, %permute_1)
      %output_0: float32[1, 3, 2, 2] = permute(%add) {order: [0, 3, 1, 2]}
      %permute_3: float32[1, 3, 2, 2] = permute(%input) {order: [0, 1, 3, 2]}
      %contiguous: float32[1, 3, 2, 2] = contiguous(%permute_3)
      %output_1: float32[1, 3, 2, 2] = matmul(%input, %contiguous)
      return %output_0, %output_1"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%relu_1: float32[1, 3, 2, 2] = relu(%input)
      %affine_1: float32[1, 3, 2, 2] = affine(%relu_1) {scale: 2, shift: 0}
      %output_0: float32[1, 3, 2, 2] = add(%affine_1, %input)
      %permute_3: float32[1, 3, 2, 2] = permute(%input) {order: [0, 1, 3, 2]}
      %output_1: float32[1, 3, 2, 2] = matmul(%input, %permute_3)
      return %output_0, %output_1"
    `);
  });

  test("viewMerging makes slices of selections and reshapes of permutations, where they are", () => {
    const fn: Forward = (x) => [
      F.indexSelect(x, tensor([1, 3], { dtype: "int32" }), { dim: 1 }),
      F.indexSelect(x, tensor([3, 1], { dtype: "int32" }), { dim: 1 }),
      x.reshape(x.size(0), 1, 4).permute(1, 0, 2).reshape(-1, 2, 2).relu(),
    ];
    const { before, after } = rewritten(passes.viewMerging, fn, [randn([2, 4])], { dynamic: { N: [["input", 0]] } });
    expect(before).toMatchInlineSnapshot(`
      "%output_0: float32[N, 2] = indexSelect(%input, %constant) {dim: 1}
      %output_1: float32[N, 2] = indexSelect(%input, %constant_1) {dim: 1}
      %reshape: float32[N, 1, 4] = reshape(%input) {shape: [N, 1, 4]}
      %permute: float32[1, N, 4] = permute(%reshape) {order: [1, 0, 2]}
      %reshape_1: float32[N, 2, 2] = reshape(%permute) {shape: [N, 2, 2]}
      %output_2: float32[N, 2, 2] = relu(%reshape_1)
      return %output_0, %output_1, %output_2"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%output_0: float32[N, 2] = slice(%input) {starts: [0, 1], sizes: [N, 2], steps: [1, 2]}
      %output_1: float32[N, 2] = indexSelect(%input, %constant_1) {dim: 1}
      %reshape_1: float32[N, 2, 2] = reshape(%input) {shape: [N, 2, 2]}
      %output_2: float32[N, 2, 2] = relu(%reshape_1)
      return %output_0, %output_1, %output_2"
    `);
  });
});

describe("optimize", () => {
  test.each(["resnet18", "mobilenet_v2", "squeezenet1_1", "densenet121", "googlenet"] as const)(
    "leaves the results of %s",
    (name) => {
      const model = models.create(name, { numClasses: 7 });
      scope(() => model.forward(randn([2, 3, 64, 64])));
      const x = randn([1, 3, 64, 64]);
      const before = trace(model, x);
      const graph = optimize(before);
      expectSame(graph, before, [x], 1e-4);
      expect(graph.nodes.length).toBeLessThan(before.nodes.length);
      const ops = new Set(graph.nodes.map((node) => node.op.name));
      expect(ops.has("batch_norm_eval")).toBe(name === "densenet121");
      if (name === "resnet18") expect([...ops]).toEqual(["conv", "max_pool", "avg_pool", "reshape", "linear"]);
    },
  );

  test("keeps the guards, names and symbols of a graph", () => {
    const fn: Forward = (x) => (F.sum(F.mul(x, 1)).item() > 0 ? F.relu(F.mul(x, tensor(2))) : x);
    const graph = optimize(trace(new Fn(fn), tensor([1, 2]), { outputNames: ["y"], dynamic: { N: [["input", 0]] } }));
    expect(String(graph)).toMatchInlineSnapshot(`
      "graph {
        input %input: float32[N]
        %sum: float32[] = sum(%input) {dims: [0]}
        %mul: float32[N] = affine(%input) {scale: 2, shift: 0}
        %y: float32[N] = relu(%mul)
        guard %sum = [3]
        return %y
      }"
    `);
  });

  test("runs the passes that are given, and refuses anything else", () => {
    const graph = trace(new Fn((x) => F.relu(x)), zeros([2]));
    expect(optimize(graph, { passes: [] })).toBe(graph);
    expect(() => Reflect.apply(optimize, null, [graph, { passes: ["deadCode"] }])).toThrow(ArgumentError);
  });
});
