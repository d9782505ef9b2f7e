// The input transform of winograd.ts, four channels at a time, one in each lane. What the rows of the image hold for a row of tiles is
// brought into a strip [6 or 4, columns, 4 channels] with zeros around it and transformed downwards once a column; then each tile is
// transformed along its rows. Sixteen channels share a strip, so that the lines of V are filled while they are in the cache.
import { SMALL, Winograd } from "./winograd_job";

/** Tiles of a row that share a strip. */
@inline const STRIP_TILES: i32 = 16;
/** Columns of a strip; up to three more are written to. */
@inline const COLUMNS: i32 = 4 * STRIP_TILES + 4;
@inline const ROW_BYTES: usize = <usize>COLUMNS << 4;
@inline const STRIP_BYTES: usize = 6 * ROW_BYTES;
/** A strip for each of four quads of channels. */
@inline export const STRIPS_BYTES: usize = 4 * STRIP_BYTES + 48;

/** V of `tiles` tiles from the first-th on. */
export function transformTiles(c: Winograd, first: i32, tiles: i32): void {
  let v = c.v;
  const vTile = <usize>((c.ic + 3) & ~3) << 2;
  const perImage = c.down * c.across;
  while (tiles > 0) {
    const image = first / perImage;
    const row = (first - image * perImage) / c.across;
    const column = first % c.across;
    const n = min(min(tiles, c.across - column), STRIP_TILES);
    const size = c.size;
    const x = c.x + <usize>image * c.xImage;
    for (let ch = 0; ch < c.ic; ch += 16) {
      const quads = min(4, (c.ic - ch + 3) >> 2);
      for (let q = 0; q < quads; q++) fillStrip(c, c.strip + <usize>q * STRIP_BYTES, x, ch + 4 * q, size * row - c.ph, size * column - c.pw, size * n + 2);
      let to = v + (<usize>ch << 2);
      for (let t = 0; t < n; t++) {
        for (let q = 0; q < quads; q++) {
          const strip = c.strip + <usize>q * STRIP_BYTES + (<usize>(t * size) << 4);
          if (size == SMALL) acrossSmallTile(to + (<usize>q << 4), c.vStep, strip);
          else acrossTile(c.spreads, to + (<usize>q << 4), c.vStep, strip);
        }
        to += vTile;
      }
    }
    v += <usize>n * vTile;
    first += n;
    tiles -= n;
  }
}

/** strip ← `columns` columns of the rows of a tile, of four channels from (top, left) on, which may lie outside the image, transformed downwards. */
function fillStrip(c: Winograd, strip: usize, x: usize, channel: i32, top: i32, left: i32, columns: i32): void {
  const plane = <usize>(c.ih * c.iw) << 2;
  // A channel that does not exist has the last one in its place; nobody reads what comes of it.
  const most = c.ic - 1;
  const x0 = x + <usize>channel * plane;
  const x1 = x + <usize>min(channel + 1, most) * plane;
  const x2 = x + <usize>min(channel + 2, most) * plane;
  const x3 = x + <usize>min(channel + 3, most) * plane;
  const lo = min(columns, max(0, -left));
  const hi = max(lo, min(columns, c.iw - left));
  let to = strip;
  const bottom = top + (c.spreads ? 4 : c.size + 2);
  for (let r = top; r < bottom; r++) {
    if (<u32>r < <u32>c.ih) {
      fill(to, lo);
      const at = <usize>(r * c.iw + left + lo) << 2;
      interleave(to + (<usize>lo << 4), x0 + at, x1 + at, x2 + at, x3 + at, hi - lo);
      fill(to + (<usize>hi << 4), columns - hi);
    } else fill(to, columns);
    to += ROW_BYTES;
  }
  if (c.size == SMALL) downSmallStrip(strip, columns);
  else downStrip(c.spreads, strip, columns);
}

/** n columns of zeros. */
@inline function fill(to: usize, n: i32): void {
  for (const end = to + (<usize>n << 4); to < end; to += 16) v128.store(to, f32x4.splat(0));
}

/** n columns of four channels, and up to three more. */
@inline function interleave(to: usize, p0: usize, p1: usize, p2: usize, p3: usize, n: i32): void {
  for (; n > 0; n -= 4) {
    const a = v128.load(p0), b = v128.load(p1), c = v128.load(p2), d = v128.load(p3);
    const t0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
    const t1 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
    const t2 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
    const t3 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i64>(t0, t1, 0, 2));
    v128.store(to, v128.shuffle<i64>(t0, t1, 1, 3), 16);
    v128.store(to, v128.shuffle<i64>(t2, t3, 0, 2), 32);
    v128.store(to, v128.shuffle<i64>(t2, t3, 1, 3), 48);
    to += 64;
    p0 += 16;
    p1 += 16;
    p2 += 16;
    p3 += 16;
  }
}

