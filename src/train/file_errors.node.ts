import { told } from "../io/file_errors.node.js";
import { CheckpointError } from "./checkpoint.js";

/** The error for a checkpoint. */
export function checkpointError(op: string, what: string, path: string, cause: unknown): CheckpointError {
  return new CheckpointError(op, ...told(what, path, cause));
}
