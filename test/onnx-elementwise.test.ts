import { full, tensor } from "../src/node.js";
import { ints, typed } from "./support/onnx.js";
import { testRows, truths } from "./support/onnx-rows.js";

testRows([
  { op: "Add", of: "uint8", inputs: [typed("uint8", [250, 1]), typed("uint8", [10, 2])], want: [["uint8", [4, 3]]] },
  { op: "Sub", of: "int8", inputs: [typed("int8", [-128]), typed("int8", [1])], want: [["int8", [127]]] },
  { op: "Mul", of: "int16", inputs: [typed("int16", [300]), typed("int16", [300])], want: [["int16", [24464]]] },
  {
    op: "Div",
    of: "int32, towards 0",
    inputs: [ints([-7, 7, -7, 2147483647]), ints([2, -2, -2, 3])],
    want: [["int64", [-3, -3, 3, 715827882]]],
  },
  {
    op: "Mod",
    of: "the divisor's sign",
    inputs: [ints([-7, 7, 2147483647]), ints([3, -3, 1000])],
    want: [["int64", [2, -2, 647]]],
  },
  {
    op: "Mod",
    of: "the dividend's sign",
    inputs: [ints([-7, 7]), ints([3, -3])],
    attributes: { fmod: 1 },
    want: [["int64", [-1, 1]]],
  },
  {
    op: "Mod",
    of: "floats",
    inputs: [tensor([-4.5, 5]), tensor([2, 3])],
    attributes: { fmod: 1 },
    want: [["float32", [-0.5, 2]]],
  },
  { op: "Pow", of: "an integer base", inputs: [ints([2, 3]), tensor([3, 0.5])], want: [["int64", [8, 1]]] },
  { op: "Pow", of: "an integer exponent", inputs: [tensor([2, 3]), ints([3, 2])], want: [["float32", [8, 9]]] },
  {
    op: "Add",
    of: "an axis, in operator set 6",
    inputs: [full([2, 2, 2], 1), tensor([1, 2])],
    attributes: { axis: 1, broadcast: 1 },
    options: { opset: 6 },
    want: [
      [
        "float32",
        [
          [
            [2, 2],
            [3, 3],
          ],
          [
            [2, 2],
            [3, 3],
          ],
        ],
      ],
    ],
  },
  {
    op: "BitShift",
    of: "left",
    inputs: [typed("uint8", [1, 200]), typed("uint8", [3, 1])],
    attributes: { direction: "LEFT" },
    want: [["uint8", [8, 144]]],
  },
  {
    op: "BitShift",
    of: "right",
    inputs: [typed("uint8", [16, 200]), typed("uint8", [3, 9])],
    attributes: { direction: "RIGHT" },
    want: [["uint8", [2, 0]]],
  },
  {
    op: "BitwiseAnd",
    of: "int32",
    inputs: [ints([-1, 12]), ints([2147483647, 10])],
    want: [["int64", [2147483647, 8]]],
  },
  { op: "BitwiseXor", of: "negative numbers", inputs: [ints([-2, 5]), ints([3, 1])], want: [["int64", [-3, 4]]] },
  { op: "BitwiseNot", of: "uint8", inputs: [typed("uint8", [0, 5])], want: [["uint8", [255, 250]]] },
  {
    op: "Where",
    of: "truths",
    inputs: [truths(true, false), truths(true, true), truths(false, false)],
    want: [["bool", [true, false]]],
  },
  {
    op: "IsInf",
    of: "one side",
    inputs: [tensor([Infinity, -Infinity, 1])],
    attributes: { detect_negative: 0 },
    want: [["bool", [true, false, false]]],
  },
  { op: "Clip", of: "one bound", inputs: [tensor([-1, 2]), null, tensor(1)], want: [["float32", [-1, 1]]] },
  { op: "Clip", of: "integers", inputs: [ints([-5, 5]), ints([-1]), ints([3])], want: [["int64", [-1, 3]]] },
  {
    op: "Cast",
    of: "float32 to uint8",
    inputs: [tensor([3.7, 258])],
    attributes: { to: 2 },
    want: [["uint8", [3, 2]]],
  },
  {
    op: "Cast",
    of: "float32 to float16",
    inputs: [tensor([1.0006, 70000, 65519, -1e-8, 6e-8, Infinity])],
    attributes: { to: 10 },
    want: [["float16", [1.0009765625, Infinity, 65504, 0, 2 ** -24, Infinity]]],
  },
  {
    op: "Cast",
    of: "float32 to bfloat16",
    inputs: [tensor([1.003, -0.3, 0])],
    attributes: { to: 16 },
    want: [["bfloat16", [1, -0.30078125, 0]]],
  },
  { op: "CastLike", of: "int64 to bool", inputs: [ints([0, 5]), truths(true)], want: [["bool", [false, true]]] },
]);
