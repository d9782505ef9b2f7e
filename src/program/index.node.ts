// The same for Node, where the kernels are beside the code.
import { readKernels } from "../backend/kernels_file.node.js";
import { setKernelReader } from "./program.js";

export * from "./index.js";

setKernelReader(readKernels);
