// The output transform of winograd.ts, four channels at a time, one in each lane, with what follows a convolution.
import { put } from "./loops";
import { SMALL, Winograd } from "./winograd_job";

/** Aᵀ · the sums of a tile: [6 columns, 4 rows] of four lanes. */
@inline export const HALF_BYTES: usize = 6 * 64;

/** `outs` channels from `from` on of `tiles` tiles from the first-th on, from the sums [places][tiles, outs]. */
export function tilesFromSums(c: Winograd, first: i32, tiles: i32, outs: i32, from: i32): void {
  const to = min(from + outs, c.oc);
  const perImage = c.down * c.across;
  let m = c.m;
  for (let t = first; t < first + tiles; t++) {
    const image = t / perImage;
    const row = (t - image * perImage) / c.across * c.size;
    const column = t % c.across * c.size;
    for (let o = from; o < to; o += 4) {
      const sums = m + (<usize>(o - from) << 2);
      if (c.size == SMALL) downSmallTile(c.strip, sums, c.mStep);
      else downTile(c.strip, sums, c.mStep);
      finishTile(c, image, row, column, o, min(4, to - o));
    }
    m += <usize>outs << 2;
  }
}

/** half ← Aᵀ · M, column by column. */
function downTile(half: usize, m: usize, step: usize): void {
  const row = step * 6;
  for (const end = half + HALF_BYTES; half < end; half += 64) {
    let p = m;
    const m0 = v128.load(p);
    const m1 = v128.load(p += row);
    const m2 = v128.load(p += row);
    const m3 = v128.load(p += row);
    const m4 = v128.load(p += row);
    const m5 = v128.load(p + row);
    const even1 = f32x4.add(m1, m2);
    const odd1 = f32x4.sub(m1, m2);
    const even2 = f32x4.add(m3, m4);
    const odd2 = f32x4.sub(m3, m4);
    v128.store(half, f32x4.add(f32x4.add(m0, even1), even2));
    v128.store(half, oddOf(odd1, odd2), 16);
    v128.store(half, evenOf(even1, even2), 32);
    v128.store(half, f32x4.add(cubeOf(odd1, odd2), m5), 48);
    m += step;
  }
}

/** The same for a small tile, [4 columns, 2 rows], whose columns lie as far apart. */
function downSmallTile(half: usize, m: usize, step: usize): void {
  const row = step * 4;
  for (const end = half + 4 * 64; half < end; half += 64) {
    let p = m;
    const m0 = v128.load(p);
    const m1 = v128.load(p += row);
    const m2 = v128.load(p += row);
    const m3 = v128.load(p + row);
    v128.store(half, f32x4.add(f32x4.add(m0, m1), m2));
    v128.store(half, f32x4.sub(f32x4.sub(m1, m2), m3), 16);
    m += step;
  }
}

/** √½ a + √2 b, ½ a + 2 b, √⅛ a + √8 b: the points' first to third powers. */
@inline function oddOf(a: v128, b: v128): v128 {
  return f32x4.add(f32x4.mul(a, f32x4.splat(<f32>Math.SQRT1_2)), f32x4.mul(b, f32x4.splat(<f32>Math.SQRT2)));
}
@inline function evenOf(a: v128, b: v128): v128 {
  return f32x4.add(f32x4.mul(a, f32x4.splat(0.5)), f32x4.mul(b, f32x4.splat(2)));
}
@inline function cubeOf(a: v128, b: v128): v128 {
  return f32x4.add(f32x4.mul(a, f32x4.splat(<f32>(Math.SQRT1_2 / 2))), f32x4.mul(b, f32x4.splat(<f32>(Math.SQRT2 * 2))));
}

