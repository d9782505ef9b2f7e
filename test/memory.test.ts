import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test, vi } from "vitest";
import { ArenaError, functional as F, memory, noGrad, scope, Tensor, tensor } from "../src/node.js";
import { arena } from "../src/runtime/arena.js";

describe("a scope", () => {
  test("frees what ops made in it and keeps what it returns", () => {
    const x = tensor([1, 2, 3]);
    const before = memory().liveBlocks;
    const { y, list } = scope(() => {
      const a = x.add(1);
      const b = a.mul(2);
      return { y: b, list: [b.neg()] };
    });
    expect(memory().liveBlocks).toBe(before + 2);
    expect(y.tolist()).toEqual([4, 6, 8]);
    expect(list[0]!.tolist()).toEqual([-4, -6, -8]);
    for (const t of [y, ...list, x]) t.dispose();
  });

  test("passes its result to the enclosing scope", () => {
    const x = tensor([1]);
    let inner: Tensor | undefined;
    scope(() => {
      inner = scope(() => x.add(1));
      expect(inner.item()).toBe(2);
    });
    expect(inner?.disposed).toBe(true);
    x.dispose();
  });

  test("closes at the end of a block with using", () => {
    const x = tensor([1]);
    let y: Tensor;
    {
      using _s = scope();
      y = x.add(1);
      expect(y.item()).toBe(2);
    }
    expect(y.disposed).toBe(true);
    x.dispose();
  });

  test("frees its tensors when the function throws", () => {
    const x = tensor([1]);
    const before = memory().liveBlocks;
    expect(() =>
      scope(() => {
        x.add(1);
        throw new Error("stop");
      }),
    ).toThrow("stop");
    expect(memory().liveBlocks).toBe(before);
    x.dispose();
  });

  test("lets go of a tensor that keep() moves out", () => {
    const x = tensor([1]);
    const kept = scope(() => {
      const y = x.add(1).keep();
      x.add(2);
      return () => y;
    })();
    expect(kept.item()).toBe(2);
    kept.dispose();
    x.dispose();
  });

  test("does not own data tensors made in it", () => {
    const x = scope(() => () => tensor([5]))();
    const y = scope(() => {
      const inside = tensor([6]);
      return () => inside;
    })();
    expect([x.item(), y.item()]).toEqual([5, 6]);
    x.dispose();
    y.dispose();
  });

  test("stays flat over many thousand temporaries that are disposed by hand", () => {
    const x = tensor([1]);
    scope(() => {
      const before = memory().liveBlocks;
      for (let i = 0; i < 10_000; i++) x.add(i).dispose();
      expect(memory().liveBlocks).toBe(before);
    });
    x.dispose();
  });
});

describe("use after free", () => {
  test("names the op that made the tensor, its shape and the cure", () => {
    const x = tensor([1, 2]);
    const y = scope(() => {
      const t = x.add(1);
      return () => t;
    })();
    expect(() => y.data()).toThrow(ArenaError);
    expect(() => F.mul(y, 2)).toThrow(/\[2\] made by affine was freed.*keep\(\)/);
    x.dispose();
    expect(() => x.ptr).toThrow(ArenaError);
    x.dispose();
  });
});

describe("the arena", () => {
  test("grows on demand and keeps every value", () => {
    const x = tensor(Float32Array.from({ length: 1000 }, (_, i) => i));
    const before = memory().capacityBytes;
    const large = Tensor.allocate([before / 4], "float32", "test");
    expect(memory().capacityBytes).toBeGreaterThan(before);
    expect(x.data()[999]).toBe(999);
    expect(noGrad(() => x.add(1)).data()[999]).toBe(1000);
    large.dispose();
    x.dispose();
  });

  test("keeps capacity flat when the same blocks come and go", () => {
    const x = tensor(new Float32Array(1000));
    const work = (): void => {
      scope(() => {
        for (let i = 0; i < 100; i++) x.add(1);
      });
    };
    work();
    const { capacityBytes, liveBytes } = memory();
    for (let i = 0; i < 100; i++) work();
    expect(memory()).toMatchObject({ capacityBytes, liveBytes });
    x.dispose();
  });

  test("refuses a block beyond its limit with the figures", () => {
    expect(() => Tensor.allocate([2 ** 31], "float32", "test")).toThrow(ArenaError);
    expect(() => Tensor.allocate([2 ** 31], "float32", "test")).toThrow(/8589934592/);
  });

  test("reports the peak since it was reset", () => {
    arena.resetPeak();
    const base = memory().peakBytes;
    const t = Tensor.allocate([1 << 16], "float32", "test");
    t.dispose();
    expect(memory().peakBytes).toBeGreaterThanOrEqual(base + (1 << 18));
    expect(memory().liveBytes).toBeLessThan(memory().peakBytes);
  });

  test("says once which temporaries pile up outside every scope, and the cure", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const x = tensor([1]);
    const made: Tensor[] = [];
    for (let i = 0; i < 10_050; i++) made.push(x.neg());
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]![0]).toMatch(/temporaries.*neg.*scope\(/s);
    for (const t of made) t.dispose();
    for (let i = 0; i < 10_050; i++) made[i] = x.neg();
    expect(warn).toHaveBeenCalledTimes(1);
    for (const t of [...made, x]) t.dispose();
    warn.mockRestore();
  });

  test("gets blocks back from collected handles", async () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const before = memory().liveBlocks;
    for (let i = 0; i < 100; i++) tensor([i], { requiresGrad: true }).mul(2);
    for (let i = 0; i < 20 && memory().liveBlocks > before; i++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(memory().liveBlocks).toBeLessThanOrEqual(before);
  });
});
