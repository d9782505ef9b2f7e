// Many requests on worker threads. Needs piscina.
export { ServeError, type ServeErrorCode } from "./errors.js";
export type { Distribution, PoolMetrics } from "./metrics.node.js";
export { type Port, type ServedModel, type ServedModelFactory, type ServedValue, servedSession } from "./model.js";
export type { SessionModelOptions } from "./models.node.js";
export { ModelPool, type PoolHealth, type PoolOptions, type PoolThread } from "./pool.node.js";
export type { ServedFeed } from "./request.js";
