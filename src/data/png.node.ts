// What of a PNG file must be right before a decoder may see it: a decoder believes the sizes that a file claims.
import { inflateSync } from "node:zlib";
import { FormatError } from "../errors.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Channels by colour type. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
const PALETTE = 3;
/** Chunks that say what the pixels are; the others may hold compressed data of their own. */
const NEEDED = ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"];
/** First column and row, and the steps, of Adam7's passes. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** Channels as stored: an index into a palette is one. */
  readonly channels: number;
  readonly palette: boolean;
  readonly interlaced: boolean;
}

/** True if the bytes begin as a PNG file does. */
export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((b, i) => bytes[i] === b);
}

/**
 * A PNG file's header, and the file with nothing in it but what its pixels need.
 * Errors: FormatError for a damaged structure, more pixels than the limit, or compressed data of another size than the header's.
 */
export function checkPng(bytes: Uint8Array, maxPixels: number): { header: PngHeader; cleaned: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Uint8Array[] = [bytes.subarray(0, SIGNATURE.length)];
  const data: Uint8Array[] = [];
  let header: PngHeader | null = null;
  let type = "";
  for (let at = SIGNATURE.length; type !== "IEND"; ) {
    if (at + 12 > bytes.length) throw malformed(`file ends at byte ${bytes.length}, before its IEND chunk`);
    const length = view.getUint32(at);
    type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + length;
    if (end > bytes.length) {
      throw malformed(
        `chunk ${JSON.stringify(type)} claims ${length} bytes; the file has ${bytes.length - at - 12} more`,
      );
    }
    const content = bytes.subarray(at + 8, end - 4);
    if ((header === null) !== (type === "IHDR")) throw malformed(`chunk ${JSON.stringify(type)} is out of place`);
    header ??= checkHeader(content, maxPixels);
    if (type === "IDAT") data.push(content);
    if (NEEDED.includes(type)) kept.push(bytes.subarray(at, end));
    at = end;
  }
  checkData(header!, data);
  return { header: header!, cleaned: Buffer.concat(kept) };
}

function checkHeader(content: Uint8Array, maxPixels: number): PngHeader {
  if (content.length !== 13) throw malformed(`header has ${content.length} bytes; expected 13`);
  const view = new DataView(content.buffer, content.byteOffset);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colour, compression, filter, interlace] = Array.from(content.subarray(8));
  checkSize("PNG", width, height, maxPixels);
  const channels = CHANNELS[colour!];
  if (channels === undefined || !DEPTHS[colour!]!.includes(depth!)) {
    throw malformed(`colour type is ${colour} with ${depth} bits; expected one that PNG has`);
  }
  if (compression !== 0 || filter !== 0 || interlace! > 1) {
    throw malformed(`methods are ${compression}, ${filter}, ${interlace}; expected 0, 0, and 0 or 1`);
  }
  if (interlace === 1 && depth! < 8) throw malformed(`interlaced pixels have ${depth} bits; expected 8 or 16`);
  return { width, height, depth: depth!, channels, palette: colour === PALETTE, interlaced: interlace === 1 };
}

/** Errors: FormatError for an image without pixels, or with more than the limit. */
export function checkSize(format: string, width: number, height: number, maxPixels: number): void {
  if (width > 0 && height > 0 && width * height <= maxPixels) return;
  throw new FormatError(format, `image has ${width} × ${height} pixels; expected 1 to ${maxPixels}`);
}

/** Expands the pixels once, no further than the header says: the decoder itself has no limit. */
function checkData(header: PngHeader, data: readonly Uint8Array[]): void {
  const expected = expandedBytes(header);
  let found: number;
  try {
    found = inflateSync(Buffer.concat(data), { maxOutputLength: expected }).length;
  } catch (cause) {
    throw malformed(`pixels cannot be expanded to ${expected} bytes (${(cause as Error).message})`);
  }
  if (found !== expected) throw malformed(`pixels expand to ${found} bytes; expected ${expected}`);
}

function expandedBytes({ width, height, depth, channels, interlaced }: PngHeader): number {
  const bits = depth * channels;
  const bytes = (w: number, h: number): number => (w === 0 ? 0 : h * (1 + Math.ceil((w * bits) / 8)));
  if (!interlaced) return bytes(width, height);
  return PASSES.reduce((sum, [x, y, dx, dy]) => {
    return sum + bytes(Math.ceil(Math.max(width - x, 0) / dx), Math.ceil(Math.max(height - y, 0) / dy));
  }, 0);
}

function malformed(problem: string): FormatError {
  return new FormatError("PNG", problem);
}
