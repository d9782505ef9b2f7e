// Runs before each test file: QUADLANE_BINARY=simd|relaxed|wide makes the kernels those of one binary; the default is the engine's best.
import { setFlagsFromString } from "node:v8";
import { expect } from "vitest";

const { QUADLANE_BINARY: binary } = process.env;

if (binary !== undefined) {
  // Only optimised code fuses operations, and a test is over before the engine would have made it.
  setFlagsFromString("--no-liftoff");
  const { initSync, runtime } = await import("../../src/node.js");
  initSync(binary === "wide" ? { wideVectors: true } : { binary: binary as "simd" | "relaxed" });
  expect(runtime().binary).toBe(binary);
}
