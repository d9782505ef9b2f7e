// Reductions of the middle dimension of x [outer, n, inner] to y [outer, inner].

/** Σ over n. Four accumulators of four lanes: the error grows with n/16, not with n. */
export function sum_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  if (inner == 1) {
    for (let o = 0; o < outer; o++) {
      store<f32>(y, sumRow(x, n));
      y += 4;
      x += <usize>n << 2;
    }
    return;
  }
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    let j: usize = 0;
    for (; j + 16 <= step; j += 16) {
      let s = f32x4.splat(0);
      let p = x + j;
      for (let i = 0; i < n; i++) {
        s = f32x4.add(s, v128.load(p));
        p += step;
      }
      v128.store(y + j, s);
    }
    for (; j < step; j += 4) {
      let s: f32 = 0;
      let p = x + j;
      for (let i = 0; i < n; i++) {
        s += load<f32>(p);
        p += step;
      }
      store<f32>(y + j, s);
    }
    y += step;
    x += step * <usize>n;
  }
}

@inline function sumRow(x: usize, n: i32): f32 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    s0 = f32x4.add(s0, v128.load(x));
    s1 = f32x4.add(s1, v128.load(x, 16));
    s2 = f32x4.add(s2, v128.load(x, 32));
    s3 = f32x4.add(s3, v128.load(x, 48));
    x += 64;
  }
  s0 = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  let s = (f32x4.extract_lane(s0, 0) + f32x4.extract_lane(s0, 1)) + (f32x4.extract_lane(s0, 2) + f32x4.extract_lane(s0, 3));
  for (; i < n; i++) {
    s += load<f32>(x);
    x += 4;
  }
  return s;
}
