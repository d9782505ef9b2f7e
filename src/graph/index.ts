// Models as lists of ops: traced, rewritten, run.
export { evaluate } from "./evaluate.js";
export type { Dim, GraphNode, Guard, SymbolicAttr, SymbolicSize, Value } from "./graph.js";
export { Graph } from "./graph_class.js";
export { type OptimizeOptions, optimize, type Pass, passes } from "./optimize.js";
export { type DynamicSizes, type TraceInputs, type TraceOptions, trace } from "./trace.js";
