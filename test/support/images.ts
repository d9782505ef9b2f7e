import { expect } from "vitest";
import { type data, Generator, scope, type Tensor, tensor } from "../../src/node.js";
import { own } from "./loading.js";

/** An image [1, H, W] of rows. */
export const image = (rows: readonly (readonly number[])[]): Tensor => own(tensor([rows.map((r) => [...r])]));

/** An image [c, h, w] of 0, 1, 2, … times a factor. */
export const ramp = (c: number, h: number, w: number, factor = 1): Tensor =>
  own(
    tensor(
      Float32Array.from({ length: c * h * w }, (_, i) => i * factor),
      { shape: [c, h, w] },
    ),
  );

export const batch = (n: number, c: number, h: number, w: number): Tensor =>
  own(
    tensor(
      Float32Array.from({ length: n * c * h * w }, (_, i) => i),
      { shape: [n, c, h, w] },
    ),
  );

/** What a transform makes of an image, as nested arrays. */
export const made = (t: data.Transform<Tensor>, x: Tensor, seed = 1): unknown =>
  scope(() => {
    const y = t(x, new Generator(seed));
    const list = y.tolist();
    return list;
  });

export const values = (t: data.Transform<Tensor>, x: Tensor, seed = 1): number[] =>
  scope(() => [...t(x, new Generator(seed)).data()]);

export const close = (actual: readonly number[], expected: readonly number[], digits = 5): void => {
  expect(actual.length).toBe(expected.length);
  expected.forEach((v, i) => {
    expect(actual[i], `element ${i}`).toBeCloseTo(v, digits);
  });
};

export const square = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
];
