export * from "./composed.js";
export * from "./cyclic.js";
export * from "./factors.js";
export * from "./plateau.js";
export { type LastEpoch, LRScheduler, Scheduler, type SchedulerState } from "./scheduler.js";
