import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { writeZip } from "../src/io/zip.js";
import { ArgumentError, FormatError, loadPyTorch, memory, pytorch } from "../src/node.js";
import { damaged, listed, survives, temporaryFolder } from "./support/files.js";
import { pytorchFile } from "./support/pytorch-file.js";

const folder = temporaryFolder();

describe("pytorch.parse", () => {
  test("gives every element type, views, tied and empty tensors of a state dict", () => {
    expect(listed(pytorch.parse(pytorchFile(), { key: "model" }))).toEqual({
      weight: ["float32", [[1.5, -2]]],
      bias: ["float32", [0.25]],
      half: ["float32", [0.0999755859375, 65504, 2 ** -24]],
      brain: ["float32", [3.140625, -9.969209968386869e37]],
      long: ["int32", [-5, 7]],
      flag: ["bool", [true, false]],
      byte: ["int32", [200]],
      turned: [
        "float32",
        [
          [0, 4, 8],
          [1, 5, 9],
          [2, 6, 10],
          [3, 7, 11],
        ],
      ],
      part: [
        "float32",
        [
          [5, 6],
          [9, 10],
        ],
      ],
      scalar: ["float32", 3.5],
      empty: ["float32", []],
      tied: ["float32", [[1.5, -2]]],
    });
  });

  test("gives all tensors of nested objects dotted names, and the same from a file", () => {
    writeFileSync(join(folder, "a.pt"), pytorchFile());
    const names = Object.keys(listed(loadPyTorch(join(folder, "a.pt"))));
    expect(names).toHaveLength(13);
    expect(names).toContain("model.turned");
    expect(names).toContain("param");
  });

  test("refuses a key that is not there, and names those that are", () => {
    expect(() => pytorch.parse(pytorchFile(), { key: "state_dict" })).toThrow(
      /expected a dict at "state_dict" \(keys there: epoch, lr/,
    );
    expect(() => pytorch.parse(pytorchFile(), { name: "x" } as object)).toThrow(ArgumentError);
  });

  test("survives damage", () => {
    let loaded = 0;
    for (const bytes of damaged(pytorchFile(), 2000)) if (survives(bytes, pytorch.parse)) loaded++;
    // What changes a name or a date only does no harm.
    expect(loaded).toBeLessThan(1000);
  });

  /** An archive whose pickle is this, after the protocol's opcode. */
  function archive(program: string, files: Record<string, Uint8Array> = {}): Uint8Array {
    const pickle = Uint8Array.from(`\x80\x02${program}`, (c) => c.charCodeAt(0));
    return writeZip(new Map([["a/data.pkl", pickle], ...Object.entries(files)]));
  }

  /** Lists that each hold the one before twice. */
  function doubled(levels: number): string {
    const byte = (n: number): string => String.fromCharCode(n);
    return Array.from({ length: levels }, (_, k) => `0]q${byte(k + 1)}h${byte(k)}ah${byte(k)}a`).join("");
  }

  /** Pushes a tensor [n] of the storage "0", which the file should have, of `elements` float32. */
  function view(shape: string, strides: string, elements = 4): string {
    const storage = `((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK${String.fromCharCode(elements)}tQ`;
    return `ctorch._utils\n_rebuild_tensor_v2\n${storage}K\0(${shape}t(${strides}t\x89NtR`;
  }
  const four = { "a/data/0": new Uint8Array(16) };

  test.each([
    ["a call of a function", archive("cos\nsystem\n(X\x02\0\0\0lstR."), /asks for os\.system; .* nothing is executed/],
    ["a class by two texts", archive("\x8c\x08builtins\x8c\x04eval\x93."), /asks for builtins\.eval/],
    ["an object of a class", archive("(i__main__\nX\n."), /opcode 0x69/],
    ["a reduction by a code", archive("\x82\x01."), /opcode 0x82/],
    ["no end", archive("N"), /ends too soon/],
    ["values left behind", archive("NN."), /leaves 1 values behind/],
    ["a mark that is missing", archive("t."), /mark that is not there/],
    ["an object it has not made", archive("h\x05."), /object 5, which it has not made/],
    ["a list within itself", archive("]q\0h\0a."), /lies within itself/],
    ["no tensors", archive("}."), /holds no tensors/],
    ["lists in each other over and over", archive(`]q\0${doubled(90)}.`), /too many values/],
    ["a text that is longer than the file", archive("X\xff\xff\xff\x7fabc."), /ends too soon/],
    ["an integer of a thousand bytes", archive(`\x8b\xe8\x03\0\0${"\x01".repeat(1000)}.`), /integer of 1000 bytes/],
    ["a storage that is missing", archive(`${view("K\x04", "K\x01")}.`), /no storage "0"/],
    ["a storage of another size", archive(`${view("K\x04", "K\x01", 5)}.`, four), /has 16 bytes; expected 20/],
    ["a tensor beyond its storage", archive(`${view("K\x05", "K\x01")}.`, four), /reaches element 4; expected below 4/],
    ["a tensor that says too much", archive(`${view("J\0\0\0\x40", "K\0")}.`, four), /far more than the file's/],
    ["a negative stride", archive(`${view("K\x02", "J\xff\xff\xff\xff")}.`, four), /strides/],
    ["an archive without a pickle", writeZip(new Map([["a/x", new Uint8Array(1)]])), /holds no data\.pkl/],
    ["another byte order", archive("}.", { "a/byteorder": new TextEncoder().encode("big") }), /byte order is "big"/],
    ["a file of the old format", new Uint8Array([0x80, 2, 0x8a, 10]), /since PyTorch 1\.6/],
  ])("refuses %s", (_, bytes, message) => {
    const before = memory().liveBytes;
    expect(() => pytorch.parse(bytes)).toThrow(FormatError);
    expect(() => pytorch.parse(bytes)).toThrow(message);
    expect(memory().liveBytes).toBe(before);
  });
});
