// The data tools for Node: the same surface, and what reads files.
export { readCsv, readIdx, readPairs, readText } from "./files.node.js";
export * from "./index.js";
