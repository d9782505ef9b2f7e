import { describe, expect, test } from "vitest";
import { compile, FormatError, memory, noGrad, onnx, setBackend, Tensor, tensor } from "../src/node.js";
import type { GraphProto, NodeProto } from "../src/onnx/messages.js";
import { ints } from "./support/onnx.js";
import { graph, initializer, modelBytes, node, value } from "./support/onnx-model.js";

const x = tensor([
  [1, 2],
  [3, 4],
  [5, 6],
]);

/** A model of x [3, 2] with numbers n0, n1, … at hand. */
function modelOf(nodes: readonly NodeProto[], outputs: readonly string[], more: Partial<GraphProto> = {}): Uint8Array {
  const numbers = [-1, 0, 1, 2, 3].map((n) => initializer(`n${n}`, ints([n]).reshape([])));
  return modelBytes(
    {
      input: [value("x", [3, 2])],
      output: outputs.map((name) => value(name)),
      node: nodes,
      ...more,
      initializer: [...numbers, initializer("sizes", ints([1, 2])), ...(more.initializer ?? [])],
    },
    { opsetImport: [{ domain: "", version: 18 }] },
  );
}

function run(nodes: readonly NodeProto[], outputs: readonly string[], more: Partial<GraphProto> = {}): unknown[] {
  const y = noGrad(() => onnx.load(modelOf(nodes, outputs, more)).forward(x));
  return (y instanceof Tensor ? [y] : (y as Tensor[])).map((t) => t.tolist());
}

const concat = (from: string, to: string, axis = 0): NodeProto => node("ConcatFromSequence", [from], [to], { axis });
const rows = node("SplitToSequence", ["x"], ["s"]);

