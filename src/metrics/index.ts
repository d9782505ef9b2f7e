// `metrics`: torchmetrics' names. A metric gathers batches with `update`, `compute` gives its value, `reset` begins anew.
export { Accuracy, type AccuracyOptions, TopKAccuracy } from "./accuracy.js";
export { AUROC, type AUROCOptions } from "./auroc.js";
export { BLEUScore, type BLEUScoreOptions, type Sentence } from "./bleu.js";
export { type Computed, MetricCollection } from "./collection.js";
export { ConfusionMatrix, type ConfusionMatrixOptions } from "./confusion.js";
export { CharErrorRate, EditDistance, type EditDistanceOptions, editDistance, WordErrorRate } from "./edit.js";
export type { ClassOptions, TaskOptions } from "./inputs.js";
export { MeanMetric } from "./mean.js";
export type { Metric } from "./metric.js";
export { Perplexity } from "./perplexity.js";
export {
  MeanAbsoluteError,
  MeanAbsolutePercentageError,
  MeanError,
  MeanSquaredError,
  R2Score,
  type R2ScoreOptions,
  RootMeanSquaredError,
} from "./regression.js";
export {
  type Average,
  type Averaged,
  CountedScore,
  type Counts,
  Dice,
  F1Score,
  FBetaScore,
  JaccardIndex,
  Precision,
  Recall,
  type ScoreOptions,
} from "./scores.js";
