// Batch normalisation of x [n, c, s]: n samples, c channels, s positions. Statistics per channel, over n and s.
//
// Where s is long, the work goes channel by channel along the runs of s, and a channel is still in cache when it is normalised.
// Where s is short (1 for x [n, c]), x is read as a matrix [n, c·s] and the lanes run along its rows, over tables of c·s entries.

import { at, inverse, loadOr, SHORT, tableBytes } from "./lib/affine";
import { first, gradRun, gradSums, joinMoments, moments, pair, scaleRun, second } from "./lib/moments";
import { madd } from "./lib/simd";

/** Rows whose sums gather in registers before they join the table. */
const ROWS: i32 = 16;


/**
 * y = weight · (x − mean) / √(variance + eps) + bias with the batch's own mean and (biased) variance, both stored [c].
 * weight and bias [c] may be absent (0). scratch: 3 tables of c · s.
 */
export function batch_norm_f32(y: usize, mean: usize, variance: usize, x: usize, weight: usize, bias: usize, scratch: usize, n: i32, c: i32, s: i32, eps: f64): void {
  if (s < SHORT) {
    columnMoments(scratch, scratch + tableBytes(c * s), x, n, c * s);
    joinColumns(mean, variance, scratch, scratch + tableBytes(c * s), n, c, s);
    batch_norm_eval_f32(y, x, weight, bias, mean, variance, scratch, n, c, s, eps);
    return;
  }
  for (let i = 0; i < c; i++) {
    let all = f64x2.splat(0);
    for (let k = 0; k < n; k++) all = joinMoments(all, <f64>k * s, moments(at(x, (k * c + i) * s), s), s);
    storeStats(mean, variance, i, all, <f64>n * s);
    scaleChannel(y, x, weight, bias, mean, variance, n, c, s, i, eps);
  }
}

/** The same with given statistics [c]. scratch: 3 tables of c · s. */
export function batch_norm_eval_f32(y: usize, x: usize, weight: usize, bias: usize, mean: usize, variance: usize, scratch: usize, n: i32, c: i32, s: i32, eps: f64): void {
  if (s >= SHORT) {
    for (let i = 0; i < c; i++) scaleChannel(y, x, weight, bias, mean, variance, n, c, s, i, eps);
    return;
  }
  const tm = scratch;
  const ta = tm + tableBytes(c * s);
  const tb = ta + tableBytes(c * s);
  for (let i = 0; i < c; i++) {
    const m = load<f32>(at(mean, i));
    const a = loadOr(weight, i, 1) * inverse(load<f32>(at(variance, i)), eps);
    const b = loadOr(bias, i, 0);
    for (let j = i * s; j < (i + 1) * s; j++) {
      store<f32>(at(tm, j), m);
      store<f32>(at(ta, j), a);
      store<f32>(at(tb, j), b);
    }
  }
  for (let k = 0; k < n; k++) scaleRow(at(y, k * c * s), at(x, k * c * s), tm, ta, tb, c * s);
}

/**
 * With r = 1 / √(variance + eps), A = Σ g and B = Σ g (x − mean) over the m = n · s values of a channel:
 * dweight = r B, dbias = A, dx = weight · r · (g − (A + r² B (x − mean)) / m); where the statistics were given
 * (batchStats 0) they do not depend on x and dx = weight · r · g. scratch: 4 tables of c · s.
 */
export function batch_norm_grad_f32(dx: usize, dweight: usize, dbias: usize, g: usize, x: usize, weight: usize, mean: usize, variance: usize, scratch: usize, n: i32, c: i32, s: i32, eps: f64, batchStats: i32): void {
  const share = batchStats ? 1 / (<f64>n * s) : 0;
  if (s < SHORT) {
    shortGrad(dx, dweight, dbias, g, x, weight, mean, variance, scratch, n, c, s, eps, share);
    return;
  }
  for (let i = 0; i < c; i++) {
    const m = load<f32>(at(mean, i));
    let sums = f64x2.splat(0);
    for (let k = 0; k < n; k++) {
      const o = (k * c + i) * s;
      sums = f64x2.add(sums, gradSums(at(g, o), at(x, o), s, m));
    }
    const r = <f64>inverse(load<f32>(at(variance, i)), eps);
    const a = <f64>loadOr(weight, i, 1) * r;
    store<f32>(at(dweight, i), <f32>(second(sums) * r));
    store<f32>(at(dbias, i), <f32>first(sums));
    const b = <f32>(-a * r * r * second(sums) * share);
    const d = <f32>(-a * first(sums) * share);
    for (let k = 0; k < n; k++) {
      const o = (k * c + i) * s;
      gradRun(at(dx, o), at(g, o), at(x, o), s, m, <f32>a, b, d);
    }
  }
}

