import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import {
  ArgumentError,
  FormatError,
  loadSafetensors,
  memory,
  safetensors,
  saveSafetensors,
  type Tensor,
  tensor,
} from "../src/node.js";
import { generatorOf } from "./support/make.js";

const folder = mkdtempSync(join(tmpdir(), "quadlane-safetensors-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file with any header text and data bytes, its length field honest unless given. */
function file(header: unknown, data: ArrayLike<number> = [], length?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + json.length + data.length);
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  out.set(json, 8);
  out.set(data, 8 + json.length);
  return out;
}

/** A file with one tensor of the given dtype, at an odd address. */
function one(dtype: string, shape: number[], data: ArrayBufferView): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const json = `{"x":{"dtype":"${dtype}","shape":${JSON.stringify(shape)},"data_offsets":[0,${bytes.length}]}}`;
  return file(json.length % 2 === 0 ? `${json} ` : json, bytes);
}

function valuesOf(bytes: Uint8Array): { dtype: string; shape: readonly number[]; values: number[] } {
  const { tensors } = safetensors.parse(bytes);
  const x = tensors.get("x")!;
  const out = { dtype: x.dtype, shape: x.shape, values: Array.from(x.data()) };
  for (const t of tensors.values()) t.dispose();
  return out;
}

function disposeAll(tensors: ReadonlyMap<string, Tensor>): void {
  for (const t of tensors.values()) t.dispose();
}

describe("safetensors", () => {
  test("gives back what was written: values, dtypes, shapes, order, metadata", () => {
    const given = new Map<string, Tensor>([
      ["flags", tensor([true, false, true])],
      [
        "z.weight",
        tensor([
          [1.5, -0, Number.NaN],
          [Infinity, 1e-45, 3],
        ]),
      ],
      ["ids", tensor([-(2 ** 31), 2 ** 31 - 1], { dtype: "int32" })],
      ["scalar", tensor(7)],
      ["empty", tensor([], { shape: [0, 4] })],
      ['with "quotes", ünïcode and \u0000', tensor([1])],
    ]);
    const metadata = { format: "pt", note: "naïve 日本" };
    const { tensors, metadata: read } = safetensors.parse(safetensors.serialize(given, metadata));
    expect([...tensors.keys()]).toEqual([...given.keys()]);
    for (const [name, t] of given) {
      expect(tensors.get(name)!.dtype).toBe(t.dtype);
      expect(tensors.get(name)!.shape).toEqual(t.shape);
      expect(tensors.get(name)!.data()).toEqual(t.data());
    }
    expect(read).toEqual(metadata);
    disposeAll(given);
    disposeAll(tensors);
  });

  test("writes views row-major, and every value on a multiple of its size", () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const mask = tensor([true]);
    const bytes = safetensors.serialize({ mask, x: x.t() });
    const { tensors } = safetensors.parse(bytes);
    expect(tensors.get("x")!.tolist()).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    const dataStart = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(dataStart % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, dataStart)));
    expect(header.x.data_offsets).toEqual([0, 24]);
    expect(header.mask.data_offsets).toEqual([24, 25]);
    disposeAll(tensors);
    x.dispose();
    mask.dispose();
  });

  test("writes the same bytes for the same tensors", () => {
    const x = tensor([1, 2, 3]);
    expect(safetensors.serialize({ x })).toEqual(safetensors.serialize(new Map([["x", x]])));
    x.dispose();
  });

  test("converts the dtypes it does not have", () => {
    const half = new Uint16Array([0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x8000, 0x7c00, 0xfc00, 0x7e01]);
    expect(valuesOf(one("F16", [9], half))).toEqual({
      dtype: "float32",
      shape: [9],
      values: [1, -2, 65504, 2 ** -24, 1023 * 2 ** -24, -0, Infinity, -Infinity, Number.NaN],
    });
    const brain = new Uint16Array([0x3f80, 0xc040, 0x0001, 0x7f80, 0x7fc0]);
    expect(valuesOf(one("BF16", [5], brain)).values).toEqual([1, -3, 2 ** -133, Infinity, Number.NaN]);
    expect(valuesOf(one("F64", [2], new Float64Array([0.1, 1e300]))).values).toEqual([Math.fround(0.1), Infinity]);
    const long = new BigInt64Array([-(2n ** 31n), 2n ** 31n - 1n, -1n]);
    expect(valuesOf(one("I64", [3], long))).toEqual({
      dtype: "int32",
      shape: [3],
      values: [-(2 ** 31), 2 ** 31 - 1, -1],
    });
    expect(valuesOf(one("I16", [2], new Int16Array([-32768, 5]))).values).toEqual([-32768, 5]);
    expect(valuesOf(one("I8", [2], new Int8Array([-128, 5]))).values).toEqual([-128, 5]);
    expect(valuesOf(one("U8", [2], new Uint8Array([255, 5]))).values).toEqual([255, 5]);
    expect(valuesOf(one("F32", [2], new Float32Array([0.5, -7]))).values).toEqual([0.5, -7]);
  });

  test("converts every half-precision number as the format defines it", () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const want = Array.from(all, (h) => {
      const [sign, e, f] = [h >> 15 ? -1 : 1, (h >> 10) & 31, h & 1023];
      if (e === 31) return f ? Number.NaN : sign * Infinity;
      return sign * (e === 0 ? f * 2 ** -24 : (1 + f / 1024) * 2 ** (e - 15));
    });
    expect(valuesOf(one("F16", [65536], all)).values).toEqual(want);
  });

  test("reads a file without tensors", () => {
    expect(safetensors.parse(file("{}")).tensors.size).toBe(0);
    expect(safetensors.parse(safetensors.serialize({})).tensors.size).toBe(0);
  });

  test("saves and loads files, and leaves nothing beside them", () => {
    const path = join(folder, "model.safetensors");
    const x = tensor([1, 2, 3]);
    saveSafetensors(path, { x }, { epoch: "3" });
    saveSafetensors(path, { x }, { epoch: "4" });
    const { tensors, metadata } = loadSafetensors(path);
    expect(tensors.get("x")!.tolist()).toEqual([1, 2, 3]);
    expect(metadata).toEqual({ epoch: "4" });
    expect(readdirSync(folder)).toEqual(["model.safetensors"]);
    disposeAll(tensors);
    x.dispose();
  });

  test("keeps the old file if the new one cannot be written", () => {
    const path = join(folder, "kept.safetensors");
    const x = tensor([1]);
    saveSafetensors(path, { x });
    const before = readFileSync(path);
    expect(() => saveSafetensors(path, { __metadata__: x })).toThrow(ArgumentError);
    expect(readFileSync(path)).toEqual(before);
    expect(() => saveSafetensors(join(folder, "missing", "x.safetensors"), { x })).toThrow("ENOENT");
    x.dispose();
  });

  test("refuses to write what the format cannot hold", () => {
    const x = tensor([1]);
    expect(() => safetensors.serialize({ __metadata__: x })).toThrow(ArgumentError);
    expect(() => safetensors.serialize({ x }, { a: 1 as never })).toThrow('metadata "a" is a number');
    expect(() => safetensors.serialize({ x: [1] as never })).toThrow('"x" is no tensor');
    x.dispose();
    expect(() => safetensors.serialize({ x })).toThrow("was freed");
  });
});

