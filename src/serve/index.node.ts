// Many requests on worker threads. Needs piscina.
export { ServeError, type ServeErrorCode } from "./errors.js";
export type { Distribution, PoolMetrics } from "./metrics.node.js";
export type { Port, ServedModel, ServedModelFactory, ServedValue } from "./model.js";
export { ModelPool, type PoolHealth, type PoolOptions, type PoolThread, type RequestOptions } from "./pool.node.js";
export type { ServedFeed } from "./request.js";
export { servedSession } from "./session_model.js";
export type { SessionModelOptions, SourceOptions } from "./source.node.js";
