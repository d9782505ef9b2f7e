// Models as lists of ops: traced, rewritten, run.
export { type CompileOptions, compile, type SessionOptions } from "./compile.js";
export { evaluate } from "./evaluate.js";
export type { Dim, GraphNode, Guard, SymbolicAttr, SymbolicSize, Value } from "./graph.js";
export { Graph } from "./graph_class.js";
export { type OptimizeOptions, optimize, type Pass, passes } from "./optimize.js";
export { Session, type SessionMemory } from "./session.js";
export type { Feed, Named, Target } from "./session_feeds.js";
export type { SessionProfile, SessionProfileRow } from "./session_profile.js";
export { type DynamicSizes, type TraceInputs, type TraceOptions, trace } from "./trace.js";
