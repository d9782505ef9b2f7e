import { describe, expect, test } from "vitest";
import { ALIGN, Allocator, type Block, SLACK } from "../src/runtime/allocator.js";
import { generatorOf } from "./support/make.js";

function allocator(bytes: number): Allocator {
  const a = new Allocator(ALIGN);
  a.extend(ALIGN + bytes);
  return a;
}

describe("the allocator", () => {
  test("gives aligned blocks that do not overlap, with slack behind the request", () => {
    const a = allocator(1 << 20);
    const blocks = [1, 63, 64, 65, 4096, 0].map((n) => ({ n, block: a.take(n)! }));
    for (const { n, block } of blocks) {
      expect(block.start % ALIGN).toBe(0);
      expect(block.size).toBeGreaterThanOrEqual(n + SLACK);
    }
    const sorted = blocks.map((b) => b.block).sort((x, y) => x.start - y.start);
    sorted.reduce((before, b) => {
      expect(b.start).toBeGreaterThanOrEqual(before.start + before.size);
      return b;
    });
  });

  test("takes a freed block again", () => {
    const a = allocator(1 << 16);
    const first = a.take(1000)!;
    const at = first.start;
    a.release(first);
    expect(a.take(1000)!.start).toBe(at);
  });

  test("merges a block with both neighbours, in whatever order they are freed", () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [0, 2, 1],
      [1, 0, 2],
    ]) {
      const a = allocator(3 * 1024);
      const blocks = [0, 1, 2].map(() => a.take(1024 - SLACK)!);
      expect(a.take(1)).toBeNull();
      for (const i of order) a.release(blocks[i]!);
      expect(a.take(3 * 1024 - SLACK)).not.toBeNull();
    }
  });

  test("refuses what does not fit, and finds it after growing by the shortfall", () => {
    const a = allocator(1024);
    expect(a.take(100_000)).toBeNull();
    a.extend(ALIGN + 1024 + a.shortfall(100_000));
    expect(a.take(100_000)).not.toBeNull();
  });

  test("returns to one free block after any sequence of takes and releases", () => {
    const random = generatorOf(7);
    const total = 1 << 20;
    const a = allocator(total);
    const live: Block[] = [];
    for (let i = 0; i < 20_000; i++) {
      if (random() < 0.5 && live.length > 0) a.release(live.splice(Math.floor(random() * live.length), 1)[0]!);
      else {
        const b = a.take(Math.floor(random() ** 4 * 20_000));
        if (b !== null) {
          for (const other of live) {
            if (b.start < other.start + other.size && other.start < b.start + b.size) throw new Error("blocks overlap");
          }
          live.push(b);
        }
      }
    }
    for (const b of live) a.release(b);
    expect(a.take(total - SLACK)?.size).toBe(total);
  });
});
