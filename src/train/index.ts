export type { Loader } from "./batches.js";
export {
  type Callback,
  isStateful,
  LambdaCallback,
  type Logs,
  type Stateful,
  type TrainingState,
} from "./callback.js";
export {
  type CheckpointContent,
  CheckpointError,
  type CheckpointParts,
  packCheckpoint,
  restoreCheckpoint,
} from "./checkpoint.js";
export { EarlyStopping, type EarlyStoppingOptions, type Mode } from "./early_stopping.js";
export { History, type HistoryData, type HistoryEntry } from "./history.js";
export { NonFiniteError, type NonFiniteReport } from "./non_finite.js";
export type { StepOutcome } from "./step.js";
export { type FitOptions, Trainer } from "./trainer.js";
export type { Loss, TrainerOptions, TrainingStep } from "./trainer_options.js";
