import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  loadSafetensors,
  loadShardedSafetensors,
  memory,
  openSafetensors,
  safetensors,
  saveSafetensors,
  saveShardedSafetensors,
  tensor,
} from "../src/node.js";
import { listed, temporaryFolder } from "./support/files.js";

const folder = temporaryFolder();

describe("safetensors in parts", () => {
  const a = tensor([
    [1, 2],
    [3, 4],
  ]);
  const b = tensor([5, 6], { dtype: "int32" });
  const c = tensor([true]);

  test("loads one tensor at a time from bytes and from a file", () => {
    const path = join(folder, "p.safetensors");
    saveSafetensors(path, { a, b, c }, { by: "test" });
    const file = openSafetensors(path);
    for (const view of [file.view, safetensors.open(readFileSync(path))]) {
      expect(view.names).toEqual(["a", "b", "c"]);
      expect(view.metadata).toEqual({ by: "test" });
      expect(view.info("a")).toEqual({ type: "F32", shape: [2, 2], bytes: 16 });
      expect(view.tensor("b").tolist()).toEqual([5, 6]);
      expect(listed(view.tensors(["c", "a"]))).toEqual({ c: ["bool", [true]], a: ["float32", a.tolist()] });
      expect(() => view.tensor("d")).toThrow(/holds no tensor "d"/);
    }
    file.close();
    expect(() => file.view.tensor("a")).toThrow(/has been closed/);
    expect(file.view.info("c").type).toBe("BOOL");
  });

  test("a view of bytes copies nothing", () => {
    const bytes = safetensors.serialize({ a });
    expect(safetensors.open(bytes).bytes("a").buffer).toBe(bytes.buffer);
  });

  test("rounds floats to half precision and to brain floats, ties to even", () => {
    const values = [
      1,
      -2,
      65504,
      65519,
      65520,
      2 ** -24,
      2 ** -25,
      1.5 * 2 ** -25,
      2049,
      2051,
      1 + 2 ** -9,
      Infinity,
      Number.NaN,
      -0,
      3.4e38,
    ];
    const t = tensor(values);
    const back = (floats: "F16" | "BF16"): unknown => {
      const bytes = safetensors.serialize({ t, b, c }, {}, { floats });
      const view = safetensors.open(bytes);
      expect(view.info("t").type).toBe(floats);
      expect(view.tensor("b").tolist()).toEqual([5, 6]);
      return view.tensor("t").tolist();
    };
    expect(back("F16")).toEqual([
      1,
      -2,
      65504,
      65504,
      Infinity,
      2 ** -24,
      0,
      2 ** -24,
      2048,
      2052,
      1 + 2 ** -9,
      Infinity,
      Number.NaN,
      -0,
      Infinity,
    ]);
    expect(back("BF16")).toEqual([
      1,
      -2,
      65536,
      65536,
      65536,
      2 ** -24,
      2 ** -25,
      1.5 * 2 ** -25,
      2048,
      2048,
      1,
      Infinity,
      Number.NaN,
      -0,
      Infinity,
    ]);
  });

  test.each([
    ["F8_E4M3", [0x00, 0x01, 0x38, 0x7e, 0xfe, 0x7f], [0, 2 ** -9, 1, 448, -448, Number.NaN]],
    ["F8_E5M2", [0x00, 0x01, 0x3c, 0x7b, 0x7c, 0xfd], [0, 2 ** -16, 1, 57344, Infinity, Number.NaN]],
    ["F8_E8M0", [0x00, 0x7f, 0x80, 0xff], [2 ** -127, 1, 2, Number.NaN]],
    ["U16", [0xff, 0xff], [65535]],
    ["U32", [1, 0, 0, 0], [1]],
    ["U64", [2, 0, 0, 0, 0, 0, 0, 0], [2]],
  ])("reads %s", (dtype, data, expected) => {
    const width = data.length / expected.length;
    const json = JSON.stringify({ x: { dtype, shape: [expected.length], data_offsets: [0, width * expected.length] } });
    const bytes = new Uint8Array(8 + json.length + data.length);
    bytes[0] = json.length;
    bytes.set(new TextEncoder().encode(json), 8);
    bytes.set(data, 8 + json.length);
    expect(safetensors.parse(bytes).tensors.get("x")!.tolist()).toEqual(expected);
  });

  test("writes shards and an index, and reads them again", () => {
    const index = saveShardedSafetensors(join(folder, "model"), { a, b, c }, { by: "test" }, { maxShardBytes: 20 });
    expect(JSON.parse(readFileSync(index, "utf8"))).toEqual({
      metadata: { total_size: 25 },
      weight_map: {
        a: "model-00001-of-00002.safetensors",
        b: "model-00002-of-00002.safetensors",
        c: "model-00002-of-00002.safetensors",
      },
    });
    expect(loadSafetensors(join(folder, "model-00001-of-00002.safetensors")).metadata).toEqual({ by: "test" });
    expect(Object.keys(listed(loadShardedSafetensors(index)))).toEqual(["a", "b", "c"]);
  });

  test.each([
    ["no JSON", "{", /is no JSON/],
    ["no map", "[]", /has no weight_map/],
    ["a file elsewhere", '{"weight_map":{"a":"../x"}}', /expected a file beside it/],
    [
      "a tensor that its file lacks",
      '{"weight_map":{"a":"model-00001-of-00002.safetensors","z":"model-00001-of-00002.safetensors"}}',
      /missing z/,
    ],
    ["a tensor that is not named", '{"weight_map":{"b":"model-00002-of-00002.safetensors"}}', /not in the index c/],
  ])("refuses an index with %s", (_, text, message) => {
    const before = memory().liveBytes;
    writeFileSync(join(folder, "bad.json"), text);
    expect(() => loadShardedSafetensors(join(folder, "bad.json"))).toThrow(message);
    expect(memory().liveBytes).toBe(before);
  });
});
