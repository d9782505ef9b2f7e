import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { checkOptions } from "../check.js";
import { checkExpanded, claimedSize, corrupt, type GunzipOptions, isGzip } from "./gunzip.js";
import { type IdxArray, parseIdx } from "./idx.js";

/** Reads an IDX file, plain or compressed with gzip (told by its first bytes); see `data.parseIdx` and `data.gunzip`. */
export function readIdx(path: string, options: GunzipOptions = {}): IdxArray {
  checkOptions("readIdx", options, ["maxBytes"]);
  const bytes = readFileSync(path);
  return parseIdx(isGzip(bytes) ? expand(bytes, options) : bytes);
}

function expand(bytes: Uint8Array, options: GunzipOptions): Uint8Array {
  const claimed = claimedSize(bytes, options);
  let out: Uint8Array;
  try {
    out = gunzipSync(bytes, { maxOutputLength: Math.max(claimed, 1) });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") checkExpanded(Infinity, claimed);
    throw corrupt(cause);
  }
  checkExpanded(out.length, claimed);
  return out;
}
