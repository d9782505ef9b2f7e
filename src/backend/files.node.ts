import { readFileSync } from "node:fs";
import { packageFile } from "../runtime/system.node.js";
import type { Files } from "./source.js";

export const nodeFiles: Files = {
  open: (file) => new Uint8Array(readFileSync(file)),
  kernels: (binary) => nodeFiles.open(packageFile(`kernels.${binary}.wasm`)),
};
