// NumPy's .npy format: a magic string, a version, the length of a header, the header as a Python literal, the elements. And .npz: a ZIP
// archive of such files. (NumPy Enhancement Proposal 1, and numpy/lib/format.py.)
import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, FormatError } from "../errors.js";
import { contiguousStrides, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { encodings } from "./encodings.js";
import { inOrder, type StoredTensor, shapeProblem, tensorsOf } from "./stored.js";
import { readZip, type ZipEntry } from "./zip.js";

export const OP = "numpy";
export const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy's own limit. */
const MOST_HEADER_BYTES = 10_000;

/** safetensors' names of NumPy's kinds and sizes. */
const TYPES: Readonly<Record<string, string>> = {
  b1: "BOOL",
  f2: "F16",
  f4: "F32",
  f8: "F64",
  i1: "I8",
  i2: "I16",
  i4: "I32",
  i8: "I64",
  u1: "U8",
  u2: "U16",
  u4: "U32",
  u8: "U64",
};

export interface NpzOptions {
  /** Most bytes that compressed arrays may expand to, all together. Default four times the file's, and at least 64 MiB. */
  readonly maxBytes?: number;
}

/** What a file may expand to if nothing is said. */
const LEAST_LIMIT = 2 ** 26;

/** The entries of an archive, which stay below the limit. */
export function npzEntries(bytes: Uint8Array, options: NpzOptions): ZipEntry[] {
  checkOptions(OP, options, ["maxBytes"]);
  const entries = [...readZip(OP, checkBytes(bytes)).values()];
  const limit = checkInteger(OP, "maxBytes", options.maxBytes ?? Math.max(4 * bytes.length, LEAST_LIMIT), 1);
  const claimed = entries.reduce((sum, { size }) => sum + size, 0);
  if (claimed > limit) {
    throw new FormatError(
      OP,
      `archive claims to expand to ${claimed} bytes; expected at most ${limit} (option maxBytes)`,
    );
  }
  return entries;
}

/** Their tensors, from their expanded bytes. */
export function npzTensors(entries: readonly ZipEntry[], files: readonly Uint8Array[]): Map<string, Tensor> {
  return tensorsOf(
    OP,
    entries.map(({ name }, i) => stored(name.replace(/\.npy$/, ""), files[i]!)),
  );
}

export function checkBytes(bytes: Uint8Array): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  throw new ArgumentError(OP, `bytes are a ${typeof bytes}; expected a Uint8Array`);
}

export function stored(name: string, bytes: Uint8Array): StoredTensor {
  const fail = (problem: string): FormatError => new FormatError(OP, `"${name}" ${problem}`);
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte)) throw fail("does not begin as a .npy file does");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6]!;
  if (version < 1 || version > 3) throw fail(`is of version ${version}; expected 1 to 3`);
  const start = version === 1 ? 10 : 12;
  if (bytes.length < start) throw fail(`has ${bytes.length} bytes; expected at least ${start}`);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MOST_HEADER_BYTES) throw fail(`has a header of ${length} bytes; expected at most ${MOST_HEADER_BYTES}`);
  if (length > bytes.length - start) throw fail(`has a header of ${length} bytes in ${bytes.length - start}`);
  const { descr, fortran, shape } = header(
    new TextDecoder("latin1").decode(bytes.subarray(start, start + length)),
    fail,
  );
  const [order, type] = [descr[0]!, descr.slice(1)];
  const encoding = encodings.get(TYPES[type] ?? "");
  if (encoding === undefined) throw fail(`has elements '${descr}'; expected floats, integers or bool of NumPy`);
  const problem = shapeProblem(shape);
  if (problem !== null) throw fail(problem);
  const data = bytes.subarray(start + length);
  const need = numel(shape) * encoding.bytes;
  if (data.length !== need) throw fail(`has ${data.length} bytes of elements; expected ${need}`);
  const little = order === ">" ? swapped(data, encoding.bytes) : data;
  return {
    name,
    encoding,
    shape,
    bytes: fortran ? inOrder(little, encoding.bytes, { shape, strides: columnsFirst(shape), offset: 0 }) : little,
  };
}

interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: number[];
}

/** The three entries of the header, a Python dict, in any order. */
function header(text: string, fail: (problem: string) => FormatError): Header {
  const entries = /^\{((?:\s*'\w+':\s*(?:'[^']*'|True|False|\([\d\s,L]*\))\s*(?:,|(?=\})))*)\s*\}\s*$/.exec(text)?.[1];
  if (entries === undefined) {
    const records = /'descr':\s*\[/.test(text) ? ": records are not read" : "";
    throw fail(`has a header that is no dict of descr, fortran_order and shape${records}`);
  }
  const found = new Map<string, string>();
  for (const [, key, value] of entries.matchAll(/'(\w+)':\s*('[^']*'|True|False|\([^)]*\))/g)) {
    if (found.has(key!)) throw fail(`has ${key} twice in its header`);
    found.set(key!, value!);
  }
  const descr = /^'([<>|=][a-zA-Z]\d+)'$/.exec(found.get("descr") ?? "")?.[1];
  const order = found.get("fortran_order");
  const sizes = found.get("shape");
  if (descr === undefined || (order !== "True" && order !== "False") || !sizes?.startsWith("(") || found.size !== 3) {
    throw fail(`has the header ${text.trim().slice(0, 200)}; expected descr, fortran_order and shape`);
  }
  const shape = sizes
    .slice(1, -1)
    .split(",")
    .map((size) => size.trim().replace(/L$/, ""))
    .filter((size) => size !== "")
    .map(Number);
  return { descr, fortran: order === "True", shape };
}

function swapped(bytes: Uint8Array, width: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) out[i] = bytes[i - (i % width) + (width - 1 - (i % width))]!;
  return out;
}

/** Strides of Fortran's order. */
function columnsFirst(shape: Shape): number[] {
  return contiguousStrides(shape.toReversed()).reverse();
}
