import { readFileSync } from "node:fs";
import { checkOptions } from "../check.js";
import { FormatError } from "../errors.js";
import { builtin } from "../runtime/system.node.js";
import { type CsvOptions, parseCsv } from "./csv.js";
import { checkExpanded, claimedSize, corrupt, type GunzipOptions, isGzip } from "./gunzip.js";
import { type IdxArray, parseIdx } from "./idx.js";
import { type PairsOptions, parsePairs } from "./pairs.js";
import type { Table } from "./table.js";

/** The bytes of a file, expanded if they begin as a gzip file does, whatever its name. */
function readBytes(path: string, options: GunzipOptions): Uint8Array {
  const bytes = readFileSync(path);
  return isGzip(bytes) ? expand(bytes, options) : bytes;
}

function expand(bytes: Uint8Array, options: GunzipOptions): Uint8Array {
  const claimed = claimedSize(bytes, options);
  let out: Uint8Array;
  try {
    out = builtin("node:zlib").gunzipSync(bytes, { maxOutputLength: Math.max(claimed, 1) });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") checkExpanded(Infinity, claimed);
    throw corrupt(cause);
  }
  checkExpanded(out.length, claimed);
  return out;
}

/** Reads an IDX file, plain or compressed with gzip (told by its first bytes); see `data.parseIdx` and `data.gunzip`. */
export function readIdx(path: string, options: GunzipOptions = {}): IdxArray {
  checkOptions("readIdx", options, ["maxBytes"]);
  return parseIdx(readBytes(path, options));
}

/**
 * Reads a text in UTF-8, plain or compressed with gzip (told by its first bytes); a byte order mark is left out.
 * Errors: FormatError for bytes that are no UTF-8.
 */
export function readText(path: string, options: GunzipOptions = {}): string {
  checkOptions("readText", options, ["maxBytes"]);
  const bytes = readBytes(path, options);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof TypeError) throw new FormatError("readText", `${path} holds bytes that are no UTF-8`);
    throw cause;
  }
}

/** Reads a table from a file, plain or compressed with gzip; see `data.parseCsv` and `data.readText`. */
export function readCsv(path: string, options: CsvOptions & GunzipOptions = {}): Table {
  const { maxBytes, ...rest } = options;
  return parseCsv(readText(path, maxBytes === undefined ? {} : { maxBytes }), rest);
}

/** Reads pairs of texts from a file, plain or compressed with gzip; see `data.parsePairs` and `data.readText`. */
export function readPairs(path: string, options: PairsOptions & GunzipOptions = {}): [string, string][] {
  const { maxBytes, ...rest } = options;
  return parsePairs(readText(path, maxBytes === undefined ? {} : { maxBytes }), rest);
}
