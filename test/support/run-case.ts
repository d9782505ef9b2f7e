import { describe, test } from "vitest";
import { checkRefusal, checkSample } from "./check-case.js";
import type { OpCase } from "./op-case.js";

/** Registers the tests of one row: values, gradients, layouts, leaks, agreement of the back ends, refusals. */
export function testCase(row: OpCase<never>): void {
  describe(row.name, () => {
    for (const sample of row.samples) {
      test(`${sample.name}: agrees with float64, on both back ends and in every layout`, () =>
        checkSample(row, sample));
    }
    for (const sample of row.errors ?? []) {
      test(`${sample.name}: is refused before anything is allocated`, () => checkRefusal(row, sample));
    }
  });
}
