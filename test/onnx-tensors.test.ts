import { describe, expect, test } from "vitest";
import { FormatError, onnx, tensor } from "../src/node.js";
import type { Elem } from "../src/onnx/handler.js";
import { type TensorProto, tensorProto } from "../src/onnx/messages.js";
import { encodeMessage, type Packed, packedBytes } from "../src/onnx/protobuf.js";
import { decodeTensor, encodeTensor } from "../src/onnx/tensors.js";

function read(given: Partial<TensorProto>): onnx.NamedTensor {
  return onnx.parseTensor(encodeMessage(tensorProto, { ...tensorProto.absent, name: "t", ...given }));
}

const words = (...values: bigint[]): Uint8Array => new Uint8Array(BigInt64Array.from(values).buffer);
const halves = (...values: number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);

/** For each type: its number, raw bytes, the typed field with the same values, and the values. */
const TYPES: readonly (readonly [Elem, number, Uint8Array, Partial<TensorProto>, readonly number[]])[] = [
  ["float32", 1, new Uint8Array(Float32Array.of(0.5, -2).buffer), { floatData: [[0.5, -2]] }, [0.5, -2]],
  ["uint8", 2, Uint8Array.of(0, 255), { int32Data: [[0, 255]] }, [0, 255]],
  ["int8", 3, Uint8Array.of(128, 127), { int32Data: [[-128, 127]] }, [-128, 127]],
  ["uint16", 4, halves(0, 65535), { int32Data: [[0, 65535]] }, [0, 65535]],
  ["int16", 5, halves(0x8000, 0x7fff), { int32Data: [[-32768, 32767]] }, [-32768, 32767]],
  ["int32", 6, new Uint8Array(Int32Array.of(-5, 7).buffer), { int32Data: [[-5, 7]] }, [-5, 7]],
  ["int64", 7, words(-5n, 7n), { int64Data: [[-5, 7]] }, [-5, 7]],
  ["bool", 9, Uint8Array.of(1, 0), { int32Data: [[1, 0]] }, [1, 0]],
  ["float16", 10, halves(0x3e00, 0xc000), { int32Data: [[0x3e00, 0xc000]] }, [1.5, -2]],
  ["float64", 11, new Uint8Array(Float64Array.of(0.25, 3).buffer), { doubleData: [[0.25, 3]] }, [0.25, 3]],
  ["uint32", 12, new Uint8Array(Uint32Array.of(3, 9).buffer), { uint64Data: [[3, 9]] }, [3, 9]],
  ["uint64", 13, words(3n, 9n), { uint64Data: [[3, 9]] }, [3, 9]],
  ["bfloat16", 16, halves(0x3fc0, 0xc000), { int32Data: [[0x3fc0, 0xc000]] }, [1.5, -2]],
];

describe.each(TYPES)("a tensor of %s", (elem, dataType, rawData, typed, values) => {
  test("is read from raw bytes and from typed fields", () => {
    for (const given of [{ rawData }, typed]) {
      const got = read({ dims: [[2, 1]], dataType, ...given });
      expect([got.name, got.elem, got.tensor.shape]).toEqual(["t", elem, [2, 1]]);
      expect(Array.from(got.tensor.data())).toEqual(values);
    }
  });

  test("is refused with one value too many or too few", () => {
    for (const dims of [[1], [3], [2, 2]]) {
      for (const given of [{ rawData }, typed]) {
        expect(() => read({ dims: [dims], dataType, ...given })).toThrow(`holds 2 values of ${elem}; expected`);
      }
    }
  });

  test("is written in the same raw bytes", () => {
    const arg = read({ dims: [[2]], dataType, rawData });
    if (elem === "float16" || elem === "bfloat16") expect(() => encodeTensor(arg, "t")).toThrow("is not written");
    else expect(encodeTensor(arg, "t").rawData).toEqual(rawData);
  });
});

