import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { memory, QuadlaneError, type Tensor } from "../../src/node.js";
import { generatorOf } from "./make.js";

/** A folder that is there while the tests of a file run. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "quadlane-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Dtypes and values by name; the tensors are freed. */
export function listed(tensors: ReadonlyMap<string, Tensor>): Record<string, unknown> {
  const out = Object.fromEntries(Array.from(tensors, ([name, t]) => [name, [t.dtype, t.tolist()]]));
  for (const t of tensors.values()) t.dispose();
  return out;
}

/** Runs a reader on bytes that may be anything: it loads, or throws an error of the library's; either way nothing stays behind. */
export function survives(bytes: Uint8Array, read: (bytes: Uint8Array) => ReadonlyMap<string, Tensor>): boolean {
  const before = memory().liveBytes;
  let loaded = true;
  try {
    for (const t of read(bytes).values()) t.dispose();
  } catch (error) {
    if (!(error instanceof QuadlaneError)) throw error;
    loaded = false;
  }
  expect(memory().liveBytes).toBe(before);
  return loaded;
}

/** Every beginning of a file, and the file with random bytes changed. */
export function* damaged(bytes: Uint8Array, changes: number): IterableIterator<Uint8Array> {
  for (let n = 0; n < bytes.length; n++) yield bytes.subarray(0, n);
  const draw = generatorOf(1);
  for (let i = 0; i < changes; i++) {
    const copy = bytes.slice();
    copy[Math.floor(draw() * copy.length)] = Math.floor(draw() * 256);
    yield copy;
  }
}
