import { closeSync, fsyncSync, openSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { errorCode } from "../io/atomic.node.js";
import type { StudyStorage } from "./storage.js";

const NEWLINE = 0x0a;

/** A log in a file, one JSON object a line. A line that a crash left unfinished is cut off when the log is read again. */
export class JsonlStorage implements StudyStorage {
  constructor(readonly path: string) {}

  read(): readonly string[] {
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(this.path);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return [];
      throw error;
    }
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    if (end < bytes.length) truncateSync(this.path, end);
    const text = new TextDecoder().decode(bytes.subarray(0, end));
    return text === "" ? [] : text.slice(0, -1).split("\n");
  }

  append(line: string): void {
    const file = openSync(this.path, "a");
    try {
      writeFileSync(file, `${line}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}
