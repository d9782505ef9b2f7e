import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Random numbers from Philox4x32-10, bit for bit those of assembly/random.ts, where the contract is.

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** Upper half of the 64-bit product of two unsigned words, by halves of 16 bits. */
function mulHigh(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const t = ah * bl + ((al * bl) >>> 16);
  return ah * bh + (t >>> 16) + (((t & 0xffff) + al * bh) >>> 16);
}

/** The block that was made last. */
const words = new Int32Array(4);

/** Ten rounds. */
function block(k0: number, k1: number, c0: number, c1: number, c2: number, c3: number): void {
  for (let round = 0; round < 10; round++) {
    const low = Math.imul(c0, M0);
    const high = mulHigh(c0, M0);
    c0 = mulHigh(c2, M1) ^ c1 ^ k0;
    c1 = Math.imul(c2, M1);
    c2 = high ^ c3 ^ k1;
    c3 = low;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

export function philox_i32(
  y: Ptr,
  n: number,
  k0: number,
  k1: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
): void {
  const m = arena.i32;
  const to = y >>> 2;
  for (let i = 0; i < n; i += 4) {
    const low = (c0 >>> 0) + (i >>> 2);
    block(k0, k1, low | 0, low > 0xffffffff ? c1 + 1 : c1, c2, c3);
    for (let j = 0; j < 4 && i + j < n; j++) m[to + i + j] = words[j]!;
  }
}

export function uniform_f32(
  y: Ptr,
  n: number,
  k0: number,
  k1: number,
  c0: number,
  c1: number,
  low: number,
  high: number,
): void {
  philox_i32(y, n, k0, k1, c0, c1, 0, 0);
  const { f32, i32 } = arena;
  const from = Math.fround(low);
  const to = Math.fround(high);
  const span = Math.fround(to - from);
  for (let p = y >>> 2, end = p + n; p < end; p++) {
    const v = Math.fround(Math.fround((i32[p]! >>> 8) * 2 ** -24 * span) + from);
    f32[p] = v < to ? v : from;
  }
}

/** Scale of the angle: 2π/2^32. */
const TURN = (2 * Math.PI) / 4294967296;

export function normal_f32(
  y: Ptr,
  n: number,
  k0: number,
  k1: number,
  c0: number,
  c1: number,
  mean: number,
  std: number,
): void {
  philox_i32(y, n, k0, k1, c0, c1, 0, 0);
  const { f32, i32 } = arena;
  const base = y >>> 2;
  for (let i = 0; i < n; i += 2) {
    // The second word of the last pair of an odd count is not in the output, but still in the last block.
    const word = i + 1 < n ? i32[base + i + 1]! : words[(i & 3) + 1]!;
    const r = Math.sqrt(logUnit(i32[base + i]! >>> 0) * -2);
    const near = ((word + (1 << 29)) | 0) >>> 30;
    const t = ((word - (near << 30)) | 0) * TURN;
    const z = t * t;
    const s = sine(t, z);
    const c = cosine(z);
    const x = near === 0 ? c : near === 1 ? -s : near === 2 ? -c : s;
    const u = near === 0 ? s : near === 1 ? c : near === 2 ? -s : -c;
    f32[base + i] = mean + std * (r * x);
    if (i + 1 < n) f32[base + i + 1] = mean + std * (r * u);
  }
}

function logUnit(word: number): number {
  let e = 32 - Math.clz32(word);
  let m = 1;
  // word + 1 is in [2^(e−1), 2^e]; it is 2^e for a word of e ones.
  if (e === 32 ? word !== 0xffffffff : word + 1 < 2 ** e) {
    e -= 1;
    m = (word + 1) / ((1 << e) >>> 0);
  }
  e -= 32;
  if (m > Math.SQRT2) {
    m *= 0.5;
    e += 1;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  const p = (((((z * (1 / 13) + 1 / 11) * z + 1 / 9) * z + 1 / 7) * z + 1 / 5) * z + 1 / 3) * z + 1;
  return e * Math.LN2 + s * 2 * p;
}

function sine(t: number, z: number): number {
  return t * (((((z * (-1 / 39916800) + 1 / 362880) * z - 1 / 5040) * z + 1 / 120) * z - 1 / 6) * z + 1);
}

function cosine(z: number): number {
  return (((((z * (1 / 479001600) - 1 / 3628800) * z + 1 / 40320) * z - 1 / 720) * z + 1 / 24) * z - 1 / 2) * z + 1;
}

export function randint_i32(
  y: Ptr,
  n: number,
  k0: number,
  k1: number,
  c0: number,
  c1: number,
  low: number,
  span: number,
): void {
  philox_i32(y, n, k0, k1, c0, c1, 0, 0);
  const m = arena.i32;
  for (let p = y >>> 2, end = p + n; p < end; p++) m[p] = low + mulHigh(m[p]!, span);
}

export function bernoulli_f32(y: Ptr, p: Ptr, n: number, k0: number, k1: number, c0: number, c1: number): void {
  philox_i32(y, n, k0, k1, c0, c1, 0, 0);
  const { f32, i32 } = arena;
  const to = y >>> 2;
  const from = p >>> 2;
  for (let i = 0; i < n; i++) f32[to + i] = (i32[to + i]! >>> 8) * 2 ** -24 < f32[from + i]! ? 1 : 0;
}

export function dropout_f32(
  y: Ptr,
  x: Ptr,
  n: number,
  k0: number,
  k1: number,
  c0: number,
  c1: number,
  threshold: number,
  scale: number,
): void {
  philox_i32(y, n, k0, k1, c0, c1, 0, 0);
  const { f32, i32 } = arena;
  const to = y >>> 2;
  const from = x >>> 2;
  const factor = Math.fround(scale);
  for (let i = 0; i < n; i++) f32[to + i] = f32[from + i]! * (i32[to + i]! >>> 1 >= threshold ? factor : 0);
}
