export type { Callback, Logs, TrainingState } from "./callback.js";
export {
  diagnoseGradients,
  GradientDiagnosis,
  type GradientThresholds,
  type GradientWarning,
  type GradientWarningKind,
  type LayerGradient,
} from "./diagnosis.js";
export {
  GradientMonitor,
  type GradientMonitorOptions,
  type GradientRecord,
  type MonitoredActivation,
  type MonitoredGradient,
} from "./gradient_monitor.js";
export { History, type HistoryEntry } from "./history.js";
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