/** The tile at (row, column) of up to four channels from the o-th on. One that is not whole is made aside. */
function finishTile(c: Winograd, image: i32, row: i32, column: i32, o: i32, channels: i32): void {
  const plane = <usize>(c.oh * c.ow) << 2;
  const y = c.y + <usize>image * c.yImage + <usize>o * plane + (<usize>(row * c.ow + column) << 2);
  const down = <usize>c.ow << 2;
  const rows = min(c.size, c.oh - row);
  const columns = min(c.size, c.ow - column);
  const bias = c.bias ? v128.load(c.bias + (<usize>o << 2)) : f32x4.splat(0);
  let finite: bool;
  if (c.size != SMALL && channels == 4 && rows == 4 && columns == 4) {
    finite = finishRows(c.strip, y, plane, down, c.residual, bias, c.low, c.high);
  } else {
    const aside = c.strip + HALF_BYTES;
    if (c.residual) copyTile(aside + TILE_BYTES, 16, 64, y + c.residual, down, plane, rows, columns, channels);
    const residual = c.residual ? TILE_BYTES : 0;
    if (c.size == SMALL) finite = finishSmallRows(c.strip, aside, residual, bias, c.low, c.high);
    else finite = finishRows(c.strip, aside, 64, 16, residual, bias, c.low, c.high);
    copyTile(y, down, plane, aside, 16, 64, rows, columns, channels);
  }
  // Infinity and NaN, which the transforms spread over the whole tile, must reach only the outputs that read them.
  if (!finite) {
    for (let i = 0; i < channels; i++) tileTapByTap(c, image, row, column, o + i);
  }
}

/** A tile [4 channels, 4 rows, 4] aside. */
@inline const TILE_BYTES: usize = 256;

/** The part of a tile that there is. */
function copyTile(to: usize, toDown: usize, toPlane: usize, from: usize, fromDown: usize, fromPlane: usize, rows: i32, columns: i32, channels: i32): void {
  for (let i = 0; i < channels; i++) {
    let p = to;
    let q = from;
    for (let r = 0; r < rows; r++) {
      put(p, v128.load(q), columns);
      p += toDown;
      q += fromDown;
    }
    to += toPlane;
    from += fromPlane;
  }
}

/** y ← the whole tile from `half`, four rows of four channels. Returns whether all of it is finite. */
function finishRows(half: usize, y: usize, plane: usize, down: usize, residual: usize, bias: v128, low: f32, high: f32): bool {
  let sum = f32x4.splat(0);
  for (const end = half + 64; half < end; half += 16) {
    const m0 = v128.load(half), m1 = v128.load(half, 64), m2 = v128.load(half, 128), m3 = v128.load(half, 192), m4 = v128.load(half, 256);
    const m5 = v128.load(half, 320);
    const even1 = f32x4.add(m1, m2);
    const odd1 = f32x4.sub(m1, m2);
    const even2 = f32x4.add(m3, m4);
    const odd2 = f32x4.sub(m3, m4);
    const a = f32x4.add(f32x4.add(m0, even1), even2);
    const b = oddOf(odd1, odd2);
    const d = evenOf(even1, even2);
    const e = f32x4.add(cubeOf(odd1, odd2), m5);
    sum = f32x4.add(sum, f32x4.add(f32x4.add(a, b), f32x4.add(d, e)));
    storeRow(y, plane, residual, f32x4.add(a, bias), f32x4.add(b, bias), f32x4.add(d, bias), f32x4.add(e, bias), low, high);
    y += down;
  }
  return !v128.any_true(f32x4.ne(f32x4.sub(sum, sum), f32x4.splat(0)));
}

