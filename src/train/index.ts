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
export {
  diagnoseGradients,
  GradientDiagnosis,
  type GradientThresholds,
  type GradientWarning,
  type GradientWarningKind,
  type LayerGradient,
} from "./diagnosis.js";
export { EarlyStopping, type EarlyStoppingOptions, type Mode } from "./early_stopping.js";
export {
  GradientMonitor,
  type GradientMonitorOptions,
  type GradientRecord,
  type MonitoredActivation,
  type MonitoredGradient,
} from "./gradient_monitor.js";
export { History, type HistoryData, type HistoryEntry } from "./history.js";
export { NonFiniteError, type NonFiniteReport } from "./non_finite.js";
export type { StepOutcome } from "./step.js";
export {
  type InputSpec,
  Summary,
  type SummaryCounts,
  type SummaryInput,
  type SummaryRow,
  type SummaryTableOptions,
  type SummaryTotals,
  summary,
} from "./summary.js";
export { type FitOptions, Trainer } from "./trainer.js";
export type { Loss, TrainerOptions, TrainingStep } from "./trainer_options.js";
