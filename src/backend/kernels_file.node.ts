import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Binary } from "./probe.js";
import { kernelsUrl } from "./source.js";

/** The bytes of a kernel binary from this package's files. */
export function readKernels(binary: Binary): Uint8Array<ArrayBuffer> {
  return new Uint8Array(read(binary));
}

function read(binary: Binary): Buffer {
  try {
    return readFileSync(kernelsUrl(binary));
  } catch {
    // Code that was not bundled, as under test, lies elsewhere. Asking for the package takes longer.
    return readFileSync(createRequire(import.meta.url).resolve(`quadlane/kernels.${binary}.wasm`));
  }
}
