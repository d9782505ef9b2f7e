import { describe, expect, test } from "vitest";
import { Graph } from "../src/graph/graph_class.js";
import { optimize, type Pass, passes } from "../src/graph/optimize.js";
import { trace } from "../src/graph/trace.js";
import {
  ArgumentError,
  functional as F,
  manualSeed,
  models,
  nn,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../src/node.js";
import { body, expectSame, Fn, type Forward, rewritten } from "./support/graphs.js";

manualSeed(7);

/** For passes that expect arithmetic and views in one form. */
const inForm =
  (pass: Pass): Pass =>
  (graph) =>
    optimize(graph, { passes: [passes.constantFolding, passes.scalarArithmetic, passes.viewMerging, pass] });

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

  test("linearLayers takes constant matrices, and rows of any rank", () => {
    const [w, v, u, b] = [randn([5, 3]), randn([5, 2]), randn([4, 5]), randn([4])];
    const fn: Forward = (x) => {
      const y = F.linear(F.matmul(x, w.T).reshape(-1, 5), u, b).reshape(x.size(0), x.size(1), 4);
      return [y, F.matmul(F.matmul(x, w.T), v)];
    };
    const { before, after } = rewritten(passes.linearLayers, fn, [randn([2, 3, 3])], {
      dynamic: { N: [["input", 0]], L: [["input", 1]] },
    });
    expect(before).toMatchInlineSnapshot(`
      "%permute: float32[3, 5] = permute(%constant) {order: [1, 0]}
      %reshape: float32[?, 3] = reshape(%input) {shape: [?, 3]}
      %matmul: float32[?, 5] = matmul(%reshape, %permute)
      %reshape_1: float32[N, L, 5] = reshape(%matmul) {shape: [N, L, 5]}
      %reshape_2: float32[?, 5] = reshape(%reshape_1) {shape: [?, 5]}
      %linear: float32[?, 4] = linear(%reshape_2, %constant_1, %constant_2)
      %output_0: float32[N, L, 4] = reshape(%linear) {shape: [N, L, 4]}
      %permute_1: float32[3, 5] = permute(%constant) {order: [1, 0]}
      %reshape_4: float32[?, 3] = reshape(%input) {shape: [?, 3]}
      %matmul_1: float32[?, 5] = matmul(%reshape_4, %permute_1)
      %reshape_5: float32[N, L, 5] = reshape(%matmul_1) {shape: [N, L, 5]}
      %reshape_6: float32[?, 5] = reshape(%reshape_5) {shape: [?, 5]}
      %matmul_2: float32[?, 2] = matmul(%reshape_6, %constant_3)
      %output_1: float32[N, L, 2] = reshape(%matmul_2) {shape: [N, L, 2]}
      return %output_0, %output_1"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%reshape_1: float32[N, L, 5] = linear(%input, %constant)
      %output_0: float32[N, L, 4] = linear(%reshape_1, %constant_1, %constant_2)
      %reshape_5: float32[N, L, 5] = linear(%input, %constant)
      %output_1: float32[N, L, 2] = linear(%reshape_5, %constant_3.T)
      return %output_0, %output_1"
    `);
  });

  test("activationFusion finds silu, leaky relu and prelu", () => {
    const slopes = randn([2, 1]);
    const fn: Forward = (x) => [
      F.mul(x, F.sigmoid(x)),
      F.where(F.lt(x, 0), F.mul(x, 0.1), x),
      F.where(F.gt(x, 0), x, F.mul(x, slopes)),
      F.where(F.lt(x, 1), F.mul(x, 0.1), x),
    ];
    const { before, after } = rewritten(passes.activationFusion, fn, [randn([1, 2, 3])]);
    expect(before).toMatchInlineSnapshot(`
      "%sigmoid: float32[1, 2, 3] = sigmoid(%input)
      %output_0: float32[1, 2, 3] = mul(%input, %sigmoid)
      %lt: bool[1, 2, 3] = lt(%input, 0)
      %affine: float32[1, 2, 3] = affine(%input) {scale: 0.1, shift: 0}
      %output_1: float32[1, 2, 3] = where(%lt, %affine, %input)
      %lt_1: bool[1, 2, 3] = lt(0, %input)
      %mul_1: float32[1, 2, 3] = mul(%input, %constant_2)
      %output_2: float32[1, 2, 3] = where(%lt_1, %input, %mul_1)
      %lt_2: bool[1, 2, 3] = lt(%input, 1)
      %affine_1: float32[1, 2, 3] = affine(%input) {scale: 0.1, shift: 0}
      %output_3: float32[1, 2, 3] = where(%lt_2, %affine_1, %input)
      return %output_0, %output_1, %output_2, %output_3"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%output_0: float32[1, 2, 3] = silu(%input)
      %output_1: float32[1, 2, 3] = leakyRelu(%input) {negativeSlope: 0.1}
      %output_2: float32[1, 2, 3] = prelu(%input, %constant_2_1)
      %lt_2: bool[1, 2, 3] = lt(%input, 1)
      %affine_1: float32[1, 2, 3] = affine(%input) {scale: 0.1, shift: 0}
      %output_3: float32[1, 2, 3] = where(%lt_2, %affine_1, %input)
      return %output_0, %output_1, %output_2, %output_3"
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

  test("batchNormFolding folds into transposed convolutions, group by group", () => {
    const model = new nn.Sequential(
      new nn.ConvTranspose2d(4, 6, 2, { groups: 2 }),
      new nn.BatchNorm2d(6),
      new nn.ReLU(),
    );
    for (let i = 0; i < 3; i++) scope(() => model.forward(randn([8, 4, 3, 3])));
    for (const p of model.parameters()) nn.init.normal_(p);
    const { after } = rewritten(passes.batchNormFolding, model, [randn([2, 4, 3, 3])]);
    expect(after).toMatchInlineSnapshot(`
      "%batch_norm_eval: float32[2, 6, 4, 4] = conv_transpose(%input, %0.weight_1, %0.bias_1) {stride: [1, 1], padding: [[0, 0], [0, 0]], dilation: [1, 1], groups: 2}  # 0
      %output: float32[2, 6, 4, 4] = relu(%batch_norm_eval)  # 2
      return %output"
    `);
  });

  test("batchNormFolding folds into convolutions and linear layers", () => {
    const model = new nn.Sequential(
      new nn.Conv2d(2, 4, 3, { bias: false }),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Linear(16, 3),
      new nn.BatchNorm1d(3),
    );
    for (let i = 0; i < 3; i++) scope(() => model.forward(randn([8, 2, 4, 4])));
    for (const p of model.parameters()) nn.init.normal_(p);
    const { before, after } = rewritten(passes.batchNormFolding, model, [randn([2, 2, 4, 4])]);
    expect(before).toMatchInlineSnapshot(`
      "%conv: float32[2, 4, 2, 2] = conv(%input, %0.weight) {window: {stride: [1, 1], padding: [[0, 0], [0, 0]], dilation: [1, 1], groups: 1}}  # 0
      %batch_norm_eval: float32[2, 4, 2, 2] = batch_norm_eval(%conv, %1.weight, %1.bias, %1.running_mean, %1.running_var) {eps: 0.00001}  # 1
      %relu: float32[2, 4, 2, 2] = relu(%batch_norm_eval)  # 2
      %reshape: float32[2, 16] = reshape(%relu) {shape: [2, 16]}  # 3
      %linear: float32[2, 3] = linear(%reshape, %4.weight, %4.bias)  # 4
      %output: float32[2, 3] = batch_norm_eval(%linear, %5.weight, %5.bias, %5.running_mean, %5.running_var) {eps: 0.00001}  # 5
      return %output"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%batch_norm_eval: float32[2, 4, 2, 2] = conv(%input, %0.weight_1, %0.bias) {window: {stride: [1, 1], padding: [[0, 0], [0, 0]], dilation: [1, 1], groups: 1}}  # 0
      %relu: float32[2, 4, 2, 2] = relu(%batch_norm_eval)  # 2
      %reshape: float32[2, 16] = reshape(%relu) {shape: [2, 16]}  # 3
      %output: float32[2, 3] = linear(%reshape, %4.weight_1, %4.bias_1)  # 4
      return %output"
    `);
  });

  test("epilogues lets layers apply bias, residual and activation", () => {
    const [conv, other] = [new nn.Conv2d(2, 2, 1, { bias: false }), new nn.Conv2d(2, 2, 1)];
    const [bias, w, b] = [randn([1, 2, 1, 1]), randn([8, 3]), randn([3])];
    const fn: Forward = (x) => {
      const y = F.relu(F.add(F.add(conv.forward(x), bias), x));
      const z = F.clamp(F.add(other.forward(y), conv.forward(y)), { min: 0, max: 6 });
      return F.relu(F.add(F.matmul(z.reshape(1, 8), w), b));
    };
    const pass: Pass = (graph) => passes.epilogues(passes.linearLayers(graph));
    const { before, after } = rewritten(pass, fn, [randn([1, 2, 2, 2])]);
    expect(before).toMatchInlineSnapshot(`
      "%conv: float32[1, 2, 2, 2] = conv(%input, %constant) {window: {stride: [1, 1], padding: [[0, 0], [0, 0]], dilation: [1, 1], groups: 1}}
      %add: float32[1, 2, 2, 2] = add(%conv, %constant_1)
      %add_1: float32[1, 2, 2, 2] = add(%add, %input)
      %relu: float32[1, 2, 2, 2] = relu(%add_1)
      %conv_1: float32[1, 2, 2, 2] = conv(%relu, %constant_2, %constant_3) {window: {stride: [1, 1], padding: [[0, 0], [0, 0]], dilation: [1, 1], groups: 1}}
      %conv_2: float32[1, 2, 2, 2] = conv(%relu, %constant) {window: {stride: [1, 1], padding: [[0, 0], [0, 0]], dilation: [1, 1], groups: 1}}
      %add_2: float32[1, 2, 2, 2] = add(%conv_1, %conv_2)
      %clamp: float32[1, 2, 2, 2] = clamp(%add_2) {min: 0, max: 6}
      %reshape: float32[1, 8] = reshape(%clamp) {shape: [1, 8]}
      %matmul: float32[1, 3] = matmul(%reshape, %constant_4)
      %add_3: float32[1, 3] = add(%matmul, %constant_5)
      %output: float32[1, 3] = relu(%add_3)
      return %output"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%relu: float32[1, 2, 2, 2] = conv(%input, %constant, %constant_1_1, %input) {window: {stride: [1, 1], padding: [[0, 0], [0, 0]], dilation: [1, 1], groups: 1}, activation: "relu"}
      %conv_1: float32[1, 2, 2, 2] = conv(%relu, %constant_2, %constant_3) {window: {stride: [1, 1], padding: [[0, 0], [0, 0]], dilation: [1, 1], groups: 1}}
      %clamp: float32[1, 2, 2, 2] = conv(%relu, %constant, null, %conv_1) {window: {stride: [1, 1], padding: [[0, 0], [0, 0]], dilation: [1, 1], groups: 1}, activation: "relu6"}
      %reshape: float32[1, 8] = reshape(%clamp) {shape: [1, 8]}
      %output: float32[1, 3] = linear(%reshape, %constant_4.T, %constant_5_1) {activation: "relu"}
      return %output"
    `);
  });

  test("attentionFusion finds scaled and masked products", () => {
    const [causal, added] = [
      F.tril(
        tensor([
          [1, 1, 1],
          [1, 1, 1],
          [1, 1, 1],
        ]),
      ).to("bool"),
      randn([3, 3]),
    ];
    const fn: Forward = (q, k, v) => {
      const scores = F.mul(F.matmul(q!, k!.transpose(2, 3)), 0.5);
      const masked = F.add(F.maskedFill(scores, F.logicalNot(causal), { value: -Infinity }), added);
      return F.matmul(F.softmax(masked, { dim: -1 }), v!);
    };
    const { before, after } = rewritten(inForm(passes.attentionFusion), fn, [
      randn([1, 2, 3, 4]),
      randn([1, 2, 3, 4]),
      randn([1, 2, 3, 4]),
    ]);
    expect(before).toMatchInlineSnapshot(`
      "%permute: float32[1, 2, 4, 3] = permute(%input_1) {order: [0, 1, 3, 2]}
      %matmul: float32[1, 2, 3, 3] = matmul(%input_0, %permute)
      %affine: float32[1, 2, 3, 3] = affine(%matmul) {scale: 0.5, shift: 0}
      %logicalNot: bool[3, 3] = logicalNot(%constant)
      %maskedFill: float32[1, 2, 3, 3] = maskedFill(%affine, %logicalNot) {value: -Infinity}
      %add: float32[1, 2, 3, 3] = add(%maskedFill, %constant_1)
      %softmax: float32[1, 2, 3, 3] = softmax(%add) {dim: 3}
      %output: float32[1, 2, 3, 4] = matmul(%softmax, %input_2)
      return %output"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%output: float32[1, 2, 3, 4], %stats: float32[1, 2, 3, 1] = scaledDotProductAttention(%input_0, %input_1, %input_2, %constant_1, %logicalNot_1) {scale: 0.5}
      return %output"
    `);
  });

  test("layerNormFusion finds the form of ONNX exporters, with weight and bias", () => {
    const [weight, bias] = [randn([6]), randn([6])];
    const fn: Forward = (x) => {
      const centred = F.sub(x!, F.mean(x!, { dim: -1, keepdim: true }));
      const variance = F.mean(F.pow(centred, tensor(2)), { dim: -1, keepdim: true });
      return F.add(F.mul(F.div(centred, F.sqrt(F.add(variance, tensor(1e-5)))), weight), bias);
    };
    const { before, after } = rewritten(inForm(passes.layerNormFusion), fn, [randn([2, 6])], {
      dynamic: { N: [["input", 0]] },
    });
    expect(before).toMatchInlineSnapshot(`
      "%sum: float32[N, 1] = sum(%input) {dims: [1], keepdim: true}
      %affine: float32[N, 1] = affine(%sum) {scale: 0.166667, shift: 0}
      %sub: float32[N, 6] = sub(%input, %affine)
      %expand: float32[N, 6] = expand(2) {shape: [N, 6]}
      %pow: float32[N, 6] = pow(%sub, %expand)
      %sum_1: float32[N, 1] = sum(%pow) {dims: [1], keepdim: true}
      %affine_1: float32[N, 1] = affine(%sum_1) {scale: 0.166667, shift: 0}
      %add: float32[N, 1] = add(%affine_1, 0.00001)
      %sqrt: float32[N, 1] = sqrt(%add)
      %div: float32[N, 6] = div(%sub, %sqrt)
      %mul: float32[N, 6] = mul(%div, %constant_2)
      %output: float32[N, 6] = add(%mul, %constant_3)
      return %output"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%output: float32[N, 6], %stats_4: float32[N], %stats_5: float32[N] = layer_norm(%input, %constant_2, %constant_3) {normalizedShape: [6], eps: 0.00001}
      return %output"
    `);
  });

  test("geluFusion finds erf", () => {
    const fn: Forward = (x) => F.mul(F.mul(x, F.add(F.erf(F.div(x, tensor(Math.SQRT2))), tensor(1))), tensor(0.5));
    const { before, after } = rewritten(inForm(passes.geluFusion), fn, [randn([2, 3])]);
    expect(before).toMatchInlineSnapshot(`
      "%div: float32[2, 3] = div(%input, 1.41421)
      %erf: float32[2, 3] = erf(%div)
      %add: float32[2, 3] = add(%erf, 1)
      %mul: float32[2, 3] = mul(%input, %add)
      %output: float32[2, 3] = mul(%mul, 0.5)
      return %output"
    `);
    expect(after).toMatchInlineSnapshot(`
      "%output: float32[2, 3] = gelu(%input)
      return %output"
    `);
  });
});

describe("geluFusion", () => {
  const c = Math.sqrt(2 / Math.PI);
  const forms: [string, Forward, string][] = [
    ["half before the product", (x) => F.mul(F.mul(x, 0.5), F.add(F.erf(F.mul(x, Math.SQRT1_2)), 1)), "gelu"],
    ["half inside the sum", (x) => F.mul(x, F.mul(F.add(F.erf(F.mul(x, Math.SQRT1_2)), 1), 0.5)), "gelu"],
    [
      "tanh with a cube by pow",
      (x) => F.mul(F.mul(x, 0.5), F.add(F.tanh(F.mul(F.add(x, F.mul(F.pow(x, tensor(3)), 0.044715)), c)), 1)),
      "gelu_tanh",
    ],
    [
      "tanh with a cube by products",
      (x) => F.mul(F.add(F.tanh(F.mul(F.mul(x, c), F.add(F.mul(F.mul(x, x), 0.044715), 1))), 1), F.mul(x, 0.5)),
      "gelu_tanh",
    ],
  ];
  test.each(forms)("finds the form with %s", (_, fn, op) => {
    const { after } = rewritten(inForm(passes.geluFusion), fn, [randn([5])]);
    expect(after).toBe(`%output: float32[5] = ${op}(%input)\nreturn %output`);
  });

  test.each<[string, Forward]>([
    ["another factor", (x) => F.mul(F.mul(x, 0.25), F.add(F.erf(F.mul(x, Math.SQRT1_2)), 1))],
    ["another argument", (x) => F.mul(F.mul(x, 0.5), F.add(F.erf(F.mul(x, 0.7)), 1))],
    ["tanh alone", (x) => F.mul(F.mul(x, 0.5), F.add(F.tanh(x), 1))],
  ])("leaves %s", (_, fn) => {
    expect(rewritten(inForm(passes.geluFusion), fn, [randn([5])]).after).not.toContain("gelu");
  });
});

describe("patterns are left where they do not fit", () => {
  const q = randn([1, 2, 3, 4]);
  test.each<[keyof typeof passes, string, Forward, Tensor]>([
    [
      "attentionFusion",
      "weights that somebody else wants",
      (x) => {
        const p = F.softmax(F.matmul(x, x.transpose(2, 3)), { dim: -1 });
        return [p, F.matmul(p, x)];
      },
      q,
    ],
    [
      "attentionFusion",
      "a softmax over the queries",
      (x) => F.matmul(F.softmax(F.matmul(x, x.transpose(2, 3)), { dim: 2 }), x),
      q,
    ],
    [
      "attentionFusion",
      "a mask that fills with a number",
      (x) =>
        F.matmul(
          F.softmax(
            F.maskedFill(F.matmul(x, x.transpose(2, 3)), F.gt(x.narrow(3, 0, 3), 0), {
              value: -1,
            }),
            { dim: -1 },
          ),
          x,
        ),
      q,
    ],
    [
      "layerNormFusion",
      "no eps",
      (x) => {
        const d = F.sub(x, F.mean(x, { dim: 3, keepdim: true }));
        return F.div(d, F.sqrt(F.mean(F.square(d), { dim: 3, keepdim: true })));
      },
      q,
    ],
    [
      "layerNormFusion",
      "a mean over leading dimensions",
      (x) => {
        const d = F.sub(x, F.mean(x, { dim: 1, keepdim: true }));
        return F.div(d, F.sqrt(F.add(F.mean(F.square(d), { dim: 1, keepdim: true }), 1e-5)));
      },
      q,
    ],
    [
      "epilogues",
      "a sum that somebody else wants",
      (x) => {
        const y = F.conv2d(x, tensor([[[[1]], [[2]]]]));
        return [y, F.relu(y)];
      },
      q,
    ],
    [
      "batchNormFolding",
      "statistics that are no constants",
      (x) => F.batchNorm(F.conv2d(x, tensor([[[[1]], [[2]]]])), x.sum().reshape(1), F.exp(x.sum()).reshape(1)),
      q,
    ],
    ["viewMerging", "an output that would be an input", (x) => x.reshape(1, 2, 3, 4).permute(0, 1, 2, 3), q],
  ])("%s: %s", (name, _, fn, x) => {
    const canonical = inForm((graph) => graph)(trace(new Fn(fn), x));
    const graph = passes[name](canonical);
    expect(body(graph)).toEqual(body(canonical));
    expectSame(graph, canonical, [x]);
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
