// The network, made once for each isolate, while it starts.
import kernels from "quadlane/kernels.simd.wasm";
import { Program } from "quadlane/program";
import file from "../build/lenet.qlp";

const program = await Program.load(file, { kernels });

/** The ten logits of an image of 28 × 28 values from 0 to 1. */
export const logitsOf = (pixels) => program.run({ input: pixels }).output;
