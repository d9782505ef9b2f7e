import * as ort from "onnxruntime-web/wasm";
import { logits } from "./onnxruntime.js";

export function first({ model, files }) {
  if (files.onnxruntime !== undefined) ort.env.wasm.wasmPaths = files.onnxruntime;
  ort.env.wasm.numThreads = 1;
  return logits(ort, "wasm", model);
}
