// The network, made once for each process, outside of the handler: Lambda keeps the process for later events.
import { readFileSync } from "node:fs";
import { init } from "quadlane";
import { networkOf } from "../../digits/network.js";

// Beside the bundle, not beside this file.
const read = (file) => new Uint8Array(readFileSync(new URL(file, import.meta.url)));

await init(read("kernels.simd.wasm"), { binary: "simd" });

export const logitsOf = networkOf(read("lenet.safetensors"));
