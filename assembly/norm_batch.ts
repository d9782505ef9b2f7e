// Batch normalisation of x [n, c, s]: n samples, c channels, s positions. Statistics per channel, over n and s. Channels are
// independent of each other; a call works on those from `begin` to `end`, and on nothing else of its tables.
//
// Every pass walks x in memory order with one float64 pair per channel to gather in: walking channel by channel, or a few of them at a time,
// would use the cache better, but its jumps defeat the prefetcher, which costs more. Where s is short (1 for x [n, c]), x is read as
// a matrix [n, c·s] and the lanes run along its rows, over tables with an entry for each column.
//
// With `low` 0 relu follows: y is at least low, and the gradient finds again from x where it was not (low −∞: y as it is).

import { at, inverse, loadOr, SHORT, spread, tableBytes } from "./lib/affine";
import { atLeast, between, first, gradRun, gradSums, joinMoments, moments, pair, passed, passedOne, reciprocal, reluGradRun, reluGradSums, scaleRun, second } from "./lib/moments";
import { madd } from "./lib/simd";

/** Rows whose sums gather in registers before they join the table. */
const ROWS: i32 = 16;

/**
 * y = weight · (x − mean) / √(variance + eps) + bias with the batch's own mean and (biased) variance, both stored [c].
 * weight and bias [c] may be absent (0). scratch: 3 tables of c · s if s is short, else of c float64 pairs.
 */
export function batch_norm_f32(y: usize, mean: usize, variance: usize, x: usize, weight: usize, bias: usize, scratch: usize, n: i32, c: i32, s: i32, eps: f64, low: f32, begin: i32, end: i32): void {
  const count = end - begin;
  if (s < SHORT) {
    const squares = scratch + tableBytes(count * s);
    columnMoments(scratch, squares, at(x, begin * s), n, count * s, c * s);
    joinColumns(at(mean, begin), at(variance, begin), scratch, squares, n, count, s);
  } else {
    memory.fill(scratch, 0, <usize>count << 4);
    for (let k = 0; k < n; k++) {
      const perDone = reciprocal(<f64>k * s);
      const weight = between(<f64>k * s, s);
      for (let i = 0; i < count; i++) {
        const all = pairAt(scratch, i);
        v128.store(all, joinMoments(v128.load(all), moments(at(x, (k * c + begin + i) * s), s), perDone, 1 / <f64>s, weight));
      }
    }
    for (let i = 0; i < count; i++) storeStats(mean, variance, begin + i, v128.load(pairAt(scratch, i)), <f64>n * s);
  }
  batch_norm_eval_f32(y, x, weight, bias, mean, variance, scratch, n, c, s, eps, low, begin, end);
}

/** The same with given statistics [c]. scratch: 3 tables of c · s if s is short, else of c. */
export function batch_norm_eval_f32(y: usize, x: usize, weight: usize, bias: usize, mean: usize, variance: usize, scratch: usize, n: i32, c: i32, s: i32, eps: f64, low: f32, begin: i32, end: i32): void {
  const repeat = s < SHORT ? s : 1;
  const columns = (end - begin) * repeat;
  const tm = scratch;
  const ta = tm + tableBytes(columns);
  const tb = ta + tableBytes(columns);
  for (let i = begin, j = 0; i < end; i++) {
    const m = load<f32>(at(mean, i));
    const a = scaleOf(weight, variance, i, eps);
    const b = loadOr(bias, i, 0);
    for (const last = j + repeat; j < last; j++) {
      store<f32>(at(tm, j), m);
      store<f32>(at(ta, j), a);
      store<f32>(at(tb, j), b);
    }
  }
  for (let k = 0; k < n; k++) {
    const o = (k * c + begin) * s;
    if (s < SHORT) {
      scaleRow(at(y, o), at(x, o), tm, ta, tb, columns, low);
      continue;
    }
    for (let i = 0; i < columns; i++) {
      const e = o + i * s;
      scaleRun(at(y, e), at(x, e), s, load<f32>(at(tm, i)), load<f32>(at(ta, i)), load<f32>(at(tb, i)), low);
    }
  }
}

/**
 * With r = 1 / √(variance + eps), A = Σ g and B = Σ g (x − mean) over the m = n · s values of a channel:
 * dweight = r B, dbias = A, dx = weight · r · (g − (A + r² B (x − mean)) / m); where the statistics were given
 * (batchStats 0) they do not depend on x and dx = weight · r · g. If relu followed, g counts as 0 where it gave 0.
 * scratch: 5 tables of c · s if s is short, else of c, and c float64 pairs.
 */
