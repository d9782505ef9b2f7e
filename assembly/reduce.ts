// Sums, products and running sums of the middle dimension of x [outer, n, inner]; y is [outer, inner] unless said.

import { fold, Itself, sum } from "./lib/reduce";

@unmanaged class AddI32 {
  @inline turn(x: v128, _p: v128, _q: v128): v128 { return x; }
  @inline back(v: v128, _p: v128, _q: v128): v128 { return v; }
  @inline v(a: v128, x: v128): v128 { return i32x4.add(a, x); }
}
@unmanaged class Mul {
  @inline turn(x: v128, _p: v128, _q: v128): v128 { return x; }
  @inline back(v: v128, _p: v128, _q: v128): v128 { return v; }
  @inline v(a: v128, x: v128): v128 { return f32x4.mul(a, x); }
}
/** Σ over n, with blocks of float32 sums gathered in float64. */
export function sum_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  sum<Itself>(y, x, outer, n, inner);
}
export function sum_i32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  const init = i32x4.splat(0);
  fold<AddI32>(y, x, outer, n, inner, init, init, init);
}
export function prod_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  const init = f32x4.splat(1);
  fold<Mul>(y, x, outer, n, inner, init, init, init);
}

/** One value at a time: a rare function, kept short. */
export function prod_i32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    for (let j: usize = 0; j < step; j += 4) {
      let p = 1;
      let at = x + j;
      for (let i = 0; i < n; i++) {
        p *= load<i32>(at);
        at += step;
      }
      store<i32>(y + j, p);
    }
    y += step;
    x += step * <usize>n;
  }
}

/** dx [outer, n, inner] = g · the product of all other elements: prefix times suffix, so that zeros need no division. */
export function prod_grad_f32(dx: usize, g: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    for (let j: usize = 0; j < step; j += 4) {
      let p: f32 = load<f32>(g + j);
      let at = j;
      for (let i = 0; i < n; i++) {
        store<f32>(dx + at, p);
        p *= load<f32>(x + at);
        at += step;
      }
      p = 1;
      for (let i = 0; i < n; i++) {
        at -= step;
        store<f32>(dx + at, load<f32>(dx + at) * p);
        p *= load<f32>(x + at);
      }
    }
    g += step;
    dx += step * <usize>n;
    x += step * <usize>n;
  }
}

/** y [outer, n, inner] = running sums along n, from the end if `reverse`, gathered in float64. */
export function cumsum_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32, reverse: i32): void {
  const step = <usize>inner << 2;
  const delta = reverse ? -step : step;
  for (let o = 0; o < outer; o++) {
    for (let j: usize = 0; j < step; j += 4) {
      let s: f64 = 0;
      let at = j + (reverse ? step * <usize>(n - 1) : 0);
      for (let i = 0; i < n; i++) {
        s += <f64>load<f32>(x + at);
        store<f32>(y + at, <f32>s);
        at += delta;
      }
    }
    x += step * <usize>n;
    y += step * <usize>n;
  }
}

export function cumsum_i32(y: usize, x: usize, outer: i32, n: i32, inner: i32, reverse: i32): void {
  const step = <usize>inner << 2;
  const delta = reverse ? -step : step;
  for (let o = 0; o < outer; o++) {
    for (let j: usize = 0; j < step; j += 4) {
      let s: i32 = 0;
      let at = j + (reverse ? step * <usize>(n - 1) : 0);
      for (let i = 0; i < n; i++) {
        s += load<i32>(x + at);
        store<i32>(y + at, s);
        at += delta;
      }
    }
    x += step * <usize>n;
    y += step * <usize>n;
  }
}

/** Stops at the first element that settles the answer. */
@inline function settle(y: usize, x: usize, outer: i32, n: i32, inner: i32, settling: u8): void {
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      let p = x + j;
      let i = 0;
      while (i < n && load<u8>(p) != settling) {
        p += inner;
        i++;
      }
      store<u8>(y + j, i < n ? settling : 1 - settling);
    }
    y += inner;
    x += n * inner;
  }
}

/** y = 1 if every element is true, so too for n = 0. */
export function all_bool(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { settle(y, x, outer, n, inner, 0); }
/** y = 1 if an element is true. */
export function any_bool(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { settle(y, x, outer, n, inner, 1); }
