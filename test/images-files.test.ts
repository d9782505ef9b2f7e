import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { encode } from "fast-png";
import jpeg from "jpeg-js";
import { afterAll, describe, expect, test } from "vitest";
import { decodeImage, encodePng, ImageFolder, imageGrid, readImage, writePng } from "../src/data/images_files.node.js";
import {
  ArgumentError,
  DTypeError,
  data,
  FormatError,
  memory,
  ShapeError,
  scope,
  type Tensor,
  tensor,
} from "../src/node.js";
import { expectNoLeaks, own } from "./support/loading.js";
import { generatorOf } from "./support/make.js";

expectNoLeaks();

const folder = mkdtempSync(join(tmpdir(), "quadlane-images-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bytesOf = (t: Tensor): number[] => Array.from(t.data(), (v) => Math.round(v * 255));
const decoded = (bytes: Uint8Array, options = {}): Tensor => own(decodeImage(bytes, options));

/** A chunk of a PNG file. */
function chunk(type: string, content: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(12 + content.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, content.length);
  out.set(
    Array.from(type, (c) => c.charCodeAt(0)),
    4,
  );
  out.set(Array.from(content), 8);
  view.setUint32(out.length - 4, crc(out.subarray(4, -4)));
  return out;
}

/** Written out, since older Nodes have no crc32. */
function crc(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const b of bytes) {
    c ^= b;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  }
  return (c ^ 0xffffffff) >>> 0;
}

interface Raw {
  readonly size: readonly [width: number, height: number];
  readonly depth: number;
  readonly colour: number;
  /** Filter byte and pixels of each row. */
  readonly rows: readonly number[];
  readonly interlace?: number;
  readonly chunks?: readonly Uint8Array[];
}

function png({ size, depth, colour, rows, interlace = 0, chunks = [] }: Raw): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, size[0]);
  view.setUint32(4, size[1]);
  header.set([depth, colour, 0, 0, interlace], 8);
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const data = deflateSync(Uint8Array.from(rows));
  return Buffer.concat([signature, chunk("IHDR", header), ...chunks, chunk("IDAT", data), chunk("IEND", [])]);
}