describe.each(["js", "wasm"] as const)("sequences on %s", (backend) => {
  test.each<readonly [string, NodeProto[], string[], unknown[]]>([
    [
      "split into rows",
      [rows, node("SequenceLength", ["s"], ["n"]), node("SequenceAt", ["s", "n-1"], ["y"])],
      ["n", "y"],
      [3, [[5, 6]]],
    ],
    [
      "split into rows without their dimension",
      [node("SplitToSequence", ["x"], ["s"], { keepdims: 0 }), node("SequenceAt", ["s", "n1"], ["y"])],
      ["y"],
      [[3, 4]],
    ],
    [
      "split by a size, the last part being smaller",
      [node("SplitToSequence", ["x", "n2"], ["s"]), node("SequenceAt", ["s", "n1"], ["y"])],
      ["y"],
      [[[5, 6]]],
    ],
    [
      "split by sizes",
      [node("SplitToSequence", ["x", "sizes"], ["s"]), node("SequenceAt", ["s", "n1"], ["y"])],
      ["y"],
      [
        [
          [3, 4],
          [5, 6],
        ],
      ],
    ],
    [
      "joined along a new axis",
      [rows, node("ConcatFromSequence", ["s"], ["y"], { axis: 1, new_axis: 1 })],
      ["y"],
      [
        [
          [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        ],
      ],
    ],
    [
      "made of tensors",
      [node("SequenceConstruct", ["x", "x"], ["s"]), concat("s", "y", 1)],
      ["y"],
      [
        [
          [1, 2, 1, 2],
          [3, 4, 3, 4],
          [5, 6, 5, 6],
        ],
      ],
    ],
    [
      "with one more in front",
      [rows, node("SequenceAt", ["s", "n2"], ["a"]), node("SequenceInsert", ["s", "a", "n0"], ["t"]), concat("t", "y")],
      ["y"],
      [
        [
          [5, 6],
          [1, 2],
          [3, 4],
          [5, 6],
        ],
      ],
    ],
    [
      "with one more behind, in an empty one",
      [
        node("SequenceEmpty", [], ["e"]),
        node("SequenceInsert", ["e", "x"], ["t"]),
        concat("t", "y"),
        node("SequenceLength", ["e"], ["n"]),
      ],
      ["y", "n"],
      [x.tolist(), 0],
    ],
    [
      "without the last",
      [rows, node("SequenceErase", ["s"], ["t"]), concat("t", "y")],
      ["y"],
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ],
    [
      "without the first",
      [rows, node("SequenceErase", ["s", "n0"], ["t"]), concat("t", "y")],
      ["y"],
      [
        [
          [3, 4],
          [5, 6],
        ],
      ],
    ],
    ["passed on", [rows, node("Identity", ["s"], ["t"]), concat("t", "y")], ["y"], [x.tolist()]],
  ])("%s", (_, nodes, outputs, want) => {
    setBackend(backend);
    expect(run(nodes, outputs)).toEqual(want);
  });

  test("mapped item by item, tensors being the same for all", () => {
    setBackend(backend);
    const body = graph({
      input: [value("item"), value("all")],
      output: [value("sum"), value("item")],
      node: [node("Add", ["item", "all"], ["sum"])],
    });
    const nodes = [
      rows,
      node("SequenceMap", ["s", "x"], ["t", "same"], { body }),
      node("SequenceAt", ["t", "n1"], ["y"]),
      concat("same", "z"),
    ];
    expect(run(nodes, ["y", "z"])).toEqual([
      [
        [4, 6],
        [6, 8],
        [8, 10],
      ],
      x.tolist(),
    ]);
  });

  test("grown by a loop, and chosen by a condition", () => {
    setBackend(backend);
    const body = graph({
      input: [value("i"), value("c"), value("before")],
      output: [value("goes"), value("after")],
      node: [
        node("Identity", ["c"], ["goes"]),
        node("Gather", ["x", "i"], ["row"]),
        node("SequenceInsert", ["before", "row", "n0"], ["after"]),
      ],
    });
    const branch = (name: string): GraphProto =>
      graph({ output: [value(`${name}.t`)], node: [node("Identity", [name], [`${name}.t`])] });
    const nodes = [
      node("SequenceEmpty", [], ["e"]),
      node("Loop", ["n3", "", "e"], ["grown"], { body }),
      node("ReduceSum", ["x"], ["sum"], { keepdims: 0 }),
      node("Cast", ["sum"], ["condition"], { to: 9 }),
      node("If", ["condition"], ["chosen"], { then_branch: branch("grown"), else_branch: branch("e") }),
      node("ConcatFromSequence", ["chosen"], ["y"], { axis: 0, new_axis: 1 }),
    ];
    expect(run(nodes, ["y"])).toEqual([
      [
        [5, 6],
        [3, 4],
        [1, 2],
      ],
    ]);
  });

  test("optional values are there or not", () => {
    setBackend(backend);
    const nodes = [
      node("Optional", ["x"], ["some"]),
      node("Optional", [], ["none"], { type: { type: 13 } }),
      node("OptionalHasElement", ["some"], ["a"]),
      node("OptionalHasElement", ["none"], ["b"]),
      node("OptionalHasElement", [""], ["c"]),
      node("OptionalGetElement", ["some"], ["y"]),
    ];
    expect(run(nodes, ["a", "b", "c", "y"])).toEqual([true, false, false, x.tolist()]);
  });
});

test("gradients, sessions and exported files go through sequences", () => {
  setBackend("wasm");
  const nodes = [
    rows,
    node("SequenceErase", ["s", "n1"], ["t"]),
    concat("t", "joined"),
    node("Mul", ["joined", "w"], ["y"]),
  ];
  const model = onnx.load(modelOf(nodes, ["y"], { initializer: [initializer("w", tensor([10, 100]))] }));
  (model.forward(x) as Tensor).sum().backward();
  expect([...model.parameters()].map((p) => p.grad!.tolist())).toEqual([[6, 8]]);
  const want = [
    [10, 200],
    [50, 600],
  ];
  expect(compile(model, x).run({ input: x }).output!.tolist()).toEqual(want);
  expect((onnx.load(onnx.save(model, x)).forward(x) as Tensor).tolist()).toEqual(want);
});

test("items are freed with the last that holds them", () => {
  const nodes = [
    node("Mul", ["x", "x"], ["square"]),
    node("SequenceConstruct", ["square", "square", "x"], ["s"]),
    node("SequenceErase", ["s"], ["t"]),
    concat("t", "joined"),
    node("ReduceSum", ["joined"], ["y"], { keepdims: 0 }),
  ];
  const model = onnx.load(modelOf(nodes, ["y"]));
  const before = memory().liveBytes;
  const y = noGrad(() => model.forward(x) as Tensor);
  expect(y.item()).toBe(2 * (1 + 4 + 9 + 16 + 25 + 36));
  y.dispose();
  expect(memory().liveBytes).toBe(before);
});

test.each<readonly [string, NodeProto[], RegExp]>([
  [
    "a sequence for a tensor",
    [rows, node("Neg", ["s"], ["y"])],
    /Neg of ai.onnx 18: input 0 is a sequence; expected a tensor/,
  ],
  ["a tensor for a sequence", [node("SequenceAt", ["x", "n0"], ["y"])], /input 0 is a tensor; expected a sequence/],
  [
    "a place that is not there",
    [rows, node("SequenceAt", ["s", "n3"], ["y"])],
    /position is 3; expected one of 3 items/,
  ],
  [
    "a place beyond the end",
    [node("SequenceEmpty", [], ["s"]), node("SequenceInsert", ["s", "x", "n1"], ["y"])],
    /position is 1; expected one from/,
  ],
  ["nothing to join", [node("SequenceEmpty", [], ["s"]), concat("s", "y")], /the sequence is empty/],
  [
    "an element of nothing",
    [node("Optional", [], ["o"]), node("OptionalGetElement", ["o"], ["y"])],
    /optional value that is not there; expected a value/,
  ],
  ["a sequence as output", [node("SplitToSequence", ["x"], ["y"])], /output "y" is a sequence; expected a tensor/],
  ["parts of nothing", [node("SplitToSequence", ["x", "n0"], ["y"])], /the parts are of 0/],
  [
    "parts that are too small",
    [node("Slice", ["sizes", "z", "e"], ["p"]), node("SplitToSequence", ["x", "p"], ["y"])],
    /the parts are \[1\]; expected sizes of 3/,
  ],
])("refused is %s", (_, nodes, message) => {
  const initializers = [initializer("z", ints([0])), initializer("e", ints([1]))];
  const forward = (): unknown => onnx.load(modelOf(nodes, ["y"], { initializer: initializers })).forward(x);
  expect(forward).toThrow(FormatError);
  expect(forward).toThrow(message);
});
