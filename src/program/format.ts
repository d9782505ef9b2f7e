import type { Binary } from "../backend/probe.js";
import { FormatError } from "../errors.js";
import type { DType, Shape } from "../types.js";

// A program file: the letters below, the header's length and checksum as uint32, the header as JSON, and the bytes of the data. All numbers
// are little-endian, as the memory is.

/** A tensor that goes in or comes out, row-major. */
export interface ProgramValue {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** One with its address. */
export interface PlacedValue extends ProgramValue {
  readonly at: number;
}

/** A number of a step. JSON lacks those that are not finite: they are text. */
export type Operand = number | "NaN" | "Infinity" | "-Infinity";

/**
 * One step: [kernel, …arguments], where the kernel is its place in `kernels`, and behind the arguments of one that returns a number comes the
 * number that it must be; [COPY, to, from, bytes]; or [EXPECT, at, as, bytes], which holds if the bytes at both places are the same.
 */
export type ProgramStep = readonly [what: number, ...operands: Operand[]];

export const COPY = -1;
export const EXPECT = -2;

export interface Header {
  /** Which binary of which version of the kernels the steps are for: they cut work, and pack weights, in ways of their own. */
  readonly binary: Binary;
  readonly version: string;
  readonly inputs: readonly PlacedValue[];
  readonly outputs: readonly PlacedValue[];
  /** Names of the kernels that the steps call. */
  readonly kernels: readonly string[];
  /** What is done once. */
  readonly setup: readonly ProgramStep[];
  /** What a run does. */
  readonly steps: readonly ProgramStep[];
  /** Bytes of the memory that all addresses lie in. */
  readonly memoryBytes: number;
  /** Where the data, which are the last part of the file, go. */
  readonly dataAt: number;
}

/** What a program file begins with. */
export const MAGIC = "QLPROG01";
/** Letters, length, checksum. */
const FRONT = 16;
const MAX_MEMORY = 2 ** 32 - 65536;
const BINARIES: readonly unknown[] = ["simd", "relaxed", "wide"];
const DTYPES: readonly unknown[] = ["float32", "int32", "bool"];

/** A number's text in a step, and back. */
export function operand(value: number): Operand {
  return Number.isFinite(value) ? value : (String(value) as Operand);
}

/** Puts a program's parts together; `data` are the last of its bytes. */
export function writeProgram(header: Header, data: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(FRONT + text.length + data.reduce((sum, part) => sum + part.length, 0));
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i);
  new DataView(bytes.buffer).setUint32(8, text.length, true);
  bytes.set(text, FRONT);
  let at = FRONT + text.length;
  for (const part of data) {
    bytes.set(part, at);
    at += part.length;
  }
  return sealed(bytes);
}

/** The same bytes with the checksum that the header has, if it lies within. */
export function sealed(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (bytes.length < FRONT) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRONT);
  view.setUint32(12, checksum(bytes.subarray(FRONT, FRONT + view.getUint32(8, true))), true);
  return bytes;
}

function startOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, MAGIC.length));
}

/** Whether bytes, the first ones of a file at least, are those of a program. */
export function isProgram(bytes: Uint8Array): boolean {
  return startOf(bytes) === MAGIC;
}

/** Takes a program apart. Errors: FormatError for anything but a whole program. */
export function readProgram(op: string, bytes: Uint8Array): { header: Header; data: Uint8Array } {
  const fail = (message: string): never => {
    throw new FormatError(op, message);
  };
  if (!isProgram(bytes)) {
    fail(`the file begins with ${JSON.stringify(startOf(bytes))}; expected ${JSON.stringify(MAGIC)}`);
  }
  if (bytes.length < FRONT) fail(`the file has ${bytes.length} bytes; expected at least ${FRONT}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRONT);
  const end = FRONT + view.getUint32(8, true);
  if (end > bytes.length) fail(`the header ends at byte ${end}; the file has ${bytes.length}`);
  const text = bytes.subarray(FRONT, end);
  if (checksum(text) !== view.getUint32(12, true)) fail("the header's checksum is wrong: the file is damaged");
  const data = bytes.subarray(end);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(text));
  } catch (cause) {
    fail(`the header is no JSON: ${String(cause)}`);
  }
  const header = headerOf(parsed, fail);
  const { dataAt, memoryBytes } = header;
  if (dataAt + data.length !== memoryBytes) {
    fail(`there are ${data.length} bytes of data; expected ${memoryBytes - dataAt}`);
  }
  return { header, data };
}

/** FNV-1a. */
function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash >>> 0;
}

/** What was written as a header is one: a file with the right checksum may still not be a program of ours. */
function headerOf(parsed: unknown, fail: (message: string) => never): Header {
  return isHeader(parsed as Partial<Header> | null) ? (parsed as Header) : fail("the header is not that of a program");
}

function isHeader(header: Partial<Header> | null): boolean {
  if (typeof header !== "object" || header === null) return false;
  const { binary, version, inputs, outputs, kernels, setup, steps, memoryBytes, dataAt } = header;
  const isValue = (v: PlacedValue): boolean =>
    typeof v?.name === "string" &&
    DTYPES.includes(v.dtype) &&
    Array.isArray(v.shape) &&
    [v.at, ...v.shape].every(isSize);
  const isStep = (step: ProgramStep): boolean => Array.isArray(step) && Number.isInteger(step[0]);
  return (
    BINARIES.includes(binary) &&
    typeof version === "string" &&
    all(inputs, isValue) &&
    all(outputs, isValue) &&
    all(kernels, (name) => typeof name === "string") &&
    all(setup, isStep) &&
    all(steps, isStep) &&
    isSize(dataAt) &&
    isSize(memoryBytes) &&
    memoryBytes <= MAX_MEMORY
  );
}

function all<T>(list: readonly T[] | undefined, holds: (entry: T) => boolean): boolean {
  return Array.isArray(list) && list.every((entry) => holds(entry));
}

function isSize(n: unknown): n is number {
  return typeof n === "number" && Number.isInteger(n) && n >= 0;
}
