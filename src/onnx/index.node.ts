// ONNX for Node: the same surface, and what reads files.
export * from "./index.js";
export { loadFile } from "./load.node.js";
export { type SaveFileArguments, type SaveFileOptions, type SaveModuleFileOptions, saveFile } from "./save.node.js";
