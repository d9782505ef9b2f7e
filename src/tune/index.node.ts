export * from "./index.js";
export { JsonlStorage } from "./jsonl.node.js";
export { type SearchOptions, search } from "./study.node.js";
