import { expect } from "vitest";
import { cutEverything } from "../../src/backend/threaded.js";
import { type DataArray, init, runtime } from "../../src/node.js";

/** A result, element by element, with a name. */
export type Results = ReadonlyMap<string, DataArray>;

/** The same work on one thread and on several: every bit of every result must agree. `cutting` cuts calls of any size. */
export async function expectSameBits(counts: readonly number[], work: () => Results, cutting: boolean): Promise<void> {
  await init({ threads: 1 });
  const expected = work();
  for (const threads of counts) {
    await init({ threads });
    expect(runtime().threads, runtime().whyThreads).toBe(threads);
    const restore = cutting ? cutEverything() : () => {};
    try {
      expect(differences(expected, work()), `${threads} threads against one`).toEqual([]);
    } finally {
      restore();
      await init({ threads: 1 });
    }
  }
}

/** Names of the results that differ, with the first element that does. */
function differences(expected: Results, got: Results): string[] {
  expect([...got.keys()]).toEqual([...expected.keys()]);
  const found: string[] = [];
  for (const [name, want] of expected) {
    const have = got.get(name)!;
    const at = want.findIndex((v, i) => !Object.is(v, have[i]));
    if (have.length !== want.length) found.push(`${name}: ${have.length} elements instead of ${want.length}`);
    else if (at >= 0) found.push(`${name}: element ${at} is ${have[at]} instead of ${want[at]}`);
  }
  return found;
}