describe("a hostile safetensors file", () => {
  let blocks = 0;
  beforeEach(() => {
    blocks = memory().liveBlocks;
  });
  const entry = (dtype: string, shape: unknown, offsets: unknown): object => ({ dtype, shape, data_offsets: offsets });
  const four = [0, 0, 0, 0];

  const bad: [name: string, bytes: Uint8Array, message: string][] = [
    ["is empty", new Uint8Array(0), "0 bytes; expected at least 8"],
    ["ends in the length", new Uint8Array(7), "7 bytes"],
    ["has a header longer than itself", file("{}", [], 3n), "header length is 3; expected at most 2"],
    ["has an absurd header length", file("{}", [], 2n ** 64n - 1n), "18446744073709551615"],
    ["has an empty header", file(""), "no JSON"],
    ["has a header that is cut", file('{"x":{"dtype":"F32"'), "no JSON"],
    ["has a header in another encoding", file("").fill(0xff, 8), "no JSON"],
    ["has bytes that are no UTF-8", new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff]), "no JSON"],
    ["has a list as header", file("[]"), "no JSON object"],
    ["has white space before the header", file(" {}"), "no JSON object"],
    [
      "names a tensor twice",
      file(
        `{"x":${JSON.stringify(entry("F32", [1], [0, 4]))},"\\u0078":${JSON.stringify(entry("F32", [1], [0, 4]))}}`,
        four,
      ),
      "twice",
    ],
    [
      "gives a field twice",
      file('{"x":{"dtype":"I32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', four),
      '"dtype" appears twice',
    ],
    ["describes a tensor by a number", file({ x: 3 }), "no object"],
    ["has no dtype", file({ x: { shape: [1], data_offsets: [0, 4] } }, four), "dtype undefined"],
    ["has an unknown dtype", file({ x: entry("C64", [4], [0, 4]) }, four), 'dtype "C64"'],
    [
      "has a dtype from Object's prototype",
      file({ x: entry("constructor", [4], [0, 4]) }, four),
      'dtype "constructor"',
    ],
    ["has an unknown field", file({ x: { ...entry("F32", [1], [0, 4]), strides: [2] } }, four), '"strides"'],
    ["has no shape", file({ x: { dtype: "F32", data_offsets: [0, 4] } }, four), "shape undefined"],
    ["has a negative size", file({ x: entry("F32", [-1], [0, 4]) }, four), "shape [-1]"],
    ["has a fractional size", file({ x: entry("F32", [1.5], [0, 6]) }, [...four, 0, 0]), "shape [1.5]"],
    ["has a size as text", file({ x: entry("F32", ["1"], [0, 4]) }, four), 'shape ["1"]'],
    [
      "has sizes whose product overflows",
      file({ x: entry("F32", [2 ** 31 - 1, 2 ** 31 - 1, 4], [0, 4]) }, four),
      "product",
    ],
    ["hides absurd sizes behind a zero", file({ x: entry("F32", [0, 2 ** 31 - 1, 2 ** 31 - 1], [0, 0]) }), "product"],
    ["has one offset", file({ x: entry("F32", [1], [4]) }, four), "data_offsets [4]"],
    ["has descending offsets", file({ x: entry("F32", [1], [4, 0]) }, four), "lies at 4 to 0"],
    ["has a negative offset", file({ x: entry("F32", [1], [-4, 0]) }, four), "data_offsets [-4,0]"],
    ["has a huge offset", file({ x: entry("F32", [1], [1e300, 1e300]) }, four), "data_offsets"],
    ["points behind its end", file({ x: entry("F32", [2], [0, 8]) }, four), "lies at 0 to 8"],
    ["has fewer bytes than the shape needs", file({ x: entry("F32", [2], [0, 4]) }, four), "4 bytes; expected 8"],
    ["has more bytes than the shape needs", file({ x: entry("F32", [0], [0, 4]) }, four), "4 bytes; expected 0"],
    ["has overlapping tensors", file({ x: entry("U8", [3], [0, 3]), y: entry("U8", [2], [2, 4]) }, four), "inside"],
    [
      "has two tensors in one place",
      file({ x: entry("F32", [1], [0, 4]), y: entry("F32", [1], [0, 4]) }, four),
      "inside",
    ],
    ["has a gap", file({ x: entry("U8", [1], [0, 1]), y: entry("U8", [2], [2, 4]) }, four), "gap"],
    ["has a gap at the start", file({ x: entry("U8", [3], [1, 4]) }, four), "gap"],
    ["goes on behind the last tensor", file({ x: entry("U8", [3], [0, 3]) }, four), "end at 3; expected 4"],
    ["has metadata that are no object", file({ __metadata__: ["x"] }), "__metadata__ is no object"],
    ["has metadata that are no text", file({ __metadata__: { epoch: 3 } }), '"epoch" is a number'],
    [
      "has bytes above 1 as BOOL",
      file({ y: entry("I32", [1], [0, 4]), x: entry("BOOL", [2], [4, 6]) }, [...four, 1, 2]),
      "byte 2 at 1",
    ],
    ["has integers beyond int32", one("I64", [2], new BigInt64Array([1n, 2n ** 31n])), "2147483648 at 1"],
    ["nests without end", file(`{"x":${"[".repeat(100_000)}`), "no JSON"],
  ];

  test.each(bad)("is refused when it %s", (_, bytes, message) => {
    expect(() => safetensors.parse(bytes)).toThrow(FormatError);
    expect(() => safetensors.parse(bytes)).toThrow(message);
    expect(memory().liveBlocks).toBe(blocks);
  });

  test("is refused wherever it is cut", () => {
    const x = tensor([1, 2, 3]);
    const y = tensor([true]);
    const whole = safetensors.serialize({ x, y }, { note: "cut me" });
    for (let n = 0; n < whole.length; n++) {
      expect(() => safetensors.parse(whole.subarray(0, n)), `cut to ${n}`).toThrow(FormatError);
    }
    x.dispose();
    y.dispose();
    expect(memory().liveBlocks).toBe(blocks);
  });

  test("gives a whole result or a FormatError, whatever bytes are changed", () => {
    const x = tensor([1, 2, 3]);
    const y = tensor([true, false]);
    const whole = safetensors.serialize({ x, y }, { note: "change me" });
    const random = generatorOf(1);
    const next = (below: number): number => Math.floor(random() * below);
    let refused = 0;
    const rounds = 3000;
    for (let round = 0; round < rounds; round++) {
      const bytes = whole.slice();
      for (let k = next(3); k >= 0; k--) bytes[next(bytes.length)] = next(256);
      try {
        disposeAll(safetensors.parse(bytes).tensors);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        refused++;
      }
      expect(memory().liveBlocks).toBe(blocks + 2);
    }
    expect(refused).toBeGreaterThan(rounds / 2);
    x.dispose();
    y.dispose();
  });

  test("on disk is refused as well", () => {
    const path = join(folder, "bad.safetensors");
    writeFileSync(path, file({ x: entry("F32", [2], [0, 8]) }, four));
    expect(() => loadSafetensors(path)).toThrow(FormatError);
    expect(() => loadSafetensors(join(folder, "none.safetensors"))).toThrow("ENOENT");
  });
});

const golden = new URL("../../shared/golden/", import.meta.url);
test.runIf(existsSync(golden))(
  "files that PyTorch's side wrote are read, and written again with the same content, of files that only ../shared has",
  () => {
    for (const name of readdirSync(golden).filter((f) => f.endsWith(".safetensors"))) {
      const first = safetensors.parse(readFileSync(new URL(name, golden)));
      const second = safetensors.parse(safetensors.serialize(first.tensors, first.metadata));
      expect([...second.tensors.keys()]).toEqual([...first.tensors.keys()]);
      for (const [key, t] of first.tensors) {
        expect(Buffer.from(second.tensors.get(key)!.data().buffer).equals(Buffer.from(t.data().buffer)), key).toBe(
          true,
        );
      }
      disposeAll(first.tensors);
      disposeAll(second.tensors);
    }
  },
);
