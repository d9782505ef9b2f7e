import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { crc32, writeZip } from "../src/io/zip.js";
import { FormatError, loadNpy, loadNpz, numpy, saveNpy, saveNpz, tensor } from "../src/node.js";
import { damaged, listed, survives, temporaryFolder } from "./support/files.js";

const folder = temporaryFolder();

describe("numpy", () => {
  const x = tensor([
    [1.5, -2, Number.NaN],
    [0, Infinity, 1e-45],
  ]);
  const flags = tensor([true, false]);
  const one = tensor(7, { dtype: "int32" });

  test("gives back what was written, alone and by name", async () => {
    for (const t of [x, flags, one]) {
      const path = join(folder, "x.npy");
      saveNpy(path, t);
      const back = loadNpy(path);
      expect([back.dtype, back.tolist()]).toEqual([t.dtype, t.tolist()]);
      expect(readFileSync(path).length % 64).toBe((t.numel * (t.dtype === "bool" ? 1 : 4)) % 64);
    }
    saveNpz(join(folder, "x.npz"), { x, flags, "a.b": one });
    const expected = { x: ["float32", x.tolist()], flags: ["bool", [true, false]], "a.b": ["int32", 7] };
    expect(listed(loadNpz(join(folder, "x.npz")))).toEqual(expected);
    expect(listed(await numpy.parseNpz(readFileSync(join(folder, "x.npz"))))).toEqual(expected);
  });

  /** A file with this header and these elements. */
  function npy(header: string, elements: ArrayBufferView): Uint8Array {
    const out = numpy.serializeNpy(tensor([0]));
    const head = new TextEncoder().encode(header.padEnd(117));
    const data = new Uint8Array(elements.buffer);
    const bytes = new Uint8Array(10 + head.length + 1 + data.length);
    bytes.set(out.subarray(0, 8));
    new DataView(bytes.buffer).setUint16(8, head.length + 1, true);
    bytes.set(head, 10);
    bytes[10 + head.length] = 0x0a;
    bytes.set(data, 11 + head.length);
    return bytes;
  }
  const of = (descr: string, shape: string, fortran = "False"): string =>
    `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;

  test.each([
    ["float64", npy(of("<f8", "(2,)"), new Float64Array([0.5, 1e300])), ["float32", [0.5, Infinity]]],
    ["int64", npy(of("<i8", "(1,)"), new BigInt64Array([-3n])), ["int32", [-3]]],
    ["uint32", npy(of("<u4", "(1,)"), new Uint32Array([5])), ["int32", [5]]],
    ["big-endian", npy(of(">i2", "(2,)"), new Uint8Array([1, 2, 0, 3])), ["int32", [258, 3]]],
    [
      "columns first",
      npy(of("<i4", "(2, 3)", "True"), new Int32Array([1, 4, 2, 5, 3, 6])),
      [
        "int32",
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
      ],
    ],
    [
      "another order of entries",
      npy("{'shape': (1,), 'fortran_order': False, 'descr': '|u1'}", new Uint8Array([9])),
      ["int32", [9]],
    ],
  ])("reads %s", (_, bytes, expected) => {
    const t = numpy.parseNpy(bytes);
    expect([t.dtype, t.tolist()]).toEqual(expected);
  });

  const four = new Float32Array(4);
  test.each([
    ["objects", npy(of("|O8", "(1,)"), four), /elements '\|O8'/],
    ["complex numbers", npy(of("<c8", "(2,)"), four), /elements '<c8'/],
    [
      "records",
      npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }", four),
      /records are not read/,
    ],
    ["an expression", npy("{'descr': __import__('os'), 'fortran_order': False, 'shape': (4,), }", four), /no dict/],
    ["a header of spaces", npy(`{${" ".repeat(9000)}'`, four), /no dict/],
    ["another size", npy(of("<f4", "(3,)"), four), /16 bytes of elements; expected 12/],
    ["an absurd size", npy(of("<f4", "(2000000000, 2000000000)"), four), /expected a product/],
    ["int64 out of range", npy(of("<i8", "(1,)"), new BigInt64Array([2n ** 40n])), /expected I64 values from/],
    ["a version to come", Uint8Array.from(npy(of("<f4", "(4,)"), four), (b, i) => (i === 6 ? 4 : b)), /version 4/],
    ["another file", new Uint8Array(40), /does not begin as a \.npy file/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => numpy.parseNpy(bytes)).toThrow(FormatError);
    expect(() => numpy.parseNpy(bytes)).toThrow(message);
  });

  /** An archive whose only entry is compressed, and claims to expand to `size` bytes. */
  function compressed(data: Uint8Array, size = data.length): Uint8Array {
    const packed = new Uint8Array(deflateRawSync(data));
    const bytes = writeZip(new Map([["x.npy", packed]]));
    const view = new DataView(bytes.buffer);
    const directory = 30 + 5 + packed.length;
    for (const [p, skip] of [
      [0, 4],
      [directory, 6],
    ] as const) {
      view.setUint16(p + skip + 4, 8, true);
      view.setUint32(p + skip + 10, crc32(data), true);
      view.setUint32(p + skip + 18, size, true);
    }
    return bytes;
  }

  test("expands what is compressed, in Node and by the platform's stream", async () => {
    const bytes = compressed(numpy.serializeNpy(x));
    writeFileSync(join(folder, "c.npz"), bytes);
    expect(listed(loadNpz(join(folder, "c.npz")))).toEqual({ x: ["float32", x.tolist()] });
    expect(listed(await numpy.parseNpz(bytes))).toEqual({ x: ["float32", x.tolist()] });
  });

  test.each([
    ["a bomb", compressed(new Uint8Array(2 ** 27)), /claims to expand to 134217728 bytes; expected at most/],
    ["more than it claims", compressed(new Uint8Array(1000), 900), /expands to more; expected 900/],
    ["less than it claims", compressed(new Uint8Array(1000), 1100), /expands to 1000 bytes; expected 1100/],
  ])("refuses %s", async (name, bytes, message) => {
    const path = join(folder, `${name}.npz`);
    writeFileSync(path, bytes);
    expect(() => loadNpz(path)).toThrow(message);
    await expect(numpy.parseNpz(bytes)).rejects.toThrow(message);
  });

  test("a bomb may be expanded if that is asked for", () => {
    expect(() => loadNpz(join(folder, "a bomb.npz"), { maxBytes: 2 ** 28 })).toThrow(/does not begin/);
  });

  test("survives damage", () => {
    for (const bytes of damaged(numpy.serializeNpy(x), 1000))
      survives(bytes, (b) => new Map([["x", numpy.parseNpy(b)]]));
    const npz = numpy.serializeNpz({ x, one });
    for (const bytes of damaged(npz, 2000)) {
      survives(bytes, (b) => {
        writeFileSync(join(folder, "d.npz"), b);
        return loadNpz(join(folder, "d.npz"));
      });
    }
  });
});
