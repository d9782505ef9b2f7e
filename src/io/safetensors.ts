// The safetensors format: eight bytes that tell the length of a JSON header, the header, and the tensors' bytes, which fill the rest
// without a gap. Everything the header says is checked against the bytes that are there before any tensor is made.
// https://github.com/huggingface/safetensors
import { ArgumentError, FormatError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { formatShape, numel } from "../shape.js";
import { adoptUnscoped, Tensor } from "../tensor.js";
import { bytesOf, type Shape } from "../types.js";
import { type Encoding, encodings, STORED_AS } from "./encodings.js";

/** What a file holds. */
export interface Safetensors {
  /** By name, in the order of the header. They live until disposed or collected. */
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Where one tensor lies, all of it checked. */
interface Entry {
  readonly name: string;
  readonly encoding: Encoding;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

const LENGTH_BYTES = 8;
/** The header is padded so that the data begin on a multiple of this many bytes. */
const HEADER_ALIGN = 8;
/** The reference implementation's limit. */
const MAX_HEADER_BYTES = 100_000_000;
const METADATA = "__metadata__";

/**
 * Reads a file's bytes. F32, I32 and BOOL are taken as they are; F16, BF16 and F64 become float32; I64 (in the range of int32 only),
 * I16, I8 and U8 become int32.
 * Errors: FormatError for anything that does not follow the format; then no tensor has been made.
 */
export function parse(bytes: Uint8Array): Safetensors {
  if (!(bytes instanceof Uint8Array)) {
    throw new ArgumentError("safetensors", `bytes are a ${typeof bytes}; expected a Uint8Array`);
  }
  const { header, dataStart } = readHeader(bytes);
  const data = bytes.subarray(dataStart);
  const metadata = checkMetadata(header[METADATA]);
  const entries = Object.entries(header)
    .filter(([name]) => name !== METADATA)
    .map(([name, info]) => checkEntry(name, info, data.length));
  checkCoverage(entries, data.length);
  return { tensors: load(entries, data), metadata };
}

/** The header as parsed JSON of unknown content, and where the data begin. */
function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < LENGTH_BYTES) throw malformed(`file has ${bytes.length} bytes; expected at least ${LENGTH_BYTES}`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  const most = Math.min(bytes.length - LENGTH_BYTES, MAX_HEADER_BYTES);
  if (length > most) throw malformed(`header length is ${length}; expected at most ${most} for ${bytes.length} bytes`);
  const dataStart = LENGTH_BYTES + Number(length);
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(LENGTH_BYTES, dataStart));
    header = JSON.parse(text);
  } catch (cause) {
    throw malformed(`header is no JSON in UTF-8 (${cause instanceof Error ? cause.message : String(cause)})`);
  }
  if (!isObject(header) || !text.startsWith("{")) throw malformed("header is no JSON object");
  const duplicate = findDuplicateKey(text);
  if (duplicate !== null) throw malformed(`key ${duplicate} appears twice in one object of the header`);
  return { header, dataStart };
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
  if (!isListOfCounts(shape)) return fail(`has shape ${JSON.stringify(shape)}; expected integers from 0 to 2^31 - 1`);
  if (!isListOfCounts(offsets, Number.MAX_SAFE_INTEGER) || offsets.length !== 2) {
    return fail(`has data_offsets ${JSON.stringify(offsets)}; expected two integers ≥ 0`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) {
    return fail(`lies at ${begin} to ${end}; expected an ascending range in the ${dataBytes} bytes of data`);
  }
  // Zeros are left out: behind them an absurd size must not hide, because strides are products of sizes.
  if (!Number.isSafeInteger(numel(shape.map((n) => Math.max(n, 1))))) {
    return fail(`has shape ${formatShape(shape)}; expected a product that an integer can hold`);
  }
  const need = numel(shape) * encoding.bytes;
  if (end - begin !== need) {
    return fail(`has ${end - begin} bytes; expected ${need} for ${dtype} ${formatShape(shape)}`);
  }
  return { name, encoding, shape, begin, end };
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

function load(entries: readonly Entry[], data: Uint8Array): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  try {
    for (const { name, encoding, shape, begin, end } of entries) {
      const t = Tensor.allocate(shape, encoding.dtype, "safetensors.parse");
      tensors.set(name, t);
      const problem = encoding.decode(data.subarray(begin, end), arena.view(t.ptr, t.numel, t.dtype));
      if (problem !== null) throw malformed(`tensor "${name}" ${problem}`);
    }
  } catch (error) {
    for (const t of tensors.values()) t.dispose();
    throw error;
  }
  for (const t of tensors.values()) adoptUnscoped(t);
  return tensors;
}

/**
 * The bytes of a file with these tensors, by name in the order of the map, and text as metadata. The same tensors give the same bytes.
 * Errors: ArgumentError for the reserved name `__metadata__` and for metadata that are no text.
 */
export function serialize(
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const list: [string, Tensor][] = [...(tensors instanceof Map ? tensors : Object.entries(tensors))];
  for (const [name, t] of list) {
    if (name === METADATA)
      throw new ArgumentError(
        "safetensors",
        `a tensor is called ${METADATA}, which is reserved for metadata; expected another name`,
      );
    if (!(t instanceof Tensor)) throw new ArgumentError("safetensors", `"${name}" is no tensor; expected a Tensor`);
    t.assertAlive("safetensors");
  }
  const offsets = layOut(list);
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) header.set(METADATA, checkText(metadata));
  for (const [name, t] of list) {
    const begin = offsets.get(name)!;
    const end = begin + t.numel * bytesOf(t.dtype);
    header.set(name, { dtype: STORED_AS[t.dtype], shape: t.shape, data_offsets: [begin, end] });
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / HEADER_ALIGN) * HEADER_ALIGN;
  const dataStart = LENGTH_BYTES + headerBytes;
  const dataBytes = list.reduce((sum, [, t]) => sum + t.numel * bytesOf(t.dtype), 0);
  const out = new Uint8Array(dataStart + dataBytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true);
  out.fill(" ".charCodeAt(0), LENGTH_BYTES, dataStart);
  out.set(json, LENGTH_BYTES);
  for (const [name, t] of list) out.set(new Uint8Array(t.data().buffer), dataStart + offsets.get(name)!);
  return out;
}

/** Where each tensor's bytes begin: in the given order, but those of one-byte elements last, so that every value is aligned. */
function layOut(list: readonly (readonly [string, Tensor])[]): Map<string, number> {
  const offsets = new Map<string, number>();
  let at = 0;
  for (const width of [4, 1]) {
    for (const [name, t] of list) {
      if (bytesOf(t.dtype) !== width) continue;
      offsets.set(name, at);
      at += t.numel * width;
    }
  }
  return offsets;
}

function checkText(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== "string") {
      throw new ArgumentError("safetensors", `metadata "${key}" is a ${typeof text}; expected a string`);
    }
  }
  return metadata;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOfCounts(value: unknown, max = 2 ** 31 - 1): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isInteger(n) && n >= 0 && n <= max);
}

function malformed(problem: string): FormatError {
  return new FormatError("safetensors", problem);
}