describe("integers of 64 bits", () => {
  const most = [2n ** 63n - 1n, -(2n ** 63n)];

  test("that mean no bound become int32's bounds in vectors", () => {
    const { tensor: t } = read({ dims: [[2]], dataType: 7, rawData: words(...most) });
    expect(Array.from(t.data())).toEqual([2 ** 31 - 1, -(2 ** 31)]);
  });

  test.each([
    ["other values beyond int32", { dims: [[1]], dataType: 7, rawData: words(2n ** 31n) }],
    ["bounds in a matrix", { dims: [[1, 2]], dataType: 7, rawData: words(...most) }],
    ["large unsigned ones", { dims: [[1]], dataType: 13, rawData: words(2n ** 40n) }],
    ["large uint32", { dims: [[1]], dataType: 12, rawData: Uint8Array.of(0, 0, 0, 0x80) }],
    ["typed ones", { dims: [[1]], dataType: 7, int64Data: [[2 ** 40]] as Packed }],
  ])("refuse %s", (_, given) => {
    expect(() => read(given)).toThrow(FormatError);
  });
});

describe("malformed tensors", () => {
  test.each<[string, Partial<TensorProto>, string]>([
    ["an unknown type", { dims: [[1]], dataType: 8, stringData: [new Uint8Array(1)] }, "element type 8"],
    ["a negative size", { dims: [[-1]], dataType: 1 }, "shape [-1]"],
    ["a size beyond memory", { dims: [[2 ** 31 - 1, 2 ** 31 - 1]], dataType: 1 }, "expected sizes"],
    ["a size beyond every number", { dims: [[2 ** 60, 2 ** 60, 0]], dataType: 1 }, "expected sizes"],
    ["many dimensions", { dims: [new Array<number>(65).fill(1)], dataType: 1 }, "more than 64 dimensions"],
    ["a value that its type cannot hold", { dims: [[1]], dataType: 2, int32Data: [[256]] }, "holds 256 at 0"],
    ["a bool that is none", { dims: [[1]], dataType: 9, rawData: Uint8Array.of(2) }, "expected 0 or 1"],
    ["half an element", { dims: [[1]], dataType: 1, rawData: new Uint8Array(6) }, "holds 1.5 values"],
    [
      "packed floats of half an element",
      { dims: [[1]], dataType: 1, floatData: [new Uint8Array(6)] },
      "holds 1.5 values",
    ],
    [
      "external data without a reader",
      { dims: [[1]], dataType: 1, dataLocation: 1, externalData: [{ key: "location", value: "w" }] },
      "externalData",
    ],
    ["external data without a place", { dims: [[1]], dataType: 1, dataLocation: 1 }, "names no location"],
  ])("refuse %s", (_, given, message) => {
    expect(() => read(given)).toThrow(FormatError);
    expect(() => read(given)).toThrow(message);
  });
});

describe("external data", () => {
  const file = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
  const proto = (entries: Readonly<Record<string, string>>): TensorProto => ({
    ...tensorProto.absent,
    dims: [[2]],
    dataType: 1,
    dataLocation: 1,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
  });
  const open = (location: string, { offset, length }: { offset: number; length?: number }): Uint8Array => {
    expect(location).toBe("w.bin");
    return file.subarray(offset, length === undefined ? undefined : offset + length);
  };

  test("is read from its place in the file", () => {
    const got = decodeTensor(proto({ location: "w.bin", offset: "4", length: "8" }), "w", open);
    expect(Array.from(got.tensor.data())).toEqual([2, 3]);
    expect(Array.from(decodeTensor(proto({ location: "w.bin", offset: "4" }), "w", open).tensor.data())).toEqual([
      2, 3,
    ]);
  });

  test.each([
    ["a file that is too short", { location: "w.bin", offset: "8", length: "8" }, "has 4 bytes"],
    ["an offset that is no count", { location: "w.bin", offset: "-4" }, 'offset "-4"'],
    ["a length that is no count", { location: "w.bin", length: "1e1" }, 'length "1e1"'],
    ["another number of bytes", { location: "w.bin", length: "12" }, "holds 3 values"],
  ])("refuses %s", (_, entries, message) => {
    expect(() => decodeTensor(proto(entries), "w", open)).toThrow(message);
  });

  test("packs numbers as the format has them", () => {
    expect(Array.from(packedBytes([300], "int"))).toEqual([0xac, 0x02]);
    expect(
      read({ dims: [packedBytes([1], "int")], dataType: 6, int32Data: [packedBytes([-7], "int")] }).tensor.tolist(),
    ).toEqual(tensor(Int32Array.of(-7)).tolist());
  });
});
