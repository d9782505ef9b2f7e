export { latestCheckpoint, loadCheckpoint, saveCheckpoint } from "./checkpoint.node.js";
export * from "./index.js";
export { CsvLogger, type CsvLoggerOptions, JsonlLogger, type LogLevel } from "./loggers.node.js";
export { ModelCheckpoint, type ModelCheckpointOptions } from "./model_checkpoint.node.js";
export { Trainer } from "./trainer.node.js";
