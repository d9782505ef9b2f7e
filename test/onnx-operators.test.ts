import { describe, expect, test } from "vitest";
import { full, setBackend, type Tensor, tensor } from "../src/node.js";
import { families } from "../src/onnx/ops/index.js";
import { expectClose } from "./support/compare.js";
import { Nd } from "./support/nd.js";
import { type AttributeValue, gradientError, ints, runNode, sample, typed } from "./support/onnx.js";
import { table, testRows, truths } from "./support/onnx-rows.js";

testRows([
  {
    op: "ReduceSum",
    of: "no axes",
    inputs: [tensor([[1, 2]]), ints([], 0)],
    attributes: { noop_with_empty_axes: 1 },
    want: [["float32", [[1, 2]]]],
  },
  {
    op: "ReduceSumSquare",
    of: "no axes",
    inputs: [tensor([[1, 2]])],
    attributes: { noop_with_empty_axes: 1 },
    want: [["float32", [[1, 4]]]],
  },
  {
    op: "ReduceMax",
    of: "nothing",
    inputs: [full([2, 0], 1), ints([1])],
    attributes: { keepdims: 0 },
    want: [["float32", [-Infinity, -Infinity]]],
  },
  {
    op: "ReduceMin",
    of: "truths",
    inputs: [tensor([[true, false]]), ints([1])],
    attributes: { keepdims: 0 },
    want: [["bool", [false]]],
  },
  { op: "ReduceMean", of: "integers", inputs: [ints([7, 8], 1, 2), ints([1])], want: [["int64", [[7]]]] },
  {
    op: "ReduceProd",
    of: "two axes, in operator set 13",
    inputs: [
      tensor([
        [1, 2],
        [3, 4],
      ]),
    ],
    attributes: { axes: [0, -1] },
    options: { opset: 13 },
    want: [["float32", [[24]]]],
  },
  {
    op: "ArgMax",
    of: "the last of equals",
    inputs: [tensor([[2, 5, 5]])],
    attributes: { axis: 1, select_last_index: 1, keepdims: 0 },
    want: [["int64", [2]]],
  },
  {
    op: "CumSum",
    of: "what lies behind",
    inputs: [tensor([1, 2, 3]), ints([0])],
    attributes: { reverse: 1, exclusive: 1 },
    want: [["float32", [5, 3, 0]]],
  },
  {
    op: "TopK",
    of: "the smallest",
    inputs: [tensor([3, 1, 2]), ints([2])],
    attributes: { largest: 0 },
    options: { outputs: 2 },
    want: [
      ["float32", [1, 2]],
      ["int64", [1, 2]],
    ],
  },
  {
    op: "MatMulInteger",
    of: "zero points",
    inputs: [typed("uint8", [11, 7], 1, 2), typed("uint8", [1, 4], 2, 1), typed("uint8", [12]), typed("uint8", [0])],
    want: [["int32", [[-21]]]],
  },
  {
    op: "Gemm",
    of: "no bias, scaled",
    inputs: [tensor([[1, 2]]), tensor([[3, 4]])],
    attributes: { alpha: 0.5, transB: 1 },
    want: [["float32", [[5.5]]]],
  },
  {
    op: "Shape",
    of: "a part",
    inputs: [full([2, 3, 4], 0)],
    attributes: { start: -2, end: 9 },
    want: [["int64", [3, 4]]],
  },
  { op: "Reshape", of: "0 and -1", inputs: [full([2, 0, 3], 0), ints([0, 0, 3])], want: [["float32", [[], []]]] },
  {
    op: "Slice",
    of: "steps backwards to the end",
    inputs: [tensor([0, 1, 2, 3, 4]), ints([3]), ints([-(2 ** 31)]), ints([0]), ints([-2])],
    want: [["float32", [3, 1]]],
  },
  {
    op: "Slice",
    of: "bounds beyond the ends",
    inputs: [tensor([0, 1, 2]), ints([-9]), ints([2 ** 31 - 1])],
    want: [["float32", [0, 1, 2]]],
  },
  {
    op: "Split",
    of: "a smaller last part",
    inputs: [tensor([1, 2, 3, 4, 5])],
    attributes: { num_outputs: 2 },
    options: { outputs: 2 },
    want: [
      ["float32", [1, 2, 3]],
      ["float32", [4, 5]],
    ],
  },
  {
    op: "Pad",
    of: "reflected further than the input is long",
    inputs: [tensor([1, 2]), ints([3, 2])],
    attributes: { mode: "reflect" },
    want: [["float32", [2, 1, 2, 1, 2, 1, 2]]],
  },
  {
    op: "Pad",
    of: "wrapped integers on one axis",
    inputs: [ints([1, 2, 3, 4], 2, 2), ints([1, 0]), null, ints([-1])],
    attributes: { mode: "wrap" },
    want: [
      [
        "int64",
        [
          [2, 1, 2],
          [4, 3, 4],
        ],
      ],
    ],
  },
  {
    op: "Pad",
    of: "a constant, and cut",
    inputs: [tensor([1, 2, 3]), ints([-1, 1]), tensor(9)],
    want: [["float32", [2, 3, 9]]],
  },
  {
    op: "Compress",
    of: "the flattened input",
    inputs: [
      tensor([
        [1, 2],
        [3, 4],
      ]),
      truths(false, true, true),
    ],
    want: [["float32", [2, 3]]],
  },
  {
    op: "Gather",
    of: "truths, from the end",
    inputs: [truths(true, false, true), ints([-2, -1])],
    attributes: { axis: 0 },
    want: [["bool", [false, true]]],
  },
  {
    op: "GatherND",
    of: "a batch",
    inputs: [
      tensor([
        [
          [1, 2],
          [3, 4],
        ],
        [
          [5, 6],
          [7, 8],
        ],
      ]),
      ints([1, 0], 2, 1),
    ],
    attributes: { batch_dims: 1 },
    want: [
      [
        "float32",
        [
          [3, 4],
          [5, 6],
        ],
      ],
    ],
  },
  {
    op: "ScatterElements",
    of: "products at repeated places",
    inputs: [tensor([[2, 3, 4]]), ints([1, 1, -1], 1, 3), tensor([[5, 6, 7]])],
    attributes: { axis: 1, reduction: "mul" },
    want: [["float32", [[2, 90, 28]]]],
  },
  {
    op: "ScatterElements",
    of: "the largest integers",
    inputs: [ints([2, 3]), ints([0, 0]), ints([1, 9])],
    attributes: { reduction: "max" },
    want: [["int64", [9, 3]]],
  },
  {
    op: "ScatterND",
    of: "truths",
    inputs: [truths(true, false), ints([1], 1, 1), truths(true)],
    want: [["bool", [true, true]]],
  },
  {
    op: "OneHot",
    of: "indices without a place",
    inputs: [ints([1, -1, 5]), tensor(3), ints([0, 7])],
    want: [
      [
        "int64",
        [
          [0, 7, 0],
          [0, 0, 7],
          [0, 0, 0],
        ],
      ],
    ],
  },
  {
    op: "Unique",
    of: "rows",
    inputs: [
      tensor([
        [2, 1],
        [1, 1],
        [2, 1],
      ]),
    ],
    attributes: { axis: 0 },
    options: { outputs: 4 },
    want: [
      [
        "float32",
        [
          [1, 1],
          [2, 1],
        ],
      ],
      ["int64", [1, 0]],
      ["int64", [1, 0, 1]],
      ["int64", [1, 2]],
    ],
  },
  {
    op: "Unique",
    of: "values in the order of their first",
    inputs: [tensor([2, 1, 2])],
    attributes: { sorted: 0 },
    options: { outputs: 3 },
    want: [
      ["float32", [2, 1]],
      ["int64", [0, 1]],
      ["int64", [0, 1, 0]],
    ],
  },
  {
    op: "Range",
    of: "negative steps",
    inputs: [ints([5]).reshape([]), ints([0]).reshape([]), ints([-2]).reshape([])],
    want: [["int64", [5, 3, 1]]],
  },
  {
    op: "Trilu",
    of: "integers below",
    inputs: [ints([1, 2, 3, 4], 2, 2), ints([-1]).reshape([])],
    attributes: { upper: 0 },
    want: [
      [
        "int64",
        [
          [0, 0],
          [3, 0],
        ],
      ],
    ],
  },
  {
    op: "EyeLike",
    of: "a type of its own",
    inputs: [full([2, 3], 0)],
    attributes: { k: 1, dtype: 6 },
    want: [
      [
        "int32",
        [
          [0, 1, 0],
          [0, 0, 1],
        ],
      ],
    ],
  },
  {
    op: "ReverseSequence",
    of: "lengths",
    inputs: [
      tensor([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
      ints([2, 3]),
    ],
    want: [
      [
        "float32",
        [
          [3, 6],
          [1, 4],
          [5, 2],
        ],
      ],
    ],
  },
  {
    op: "TensorScatter",
    of: "a circular cache",
    inputs: [tensor([[[1], [2], [3]]]), tensor([[[8], [9]]]), ints([2])],
    attributes: { mode: "circular" },
    options: { opset: 24 },
    want: [["float32", [[[9], [2], [8]]]]],
  },
  {
    op: "TfIdfVectorizer",
    of: "pairs with a gap",
    inputs: [ints([1, 5, 2, 1])],
    attributes: {
      mode: "TF",
      min_gram_length: 2,
      max_gram_length: 2,
      max_skip_count: 1,
      ngram_counts: [0, 0],
      ngram_indexes: [1, 0],
      pool_int64s: [1, 2, 5, 2],
    },
    want: [["float32", [1, 1]]],
  },
]);

describe.each(["js", "wasm"] as const)("on %s", (backend) => {
  test.each<[string, readonly Tensor[], Readonly<Record<string, AttributeValue>>]>([
    ["Acos", [sample("x", 8)], {}],
    ["Acosh", [sample("x", 8).add(3)], {}],
    ["Asin", [sample("x", 8)], {}],
    ["Asinh", [sample("x", 8)], {}],
    ["Atan", [sample("x", 8).mul(5)], {}],
    ["Atanh", [sample("x", 8).mul(0.9)], {}],
    ["Cosh", [sample("x", 8)], {}],
    ["Sinh", [sample("x", 8)], {}],
    ["Tan", [sample("x", 8)], {}],
    ["Pow", [sample("x", 8).abs().add(1), sample("e", 8)], {}],
    ["PRelu", [sample("x", 2, 8), sample("s", 8)], {}],
    ["Pad", [sample("x", 2, 3)], { mode: "edge", pads: [1, 0, 0, 2] }],
    ["Gemm", [sample("a", 3, 2), sample("b", 3, 4), sample("c", 4)], { transA: 1, beta: 0.5 }],
    ["ReduceL2", [sample("x", 2, 8)], { axes: [1] }],
    ["DepthToSpace", [sample("x", 1, 4, 2, 2)], { blocksize: 2 }],
  ])("the gradients of %s agree with differences", (op, inputs, attributes) => {
    setBackend(backend);
    const opset = op === "Pad" ? 10 : 13;
    expect(gradientError((...xs) => runNode(table, op, xs, attributes, { opset })[0]!, inputs)).toBeLessThan(2e-3);
  });
});

test.each([7, 8])("half of a spectrum gives %i real samples back", (n) => {
  const [x, length, axis] = [sample("x", 2, n, 1), ints([n]).reshape([]), ints([1]).reshape([])];
  const [half] = runNode(table, "DFT", [x, null, axis], { onesided: 1 });
  const [back] = runNode(table, "DFT", [half!, length, axis], { onesided: 1, inverse: 1 });
  expectClose("samples", back!, new Nd(x.shape, x.data()), { rtol: 1e-5, atol: 1e-6 });
});

test("every operator has versions in ascending order", () => {
  const unordered = Object.entries(table).filter(([, versions]) =>
    versions.some((v, i) => i > 0 && v.since <= versions[i - 1]!.since),
  );
  expect(unordered.map(([name]) => name)).toEqual([]);
});

test("no operator is in two families", () => {
  const names = families.flatMap((family) => Object.keys(family));
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});
