// Programs that a process makes and another, fresh one loads.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Work } from "./works.js";

const FOLDER = `${tmpdir()}/quadlane-bench`;

function fileOf({ name }: Work): string {
  return `${FOLDER}/${name.replaceAll("/", "_")}.qlp`;
}

export function writeProgram(work: Work, bytes: Uint8Array): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(fileOf(work), bytes);
}

export function readProgram(work: Work): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(fileOf(work)));
}
