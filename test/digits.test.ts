import { describe, expect, test } from "vitest";
import { data, Generator, getBackend, setBackend } from "../src/node.js";

const { drawDigits } = data;

describe("drawDigits", () => {
  test("draws the classes in turn, 28 × 28 bytes each", () => {
    const digits = drawDigits(25, { generator: new Generator(1) });
    expect(digits.length).toBe(25);
    expect(digits.shape).toEqual([1, 28, 28]);
    expect(Array.from(digits.labels).slice(8, 13)).toEqual([8, 9, 0, 1, 2]);
    for (let i = 0; i < 25; i++) {
      const image = digits.images.subarray(i * 784, (i + 1) * 784);
      expect(Math.max(...image), `ink in image ${i}`).toBeGreaterThan(120);
      expect(image.filter((v) => v > 80).length, `inked pixels of image ${i}`).toBeLessThan(350);
    }
  });

  test("draws the same images for the same seed, on both back ends and on every machine", () => {
    const backend = getBackend();
    const sums = (["wasm", "js"] as const).map((b) => {
      setBackend(b);
      return checksum(drawDigits(50, { generator: new Generator(7) }).images);
    });
    setBackend(backend);
    expect(sums).toEqual([CHECKSUM, CHECKSUM]);
    expect(checksum(drawDigits(50, { generator: new Generator(8) }).images)).not.toBe(CHECKSUM);
  });

  test("goes on with new images where the generator stands", () => {
    const generator = new Generator(7);
    const first = drawDigits(20, { generator });
    const second = drawDigits(20, { generator });
    expect(second.images).not.toEqual(first.images);
    const both = drawDigits(40, { generator: new Generator(7) });
    expect(both.images.subarray(0, 20 * 784)).toEqual(first.images);
    expect(both.images.subarray(20 * 784)).toEqual(second.images);
  });

  test("refuses bad arguments", () => {
    expect(() => drawDigits(-1)).toThrow("count is -1");
    expect(() => drawDigits(1, { seed: 1 } as never)).toThrow('unknown option "seed"');
  });
});

const CHECKSUM = 2935190899;

/** FNV-1a. */
function checksum(bytes: Uint8Array): number {
  let h = 0x811c9dc5;
  for (const b of bytes) h = Math.imul(h ^ b, 0x01000193);
  return h >>> 0;
}
