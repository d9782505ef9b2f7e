import { readFileSync, readSync } from "node:fs";
import { FileError } from "../errors.js";
import { errorCode } from "./atomic.node.js";

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file is larger than allowed",
  ENOENT: "the file or its folder does not exist",
  ENOTDIR: "its folder is no folder",
  EISDIR: "it is a folder",
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  EROFS: "the disk is read-only",
};

/** A system's error in words that name the path. */
export function told(
  what: string,
  path: string,
  cause: unknown,
): [message: string, where: { path: string; code: string | null; cause: unknown }] {
  const code = errorCode(cause);
  const reason = REASONS[code ?? ""] ?? (cause instanceof Error ? cause.message : String(cause));
  return [`cannot ${what} "${path}": ${reason}${code === null ? "" : ` (${code})`}`, { path, code, cause }];
}

/** Runs `fn`, which works on a file. Errors: FileError, naming the path, for what the system refuses. */
export function onFile<R>(op: string, what: string, path: string, fn: () => R): R {
  try {
    return fn();
  } catch (cause) {
    throw new FileError(op, ...told(what, path, cause));
  }
}

/** The bytes of a file. Errors: FileError. */
export function readBytes(op: string, path: string): Uint8Array {
  return onFile(op, "read", path, () => readFileSync(path));
}

/** Bytes of an open file from one place to another; fewer if the file ends before. */
export function readRange(handle: number, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(to - from);
  let done = 0;
  while (done < bytes.length) {
    const count = readSync(handle, bytes, done, bytes.length - done, from + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}
