// What of a JPEG file must be known before it is decoded.
import { FormatError } from "../errors.js";

export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** 1 for grey, 3 for colours, 4 for inks. */
  readonly components: number;
}

/** True if the bytes begin as a JPEG file does. */
export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** The sizes that the frame header tells. Errors: FormatError for a file without one, or of a kind other than baseline and progressive. */
export function jpegHeader(bytes: Uint8Array): JpegHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) throw malformed(`byte ${at} is ${bytes[at]}; expected a marker`);
    const marker = bytes[at + 1]!;
    // Fill bytes may stand before a marker.
    if (marker === 0xff) {
      at++;
      continue;
    }
    const length = view.getUint16(at + 2);
    if (length < 2 || at + 2 + length > bytes.length) throw malformed(`a segment at byte ${at} claims ${length} bytes`);
    const frame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (frame) {
      if (marker > 0xc2) throw malformed(`frame is of kind ${marker - 0xc0}; expected baseline or progressive`);
      if (length < 8) throw malformed(`frame header has ${length} bytes; expected at least 8`);
      const components = bytes[at + 9]!;
      if (![1, 3, 4].includes(components)) throw malformed(`frame has ${components} components; expected 1, 3 or 4`);
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), components };
    }
    if (marker === 0xda || marker === 0xd9) break;
    at += 2 + length;
  }
  throw malformed("file has no frame header");
}

function malformed(problem: string): FormatError {
  return new FormatError("JPEG", problem);
}
