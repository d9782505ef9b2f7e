// The network, made once for each process, outside of the handler: Lambda keeps the process for later events.
import { readFileSync } from "node:fs";
import { Program } from "quadlane/program";

// Beside the bundle, not beside this file.
const read = (file) => readFileSync(new URL(file, import.meta.url));

const program = Program.loadSync(read("lenet.qlp"), { kernels: read("kernels.simd.wasm") });

/** The ten logits of an image of 28 × 28 values from 0 to 1. */
export const logitsOf = (pixels) => program.run({ input: pixels }).output;
