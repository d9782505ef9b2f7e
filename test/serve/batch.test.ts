import { describe, expect, test } from "vitest";
import { countToTake, join, sizesOfBatches, split } from "../../src/serve/batch.js";
import type { CheckedRequest } from "../../src/serve/request.js";

/** A request with rows of two values. */
function request(...rows: (readonly [number, number])[]): CheckedRequest {
  const data = Float32Array.from(rows.flat());
  return { values: [{ data, shape: [rows.length, 2] }], rows: rows.length, key: "2" };
}

const of = (rows: number): CheckedRequest => request(...Array.from({ length: rows }, () => [0, 0] as const));
const inputs = [{ name: "x", dtype: "float32", shape: [null, 2] }] as const;

describe("batches", () => {
  test.each([
    [1, [1]],
    [2, [1, 2]],
    [8, [1, 2, 4, 8]],
    [12, [1, 2, 4, 8, 12]],
  ])("of %i rows at most have %j", (maxBatch, sizes) => {
    expect(sizesOfBatches(maxBatch)).toEqual(sizes);
  });

  test.each([
    { rows: [1], count: 1 },
    { rows: [1, 1, 1], count: 2 },
    { rows: [1, 1, 1, 1, 1, 1, 1], count: 4 },
    { rows: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], count: 8 },
    { rows: [3], count: 1 },
    { rows: [3, 3], count: 2 },
    { rows: [5, 5], count: 1 },
    { rows: [8, 1], count: 1 },
    { rows: [3, 1, 3], count: 2 },
  ])("of 8 rows at most take $count of requests with $rows rows", ({ rows, count }) => {
    expect(countToTake(rows.map(of), [1, 2, 4, 8], 8)).toBe(count);
  });

  test("hold the rows of their requests and zeros, in arrays of their own", () => {
    const requests = [request([1, 2]), request([3, 4], [5, 6])];
    const { x } = join(inputs, requests, 4);
    expect(x).toEqual({ data: Float32Array.of(1, 2, 3, 4, 5, 6, 0, 0), shape: [4, 2] });
    expect(join(inputs, requests.slice(0, 1), 1).x!.data.buffer).not.toBe(requests[0]!.values[0]!.data.buffer);
  });

  test("give each request its rows of the outputs", () => {
    const data = Int32Array.of(1, 2, 3, 4);
    expect(split({ y: { data, shape: [4, 1, 1] } }, [of(1), of(2)], 4)).toEqual([
      { y: { data: Int32Array.of(1), shape: [1, 1, 1] } },
      { y: { data: Int32Array.of(2, 3), shape: [2, 1, 1] } },
    ]);
  });

  test("cannot be split if an output has other rows", () => {
    const data = Float32Array.of(1, 2);
    expect(split({ y: { data, shape: [2] }, mean: { data, shape: [1, 2] } }, [of(1), of(1)], 2)).toBeNull();
  });
});
