import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  AutogradError,
  enableGrad,
  functional as F,
  grad,
  memory,
  noGrad,
  ShapeError,
  scope,
  type Tensor,
  tensor,
} from "../src/node.js";

let before = 0;
beforeEach(() => {
  before = memory().liveBlocks;
});
afterEach(() => {
  expect(memory().liveBlocks, "live blocks after the test").toBe(before);
});

/** Runs a body with leaves that are freed afterwards. */
function withLeaves(values: readonly (number | number[])[], body: (...leaves: Tensor[]) => void): void {
  const leaves = values.map((v) => tensor(v, { requiresGrad: true }));
  try {
    scope(() => body(...leaves));
  } finally {
    for (const t of leaves) t.dispose();
  }
}

describe("backward", () => {
  test("adds up the paths of a shared sub-graph", () => {
    withLeaves([3], (x) => {
      const y = x!.mul(x!);
      y.add(y.mul(y)).backward();
      expect(x!.grad!.item()).toBe(2 * 3 + 4 * 27);
    });
  });

  test("accumulates over calls until the gradient is cleared", () => {
    withLeaves([[1, 2]], (x) => {
      for (let i = 0; i < 3; i++) x!.mul(2).sum().backward();
      expect(x!.grad!.tolist()).toEqual([6, 6]);
      x!.grad = null;
      x!.sum().backward();
      expect(x!.grad!.tolist()).toEqual([1, 1]);
    });
  });

  test("gives two inputs of one op gradients of their own", () => {
    withLeaves(
      [
        [1, 2],
        [3, 4],
      ],
      (a, b) => {
        a!.add(b!).sum().backward();
        a!.add(b!).sum().backward();
        expect(a!.grad!.tolist()).toEqual([2, 2]);
        expect(b!.grad!.tolist()).toEqual([2, 2]);
        expect(a!.grad!.storage).not.toBe(b!.grad!.storage);
      },
    );
  });

  test("does not compute gradients that nobody needs", () => {
    const constant = tensor([2, 2]);
    withLeaves([[1, 2]], (x) => {
      x!.mul(constant).sum().backward();
      expect(constant.grad).toBeNull();
      expect(constant.requiresGrad).toBe(false);
    });
    constant.dispose();
  });

  test("takes an upstream gradient for a tensor of several elements", () => {
    const g = tensor([1, 10]);
    const other = tensor([1]);
    withLeaves([[1, 2]], (x) => {
      x!.mul(3).backward(g);
      expect(x!.grad!.tolist()).toEqual([3, 30]);
      expect(() => x!.mul(3).backward(other)).toThrow(ShapeError);
    });
    g.dispose();
    other.dispose();
  });

  test("refuses several elements without a gradient", () => {
    withLeaves([[1, 2]], (x) => {
      expect(() => x!.mul(3).backward()).toThrow(/2 elements; expected one, or a gradient/);
    });
  });

  test("refuses a tensor that requires no gradient", () => {
    const x = tensor([1]);
    expect(() => x.backward()).toThrow(AutogradError);
    x.dispose();
  });

  test("refuses a second pass over a freed graph, and allows it with retainGraph", () => {
    withLeaves([3], (x) => {
      const y = x!.mul(x!);
      y.backward(null, { retainGraph: true });
      y.backward();
      expect(x!.grad!.item()).toBe(12);
      expect(() => y.backward()).toThrow(/retainGraph/);
    });
  });

  test("notices a saved value that was overwritten", () => {
    withLeaves([[2, 3]], (x) => {
      const c = x!.detach().clone();
      const y = x!.mul(c).sum();
      c.fill_(7);
      expect(() => y.backward()).toThrow(/written in place/);
    });
  });

  test("reaches a leaf through a chain of ten thousand ops without recursion", () => {
    withLeaves([1], (x) => {
      let y: Tensor = x!;
      for (let i = 0; i < 10_000; i++) y = y.add(0);
      y.backward();
      expect(x!.grad!.item()).toBe(1);
    });
  });

  test("leaves outputs readable afterwards and frees its own temporaries", () => {
    withLeaves([[1, -2]], (x) => {
      const y = F.relu(x!);
      const loss = y.mul(y).sum();
      const live = memory().liveBlocks;
      loss.backward();
      expect(memory().liveBlocks).toBe(live + 1);
      expect(y.tolist()).toEqual([1, 0]);
    });
  });

  test("works after intermediates were disposed by hand", () => {
    withLeaves([[1, 2]], (x) => {
      const y = x!.mul(x!);
      const z = y.mul(y);
      const s = z.sum();
      y.dispose();
      z.dispose();
      s.backward();
      expect(x!.grad!.tolist()).toEqual([4, 32]);
    });
  });

  test("frees a graph that never sees a backward pass", () => {
    withLeaves([[1, 2]], (x) => {
      const live = memory().liveBlocks;
      scope(() => {
        x!.mul(x!).mul(x!).sum();
      });
      expect(memory().liveBlocks).toBe(live);
    });
  });
});

describe("recording", () => {
  test("stops in noGrad and resumes in enableGrad", () => {
    withLeaves([1], (x) => {
      noGrad(() => {
        expect(x!.mul(2).requiresGrad).toBe(false);
        enableGrad(() => expect(x!.mul(2).requiresGrad).toBe(true));
      });
      expect(x!.mul(2).requiresGrad).toBe(true);
      expect(() =>
        noGrad(() => {
          throw new Error("stop");
        }),
      ).toThrow("stop");
      expect(x!.mul(2).requiresGrad).toBe(true);
    });
  });

  test("ends at detach", () => {
    withLeaves([2], (x) => {
      const y = x!.mul(3);
      y.detach().mul(x!).backward();
      expect(x!.grad!.item()).toBe(6);
    });
  });

  test("marks what ops made as no leaf, and refuses to switch it off", () => {
    withLeaves([2], (x) => {
      const y = x!.mul(3);
      expect([x!.isLeaf, y.isLeaf]).toEqual([true, false]);
      expect(() => y.requiresGrad_(false)).toThrow(AutogradError);
      expect(() => tensor([1], { dtype: "int32", requiresGrad: true })).toThrow(/int32; expected float32/);
    });
  });

  test("refuses in-place writes to recorded leaves outside noGrad", () => {
    withLeaves([[1, 2]], (x) => {
      expect(() => x!.zero_()).toThrow(AutogradError);
      noGrad(() => x!.zero_());
      expect(x!.tolist()).toEqual([0, 0]);
    });
  });
});

describe("retainGrad and grad", () => {
  test("keep the gradient of an intermediate", () => {
    withLeaves([2], (x) => {
      const y = x!.mul(3).retainGrad();
      y.mul(y).backward();
      expect(y.grad!.item()).toBe(12);
      expect(x!.grad!.item()).toBe(36);
    });
  });

  test("return gradients without touching any leaf", () => {
    withLeaves([2, 5], (a, b) => {
      const y = a!.mul(b!);
      const [ga, gy] = grad([y.mul(y)], [a!, y]);
      expect([ga!.item(), gy!.item()]).toEqual([100, 20]);
      expect(a!.grad).toBeNull();
      expect(b!.grad).toBeNull();
    });
  });

  test("tell an unused input", () => {
    withLeaves([2, 5], (a, b) => {
      expect(() => grad([a!.mul(2)], [a!, b!])).toThrow(/allowUnused/);
      expect(grad([a!.mul(2)], [a!, b!], { allowUnused: true })[1]).toBeNull();
    });
  });
});