/** y = (1 − momentum) · y + momentum · scale · x: a running average takes in a new value. */
export function running_average_f32(y: usize, x: usize, n: i32, momentum: f64, scale: f64): void {
  for (let i = 0; i < n; i++) {
    const old = <f64>load<f32>(at(y, i));
    store<f32>(at(y, i), <f32>((1 - momentum) * old + momentum * scale * load<f32>(at(x, i))));
  }
}

/** Mean and variance of count values; both 0 for none. */
@inline function storeStats(mean: usize, variance: usize, i: i32, all: v128, count: f64): void {
  const share = count > 0 ? 1 / count : 0;
  store<f32>(at(mean, i), <f32>(first(all) * share));
  store<f32>(at(variance, i), <f32>(second(all) * share));
}

function scaleChannel(y: usize, x: usize, weight: usize, bias: usize, mean: usize, variance: usize, n: i32, c: i32, s: i32, i: i32, eps: f64): void {
  const m = load<f32>(at(mean, i));
  const a = loadOr(weight, i, 1) * inverse(load<f32>(at(variance, i)), eps);
  const b = loadOr(bias, i, 0);
  for (let k = 0; k < n; k++) {
    const o = (k * c + i) * s;
    scaleRun(at(y, o), at(x, o), s, m, a, b);
  }
}

/** y = (x − m) · a + b along one row, all of them per element. */
@inline function scaleRow(y: usize, x: usize, m: usize, a: usize, b: usize, n: i32): void {
  let i: usize = 0;
  const whole = (<usize>n & ~3) << 2;
  const bytes = <usize>n << 2;
  for (; i < whole; i += 16) {
    v128.store(y + i, madd(f32x4.sub(v128.load(x + i), v128.load(m + i)), v128.load(a + i), v128.load(b + i)));
  }
  for (; i < bytes; i += 4) store<f32>(y + i, (load<f32>(x + i) - load<f32>(m + i)) * load<f32>(a + i) + load<f32>(b + i));
}

/** Per column of x [rows, cols]: sum and Σ (x − x̄)², joined over blocks of rows as in `joinMoments`. Tables hold whole vectors. */
function columnMoments(sum: usize, square: usize, x: usize, rows: i32, cols: i32): void {
  const step = <usize>cols << 2;
  memory.fill(sum, 0, tableBytes(cols));
  memory.fill(square, 0, tableBytes(cols));
  for (let done = 0; done < rows; done += ROWS) {
    const count = min(rows - done, ROWS);
    const perBlock = f32x4.splat(1 / <f32>count);
    const perDone = f32x4.splat(done == 0 ? 0 : 1 / <f32>done);
    const between = f32x4.splat(<f32>(<f64>done * count / (<f64>done + count)));
    for (let j: usize = 0; j < step; j += 16) {
      let s = f32x4.splat(0);
      let p = x + j;
      for (let k = 0; k < count; k++) {
        s = f32x4.add(s, v128.load(p));
        p += step;
      }
      const m = f32x4.mul(s, perBlock);
      let q = f32x4.splat(0);
      p = x + j;
      for (let k = 0; k < count; k++) {
        const d = f32x4.sub(v128.load(p), m);
        q = madd(d, d, q);
        p += step;
      }
      if (done > 0) {
        const old = v128.load(sum + j);
        const d = f32x4.sub(m, f32x4.mul(old, perDone));
        q = f32x4.add(madd(f32x4.mul(d, d), between, q), v128.load(square + j));
        s = f32x4.add(s, old);
      }
      v128.store(sum + j, s);
      v128.store(square + j, q);
    }
    x += step * <usize>count;
  }
}

