import { afterEach, beforeEach, expect } from "vitest";
import {
  functional as F,
  Generator,
  manualSeed,
  memory,
  nn,
  randn,
  setBackend,
  type Tensor,
  tensor,
} from "../../src/node.js";

// Modules under test: what lives outside the scopes is freed after each test, and nothing else may be left.

const owned: { dispose(): void }[] = [];
let liveBefore = 0;

/** Frees a module, cache or tensor after the test. */
export function own<T extends { dispose(): void }>(made: T): T {
  owned.push(made);
  return made;
}

/** Registers the seed before, and the count of live blocks after, each test of a file. */
export function freeAfterEach(): void {
  beforeEach(() => {
    manualSeed(1);
    liveBefore = memory().liveBlocks;
  });
  afterEach(() => {
    setBackend("wasm");
    for (const made of owned.splice(0)) made.dispose();
    expect(memory().liveBlocks).toBe(liveBefore);
  });
}

/** Largest difference of two tensors of one shape. */
export function distance(a: Tensor, b: Tensor): number {
  expect(a.shape).toEqual(b.shape);
  return F.abs(F.sub(a, b)).max().item();
}

/** Normal values, the same at each call for the same shape. */
export const normal = (...shape: number[]): Tensor => randn(shape, { generator: new Generator(shape.length) });

/** bool, true where told. */
export function mask(shape: readonly number[], hidden: (flat: number) => boolean): Tensor {
  const values = Array.from({ length: shape.reduce((p, n) => p * n, 1) }, (_, i) => hidden(i));
  return own(tensor(values, { shape }));
}

/** Biases begin as 0, which would hide what they do. */
export function disturb<M extends nn.Module>(module: M): M {
  for (const p of module.parameters()) nn.init.normal_(p, 0, 0.3);
  return own(module);
}
