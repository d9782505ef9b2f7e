import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";

/** Temporary files end in host, process and a random word. */
const TEMPORARY = /\.([a-z0-9-]+)\.(\d+)\.[a-z0-9]+\.tmp$/;
/** Temporary files of processes that cannot be asked are leftovers after this time. */
const LEFT_AFTER_MS = 3_600_000;

/** Asked for when a file is written: Deno wants leave for it, and loading the library should not need that. */
const host = (): string =>
  hostname()
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, "-");

/** True for the name of a file that `writeAtomically` has not finished. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

/**
 * Writes a file that appears whole or not at all, even if the process or the machine ends meanwhile: the bytes go to a file in the same
 * folder, reach the disk, and only then take the name. If that fails, the temporary file is removed and the old file is as it was.
 */
export function writeAtomically(path: string, bytes: Uint8Array): void {
  const word = Math.random().toString(36).slice(2);
  const temporary = `${path}.${host()}.${process.pid}.${word}.tmp`;
  try {
    const file = openSync(temporary, "wx");
    try {
      writeFileSync(file, bytes);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** Makes a rename last. Windows, and some network file systems, cannot open or sync a folder; there the rename has to do. */
function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, "r");
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    if (!["EISDIR", "EPERM", "EACCES", "EINVAL", "ENOTSUP"].includes(errorCode(error) ?? "")) throw error;
  }
}

/** Removes what processes that were killed have left in a folder of unfinished files whose final names `belongs` accepts. */
export function removeLeftovers(folder: string, belongs: (name: string) => boolean): void {
  for (const name of readdirSync(folder)) {
    const found = TEMPORARY.exec(name);
    if (found === null || !belongs(basename(name.slice(0, found.index)))) continue;
    const path = join(folder, name);
    if (found[1] === host() ? isRunning(Number(found[2])) && !isOld(path) : !isOld(path)) continue;
    rmSync(path, { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

function isOld(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs > LEFT_AFTER_MS;
}

/** The code of a system error, as "ENOSPC". */
export function errorCode(error: unknown): string | null {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : null;
  return typeof code === "string" ? code : null;
}
