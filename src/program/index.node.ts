// The same for Node, where the kernels are beside the code.
import { nodeFiles } from "../backend/files.node.js";
import { setFiles } from "../backend/source.js";

export * from "./index.js";

setFiles(nodeFiles);
