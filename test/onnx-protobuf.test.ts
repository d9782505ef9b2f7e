import { describe, expect, test } from "vitest";
import { FormatError } from "../src/node.js";
import { modelProto, tensorProto } from "../src/onnx/messages.js";
import {
  countPacked,
  decodeMessage,
  encodeMessage,
  type Message,
  numbersIn,
  packedBytes,
} from "../src/onnx/protobuf.js";
import { graph, modelBytes, node, value } from "./support/onnx-model.js";

const model = (...bytes: number[]): unknown => decodeMessage(modelProto, Uint8Array.from(bytes), "model");

/** Field `number` with bytes. */
function field(number: number, content: Uint8Array): Uint8Array {
  return Uint8Array.from([...packedBytes([number * 8 + 2, content.length], "uint"), ...content]);
}

function nested(levels: number): Uint8Array {
  let bytes = new Uint8Array();
  // A graph (7) in a model, then attribute (5) with a graph (6) in a node (1), and so on.
  for (let i = 0; i < levels; i++) bytes = field(1, field(5, field(6, bytes))) as Uint8Array<ArrayBuffer>;
  return field(7, bytes);
}

describe("the decoder", () => {
  test.each([
    ["a varint that does not end", [0x08, 0x80], "0 are left"],
    ["a varint of eleven bytes", [0x08, ...new Array<number>(10).fill(0xff), 1], "longer than 10 bytes"],
    ["a length beyond the bytes", [0x3a, 0x05, 0x00], "5 bytes are announced, 1 are left"],
    ["a length beyond every number", [0x3a, ...new Array<number>(9).fill(0xff), 1], "are left"],
    ["a length beyond its message", [0x3a, 0x03, 0x12, 0x05, 0x41], "5 bytes are announced, 1 are left"],
    ["field number 0", [0x00], "field number 0"],
    ["a group", [0x0b], "wire type 3"],
    ["wire type 7", [0x0f], "wire type 7"],
    ["text where a number belongs", [0x0a, 0x01, 0x41], "wire type 2; expected 0"],
    ["a number where a message belongs", [0x38, 0x01], "wire type 0; expected 2"],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => model(...bytes)).toThrow(FormatError);
    expect(() => model(...bytes)).toThrow(message);
  });

  test("refuses every truncation of a model in the middle of a field", () => {
    const bytes = modelBytes({ node: [node("Relu", ["x"], ["y"])], input: [value("x", [2])], output: [value("y")] });
    for (let n = 0; n < bytes.length; n++) {
      try {
        decodeMessage(modelProto, bytes.subarray(0, n), "model");
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }
  });

  test("bounds the nesting", () => {
    expect(() => decodeMessage(modelProto, nested(15), "model")).not.toThrow();
    expect(() => decodeMessage(modelProto, nested(100), "model")).toThrow("nested deeper than 64");
  });

  test.each([
    ["messages", modelProto, 7, 0x0a],
    ["packed numbers", tensorProto, null, 0x0a],
    ["strings of bytes", tensorProto, null, 0x32],
  ])("bounds how many %s a file makes of few bytes", (_, message, outer, tag) => {
    const many = new Uint8Array(200_000);
    for (let i = 0; i < many.length; i += 2) many[i] = tag;
    const bytes = outer === null ? many : field(outer, many);
    expect(() => decodeMessage<unknown>(message as Message<unknown>, bytes, "file")).toThrow("more messages and lists");
  });

  test("passes over unknown fields of every wire type", () => {
    const unknown = [0xf8, 0x06, 0x80, 0x01, 0xf9, 0x06, ...new Array<number>(8).fill(7), 0xfa, 0x06, 0x01, 0x00];
    expect(model(...unknown, 0xfd, 0x06, 1, 2, 3, 4, 0x08, 0x09)).toMatchObject({ irVersion: 9 });
  });

  test("takes numbers packed, single and mixed", () => {
    const bytes = Uint8Array.from([0x08, 2, 0x0a, 2, 3, 4, 0x08, 5, 0x08, 6]);
    const { dims } = decodeMessage(tensorProto, bytes, "tensor");
    expect(countPacked(dims, "int")).toBe(5);
    expect(numbersIn(dims, "int")).toEqual([2, 3, 4, 5, 6]);
  });

  test("reads negative numbers and those of 64 bits", () => {
    const values = [-1, -(2 ** 31), 2 ** 31, 2 ** 53, -(2 ** 53), 0, 127, 128];
    expect(numbersIn([packedBytes(values, "int")], "int")).toEqual(values);
    const largest = [...new Array<number>(8).fill(0xff), 0x7f];
    expect(numbersIn([Uint8Array.from(largest)], "int")).toEqual([2 ** 63]);
  });

  test("reads floats and doubles, and refuses half of one", () => {
    expect(numbersIn([packedBytes([0.5, -2], "float")], "float")).toEqual([0.5, -2]);
    expect(numbersIn([packedBytes([0.1, 1e300], "double")], "double")).toEqual([0.1, 1e300]);
    expect(() => numbersIn([new Uint8Array(6)], "float")).toThrow("4 bytes are announced, 2 are left");
  });
});

describe("the encoder", () => {
  test("writes what the decoder reads", () => {
    const inner = graph({ node: [node("Neg", ["x"], ["z"])], output: [value("z", ["N", 3], "int64")] });
    const branch = node("If", ["c"], ["y"], { then_branch: inner, axis: -1, scale: 0.5, mode: "edge", pads: [1, -2] });
    const bytes = modelBytes(
      { name: "g", node: [branch] },
      { producerName: "test", metadataProps: [{ key: "k", value: "v" }] },
    );
    const decoded = decodeMessage(modelProto, bytes, "model");
    expect(encodeMessage(modelProto, decoded)).toEqual(bytes);
    expect(decoded).toMatchObject({ producerName: "test", graph: { name: "g", node: [{ opType: "If" }] } });
    expect(decoded.graph?.node[0]?.attribute[0]?.g?.output[0]).toMatchObject({ name: "z" });
  });
});