/** The s columns of each channel, n values each, taken together: mean and variance [c]. */
function joinColumns(mean: usize, variance: usize, sum: usize, square: usize, n: i32, c: i32, s: i32): void {
  for (let i = 0; i < c; i++) {
    let all = f64x2.splat(0);
    for (let j = 0; j < s; j++) {
      const one = pair(load<f32>(at(sum, i * s + j)), load<f32>(at(square, i * s + j)));
      all = joinMoments(all, <f64>j * n, one, n);
    }
    storeStats(mean, variance, i, all, <f64>n * s);
  }
}

function shortGrad(dx: usize, dweight: usize, dbias: usize, g: usize, x: usize, weight: usize, mean: usize, variance: usize, scratch: usize, n: i32, c: i32, s: i32, eps: f64, share: f64): void {
  const table = tableBytes(c * s);
  const tm = scratch;
  const ta = tm + table;
  const tb = ta + table;
  const tc = tb + table;
  for (let i = 0; i < c; i++) {
    for (let j = 0; j < s; j++) store<f32>(at(tm, i * s + j), load<f32>(at(mean, i)));
  }
  columnGradSums(ta, tb, g, x, tm, n, c * s);
  for (let i = 0; i < c; i++) {
    let sums = f64x2.splat(0);
    for (let j = 0; j < s; j++) sums = f64x2.add(sums, pair(load<f32>(at(ta, i * s + j)), load<f32>(at(tb, i * s + j))));
    const r = <f64>inverse(load<f32>(at(variance, i)), eps);
    const a = <f64>loadOr(weight, i, 1) * r;
    store<f32>(at(dweight, i), <f32>(second(sums) * r));
    store<f32>(at(dbias, i), <f32>first(sums));
    for (let j = i * s; j < (i + 1) * s; j++) {
      store<f32>(at(ta, j), <f32>a);
      store<f32>(at(tb, j), <f32>(-a * r * r * second(sums) * share));
      store<f32>(at(tc, j), <f32>(-a * first(sums) * share));
    }
  }
  for (let k = 0; k < n; k++) {
    const o = k * c * s;
    gradRow(at(dx, o), at(g, o), at(x, o), tm, ta, tb, tc, c * s);
  }
}

/** Per column: s = Σ g and t = Σ g (x − m), gathered over blocks of rows. Tables hold whole vectors. */
function columnGradSums(s: usize, t: usize, g: usize, x: usize, m: usize, rows: i32, cols: i32): void {
  const step = <usize>cols << 2;
  memory.fill(s, 0, tableBytes(cols));
  memory.fill(t, 0, tableBytes(cols));
  for (let done = 0; done < rows; done += ROWS) {
    const count = min(rows - done, ROWS);
    for (let j: usize = 0; j < step; j += 16) {
      const vm = v128.load(m + j);
      let vs = f32x4.splat(0);
      let vt = vs;
      let o = j;
      for (let k = 0; k < count; k++) {
        const vg = v128.load(g + o);
        vs = f32x4.add(vs, vg);
        vt = madd(vg, f32x4.sub(v128.load(x + o), vm), vt);
        o += step;
      }
      v128.store(s + j, f32x4.add(v128.load(s + j), vs));
      v128.store(t + j, f32x4.add(v128.load(t + j), vt));
    }
    g += step * <usize>count;
    x += step * <usize>count;
  }
}

/** dx = g · a + (x − m) · b + c along one row, all of them per element. */
@inline function gradRow(dx: usize, g: usize, x: usize, m: usize, a: usize, b: usize, c: usize, n: i32): void {
  let i: usize = 0;
  const whole = (<usize>n & ~3) << 2;
  const bytes = <usize>n << 2;
  for (; i < whole; i += 16) {
    const d = f32x4.sub(v128.load(x + i), v128.load(m + i));
    v128.store(dx + i, madd(v128.load(g + i), v128.load(a + i), madd(d, v128.load(b + i), v128.load(c + i))));
  }
  for (; i < bytes; i += 4) {
    const d = load<f32>(x + i) - load<f32>(m + i);
    store<f32>(dx + i, load<f32>(g + i) * load<f32>(a + i) + (d * load<f32>(b + i) + load<f32>(c + i)));
  }
}
