// ONNX for Node: the same surface, and what reads files.
export * from "./index.js";
export { loadFile } from "./load.node.js";
export { saveFile } from "./save.node.js";
