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

/** The tile at (row, column) of up to four channels from the o-th on. */
function finishTile(c: Winograd, image: i32, row: i32, column: i32, o: i32, channels: i32): void {
  const plane = <usize>(c.oh * c.ow) << 2;
  let y = c.y + <usize>image * c.yImage + <usize>o * plane + (<usize>(row * c.ow + column) << 2);
  const size = c.size;
  const rows = min(size, c.oh - row);
  const columns = min(size, c.ow - column);
  const bias = c.bias ? v128.load(c.bias + (<usize>o << 2)) : f32x4.splat(0);
  let half = c.strip;
  let sum = f32x4.splat(0);
  for (let r = 0; r < rows; r++) {
    const m0 = v128.load(half), m1 = v128.load(half, 64), m2 = v128.load(half, 128), m3 = v128.load(half, 192);
    if (size == SMALL) {
      const a = f32x4.add(f32x4.add(m0, m1), m2);
      const b = f32x4.sub(f32x4.sub(m1, m2), m3);
      sum = f32x4.add(sum, f32x4.add(a, b));
      const v0 = f32x4.add(a, bias), v1 = f32x4.add(b, bias);
      storeRow(c, y, plane, v0, v1, v0, v1, channels, columns);
      y += <usize>c.ow << 2;
      half += 16;
      continue;
    }
    const m4 = v128.load(half, 256);
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
    storeRow(c, y, plane, f32x4.add(a, bias), f32x4.add(b, bias), f32x4.add(d, bias), f32x4.add(e, bias), channels, columns);
    y += <usize>c.ow << 2;
    half += 16;
  }
  // Infinity and NaN, which the transforms spread over the whole tile, must reach only the outputs that read them.
  if (v128.any_true(f32x4.ne(f32x4.sub(sum, sum), f32x4.splat(0)))) {
    for (let i = 0; i < channels; i++) tileTapByTap(c, image, row, column, o + i);
  }
}

/** One row of a tile, a column in each vector, to up to four channels. */
@inline function storeRow(c: Winograd, y: usize, plane: usize, v0: v128, v1: v128, v2: v128, v3: v128, channels: i32, columns: i32): void {
  const t0 = v128.shuffle<i32>(v0, v1, 0, 4, 1, 5);
  const t1 = v128.shuffle<i32>(v2, v3, 0, 4, 1, 5);
  const t2 = v128.shuffle<i32>(v0, v1, 2, 6, 3, 7);
  const t3 = v128.shuffle<i32>(v2, v3, 2, 6, 3, 7);
  store4(c, y, v128.shuffle<i64>(t0, t1, 0, 2), columns);
  if (channels > 1) store4(c, y + plane, v128.shuffle<i64>(t0, t1, 1, 3), columns);
  if (channels > 2) store4(c, y + 2 * plane, v128.shuffle<i64>(t2, t3, 0, 2), columns);
  if (channels > 3) store4(c, y + 3 * plane, v128.shuffle<i64>(t2, t3, 1, 3), columns);
}

@inline function store4(c: Winograd, y: usize, v: v128, columns: i32): void {
  if (c.residual) v = f32x4.add(v, v128.load(y + c.residual));
  put(y, f32x4.pmin(f32x4.pmax(v, f32x4.splat(c.low)), f32x4.splat(c.high)), columns);
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
