// Ways to damage a file: cut, changed, moved and repeated bytes, numbers that lie, and nesting.

/** Draws from [0, 1). */
export type Draw = () => number;

/** What is written over numbers of one, two, four and eight bytes. */
const EXTREMES = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 40n,
  (1n << 63n) - 1n,
  (1n << 64n) - 1n,
];

/** What lengths in variable-length integers are replaced by. */
const VARINTS = [
  [0x00],
  [0x7f],
  [0xff, 0x7f],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  new Array<number>(12).fill(0xff),
];

const NUMBERS = ["0", "-1", "4294967296", "99999999999999999999", "1e400", "NaN", "[]", "2147483647"];

/**
 * The file with one byte changed, or a piece of it in place of another of that length, as often as with one to three kinds of worse damage:
 * little of what is worse gets past the first checks. `other` is a file of which pieces may be taken.
 */
export function mutated(bytes: Uint8Array, other: Uint8Array, draw: Draw): Uint8Array {
  if (draw() < 0.5) return slightly(Uint8Array.from(bytes), draw);
  let out: Uint8Array = Uint8Array.from(bytes);
  const rounds = 1 + Math.floor(draw() * 3);
  for (let i = 0; i < rounds; i++) out = WAYS[Math.floor(draw() * WAYS.length)]!(out, draw, other);
  return out;
}

type Way = (bytes: Uint8Array, draw: Draw, other: Uint8Array) => Uint8Array;

const WAYS: readonly Way[] = [
  changed,
  changed,
  cut,
  overwritten,
  overwritten,
  lying,
  without,
  repeated,
  spliced,
  renumbered,
  nested,
];

function slightly(bytes: Uint8Array, draw: Draw): Uint8Array {
  const at = place(bytes, draw);
  if (draw() < 0.7) bytes[at] = Math.floor(draw() * 256);
  else {
    const from = place(bytes, draw);
    bytes.copyWithin(at, from, from + 1 + Math.floor(draw() * 12));
  }
  return bytes;
}

function place(bytes: Uint8Array, draw: Draw): number {
  return Math.floor(draw() * bytes.length);
}

function changed(bytes: Uint8Array, draw: Draw): Uint8Array {
  const count = 1 + Math.floor(draw() * 8);
  for (let i = 0; i < count && bytes.length > 0; i++) bytes[place(bytes, draw)] = Math.floor(draw() * 256);
  return bytes;
}

function cut(bytes: Uint8Array, draw: Draw): Uint8Array {
  return bytes.subarray(0, place(bytes, draw));
}

function overwritten(bytes: Uint8Array, draw: Draw): Uint8Array {
  const width = [1, 2, 4, 8][Math.floor(draw() * 4)]!;
  const value = EXTREMES[Math.floor(draw() * EXTREMES.length)]!;
  const at = place(bytes, draw);
  for (let i = 0; i < width && at + i < bytes.length; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
  return bytes;
}

function lying(bytes: Uint8Array, draw: Draw): Uint8Array {
  const at = place(bytes, draw);
  return joined(
    bytes.subarray(0, at),
    Uint8Array.from(VARINTS[Math.floor(draw() * VARINTS.length)]!),
    bytes.subarray(at + 1),
  );
}

function without(bytes: Uint8Array, draw: Draw): Uint8Array {
  const at = place(bytes, draw);
  return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(draw() * 64)));
}

function repeated(bytes: Uint8Array, draw: Draw): Uint8Array {
  const at = place(bytes, draw);
  const piece = bytes.subarray(at, at + 1 + Math.floor(draw() * 128));
  const times = 1 + Math.floor(draw() ** 4 * 200);
  return joined(bytes.subarray(0, at), ...new Array<Uint8Array>(times).fill(piece), bytes.subarray(at));
}

function spliced(bytes: Uint8Array, draw: Draw, other: Uint8Array): Uint8Array {
  const at = place(bytes, draw);
  const from = place(other, draw);
  return joined(bytes.subarray(0, at), other.subarray(from, from + 1 + Math.floor(draw() * 256)), bytes.subarray(at));
}

/** A number in a text replaced. */
function renumbered(bytes: Uint8Array, draw: Draw): Uint8Array {
  const start = place(bytes, draw);
  const at = bytes.findIndex((byte, i) => i >= start && byte >= 0x30 && byte <= 0x39);
  if (at < 0) return bytes;
  let end = at;
  while (end < bytes.length && bytes[end]! >= 0x30 && bytes[end]! <= 0x39) end++;
  const text = new TextEncoder().encode(NUMBERS[Math.floor(draw() * NUMBERS.length)]);
  return joined(bytes.subarray(0, at), text, bytes.subarray(end));
}

/** A piece wrapped again and again in a field of protobuf with its length. */
function nested(bytes: Uint8Array, draw: Draw): Uint8Array {
  const at = place(bytes, draw);
  const tag = bytes[at] ?? 0x0a;
  let piece: Uint8Array = bytes.subarray(at, at + 1 + Math.floor(draw() * 32));
  const levels = Math.floor(draw() ** 2 * 300);
  for (let i = 0; i < levels; i++) piece = joined(Uint8Array.from([tag, ...varint(piece.length)]), piece);
  return joined(bytes.subarray(0, at), piece, bytes.subarray(at));
}

function varint(n: number): number[] {
  const out: number[] = [];
  for (; n > 0x7f; n >>>= 7) out.push((n & 0x7f) | 0x80);
  return [...out, n];
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
