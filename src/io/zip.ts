// ZIP archives, as PyTorch and NumPy write them. The directory at the end is what counts; everything it says is checked against the
// bytes that are there, and no two entries may share any. (PKWARE, APPNOTE.TXT 6.3.)
import { FormatError } from "../errors.js";
import { inflate } from "./inflate.js";

/** A file in an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly compressed: boolean;
  /** As they lie in the archive. */
  readonly bytes: Uint8Array;
  /** Bytes that they are, or claim to expand to. */
  readonly size: number;
  readonly crc: number;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
const MOST_COMMENT = 0xffff;
const STORED = 0;
const DEFLATED = 8;

/** True if the bytes begin as an archive with a file in it does. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

/**
 * The files of an archive by name; `op` is the name of the format for messages.
 * Errors: FormatError for whatever is not as the format says, for encryption, for several disks, and for names that stand twice.
 */
export function readZip(op: string, bytes: Uint8Array): Map<string, ZipEntry> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { count, begin, end } = findDirectory(op, view);
  const entries = new Map<string, ZipEntry>();
  const ranges: (readonly [begin: number, end: number])[] = [];
  let at = begin;
  for (let i = 0; i < count; i++) {
    const { entry, range, next } = readEntry(op, view, at, begin, end);
    if (entries.has(entry.name)) throw new FormatError(op, `archive holds "${entry.name}" twice`);
    entries.set(entry.name, entry);
    ranges.push(range);
    at = next;
  }
  ranges.sort((a, b) => a[0] - b[0]);
  const overlap = ranges.findIndex((range, i) => i > 0 && range[0] < ranges[i - 1]![1]);
  if (overlap >= 0) throw new FormatError(op, `two files of the archive share the bytes at ${ranges[overlap]![0]}`);
  return entries;
}

/** The bytes of an entry that is not compressed. Errors: FormatError if it is, or if their checksum is another. */
export function storedBytes(op: string, entry: ZipEntry): Uint8Array {
  if (entry.compressed) throw new FormatError(op, `"${entry.name}" is compressed; expected it to be stored as it is`);
  return checkCrc(op, entry, entry.bytes);
}

/** The bytes of an entry, expanded on every platform that has DecompressionStream; never more than it claims. */
export async function expandedBytes(op: string, entry: ZipEntry): Promise<Uint8Array> {
  if (!entry.compressed) return storedBytes(op, entry);
  let out: Uint8Array;
  try {
    out = await inflate(entry.bytes, "deflate-raw", entry.size);
  } catch (cause) {
    throw damaged(op, entry, cause);
  }
  return checkExpanded(op, entry, out, out.length);
}

/** Holds what an entry expanded to to what it claims. */
export function checkExpanded(op: string, entry: ZipEntry, out: Uint8Array, size: number): Uint8Array {
  if (size !== entry.size) {
    const got = size > entry.size ? "more" : `${size} bytes`;
    throw new FormatError(op, `"${entry.name}" expands to ${got}; expected ${entry.size} bytes, as the archive says`);
  }
  return checkCrc(op, entry, out);
}

/** The error for an entry that the decompressor refused. */
export function damaged(op: string, entry: ZipEntry, cause: unknown): FormatError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new FormatError(op, `"${entry.name}" is cut or damaged (${why})`);
}