describe("decodeImage of PNG files", () => {
  test("gives planes from 0 to 1", () => {
    const image = decoded(encode({ width: 2, height: 1, channels: 3, data: Uint8Array.of(0, 51, 255, 10, 20, 30) }));
    expect(image.shape).toEqual([3, 1, 2]);
    expect([...image.data()]).toEqual([0, 10, 51, 20, 255, 30].map((v) => Math.fround(v / 255)));
  });

  test("reads 1, 2, 4 and 16 bits of grey", () => {
    const one = decoded(png({ size: [10, 2], depth: 1, colour: 0, rows: [0, 0b10110000, 0b01000000, 0, 255, 0] }));
    expect(one.tolist()).toEqual([
      [
        [1, 0, 1, 1, 0, 0, 0, 0, 0, 1],
        [1, 1, 1, 1, 1, 1, 1, 1, 0, 0],
      ],
    ]);
    const two = decoded(png({ size: [3, 1], depth: 2, colour: 0, rows: [0, 0b00011100] }));
    expect([...two.data()].map((v) => Math.round(v * 3))).toEqual([0, 1, 3]);
    const four = decoded(png({ size: [3, 1], depth: 4, colour: 0, rows: [0, 0x0f, 0x70] }));
    expect([...four.data()].map((v) => Math.round(v * 15))).toEqual([0, 15, 7]);
    const sixteen = decoded(png({ size: [2, 1], depth: 16, colour: 0, rows: [0, 0x12, 0x34, 0xff, 0xff] }));
    expect([...sixteen.data()]).toEqual([Math.fround(0x1234 / 65535), 1]);
  });

  test("reads palettes, with and without transparency", () => {
    const palette = chunk("PLTE", [255, 0, 0, 0, 0, 255]);
    const raw = { size: [3, 1], depth: 1, colour: 3, rows: [0, 0b01000000] } as const;
    expect(bytesOf(decoded(png({ ...raw, chunks: [palette] })))).toEqual([255, 0, 255, 0, 0, 0, 0, 255, 0]);
    const clear = decoded(png({ ...raw, chunks: [palette, chunk("tRNS", [7])] }));
    expect(clear.shape).toEqual([4, 1, 3]);
    expect(bytesOf(clear).slice(9)).toEqual([7, 255, 7]);
  });

  test("reads interlaced pixels", () => {
    // Of 2 × 2 pixels Adam7 has three passes: the first pixel, that beside it, and the row below.
    const rows = [0, 1, 0, 2, 0, 3, 4];
    expect(bytesOf(decoded(png({ size: [2, 2], depth: 8, colour: 0, rows, interlace: 1 })))).toEqual([1, 2, 3, 4]);
  });

  test("converts between grey, colours and transparency", () => {
    const grey = encode({ width: 1, height: 1, channels: 2, data: Uint8Array.of(100, 50) });
    expect(bytesOf(decoded(grey))).toEqual([100, 50]);
    expect(bytesOf(decoded(grey, { channels: 3 }))).toEqual([100, 100, 100]);
    expect(bytesOf(decoded(grey, { channels: 4 }))).toEqual([100, 100, 100, 50]);
    const colour = encode({ width: 1, height: 1, channels: 3, data: Uint8Array.of(255, 100, 0) });
    expect(bytesOf(decoded(colour, { channels: 1 }))).toEqual([Math.round(0.299 * 255 + 58.7)]);
    expect(bytesOf(decoded(colour, { channels: 4 }))).toEqual([255, 100, 0, 255]);
  });

  const row = { size: [2, 1], depth: 8, colour: 0, rows: [0, 1, 2] } as const;
  const bad: [string, Uint8Array, string][] = [
    ["more pixels than the limit", png({ ...row, size: [65536, 65536] }), "65536 × 65536 pixels"],
    ["no pixels", png({ ...row, size: [0, 1] }), "0 × 1 pixels"],
    ["a depth that the colours do not have", png({ ...row, colour: 2, depth: 4 }), "colour type is 2 with 4 bits"],
    ["an unknown colour type", png({ ...row, colour: 7 }), "colour type is 7"],
    ["few pixels", png({ ...row, rows: [0, 1] }), "pixels expand to 2 bytes; expected 3"],
    ["many pixels", png({ ...row, rows: new Array(1e6).fill(0) }), "cannot be expanded to 3 bytes"],
    ["an unknown filter", png({ ...row, rows: [9, 1, 2] }), "Unsupported filter"],
    ["a colour that the palette lacks", png({ ...row, colour: 3, chunks: [chunk("PLTE", [1, 2, 3])] }), "palette"],
    ["no palette", png({ ...row, colour: 3 }), "palette"],
    ["an empty palette", png({ ...row, colour: 3, chunks: [chunk("PLTE", [])] }), "damaged"],
    ["a second header", png({ ...row, chunks: [chunk("IHDR", new Array(13).fill(1))] }), '"IHDR" is out of place'],
    ["interlaced bits", png({ ...row, depth: 1, interlace: 1 }), "interlaced pixels have 1 bits"],
  ];
  test.each(bad)("refuses %s", (_, bytes, message) => {
    expect(() => decodeImage(bytes)).toThrow(FormatError);
    expect(() => decodeImage(bytes)).toThrow(message);
  });

  test("does not expand what is no pixel, such as a profile", () => {
    const profile = chunk("iCCP", [0x61, 0, 0, ...deflateSync(new Uint8Array(50_000_000))]);
    const before = process.memoryUsage().arrayBuffers;
    expect(bytesOf(decoded(png({ ...row, chunks: [profile] })))).toEqual([1, 2]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  });

  test("refuses a file wherever it is cut, and takes it or refuses it whatever byte is changed", () => {
    const file = png({
      size: [3, 2],
      depth: 8,
      colour: 2,
      rows: [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    });
    for (let n = 0; n < file.length; n++) expect(() => decodeImage(file.subarray(0, n)), `${n}`).toThrow(FormatError);
    for (let i = 0; i < file.length; i++) {
      for (const flip of [1, 0x80, 0xff]) {
        const bytes = file.slice();
        bytes[i]! ^= flip;
        expect(() => decodeImage(bytes), `byte ${i}`).toThrow(FormatError);
      }
    }
  });
});

describe("decodeImage of JPEG files", () => {
  const smooth = Uint8Array.from({ length: 16 * 24 * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i % 4) * 60 + 40));
  const file = new Uint8Array(jpeg.encode({ width: 24, height: 16, data: smooth }, 95).data);

  test("gives planes from 0 to 1", () => {
    const image = decoded(file);
    expect(image.shape).toEqual([3, 16, 24]);
    const values = bytesOf(image);
    for (const [channel, want] of [40, 100, 160].entries()) {
      expect(Math.abs(values[channel * 384 + 200]! - want)).toBeLessThan(6);
    }
    expect(decoded(file, { channels: 1 }).shape).toEqual([1, 16, 24]);
  });

  test("is refused with more pixels than the limit", () => {
    expect(() => decodeImage(file, { maxPixels: 383 })).toThrow("image has 24 × 16 pixels; expected 1 to 383");
  });

  test("is refused without a frame header, or of an unusual kind", () => {
    const frame = file.findIndex((b, i) => b === 0xff && file[i + 1] === 0xc0);
    expect(() => decodeImage(file.subarray(0, frame))).toThrow("no frame header");
    const lossless = file.slice();
    lossless[frame + 1] = 0xc3;
    expect(() => decodeImage(lossless)).toThrow("frame is of kind 3");
    const two = file.slice();
    two[frame + 9] = 2;
    expect(() => decodeImage(two)).toThrow("frame has 2 components");
  });

  test("gives an image of its size or a FormatError, whatever bytes are changed", () => {
    const random = generatorOf(3);
    let refused = 0;
    for (let round = 0; round < 300; round++) {
      const bytes = file.slice();
      for (let k = 0; k < 3; k++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      try {
        const image = decodeImage(bytes, { maxPixels: 10_000 });
        expect(image.numel).toBeLessThanOrEqual(30_000);
        image.dispose();
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(20);
  });
});

test("decodeImage refuses other formats and bad arguments", () => {
  expect(() => decodeImage(new Uint8Array(0))).toThrow(FormatError);
  expect(() => decodeImage(Uint8Array.of(0x47, 0x49, 0x46))).toThrow("neither as a PNG nor as a JPEG file");
  expect(() => decodeImage("x" as never)).toThrow("bytes are a string");
  expect(() => decodeImage(new Uint8Array(3), { channels: 2 as never })).toThrow("channels are 2");
  expect(() => decodeImage(new Uint8Array(3), { size: 2 } as never)).toThrow('unknown option "size"');
});

describe("encodePng", () => {
  test.each([1, 2, 3, 4])("writes %i channels that decodeImage reads back", (channels) => {
    const values = Float32Array.from({ length: channels * 6 }, (_, i) => (i * 7) / 255);
    const image = own(tensor(values, { shape: [channels, 2, 3] }));
    const again = decoded(encodePng(image));
    expect(again.shape).toEqual([channels, 2, 3]);
    expect(bytesOf(again)).toEqual(bytesOf(image));
  });

  test("takes a plane alone, rounds, and clamps", () => {
    const image = own(tensor([[-1, 0.5, 2]]));
    expect(bytesOf(decoded(encodePng(image)))).toEqual([0, 128, 255]);
  });

  test("refuses other tensors", () => {
    expect(() => encodePng(own(tensor([1])))).toThrow(ShapeError);
    expect(() => encodePng(own(tensor(new Float32Array(5), { shape: [5, 1, 1] })))).toThrow("C from 1 to 4");
    expect(() => encodePng(own(tensor([[1]], { dtype: "int32" })))).toThrow(DTypeError);
    expect(() => encodePng(own(tensor([[0, NaN]])))).toThrow("value 1 is NaN");
  });

  test("writes and reads files", () => {
    const path = join(folder, "image.png");
    writePng(path, own(tensor([[0, 1]])));
    expect(own(readImage(path, { channels: 3 })).shape).toEqual([3, 1, 2]);
    expect(() => readImage(join(folder, "none.png"))).toThrow("ENOENT");
  });
});

describe("imageGrid", () => {
  test("puts images side by side, with padding around them", () => {
    const images = own(tensor(Float32Array.of(1, 2, 3, 4, 5, 6), { shape: [3, 1, 1, 2] }));
    const grid = own(imageGrid(images, { columns: 2, padding: 1, padValue: 9 }));
    expect(grid.tolist()).toEqual([
      [
        [9, 9, 9, 9, 9, 9, 9],
        [9, 1, 2, 9, 3, 4, 9],
        [9, 9, 9, 9, 9, 9, 9],
        [9, 5, 6, 9, 9, 9, 9],
        [9, 9, 9, 9, 9, 9, 9],
      ],
    ]);
  });

  test("is no wider than it has images, and keeps channels apart", () => {
    const images = own(tensor(Float32Array.of(1, 2, 3, 4), { shape: [2, 2, 1, 1] }));
    expect(own(imageGrid(images, { padding: 0 })).tolist()).toEqual([[[1, 3]], [[2, 4]]]);
    expect(own(imageGrid(images)).shape).toEqual([2, 5, 8]);
  });

  test("belongs to the innermost scope", () => {
    const images = own(tensor(Float32Array.of(1), { shape: [1, 1, 1, 1] }));
    const before = memory().liveBlocks;
    scope(() => {
      imageGrid(images);
    });
    expect(memory().liveBlocks).toBe(before);
  });

  test("refuses other tensors and bad options", () => {
    expect(() => imageGrid(own(tensor([[1]])))).toThrow(ShapeError);
    const whole = own(tensor(Int32Array.of(1), { shape: [1, 1, 1, 1] }));
    expect(() => imageGrid(whole)).toThrow(DTypeError);
    expect(() => imageGrid(whole, { rows: 1 } as never)).toThrow('unknown option "rows"');
  });
});

describe("ImageFolder", () => {
  const root = join(folder, "root");
  const put = (path: string, ...values: number[]): void => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writePng(join(root, path), own(tensor([values])));
  };

  test("takes a class from each sub-folder, and its images in order", () => {
    put("dog/b.png", 0.2, 0);
    put("dog/a.PNG", 0.4, 0);
    put("cat/deep/c.png", 0.6, 0);
    put("cat/.hidden.png", 1, 1);
    writeFileSync(join(root, "cat", "notes.txt"), "nothing");
    const dataset = new ImageFolder(root, { channels: 1 });
    expect(dataset.classes).toEqual(["cat", "dog"]);
    expect(dataset.samples.map(([path, label]) => [path.slice(root.length + 1), label])).toEqual([
      [join("cat", "deep", "c.png"), 0],
      [join("dog", "a.PNG"), 1],
      [join("dog", "b.png"), 1],
    ]);
    const live: number[] = [];
    for (let epoch = 0; epoch < 2; epoch++) {
      for (const [x, y] of new data.DataLoader(dataset, { batchSize: 3 })) {
        expect(x.shape).toEqual([3, 1, 1, 2]);
        expect(bytesOf(x)).toEqual([153, 0, 102, 0, 51, 0]);
        expect([y.dtype, y.tolist()]).toEqual(["int32", [0, 1, 1]]);
        live.push(memory().liveBytes);
      }
    }
    expect(new Set(live).size).toBe(1);
    const [image] = new ImageFolder(root).get(0).map(own);
    expect(image!.shape).toEqual([3, 1, 2]);
  });

  test("refuses a root without classes, a class without images, and unknown options", () => {
    const empty = join(folder, "empty");
    mkdirSync(join(empty, "cat"), { recursive: true });
    expect(() => new ImageFolder(join(empty, "cat"))).toThrow(ArgumentError);
    expect(() => new ImageFolder(empty)).toThrow("has no image; expected .png or .jpg or .jpeg");
    expect(() => new ImageFolder(empty, { size: 3 } as never)).toThrow('unknown option "size"');
    expect(() => new ImageFolder(root).get(3)).toThrow("index is 3");
  });
});
