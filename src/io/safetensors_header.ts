// The header of a safetensors file, all of it checked against the bytes that are there before any tensor is made.
import { FormatError } from "../errors.js";
import { formatShape, numel } from "../shape.js";
import type { Shape } from "../types.js";
import { type Encoding, encodings } from "./encodings.js";
import { isListOfCounts, shapeProblem } from "./stored.js";

/** Where one tensor lies: bytes of the data, which begin behind the header. */
export interface Entry {
  readonly name: string;
  /** The format's name of the element type. */
  readonly type: string;
  readonly encoding: Encoding;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

/** What the header says. */
export interface Header {
  /** In the order of the header. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the data begin in the file. */
  readonly dataStart: number;
}

export const LENGTH_BYTES = 8;
/** The reference implementation's limit. */
const MAX_HEADER_BYTES = 100_000_000;
export const METADATA = "__metadata__";

/** The header of a file of `size` bytes, of which `read` gives some. Errors: FormatError for anything that does not follow the format. */
export function readHeader(size: number, read: (from: number, to: number) => Uint8Array): Header {
  if (size < LENGTH_BYTES) throw malformed(`file has ${size} bytes; expected at least ${LENGTH_BYTES}`);
  const first = read(0, LENGTH_BYTES);
  const length = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
  const most = Math.min(size - LENGTH_BYTES, MAX_HEADER_BYTES);
  if (length > most) throw malformed(`header length is ${length}; expected at most ${most} for ${size} bytes`);
  const dataStart = LENGTH_BYTES + Number(length);
  const fields = parseFields(read(LENGTH_BYTES, dataStart));
  const metadata = checkMetadata(fields[METADATA]);
  const entries = Object.entries(fields)
    .filter(([name]) => name !== METADATA)
    .map(([name, info]) => checkEntry(name, info, size - dataStart));
  checkCoverage(entries, size - dataStart);
  return { entries: new Map(entries.map((entry) => [entry.name, entry])), metadata, dataStart };
}

/** The header as parsed JSON of unknown content. */
function parseFields(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let fields: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    fields = JSON.parse(text);
  } catch (cause) {
    throw malformed(`header is no JSON in UTF-8 (${cause instanceof Error ? cause.message : String(cause)})`);
  }
  if (!isObject(fields) || !text.startsWith("{")) throw malformed("header is no JSON object");
  const duplicate = findDuplicateKey(text);
  if (duplicate !== null) throw malformed(`key ${duplicate} appears twice in one object of the header`);
  return fields;
}

/** A key that some object of the JSON text holds twice: `JSON.parse` would silently keep the last. The text is known to be valid. */
function findDuplicateKey(text: string): string | null {
  const open: Set<unknown>[] = [];
  for (const [token, key] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
    else if (key !== undefined) {
      const keys = open.at(-1)!;
      const name: unknown = JSON.parse(key);
      if (keys.has(name)) return key;
      keys.add(name);
    }
  }
  return null;
}

function checkMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value)) throw malformed(`${METADATA} is no object`);
  const pairs = Object.entries(value).map(([key, text]): [string, string] => {
    if (typeof text !== "string") throw malformed(`${METADATA} entry "${key}" is a ${typeof text}; expected a string`);
    return [key, text];
  });
  return Object.fromEntries(pairs);
}

function checkEntry(name: string, info: unknown, dataBytes: number): Entry {
  const fail = (problem: string): never => {
    throw malformed(`tensor "${name}" ${problem}`);
  };
  if (!isObject(info)) return fail("is described by no object");
  const { dtype, shape, data_offsets: offsets, ...others } = info;
  for (const key of Object.keys(others)) fail(`has the unknown field "${key}"`);
  const encoding = typeof dtype === "string" ? encodings.get(dtype) : undefined;
  if (encoding === undefined) {
    return fail(`has dtype ${JSON.stringify(dtype)}; expected one of ${[...encodings.keys()].join(", ")}`);
  }
  const problem = shapeProblem(shape);
  if (problem !== null) return fail(problem);
  const sizes = shape as readonly number[];
  if (!isListOfCounts(offsets, Number.MAX_SAFE_INTEGER) || offsets.length !== 2) {
    return fail(`has data_offsets ${JSON.stringify(offsets)}; expected two integers ≥ 0`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) {
    return fail(`lies at ${begin} to ${end}; expected an ascending range in the ${dataBytes} bytes of data`);
  }
  const need = numel(sizes) * encoding.bytes;
  if (end - begin !== need) {
    return fail(`has ${end - begin} bytes; expected ${need} for ${dtype} ${formatShape(sizes)}`);
  }
  return { name, type: String(dtype), encoding, shape: sizes, begin, end };
}

/** The tensors must fill the data: no gap, no overlap, nothing behind the last. */
function checkCoverage(entries: readonly Entry[], dataBytes: number): void {
  let at = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) {
      throw malformed(
        `tensor "${name}" begins at ${begin}, ${begin < at ? "inside" : "with a gap behind"} the one before; expected ${at}`,
      );
    }
    at = end;
  }
  if (at !== dataBytes) throw malformed(`tensors end at ${at}; expected ${dataBytes}, the end of the file`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function malformed(problem: string): FormatError {
  return new FormatError("safetensors", problem);
}
