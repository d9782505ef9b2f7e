// Linear resampling of the middle one of three dimensions: y [outer, m, inner] from x [outer, n, inner]. Output i is the sum of weights[t] ·
// x[places[t]] over t from starts[i] to starts[i + 1]: the table makes it nearest, linear, cubic or the gradient of one of them.
import { put } from "./lib/loops";
import { madd } from "./lib/simd";

export function resample_f32(y: usize, x: usize, starts: usize, places: usize, weights: usize, outer: i32, n: i32, m: i32, inner: i32): void {
  if (inner == 1) {
    for (let o = 0; o < outer; o += 4) {
      fourRows(y, x, starts, places, weights, min(4, outer - o), n, m);
      x += <usize>n << 4;
      y += <usize>m << 4;
    }
    return;
  }
  const row = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < m; i++) {
      const start = <usize>load<i32>(starts + (<usize>i << 2)) << 2;
      const end = <usize>load<i32>(starts + (<usize>i << 2), 4) << 2;
      combine(y, x, places + start, places + end, weights + start, row, inner);
      y += row;
    }
    x += <usize>n * row;
  }
}

/** y [inner] = Σ of weight · row of x, for the places from `place` to `end`. */
function combine(y: usize, x: usize, place: usize, end: usize, weight: usize, row: usize, inner: i32): void {
  const w = weight - place;
  for (; inner >= 16; inner -= 16) {
    let a = f32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    for (let p = place; p < end; p += 4) {
      const from = x + <usize>load<i32>(p) * row;
      const by = v128.load32_splat(w + p);
      a = madd(by, v128.load(from), a);
      b = madd(by, v128.load(from, 16), b);
      c = madd(by, v128.load(from, 32), c);
      d = madd(by, v128.load(from, 48), d);
    }
    v128.store(y, a);
    v128.store(y, b, 16);
    v128.store(y, c, 32);
    v128.store(y, d, 48);
    x += 64;
    y += 64;
  }
  for (; inner > 0; inner -= 4) {
    let a = f32x4.splat(0);
    for (let p = place; p < end; p += 4) {
      a = madd(v128.load32_splat(w + p), v128.load(x + <usize>load<i32>(p) * row), a);
    }
    put(y, a, inner);
    x += 16;
    y += 16;
  }
}

/** Up to four rows of single elements at once, one in each lane; the first one stands in for those that are missing. */
function fourRows(y: usize, x: usize, starts: usize, places: usize, weights: usize, rows: i32, n: i32, m: i32): void {
  const from = <usize>n << 2;
  const to = <usize>m << 2;
  const x1 = x + (rows > 1 ? from : 0);
  const x2 = x + (rows > 2 ? 2 * from : 0);
  const x3 = x + (rows > 3 ? 3 * from : 0);
  const y1: usize = rows > 1 ? to : 0;
  const y2: usize = rows > 2 ? 2 * to : 0;
  const y3: usize = rows > 3 ? 3 * to : 0;
  let t = <usize>load<i32>(starts) << 2;
  for (let i = 0; i < m; i++) {
    starts += 4;
    let sum = f32x4.splat(0);
    for (const end = <usize>load<i32>(starts) << 2; t < end; t += 4) {
      const place = <usize>load<i32>(places + t) << 2;
      let v = v128.load32_zero(x + place);
      v = v128.load32_lane(x1 + place, v, 1);
      v = v128.load32_lane(x2 + place, v, 2);
      v = v128.load32_lane(x3 + place, v, 3);
      sum = madd(v128.load32_splat(weights + t), v, sum);
    }
    v128.store32_lane(y, sum, 0);
    v128.store32_lane(y + y1, sum, 1);
    v128.store32_lane(y + y2, sum, 2);
    v128.store32_lane(y + y3, sum, 3);
    y += 4;
  }
}