export function batch_norm_grad_f32(dx: usize, dweight: usize, dbias: usize, g: usize, x: usize, weight: usize, bias: usize, mean: usize, variance: usize, scratch: usize, n: i32, c: i32, s: i32, eps: f64, batchStats: i32, low: f32, begin: i32, end: i32): void {
  const relu = low == 0;
  const share = batchStats ? 1 / (<f64>n * s) : 0;
  const count = end - begin;
  const repeat = s < SHORT ? s : 1;
  const columns = count * repeat;
  const table = tableBytes(columns);
  const pairs = scratch;
  const tm = pairs + (<usize>count << 4);
  const ta = tm + table;
  const tb = ta + table;
  const td = tb + table;
  const shifts = td + table;
  spread(tm, at(mean, begin), count, repeat, 0);
  spread(shifts, bias == 0 ? 0 : at(bias, begin), count, repeat, 0);
  for (let i = 0, j = 0; i < count; i++) {
    const a = scaleOf(weight, variance, begin + i, eps);
    for (const last = j + repeat; j < last; j++) store<f32>(at(ta, j), a);
  }
  memory.fill(pairs, 0, <usize>count << 4);
  if (s < SHORT) {
    columnGradSums(tb, td, at(g, begin * s), at(x, begin * s), tm, ta, shifts, n, columns, c * s, relu);
    for (let j = 0; j < columns; j++) addPair(pairs, j / s, pair(load<f32>(at(tb, j)), load<f32>(at(td, j))));
  } else {
    for (let k = 0; k < n; k++) {
      for (let i = 0; i < count; i++) {
        const e = (k * c + begin + i) * s;
        const m = load<f32>(at(tm, i));
        addPair(pairs, i, relu ? reluGradSums(at(g, e), at(x, e), s, m, load<f32>(at(ta, i)), load<f32>(at(shifts, i))) : gradSums(at(g, e), at(x, e), s, m));
      }
    }
  }
  for (let i = 0; i < count; i++) {
    const sums = v128.load(pairAt(pairs, i));
    const r = <f64>inverse(load<f32>(at(variance, begin + i)), eps);
    const a = <f64>loadOr(weight, begin + i, 1) * r;
    store<f32>(at(dweight, begin + i), <f32>(second(sums) * r));
    store<f32>(at(dbias, begin + i), <f32>first(sums));
    for (let j = i * repeat; j < (i + 1) * repeat; j++) {
      store<f32>(at(tb, j), <f32>(-a * r * r * second(sums) * share));
      store<f32>(at(td, j), <f32>(-a * first(sums) * share));
    }
  }
  for (let k = 0; k < n; k++) {
    const o = (k * c + begin) * s;
    if (s < SHORT) {
      gradRow(at(dx, o), at(g, o), at(x, o), tm, ta, tb, td, shifts, columns, relu);
      continue;
    }
    for (let i = 0; i < count; i++) {
      const e = o + i * s;
      const m = load<f32>(at(tm, i));
      const a = load<f32>(at(ta, i));
      const b = load<f32>(at(tb, i));
      const d = load<f32>(at(td, i));
      if (relu) reluGradRun(at(dx, e), at(g, e), at(x, e), s, m, a, b, d, load<f32>(at(shifts, i)));
      else gradRun(at(dx, e), at(g, e), at(x, e), s, m, a, b, d);
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

/** weight / √(variance + eps) of a channel. */
@inline function scaleOf(weight: usize, variance: usize, i: i32, eps: f64): f32 {
  return loadOr(weight, i, 1) * inverse(load<f32>(at(variance, i)), eps);
}

@inline function pairAt(pairs: usize, i: i32): usize { return pairs + (<usize>i << 4); }

@inline function addPair(pairs: usize, i: i32, p: v128): void {
  v128.store(pairAt(pairs, i), f64x2.add(v128.load(pairAt(pairs, i)), p));
}

/** Mean and variance of count values; both 0 for none. */
@inline function storeStats(mean: usize, variance: usize, i: i32, all: v128, count: f64): void {
  const share = count > 0 ? 1 / count : 0;
  store<f32>(at(mean, i), <f32>(first(all) * share));
  store<f32>(at(variance, i), <f32>(second(all) * share));
}

/** y = max((x − m) · a + b, low) along one row, m, a and b per element. */
@inline function scaleRow(y: usize, x: usize, m: usize, a: usize, b: usize, n: i32, low: f32): void {
  let i: usize = 0;
  const whole = (<usize>n & ~3) << 2;
  const bytes = <usize>n << 2;
  const l = f32x4.splat(low);
  for (; i < whole; i += 16) {
    v128.store(y + i, f32x4.pmax(madd(f32x4.sub(v128.load(x + i), v128.load(m + i)), v128.load(a + i), v128.load(b + i)), l));
  }
  for (; i < bytes; i += 4) {
    store<f32>(y + i, atLeast((load<f32>(x + i) - load<f32>(m + i)) * load<f32>(a + i) + load<f32>(b + i), low));
  }
}

/** Per column of x [rows, cols], rows `ld` elements apart: sum and Σ (x − x̄)², joined over blocks of rows as in `joinMoments`. Tables hold whole vectors. */
function columnMoments(sum: usize, square: usize, x: usize, rows: i32, cols: i32, ld: i32): void {
  const step = <usize>ld << 2;
  const bytes = <usize>cols << 2;
  memory.fill(sum, 0, tableBytes(cols));
  memory.fill(square, 0, tableBytes(cols));
  for (let done = 0; done < rows; done += ROWS) {
    const count = min(rows - done, ROWS);
    const perBlock = f32x4.splat(1 / <f32>count);
    const perDone = f32x4.splat(<f32>reciprocal(done));
    const weight = f32x4.splat(<f32>between(done, count));
    for (let j: usize = 0; j < bytes; j += 16) {
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
        q = f32x4.add(madd(f32x4.mul(d, d), weight, q), v128.load(square + j));
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
      all = joinMoments(all, one, reciprocal(<f64>j * n), reciprocal(n), between(<f64>j * n, n));
    }
    storeStats(mean, variance, i, all, <f64>n * s);
  }
}

/** Per column: s = Σ g and t = Σ g (x − m), gathered over blocks of rows; g as `passed` says. Tables hold whole vectors. */
function columnGradSums(s: usize, t: usize, g: usize, x: usize, m: usize, a: usize, shifts: usize, rows: i32, cols: i32, ld: i32, relu: bool): void {
  const step = <usize>ld << 2;
  const bytes = <usize>cols << 2;
  memory.fill(s, 0, tableBytes(cols));
  memory.fill(t, 0, tableBytes(cols));
  for (let done = 0; done < rows; done += ROWS) {
    const count = min(rows - done, ROWS);
    for (let j: usize = 0; j < bytes; j += 16) {
      const vm = v128.load(m + j);
      let vs = f32x4.splat(0);
      let vt = vs;
      let o = j;
      for (let k = 0; k < count; k++) {
        const d = f32x4.sub(v128.load(x + o), vm);
        let vg = v128.load(g + o);
        if (relu) vg = passed(vg, d, v128.load(a + j), v128.load(shifts + j));
        vs = f32x4.add(vs, vg);
        vt = madd(vg, d, vt);
        o += step;
      }
      v128.store(s + j, f32x4.add(v128.load(s + j), vs));
      v128.store(t + j, f32x4.add(v128.load(t + j), vt));
    }
    g += step * <usize>count;
    x += step * <usize>count;
  }
}

/** dx = g · a + (x − m) · b + c along one row, all of them per element; g as `passed` says. */
@inline function gradRow(dx: usize, g: usize, x: usize, m: usize, a: usize, b: usize, c: usize, shifts: usize, n: i32, relu: bool): void {
  let i: usize = 0;
  const whole = (<usize>n & ~3) << 2;
  const bytes = <usize>n << 2;
  for (; i < whole; i += 16) {
    const d = f32x4.sub(v128.load(x + i), v128.load(m + i));
    const va = v128.load(a + i);
    let vg = v128.load(g + i);
    if (relu) vg = passed(vg, d, va, v128.load(shifts + i));
    v128.store(dx + i, madd(vg, va, madd(d, v128.load(b + i), v128.load(c + i))));
  }
  for (; i < bytes; i += 4) {
    const d = load<f32>(x + i) - load<f32>(m + i);
    const va = load<f32>(a + i);
    let vg = load<f32>(g + i);
    if (relu) vg = passedOne(vg, d, va, load<f32>(shifts + i));
    store<f32>(dx + i, vg * va + (d * load<f32>(b + i) + load<f32>(c + i)));
  }
}
