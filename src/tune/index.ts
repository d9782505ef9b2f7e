export { type BayesianSearchOptions, bayesianSearch } from "./bayesian.js";
export { importanceOf } from "./importance.js";
export { type GridSearchOptions, gridSearch, type Proposal, randomSearch, type SearchMethod } from "./method.js";
export {
  type MedianPrunerOptions,
  medianPruner,
  type Pruner,
  type SuccessiveHalvingOptions,
  successiveHalving,
} from "./pruner.js";
export { PruningCallback } from "./pruning_callback.js";
export {
  choice,
  type Dimension,
  integer,
  logUniform,
  type ParamsOf,
  type ParamValue,
  type SearchSpace,
  uniform,
} from "./space.js";
export { MemoryStorage, type StudyStorage } from "./storage.js";
export { type Objective, type SearchOptions, StudyResult, search } from "./study.js";
export { type Direction, PrunedError, Trial, type TrialRecord, type TrialStatus } from "./trial.js";
