import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errorCode, removeLeftovers, writeAtomically } from "../io/atomic.node.js";
import {
  type CheckpointContent,
  CheckpointError,
  type CheckpointParts,
  packCheckpoint,
  restoreCheckpoint,
} from "./checkpoint.js";
import { checkpointError } from "./file_errors.node.js";

/** Checkpoints that `ModelCheckpoint` has numbered. */
const NUMBERED = /^checkpoint-(\d+)\.safetensors$/;

/**
 * Writes everything that a training needs to continue bit for bit to one safetensors file: weights, buffers, the optimizer's state, the
 * schedule, the loader's position, the default generator and others, and whatever `extra` holds. The file appears whole or not at
 * all; what killed processes have left unfinished beside it is removed. Call it between optimizer steps; gradients are not saved.
 * Errors: CheckpointError, naming the path, for a missing folder, a full disk and the like; a file of that name is as it was then.
 */
export function saveCheckpoint(path: string, content: CheckpointContent): void {
  const bytes = packCheckpoint(content);
  try {
    removeLeftovers(dirname(path), (name) => name === basename(path) || NUMBERED.test(name));
    writeAtomically(path, bytes);
  } catch (cause) {
    throw checkpointError("saveCheckpoint", "write", path, cause);
  }
}

/**
 * Loads a checkpoint into the parts that are given, and returns its `extra`; tensors in it are the caller's.
 * Errors: CheckpointError for a file that cannot be read or lacks a part, FormatError for one that is no checkpoint, StateDictError for
 * parts that it does not fit; nothing has changed then.
 */
export function loadCheckpoint(path: string, parts: CheckpointParts): unknown {
  return restoreCheckpoint(readCheckpoint(path), parts);
}

/** The bytes of a checkpoint, or of the latest one in a folder. */
export function readCheckpoint(path: string): Uint8Array {
  try {
    if (!statSync(path).isDirectory()) return readFileSync(path);
  } catch (cause) {
    throw checkpointError("loadCheckpoint", "read", path, cause);
  }
  const latest = latestCheckpoint(path);
  if (latest === null) {
    throw new CheckpointError(
      "loadCheckpoint",
      `the folder "${path}" has no checkpoint; expected checkpoint-….safetensors`,
      {
        path,
      },
    );
  }
  return readFileSync(latest);
}

/** Path of the checkpoint that `ModelCheckpoint` has written last to a folder; null if there is none, or no such folder. */
export function latestCheckpoint(folder: string): string | null {
  return numberedCheckpoints(folder).at(-1) ?? null;
}

/** Paths of a folder's numbered checkpoints, those written last at the end. */
export function numberedCheckpoints(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return [];
    throw checkpointError("latestCheckpoint", "list", folder, cause);
  }
  const found = names.flatMap((name) => {
    const number = NUMBERED.exec(name);
    const path = join(folder, name);
    const file = number === null ? undefined : statSync(path, { throwIfNoEntry: false });
    return file?.isFile() ? [{ path, step: Number(number![1]), written: file.mtimeMs }] : [];
  });
  // Files can be written faster than clocks tick.
  return found.sort((a, b) => a.written - b.written || a.step - b.step).map((f) => f.path);
}

/** The file name of a numbered checkpoint. */
export function checkpointName(step: number): string {
  return `checkpoint-${String(step).padStart(8, "0")}.safetensors`;
}
