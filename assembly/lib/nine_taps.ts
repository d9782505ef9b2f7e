// Correlation with one channel of a 3 × 3 kernel, above all the depthwise one: the nine weights stay in registers.
import { Correlation } from "./correlation";
import { put } from "./loops";
import { madd } from "./simd";

/** True for nine taps in three rows of the same three columns. */
export function threeByThree(c: Correlation): bool {
  if (c.tapCount != 9) return false;
  const t = c.taps;
  const row1 = tap(t, 3) - tap(t, 0);
  const row2 = tap(t, 6) - tap(t, 0);
  return tap(t, 4) - tap(t, 1) == row1 && tap(t, 5) - tap(t, 2) == row1 && tap(t, 7) - tap(t, 1) == row2 && tap(t, 8) - tap(t, 2) == row2;
}

@inline function tap(taps: usize, i: usize): usize { return load<usize>(taps + (i << 2)); }

/** `correlate` for such taps, all rows. */
export function nineTaps(c: Correlation): void {
  const grid = c.grid;
  // Where the next output row reads one kernel row further, two of them share what they load.
  const shared = <usize>grid.imageRow << 2 == tap(c.taps, 3) - tap(c.taps, 0) && tap(c.taps, 6) - tap(c.taps, 3) == <usize>grid.imageRow << 2;
  for (let row = 0; row < c.rows; row++) {
    const w = c.a + <usize>row * 36;
    let y = c.y + (<usize>(row * grid.count) << 2);
    for (let z = 0; z < grid.depth; z++) {
      let image = c.image.data + (<usize>(z * grid.imageSlice) << 2);
      let h = 0;
      if (shared) {
        for (; h + 2 <= grid.height; h += 2) {
          twoRows(c, y, image, w, row);
          y += <usize>grid.width << 3;
          image += <usize>grid.imageRow << 3;
        }
      }
      for (; h < grid.height; h++) {
        oneRow(c, y, image, w, row);
        y += <usize>grid.width << 2;
        image += <usize>grid.imageRow << 2;
      }
    }
  }
}

function oneRow(c: Correlation, y: usize, image: usize, w: usize, row: i32): void { outputs(1, c, y, image, w, row); }
function twoRows(c: Correlation, y: usize, image: usize, w: usize, row: i32): void { outputs(2, c, y, image, w, row); }

/** One or two (a constant where this is inlined) rows of outputs. */
@inline function outputs(rows: i32, c: Correlation, y: usize, image: usize, w: usize, row: i32): void {
  const w0 = v128.load32_splat(w);
  const w1 = v128.load32_splat(w, 4);
  const w2 = v128.load32_splat(w, 8);
  const w3 = v128.load32_splat(w, 12);
  const w4 = v128.load32_splat(w, 16);
  const w5 = v128.load32_splat(w, 20);
  const w6 = v128.load32_splat(w, 24);
  const w7 = v128.load32_splat(w, 28);
  const w8 = v128.load32_splat(w, 32);
  const bias: f32 = c.bias ? load<f32>(c.bias + (<usize>row << 2)) : 0;
  const down = <usize>c.grid.width << 2;
  const right1 = tap(c.taps, 1) - tap(c.taps, 0);
  const right2 = tap(c.taps, 2) - tap(c.taps, 0);
  let p0 = image + tap(c.taps, 0);
  let p1 = image + tap(c.taps, 3);
  let p2 = image + tap(c.taps, 6);
  let p3 = rows > 1 ? p2 + (p2 - p1) : 0;
  for (let left = c.grid.width; left > 0; left -= 4) {
    let s0 = f32x4.splat(bias);
    let s1 = s0;
    s0 = madd(w0, v128.load(p0), s0);
    s0 = madd(w1, v128.load(p0 + right1), s0);
    s0 = madd(w2, v128.load(p0 + right2), s0);
    let x = v128.load(p1);
    s0 = madd(w3, x, s0);
    if (rows > 1) s1 = madd(w0, x, s1);
    x = v128.load(p1 + right1);
    s0 = madd(w4, x, s0);
    if (rows > 1) s1 = madd(w1, x, s1);
    x = v128.load(p1 + right2);
    s0 = madd(w5, x, s0);
    if (rows > 1) s1 = madd(w2, x, s1);
    x = v128.load(p2);
    s0 = madd(w6, x, s0);
    if (rows > 1) s1 = madd(w3, x, s1);
    x = v128.load(p2 + right1);
    s0 = madd(w7, x, s0);
    if (rows > 1) s1 = madd(w4, x, s1);
    x = v128.load(p2 + right2);
    s0 = madd(w8, x, s0);
    s0 = finished(c, s0, y);
    if (rows > 1) {
      s1 = madd(w5, x, s1);
      s1 = madd(w6, v128.load(p3), s1);
      s1 = madd(w7, v128.load(p3 + right1), s1);
      s1 = madd(w8, v128.load(p3 + right2), s1);
      s1 = finished(c, s1, y + down);
    }
    put(y, s0, left);
    if (rows > 1) put(y + down, s1, left);
    y += 16;
    p0 += 16;
    p1 += 16;
    p2 += 16;
    p3 += 16;
  }
}

/** The sums of the outputs at y with what is added to them, clamped. */
@inline function finished(c: Correlation, v: v128, y: usize): v128 {
  if (c.residual) v = f32x4.add(v, v128.load(y + c.residual));
  return f32x4.pmin(f32x4.pmax(v, f32x4.splat(c.low)), f32x4.splat(c.high));
}
