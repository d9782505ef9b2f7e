import { expect, test } from "vitest";
import { functional as F, memory, runtime, scope, setBackend, tensor } from "../src/node.js";

test.each(["wasm", "js"] as const)("adds, broadcasts and differentiates on %s", (backend) => {
  setBackend(backend);
  const before = memory().liveBlocks;
  const a = tensor(
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    { requiresGrad: true },
  );
  const b = tensor([10, 20, -30], { requiresGrad: true });
  scope(() => {
    const y = F.relu(a.add(b)).mul(2);
    expect(y.tolist()).toEqual([
      [22, 44, 0],
      [28, 50, 0],
    ]);
    const z = y.mul(a).sum();
    z.backward();
  });
  expect(a.grad?.tolist()).toEqual([
    [24, 48, 0],
    [36, 60, 0],
  ]);
  expect(b.grad?.tolist()).toEqual([10, 14, 0]);
  a.dispose();
  b.dispose();
  expect(memory().liveBlocks).toBe(before);
});
test("views", () => {
  const x = tensor(
    Float32Array.from({ length: 24 }, (_, i) => i),
    { shape: [2, 3, 4], requiresGrad: true },
  );
  const y = x.permute(2, 0, 1);
  expect(y.shape).toEqual([4, 2, 3]);
  const z = y.reshape(4, 6);
  expect(z.tolist()).toEqual([0, 1, 2, 3].map((k) => [0, 4, 8, 12, 16, 20].map((v) => v + k)));
  z.narrow(0, 1, 2).sum().backward();
  expect(x.grad?.tolist()).toEqual([0, 1].map(() => [0, 1, 2].map(() => [0, 1, 1, 0])));
  expect(x.sum([0, 2]).tolist()).toEqual([60, 92, 124]);
  console.log(runtime());
});
