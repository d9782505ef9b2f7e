export type { Callback, Logs, TrainingState } from "./callback.js";
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
