import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, FormatError } from "../errors.js";
import { inflate } from "../io/inflate.js";

export interface GunzipOptions {
  /** Most bytes to expand to; a file that claims or holds more is refused. Default 2^30. */
  readonly maxBytes?: number;
}

const DEFAULT_MAX_BYTES = 2 ** 30;
/** Ten bytes of header, two of an empty stream, eight of checksum and size. */
const SMALLEST = 20;

/** True if the bytes begin as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The size that a gzip file of one member claims to expand to. Expanding stops there, so what it really holds cannot take more memory.
 * Errors: FormatError if it is no gzip file or claims more than the limit.
 */
export function claimedSize(bytes: Uint8Array, options: GunzipOptions): number {
  checkOptions("gunzip", options, ["maxBytes"]);
  const limit = checkInteger("gunzip", "maxBytes", options.maxBytes ?? DEFAULT_MAX_BYTES, 1, 2 ** 32 - 1);
  if (!(bytes instanceof Uint8Array)) {
    throw new ArgumentError("gunzip", `bytes are a ${typeof bytes}; expected a Uint8Array`);
  }
  if (!isGzip(bytes)) throw new FormatError("gunzip", "file does not begin with 0x1f 0x8b; expected the gzip format");
  if (bytes.length < SMALLEST) {
    throw new FormatError("gunzip", `file has ${bytes.length} bytes; expected at least ${SMALLEST}`);
  }
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true);
  if (size > limit)
    throw new FormatError("gunzip", `file claims to expand to ${size} bytes; expected at most ${limit}`);
  return size;
}

/** Refuses what expanded to another size than was claimed: it lies, was cut, or something follows its end. */
export function checkExpanded(got: number, claimed: number): void {
  if (got === claimed) return;
  throw new FormatError(
    "gunzip",
    `file expands to ${got > claimed ? "more" : got} bytes; expected ${claimed}, as its last four bytes say`,
  );
}

/** The error for a file that the decompressor refused. */
export function corrupt(cause: unknown): FormatError {
  return new FormatError(
    "gunzip",
    `file is cut or damaged (${cause instanceof Error ? cause.message : String(cause)})`,
  );
}

/**
 * Expands a gzip file of one member, on every platform that has DecompressionStream.
 * Errors: FormatError for a cut or damaged file, for bytes behind its end, and for one that would exceed `maxBytes`.
 */
export async function gunzip(bytes: Uint8Array, options: GunzipOptions = {}): Promise<Uint8Array> {
  const claimed = claimedSize(bytes, options);
  let out: Uint8Array;
  try {
    out = await inflate(bytes, "gzip", claimed);
  } catch (cause) {
    throw corrupt(cause);
  }
  checkExpanded(out.length, claimed);
  return out;
}
