// Runs before each test file: QUADLANE_THREADS=n lets the kernels run on n threads, and cuts every call that can be cut.
import { expect } from "vitest";

const { QUADLANE_THREADS: count } = process.env;

if (count !== undefined) {
  const { init, runtime } = await import("../../src/node.js");
  const { cutEverything } = await import("../../src/backend/threaded.js");
  await init({ threads: Number(count) });
  expect(runtime().threads, runtime().whyThreads).toBe(Number(count));
  cutEverything();
}
