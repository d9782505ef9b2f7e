// Group normalisation of x [n, c, s]: n samples, c channels in equal groups, s positions. Statistics per sample and group, over its
// channels and positions, which lie side by side: n · groups rows. Instance normalisation has a group per channel; layer
// normalisation of rows of c elements is one group with s = 1.

import { affineRow, at, flush, gather, gradRowAffine, inverse, loadOr, SHORT, spread, tableBytes, weightedSums } from "./lib/affine";
import { first, gradRun, gradSums, moments, pair, reciprocal, scaleRun, second } from "./lib/moments";

/** Samples whose parameter gradients gather in one table before it joins the total: the error grows with n / 32, not with n. */
const GATHER: i32 = 32;

/**
 * y = weight · (x − mean) / √(variance + eps) + bias; mean and (biased) variance are stored [n, groups].
 * weight and bias [c] may be absent (0). scratch: 2 tables of c · s if s is short.
 */
export function group_norm_f32(y: usize, mean: usize, variance: usize, x: usize, weight: usize, bias: usize, scratch: usize, n: i32, c: i32, s: i32, groups: i32, eps: f64): void {
  const channels = c / groups;
  const row = channels * s;
  const share = reciprocal(row);
  const perElement = s < SHORT && (weight != 0 || bias != 0);
  let tw = weight;
  let tb = bias;
  if (perElement && (s > 1 || weight == 0)) {
    tw = scratch;
    spread(tw, weight, c, s, 1);
  }
  if (perElement && s > 1 && bias != 0) {
    tb = scratch + tableBytes(c * s);
    spread(tb, bias, c, s, 0);
  }
  for (let r = 0; r < n * groups; r++) {
    const o = r * row;
    const all = moments(at(x, o), row);
    const m = <f32>(first(all) * share);
    const v = <f32>(second(all) * share);
    const a = inverse(v, eps);
    store<f32>(at(mean, r), m);
    store<f32>(at(variance, r), v);
    const group = r % groups;
    if (perElement) {
      affineRow(at(y, o), at(x, o), row, m, a, at(tw, group * row), tb == 0 ? 0 : at(tb, group * row));
    } else if (weight == 0 && bias == 0) {
      scaleRun(at(y, o), at(x, o), row, m, a, 0, -Infinity);
    } else {
      for (let k = 0; k < channels; k++) {
        const i = group * channels + k;
        scaleRun(at(y, o + k * s), at(x, o + k * s), s, m, loadOr(weight, i, 1) * a, loadOr(bias, i, 0), -Infinity);
      }
    }
  }
}

/**
 * With r = 1 / √(variance + eps), d = x − mean and m elements a row: dx = r · (w g − (Σ w g + r² d Σ w g d) / m),
 * dweight = Σ g d r and dbias = Σ g over samples and positions. scratch: 5 tables of c · s if s is short, else of c.
 */
export function group_norm_grad_f32(dx: usize, dweight: usize, dbias: usize, g: usize, x: usize, weight: usize, mean: usize, variance: usize, scratch: usize, n: i32, c: i32, s: i32, groups: i32, eps: f64): void {
  if (s < SHORT) elementGrad(dx, dweight, dbias, g, x, weight, mean, variance, scratch, n, c, s, groups, eps);
  else channelGrad(dx, dweight, dbias, g, x, weight, mean, variance, scratch, n, c, s, groups, eps);
}

function elementGrad(dx: usize, dweight: usize, dbias: usize, g: usize, x: usize, weight: usize, mean: usize, variance: usize, scratch: usize, n: i32, c: i32, s: i32, groups: i32, eps: f64): void {
  const row = c / groups * s;
  const share = reciprocal(row);
  const table = tableBytes(c * s);
  const dw = scratch;
  const db = dw + table;
  const partW = db + table;
  const partB = partW + table;
  let w = weight;
  if (s > 1 || weight == 0) {
    w = partB + table;
    spread(w, weight, c, s, 1);
  }
  memory.fill(scratch, 0, 4 * table);
  for (let k = 0; k < n; k++) {
    for (let q = 0; q < groups; q++) {
      const r = k * groups + q;
      const e = q * row;
      const o = r * row;
      const m = load<f32>(at(mean, r));
      const a = inverse(load<f32>(at(variance, r)), eps);
      const sums = weightedSums(at(g, o), at(x, o), weight == 0 ? 0 : at(w, e), row, m);
      const b = coefficient(a, second(sums) * share);
      const d = <f32>(-first(sums) * a * share);
      gradRowAffine(at(dx, o), at(partW, e), at(partB, e), at(g, o), at(x, o), at(w, e), row, m, a, b, d, true);
    }
    if ((k + 1) % GATHER == 0 || k + 1 == n) {
      flush(dw, partW, c * s);
      flush(db, partB, c * s);
    }
  }
  gather(dweight, dw, c, s);
  gather(dbias, db, c, s);
}

function channelGrad(dx: usize, dweight: usize, dbias: usize, g: usize, x: usize, weight: usize, mean: usize, variance: usize, scratch: usize, n: i32, c: i32, s: i32, groups: i32, eps: f64): void {
  // One float64 pair per channel: (Σ g, Σ g d r).
  memory.fill(scratch, 0, <usize>c << 4);
  const channels = c / groups;
  const share = 1 / <f64>(channels * s);
  for (let r = 0; r < n * groups; r++) {
    const m = load<f32>(at(mean, r));
    const a = inverse(load<f32>(at(variance, r)), eps);
    const from = r % groups * channels;
    let row = f64x2.splat(0);
    for (let k = 0; k < channels; k++) {
      const o = (r * channels + k) * s;
      const sums = gradSums(at(g, o), at(x, o), s, m);
      const total = scratch + (<usize>(from + k) << 4);
      v128.store(total, f64x2.add(v128.load(total), f64x2.mul(sums, pair(1, a))));
      row = f64x2.add(row, f64x2.mul(sums, f64x2.splat(loadOr(weight, from + k, 1))));
    }
    const b = coefficient(a, second(row) * share);
    const d = <f32>(-first(row) * a * share);
    for (let k = 0; k < channels; k++) {
      const o = (r * channels + k) * s;
      gradRun(at(dx, o), at(g, o), at(x, o), s, m, loadOr(weight, from + k, 1) * a, b, d);
    }
  }
  for (let i = 0; i < c; i++) {
    const total = v128.load(scratch + (<usize>i << 4));
    store<f32>(at(dbias, i), <f32>first(total));
    store<f32>(at(dweight, i), <f32>second(total));
  }
}

/** Factor of x − mean in dx. */
@inline function coefficient(a: f32, mean: f64): f32 { return <f32>(-(<f64>a * a * a) * mean); }
