// The network, made once for each isolate, while it starts.
import { init } from "quadlane";
import kernels from "quadlane/kernels.simd.wasm";
import { networkOf } from "../../digits/network.js";
import weights from "../build/lenet.safetensors";

await init(kernels);

export const logitsOf = networkOf(new Uint8Array(weights));
