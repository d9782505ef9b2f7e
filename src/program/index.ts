// The entry for running compiled models, and nothing else of the library.

export type { KernelSource } from "../backend/source.js";
export * from "../errors.js";
export type { DataArray, DType, Shape } from "../types.js";
export type { ProgramValue } from "./format.js";
export { Program, type ProgramFeeds, type ProgramOptions, type ProgramSyncOptions } from "./program.js";
