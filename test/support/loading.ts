import { afterEach, beforeEach, expect } from "vitest";
import { data, memory, type Tensor, tensor } from "../../src/node.js";

let blocks = 0;
const owned: Tensor[] = [];

/** After each test of the file, as many blocks must be live as before it. */
export function expectNoLeaks(): void {
  beforeEach(() => {
    blocks = memory().liveBlocks;
  });
  afterEach(() => {
    for (const t of owned.splice(0)) t.dispose();
    expect(memory().liveBlocks, "live blocks after the test").toBe(blocks);
  });
}

/** A tensor that is disposed when the test ends. */
export function own(t: Tensor): Tensor {
  owned.push(t);
  return t;
}

/** Samples 0 … n − 1. */
export function counting(n: number): data.TensorDataset<[Tensor]> {
  return new data.TensorDataset(own(tensor(Float32Array.from({ length: n }, (_, i) => i))));
}

/** What one pass hands out, batch by batch. */
export function batchesOf(loader: Iterable<readonly Tensor[]>): number[][] {
  const out: number[][] = [];
  for (const [x] of loader) out.push([...x!.data()]);
  return out;
}