/** An archive of files that are stored as they are. The same files give the same bytes. */
export function writeZip(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const heads = Array.from(files, ([name, data]) => ({ name: new TextEncoder().encode(name), data, crc: crc32(data) }));
  const local = heads.reduce((sum, { name, data }) => sum + LOCAL_BYTES + name.length + data.length, 0);
  const directory = heads.reduce((sum, { name }) => sum + CENTRAL_BYTES + name.length, 0);
  if (local + directory > 0xffffffff || heads.length > 0xffff) {
    throw new FormatError(
      "zip",
      `archive has ${heads.length} files and ${local} bytes; expected fewer than 2^16 and 2^32`,
    );
  }
  const out = new Uint8Array(local + directory + END_BYTES);
  const view = new DataView(out.buffer);
  let at = 0;
  let to = local;
  for (const { name, data, crc } of heads) {
    view.setUint32(to, CENTRAL, true);
    view.setUint16(to + 4, 20, true);
    view.setUint32(to + 42, at, true);
    view.setUint32(at, LOCAL, true);
    for (const [p, skip] of [
      [at, 4],
      [to, 6],
    ] as const) {
      view.setUint16(p + skip, 20, true);
      // The first day that the format knows: the same tensors give the same file.
      view.setUint16(p + skip + 8, 0x21, true);
      view.setUint32(p + skip + 10, crc, true);
      view.setUint32(p + skip + 14, data.length, true);
      view.setUint32(p + skip + 18, data.length, true);
      view.setUint16(p + skip + 22, name.length, true);
    }
    out.set(name, at + LOCAL_BYTES);
    out.set(data, at + LOCAL_BYTES + name.length);
    out.set(name, to + CENTRAL_BYTES);
    at += LOCAL_BYTES + name.length + data.length;
    to += CENTRAL_BYTES + name.length;
  }
  view.setUint32(to, END, true);
  view.setUint16(to + 8, heads.length, true);
  view.setUint16(to + 10, heads.length, true);
  view.setUint32(to + 12, directory, true);
  view.setUint32(to + 16, local, true);
  return out;
}

interface Directory {
  readonly count: number;
  readonly begin: number;
  readonly end: number;
}

/** The directory, by the record at the archive's end, which a comment may follow. */
function findDirectory(op: string, view: DataView): Directory {
  const size = view.byteLength;
  for (let at = size - END_BYTES; at >= Math.max(0, size - END_BYTES - MOST_COMMENT); at--) {
    if (view.getUint32(at, true) !== END || at + END_BYTES + view.getUint16(at + 20, true) !== size) continue;
    const directory = {
      count: view.getUint16(at + 10, true),
      bytes: view.getUint32(at + 12, true),
      begin: view.getUint32(at + 16, true),
      disk: view.getUint16(at + 4, true),
    };
    return checkDirectory(op, at, find64(op, view, at) ?? directory);
  }
  throw new FormatError(op, `no archive's end is among the ${size} bytes: the file is cut, or no ZIP archive`);
}

interface DirectoryFields {
  readonly count: number;
  readonly bytes: number;
  readonly begin: number;
  readonly disk: number;
}

/** What the record for large archives says, if there is one. */
function find64(op: string, view: DataView, end: number): DirectoryFields | null {
  const locator = end - 20;
  if (locator < 0 || view.getUint32(locator, true) !== LOCATOR64) return null;
  const at = readCount(op, view, locator + 8);
  if (at + 56 > locator || view.getUint32(at, true) !== END64) {
    throw new FormatError(op, `archive's end for large files is not at ${at}, where it should be`);
  }
  return {
    count: readCount(op, view, at + 32),
    bytes: readCount(op, view, at + 40),
    begin: readCount(op, view, at + 48),
    disk: view.getUint32(at + 16, true),
  };
}

function checkDirectory(op: string, end: number, { count, bytes, begin, disk }: DirectoryFields): Directory {
  if (disk !== 0) throw new FormatError(op, `archive spans several disks; expected one file`);
  if (begin + bytes > end || count * CENTRAL_BYTES > bytes) {
    throw new FormatError(
      op,
      `archive's directory of ${count} files is ${bytes} bytes at ${begin}; expected it before ${end}, ${CENTRAL_BYTES} bytes or more a file`,
    );
  }
  return { count, begin, end: begin + bytes };
}

