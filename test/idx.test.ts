import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { ArgumentError, data, FormatError } from "../src/node.js";
import { idxBytes } from "./support/idx.js";
import { generatorOf } from "./support/make.js";

const { readIdx } = data;

const folder = mkdtempSync(join(tmpdir(), "quadlane-idx-"));
afterAll(() => rmSync(folder, { recursive: true }));

function onDisk(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const small = idxBytes(0x08, [2, 3], [1, 2, 3, 4, 5, 255]);

describe("parseIdx", () => {
  test("reads the six element types", () => {
    expect(data.parseIdx(small)).toEqual({ shape: [2, 3], data: new Uint8Array([1, 2, 3, 4, 5, 255]) });
    expect(data.parseIdx(idxBytes(0x09, [2], [-128, 127])).data).toEqual(new Int8Array([-128, 127]));
    expect(data.parseIdx(idxBytes(0x0b, [2], [-32768, 258])).data).toEqual(new Int16Array([-32768, 258]));
    expect(data.parseIdx(idxBytes(0x0c, [2], [-(2 ** 31), 16909060])).data).toEqual(
      new Int32Array([-(2 ** 31), 16909060]),
    );
    expect(data.parseIdx(idxBytes(0x0d, [2], [1.5, -3e38])).data).toEqual(new Float32Array([1.5, -3e38]));
    expect(data.parseIdx(idxBytes(0x0e, [2], [Math.PI, -1e300])).data).toEqual(new Float64Array([Math.PI, -1e300]));
  });

  test("reads from the middle of a larger buffer", () => {
    const larger = new Uint8Array(small.length + 10);
    larger.set(small, 3);
    expect(data.parseIdx(larger.subarray(3, 3 + small.length)).data).toEqual(new Uint8Array([1, 2, 3, 4, 5, 255]));
  });

  test("reads an empty array", () => {
    expect(data.parseIdx(idxBytes(0x0d, [0, 28, 28], []))).toEqual({ shape: [0, 28, 28], data: new Float32Array(0) });
  });

  const huge = 2 ** 32 - 1;
  const bad: [name: string, bytes: Uint8Array, message: string][] = [
    ["an empty file", new Uint8Array(0), "0 bytes"],
    ["a cut magic number", small.subarray(0, 3), "3 bytes"],
    ["another magic number", new Uint8Array([0, 1, 8, 1, 0, 0, 0, 0]), "0x00 0x01 0x08 0x01"],
    ["an unknown type", idxBytes(0x0a, [1], [1]), "type code is 0x0a"],
    ["no dimension", new Uint8Array([0, 0, 8, 0, 1]), "no dimension"],
    ["cut sizes", small.subarray(0, 11), "expected at least 12 for 2 sizes"],
    ["255 dimensions that are not there", new Uint8Array([0, 0, 8, 255, 0, 0, 0, 0]), "at least 1024"],
    ["missing values", small.subarray(0, small.length - 1), "17 bytes; expected 18"],
    ["bytes behind the end", new Uint8Array([...small, 0]), "19 bytes; expected 18"],
    ["a size it does not have", idxBytes(0x08, [2 ** 31 - 1], []), `expected ${8 + 2 ** 31 - 1}`],
    ["a size beyond what a dimension can be", idxBytes(0x08, [huge], []), "4294967295"],
    ["sizes whose product overflows", idxBytes(0x08, [65536, 65536, 65536, 65536], []), "product"],
    ["absurd sizes behind a zero", idxBytes(0x08, [0, 2 ** 31 - 1, 2 ** 31 - 1], []), "product"],
  ];
  test.each(bad)("refuses %s", (_, bytes, message) => {
    expect(() => data.parseIdx(bytes)).toThrow(FormatError);
    expect(() => data.parseIdx(bytes)).toThrow(message);
  });

  test("refuses what are no bytes", () => {
    expect(() => data.parseIdx("0000" as never)).toThrow(ArgumentError);
  });

  test("gives an array of the size it tells or a FormatError, whatever bytes are changed", () => {
    const random = generatorOf(2);
    let refused = 0;
    for (let round = 0; round < 5000; round++) {
      const bytes = small.slice();
      for (let k = 0; k < 2; k++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      try {
        const { shape, data: values } = data.parseIdx(bytes);
        expect(values.length).toBe(shape.reduce((p, n) => p * n, 1));
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(2000);
  });
});

describe("readIdx", () => {
  test("reads a plain file and a compressed one, whatever their names", () => {
    const want = { shape: [2, 3], data: new Uint8Array([1, 2, 3, 4, 5, 255]) };
    expect(readIdx(onDisk("a.gz", small))).toEqual(want);
    expect(readIdx(onDisk("b", gzipSync(small)))).toEqual(want);
  });

  test("refuses unknown options and a missing file", () => {
    const path = onDisk("c", small);
    expect(() => readIdx(path, { limit: 3 } as never)).toThrow('unknown option "limit"');
    expect(() => readIdx(join(folder, "none"))).toThrow("ENOENT");
  });
});

/** Both ways to expand, as one function of the bytes and the limit. */
const ways = [
  ["readIdx", async (bytes: Uint8Array, maxBytes: number) => readIdx(onDisk("way.gz", bytes), { maxBytes })],
  ["gunzip", async (bytes: Uint8Array, maxBytes: number) => data.parseIdx(await data.gunzip(bytes, { maxBytes }))],
] as const;

describe.each(ways)("a hostile .gz file given to %s", (_, read) => {
  const bomb = gzipSync(new Uint8Array(20_000_000));
  /** The same file with another claim of what it expands to. */
  const claiming = (bytes: Uint8Array, size: number): Uint8Array => {
    const out = new Uint8Array(bytes);
    new DataView(out.buffer).setUint32(out.length - 4, size, true);
    return out;
  };

  test("expands within the limit", async () => {
    expect((await read(gzipSync(small), small.length)).shape).toEqual([2, 3]);
  });

  test("is refused if it claims to exceed the limit", async () => {
    await expect(read(bomb, 1_000_000)).rejects.toThrow("claims to expand to 20000000 bytes; expected at most 1000000");
  });

  test("is stopped where its claim ends if it claims less than it holds", async () => {
    const before = process.memoryUsage().arrayBuffers;
    await expect(read(claiming(bomb, 1000), 1_000_000)).rejects.toThrow(FormatError);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  });

  test("is refused if it claims more than it holds", async () => {
    await expect(read(claiming(gzipSync(small), 1000), 1_000_000)).rejects.toThrow(FormatError);
  });

  test("is refused if something follows its end", async () => {
    const file = gzipSync(small);
    for (const tail of [new Uint8Array(1), new Uint8Array(50).fill(7), file]) {
      await expect(read(Buffer.concat([file, tail]), 1_000_000)).rejects.toThrow(FormatError);
    }
  });

  test("is refused wherever it is cut", async () => {
    const file = new Uint8Array(gzipSync(small));
    for (let n = 2; n < file.length; n++) {
      await expect(read(file.subarray(0, n), 1_000_000), `cut to ${n}`).rejects.toThrow(FormatError);
    }
  });

  test("is read right or refused, whatever byte is changed", async () => {
    const file = new Uint8Array(gzipSync(small));
    const want = data.parseIdx(small);
    for (let i = 0; i < file.length; i++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = file.slice();
        bytes[i]! ^= flip;
        // The header's time stamp, flags and system mean nothing here, so such a file may still be right.
        const result = await read(bytes, 1_000_000).catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toBeInstanceOf(FormatError);
        else expect(result).toEqual(want);
      }
    }
  });
});

test("gunzip refuses what is no gzip file, and unknown options", async () => {
  await expect(data.gunzip(small)).rejects.toThrow("does not begin with 0x1f 0x8b");
  await expect(data.gunzip(new Uint8Array(0))).rejects.toThrow(FormatError);
  await expect(data.gunzip(gzipSync(small), { max: 3 } as never)).rejects.toThrow('unknown option "max"');
});

const mnist = fileURLToPath(new URL("../../shared/data/mnist/", import.meta.url));
test.runIf(existsSync(mnist))("reads MNIST's own files, which only ../shared has", () => {
  const images = readIdx(join(mnist, "t10k-images-idx3-ubyte.gz"));
  const labels = readIdx(join(mnist, "t10k-labels-idx1-ubyte.gz"));
  expect(images.shape).toEqual([10000, 28, 28]);
  expect(labels.shape).toEqual([10000]);
  expect([...labels.data.subarray(0, 8)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9]);
});
