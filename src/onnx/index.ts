// Models in the ONNX format (onnx.ai).

export { type SaveArguments, type SaveModuleOptions, type SaveOptions, save } from "./export.js";
export type { ValueInfo } from "./graph.js";
export type { Elem } from "./handler.js";
export { type LoadOptions, load } from "./load.js";
export { type ModelInfo, type NamedTensors, OnnxModel } from "./model.js";
export { type ExternalData, type NamedTensor, parseTensor } from "./tensors.js";
