import { describe, expect, test } from "vitest";
import { functional as F, memory, nn, noGrad, optim, scope, type Tensor, tensor } from "../src/node.js";
import { limitKept } from "../src/runtime/packed.js";
import { generatorOf, seedOf } from "./support/make.js";

function random(name: string, shape: readonly number[]): Tensor {
  const next = generatorOf(seedOf(name));
  const count = shape.reduce((p, n) => p * n, 1);
  return tensor(
    Float32Array.from({ length: count }, () => 2 * next() - 1),
    { shape },
  );
}

/** What one convolution by tiles gives. */
function convolve(x: Tensor, w: Tensor): Float32Array {
  return scope(() => F.conv2d(x, w, { padding: 1 }).data() as Float32Array);
}

describe("the transformed weights of a convolution", () => {
  // Of 3 × 3 tiles, and of so few that a single use does without.
  test.each([12, 7])(
    "are kept from the second use on, counted as live memory, and freed with the tensor: %i²",
    (size) => {
      const [x, w] = [random("x", [1, 16, size, size]), random("w", [24, 16, 3, 3])];
      const before = memory();
      const first = convolve(x, w);
      expect(memory().liveBlocks).toBe(before.liveBlocks);
      const second = convolve(x, w);
      const kept = memory();
      expect(kept.liveBlocks).toBe(before.liveBlocks + 1);
      expect(kept.liveBytes).toBeGreaterThanOrEqual(before.liveBytes + 4 * 36 * 16 * 24);
      for (let i = 0; i < 5; i++) expect(convolve(x, w)).toEqual(first);
      expect(second).toEqual(first);
      expect(memory().liveBytes).toBe(kept.liveBytes);
      w.dispose();
      expect(memory().liveBlocks).toBe(before.liveBlocks - 1);
      x.dispose();
    },
  );

  test("are not kept beyond a limit on all of them, and are again when others are freed", () => {
    const x = random("x", [1, 16, 12, 12]);
    const [w, v] = [random("w", [24, 16, 3, 3]), random("v", [24, 16, 3, 3])];
    const blocks = memory().liveBlocks;
    const [fromW, fromV] = [convolve(x, w), convolve(x, v)];
    const restore = limitKept(1.5 * 4 * 36 * 16 * 24);
    try {
      for (let i = 0; i < 3; i++) {
        expect(convolve(x, w)).toEqual(fromW);
        expect(convolve(x, v)).toEqual(fromV);
      }
      expect(memory().liveBlocks).toBe(blocks + 1);
      w.dispose();
      expect(convolve(x, v)).toEqual(fromV);
      expect(memory().liveBlocks).toBe(blocks);
    } finally {
      restore();
    }
    for (const t of [x, v]) t.dispose();
  });

  test("follow what is written into the tensor", () => {
    const [x, w, v] = [random("x", [1, 16, 12, 12]), random("w", [24, 16, 3, 3]), random("v", [24, 16, 3, 3])];
    const blocks = memory().liveBlocks;
    const want = [convolve(x, w), convolve(x, v)];
    for (let i = 0; i < 2; i++) convolve(x, w);
    w.copy_(v);
    expect(convolve(x, w)).toEqual(want[1]);
    expect(memory().liveBlocks).toBe(blocks);
    expect(convolve(x, w)).toEqual(want[1]);
    expect(convolve(x, w)).toEqual(want[1]);
    for (const t of [x, w, v]) t.dispose();
    expect(memory().liveBlocks).toBe(blocks - 3);
  });

  test("are told apart by their place in the storage and by the groups", () => {
    const [x, w] = [random("x", [1, 16, 12, 12]), random("w", [2, 32, 8, 3, 3])];
    const alone = [0, 1].map((i) => scope(() => w.select(0, i).clone().keep()));
    scope(() => {
      for (let round = 0; round < 3; round++) {
        for (const i of [0, 1]) {
          const [part, copy] = [w.select(0, i), alone[i]!];
          expect(F.conv2d(x, part, { groups: 2 }).data()).toEqual(F.conv2d(x, copy, { groups: 2 }).data());
          const [flat, flatCopy] = [part.reshape([16, 16, 3, 3]), copy.reshape([16, 16, 3, 3])];
          expect(F.conv2d(x, flat).data()).toEqual(F.conv2d(x, flatCopy).data());
        }
      }
    });
    for (const t of [x, w, ...alone]) t.dispose();
  });

  test("are not kept in a training loop, whose memory is flat", () => {
    const model = new nn.Sequential(
      new nn.Conv2d(8, 16, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.Conv2d(16, 16, 3, { padding: 1 }),
    );
    const sgd = new optim.SGD(model.parameters(), { lr: 0.001 });
    const x = random("x", [2, 8, 16, 16]);
    const live: number[] = [];
    for (let step = 0; step < 4; step++) {
      scope(() => {
        sgd.zeroGrad();
        model.forward(x).square().mean().backward();
        sgd.step();
      });
      live.push(memory().liveBytes);
    }
    expect(new Set(live.slice(1)).size).toBe(1);
    const parameters = [...model.parameters()].reduce((sum, p) => sum + 4 * p.numel, 0);
    const blocks = memory().liveBlocks;
    const infer = (): number[] => noGrad(() => scope(() => model.forward(x).shape.slice()));
    infer();
    expect(memory().liveBlocks).toBe(blocks);
    infer();
    expect(memory().liveBlocks).toBe(blocks + 2);
    expect(memory().liveBytes).toBeGreaterThan(live[3]! + 3 * parameters);
    sgd.zeroGrad();
    model.dispose();
    x.dispose();
  });
});