function readEntry(
  op: string,
  view: DataView,
  at: number,
  directory: number,
  end: number,
): { entry: ZipEntry; range: readonly [number, number]; next: number } {
  if (at + CENTRAL_BYTES > end || view.getUint32(at, true) !== CENTRAL) {
    throw new FormatError(op, `archive's directory is damaged at ${at}`);
  }
  const nameBytes = view.getUint16(at + 28, true);
  const extraBytes = view.getUint16(at + 30, true);
  const next = at + CENTRAL_BYTES + nameBytes + extraBytes + view.getUint16(at + 32, true);
  if (next > end) throw new FormatError(op, `archive's directory is cut at ${at}`);
  const name = text(op, view, at + CENTRAL_BYTES, nameBytes);
  const fail = (problem: string): FormatError => new FormatError(op, `"${name}" ${problem}`);
  const large = new Large(op, view, at + CENTRAL_BYTES + nameBytes, extraBytes);
  const size = large.read(view.getUint32(at + 24, true));
  const packed = large.read(view.getUint32(at + 20, true));
  const head = large.read(view.getUint32(at + 42, true));
  if (view.getUint16(at + 8, true) & 1) throw fail("is encrypted; expected an archive without a password");
  const method = view.getUint16(at + 10, true);
  if (method !== STORED && method !== DEFLATED) {
    throw fail(`is compressed by method ${method}; expected ${STORED} (stored) or ${DEFLATED} (deflate)`);
  }
  if (method === STORED && packed !== size) throw fail(`is stored in ${packed} bytes; expected ${size}`);
  if (head + LOCAL_BYTES > directory || view.getUint32(head, true) !== LOCAL) {
    throw fail(`should begin at ${head}, where no file begins`);
  }
  const begin = head + LOCAL_BYTES + view.getUint16(head + 26, true) + view.getUint16(head + 28, true);
  if (begin + packed > directory) throw fail(`has ${packed} bytes at ${begin}; expected them before ${directory}`);
  const bytes = new Uint8Array(view.buffer, view.byteOffset + begin, packed);
  const entry = { name, compressed: method === DEFLATED, bytes, size, crc: view.getUint32(at + 16, true) };
  return { entry, range: [head, begin + packed], next };
}

/** The sizes that did not fit in 32 bits: they stand in an extra field, in the order in which they are missed. */
class Large {
  private at = 0;
  private end = 0;
  constructor(
    private readonly op: string,
    private readonly view: DataView,
    from: number,
    bytes: number,
  ) {
    for (let p = from; p + 4 <= from + bytes; ) {
      const size = view.getUint16(p + 2, true);
      if (view.getUint16(p, true) === 1 && p + 4 + size <= from + bytes) {
        this.at = p + 4;
        this.end = p + 4 + size;
        return;
      }
      p += 4 + size;
    }
  }

  read(value: number): number {
    if (value !== 0xffffffff) return value;
    if (this.at + 8 > this.end) throw new FormatError(this.op, "archive lacks the field for large files");
    this.at += 8;
    return readCount(this.op, this.view, this.at - 8);
  }
}

function readCount(op: string, view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new FormatError(op, `archive claims ${value} bytes or files`);
  return Number(value);
}

function text(op: string, view: DataView, at: number, length: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(view.buffer, view.byteOffset + at, length));
  } catch {
    throw new FormatError(op, `a name in the archive's directory, at ${at}, is no UTF-8`);
  }
}

function checkCrc(op: string, entry: ZipEntry, bytes: Uint8Array): Uint8Array {
  const crc = crc32(bytes);
  if (crc === entry.crc) return bytes;
  throw new FormatError(
    op,
    `"${entry.name}" has the checksum ${hex(crc)}; expected ${hex(entry.crc)}: the file is damaged`,
  );
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}

/** Tables for four bytes at a time. */
let tables: Int32Array[] | null = null;

function crcTables(): Int32Array[] {
  const first = Int32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    return c;
  });
  const all = [first];
  for (let k = 1; k < 4; k++) all.push(all[k - 1]!.map((c) => (c >>> 8) ^ first[c & 0xff]!));
  return all;
}

/** CRC-32 as ZIP and PNG have it. */
export function crc32(bytes: Uint8Array): number {
  tables ??= crcTables();
  const [t0, t1, t2, t3] = tables as [Int32Array, Int32Array, Int32Array, Int32Array];
  let c = -1;
  let i = 0;
  for (const even = bytes.length & ~3; i < even; i += 4) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    c = t3[c & 0xff]! ^ t2[(c >>> 8) & 0xff]! ^ t1[(c >>> 16) & 0xff]! ^ t0[c >>> 24]!;
  }
  for (; i < bytes.length; i++) c = (c >>> 8) ^ t0[(c ^ bytes[i]!) & 0xff]!;
  return ~c >>> 0;
}
