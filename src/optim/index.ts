export { Adam, type AdamOptions, AdamW, type MomentOptions } from "./adam.js";
export * from "./adam_variants.js";
export * from "./adaptive.js";
export * from "./batch.js";
export * from "./lbfgs.js";
export * as lrScheduler from "./lr_scheduler/index.js";
export * from "./newton.js";
export {
  type LearningRate,
  Optimizer,
  type OptimizerSpec,
  type OptimizerState,
  type ParamGroup,
  type ParamGroupInput,
  type ParamState,
  type Params,
  type StateProblems,
  type StateValue,
} from "./optimizer.js";
export { type PointState, type PointUpdate, PointwiseOptimizer } from "./pointwise.js";
export * from "./sgd.js";