/** Each column transformed, in place. */
function downStrip(spreads: bool, p: usize, columns: i32): void {
  for (const end = p + (<usize>columns << 4); p < end; p += 16) {
    if (spreads) spread(p, ROW_BYTES, p, ROW_BYTES);
    else {
      transform(
        p, ROW_BYTES, v128.load(p), v128.load(p, ROW_BYTES), v128.load(p, 2 * ROW_BYTES), v128.load(p, 3 * ROW_BYTES),
        v128.load(p, 4 * ROW_BYTES), v128.load(p, 5 * ROW_BYTES),
      );
    }
  }
}

/** The tile at p, its columns transformed, to 36 places. */
function acrossTile(spreads: bool, to: usize, step: usize, p: usize): void {
  for (const end = p + STRIP_BYTES; p < end; p += ROW_BYTES) {
    if (spreads) spread(to, step, p, 16);
    else transform(to, step, v128.load(p), v128.load(p, 16), v128.load(p, 32), v128.load(p, 48), v128.load(p, 64), v128.load(p, 80));
    to += 6 * step;
  }
}

/** Bᵀ · d, to six places. */
@inline function transform(to: usize, step: usize, d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128): void {
  const two = f32x4.splat(2);
  const half = f32x4.splat(0.5);
  const middle = f32x4.splat(2.5);
  v128.store(to, f32x4.add(f32x4.sub(d0, f32x4.mul(middle, d2)), d4));
  let even = f32x4.sub(d4, f32x4.mul(two, d2));
  let odd = f32x4.mul(f32x4.sub(d3, f32x4.mul(two, d1)), f32x4.splat(<f32>Math.SQRT1_2));
  v128.store(to += step, f32x4.add(even, odd));
  v128.store(to += step, f32x4.sub(even, odd));
  even = f32x4.sub(d4, f32x4.mul(half, d2));
  odd = f32x4.mul(f32x4.sub(d3, f32x4.mul(half, d1)), f32x4.splat(<f32>Math.SQRT2));
  v128.store(to += step, f32x4.add(even, odd));
  v128.store(to += step, f32x4.sub(even, odd));
  v128.store(to + step, f32x4.add(f32x4.sub(d1, f32x4.mul(middle, d3)), d5));
}

/** The same three for small tiles. */
function downSmallStrip(p: usize, columns: i32): void {
  for (const end = p + (<usize>columns << 4); p < end; p += 16) {
    smallTransform(p, ROW_BYTES, v128.load(p), v128.load(p, ROW_BYTES), v128.load(p, 2 * ROW_BYTES), v128.load(p, 3 * ROW_BYTES));
  }
}

function acrossSmallTile(to: usize, step: usize, p: usize): void {
  for (const end = p + 4 * ROW_BYTES; p < end; p += ROW_BYTES) {
    smallTransform(to, step, v128.load(p), v128.load(p, 16), v128.load(p, 32), v128.load(p, 48));
    to += 4 * step;
  }
}

@inline function smallTransform(to: usize, step: usize, d0: v128, d1: v128, d2: v128, d3: v128): void {
  v128.store(to, f32x4.sub(d0, d2));
  v128.store(to += step, f32x4.add(d1, d2));
  v128.store(to += step, f32x4.sub(d2, d1));
  v128.store(to + step, f32x4.sub(d1, d3));
}

/** A · d, of four to six places, which may be the same. */
function spread(to: usize, step: usize, p: usize, next: usize): void {
  const d0 = v128.load(p), d1 = v128.load(p += next), d2 = v128.load(p += next), d3 = v128.load(p + next);
  v128.store(to, d0);
  let even = f32x4.add(d0, f32x4.mul(d2, f32x4.splat(0.5)));
  let odd = f32x4.mul(f32x4.add(d1, f32x4.mul(d3, f32x4.splat(0.5))), f32x4.splat(<f32>Math.SQRT1_2));
  v128.store(to += step, f32x4.add(even, odd));
  v128.store(to += step, f32x4.sub(even, odd));
  even = f32x4.add(d0, f32x4.mul(d2, f32x4.splat(2)));
  odd = f32x4.mul(f32x4.add(d1, f32x4.mul(d3, f32x4.splat(2))), f32x4.splat(<f32>Math.SQRT2));
  v128.store(to += step, f32x4.add(even, odd));
  v128.store(to += step, f32x4.sub(even, odd));
  v128.store(to + step, d3);
}
