import * as tf from "@tensorflow/tfjs";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { logits } from "./tfjs.js";

export function first({ files }) {
  setWasmPaths(files.tfjs);
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  setThreadsCount(1);
  return logits("wasm");
}