/** The same for a small tile: two rows of four, the last two of which nobody reads. */
function finishSmallRows(half: usize, y: usize, residual: usize, bias: v128, low: f32, high: f32): bool {
  let sum = f32x4.splat(0);
  for (const end = half + 32; half < end; half += 16) {
    const m0 = v128.load(half), m1 = v128.load(half, 64), m2 = v128.load(half, 128), m3 = v128.load(half, 192);
    const a = f32x4.add(f32x4.add(m0, m1), m2);
    const b = f32x4.sub(f32x4.sub(m1, m2), m3);
    sum = f32x4.add(sum, f32x4.add(a, b));
    const v0 = f32x4.add(a, bias), v1 = f32x4.add(b, bias);
    storeRow(y, 64, residual, v0, v1, v0, v1, low, high);
    y += 16;
  }
  return !v128.any_true(f32x4.ne(f32x4.sub(sum, sum), f32x4.splat(0)));
}

/** One row of a tile, a column in each vector, to four channels. */
@inline function storeRow(y: usize, plane: usize, residual: usize, v0: v128, v1: v128, v2: v128, v3: v128, low: f32, high: f32): void {
  const t0 = v128.shuffle<i32>(v0, v1, 0, 4, 1, 5);
  const t1 = v128.shuffle<i32>(v2, v3, 0, 4, 1, 5);
  const t2 = v128.shuffle<i32>(v0, v1, 2, 6, 3, 7);
  const t3 = v128.shuffle<i32>(v2, v3, 2, 6, 3, 7);
  let r0 = v128.shuffle<i64>(t0, t1, 0, 2), r1 = v128.shuffle<i64>(t0, t1, 1, 3);
  let r2 = v128.shuffle<i64>(t2, t3, 0, 2), r3 = v128.shuffle<i64>(t2, t3, 1, 3);
  const y1 = y + plane;
  const y2 = y1 + plane;
  const y3 = y2 + plane;
  if (residual) {
    r0 = f32x4.add(r0, v128.load(y + residual));
    r1 = f32x4.add(r1, v128.load(y1 + residual));
    r2 = f32x4.add(r2, v128.load(y2 + residual));
    r3 = f32x4.add(r3, v128.load(y3 + residual));
  }
  v128.store(y, clamp(r0, low, high));
  v128.store(y1, clamp(r1, low, high));
  v128.store(y2, clamp(r2, low, high));
  v128.store(y3, clamp(r3, low, high));
}

@inline function clamp(v: v128, low: f32, high: f32): v128 {
  return f32x4.pmin(f32x4.pmax(v, f32x4.splat(low)), f32x4.splat(high));
}

/** A tile of one channel by its definition. */
function tileTapByTap(c: Winograd, image: i32, row: i32, column: i32, o: i32): void {
  const y = c.y + <usize>image * c.yImage + (<usize>(o * c.oh * c.ow) << 2);
  const bias: f32 = c.bias ? load<f32>(c.bias + (<usize>o << 2)) : 0;
  for (let i = row; i < min(row + c.size, c.oh); i++) {
    for (let j = column; j < min(column + c.size, c.ow); j++) {
      const to = y + (<usize>(i * c.ow + j) << 2);
      let v = <f32>sumOfTaps(c, image, i - c.ph, j - c.pw, o) + bias;
      if (c.residual) v += load<f32>(to + c.residual);
      store<f32>(to, v < c.low ? c.low : v > c.high ? c.high : v);
    }
  }
}

/** What an output that reads from (top, left) on sums up. */
function sumOfTaps(c: Winograd, image: i32, top: i32, left: i32, o: i32): f64 {
  let x = c.x + <usize>image * c.xImage;
  let w = c.w + <usize>o * c.wOut;
  let sum: f64 = 0;
  for (let k = 0; k < c.ic; k++) {
    for (let tap = 0; tap < 9; tap++) {
      const i = top + tap / 3;
      const j = left + tap % 3;
      if (<u32>i >= <u32>c.ih || <u32>j >= <u32>c.iw) continue;
      sum += <f64>load<f32>(x + (<usize>(i * c.iw + j) << 2)) * <f64>load<f32>(w + (<usize>(c.mirrored ? 8 - tap : tap) << 2));
    }
    x += <usize>(c.ih * c.iw) << 2;
    w += c.wIn;
  }
  return sum;
}
