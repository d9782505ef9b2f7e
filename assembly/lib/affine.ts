// Normalised rows with a weight and a bias per element, and what the normalisations share besides.

import { gradSums, pair } from "./moments";
import { hsum, madd } from "./simd";

/** With fewer positions per channel than this, lanes run across channels, over tables with one entry per element. */
export const SHORT: i32 = 16;

@inline export function at(p: usize, i: i32): usize { return p + (<usize>i << 2); }

/** p[i], or a constant where p is absent. */
@inline export function loadOr(p: usize, i: i32, absent: f32): f32 { return p == 0 ? absent : load<f32>(at(p, i)); }

/** Bytes of a table in whole vectors, so that loops over it need no tail. */
@inline export function tableBytes(entries: i32): usize { return ((<usize>entries + 3) & ~3) << 2; }

/** 1 / √(variance + eps). */
@inline export function inverse(variance: f32, eps: f64): f32 { return <f32>(1 / Math.sqrt(<f64>variance + eps)); }

/** table[i · s + j] = p[i], or a constant where p is absent: c · s entries. */
export function spread(table: usize, p: usize, c: i32, s: i32, absent: f32): void {
  for (let i = 0; i < c; i++) {
    const v = loadOr(p, i, absent);
    for (let j = 0; j < s; j++) {
      store<f32>(table, v);
      table += 4;
    }
  }
}

/** y[i] = Σ_j table[i · s + j]. */
export function gather(y: usize, table: usize, c: i32, s: i32): void {
  for (let i = 0; i < c; i++) {
    let sum: f32 = 0;
    for (let j = 0; j < s; j++) {
      sum += load<f32>(table);
      table += 4;
    }
    store<f32>(at(y, i), sum);
  }
}

/** y = (x − mean) · scale · w + b; without b (0) nothing is added. */
@inline export function affineRow(y: usize, x: usize, n: i32, mean: f32, scale: f32, w: usize, b: usize): void {
  const m = f32x4.splat(mean);
  const a = f32x4.splat(scale);
  const whole = (<usize>n & ~3) << 2;
  const bytes = <usize>n << 2;
  let i: usize = 0;
  if (b == 0) {
    for (; i < whole; i += 16) {
      v128.store(y + i, f32x4.mul(f32x4.mul(f32x4.sub(v128.load(x + i), m), a), v128.load(w + i)));
    }
    for (; i < bytes; i += 4) store<f32>(y + i, (load<f32>(x + i) - mean) * scale * load<f32>(w + i));
    return;
  }
  for (; i < whole; i += 16) {
    v128.store(y + i, madd(f32x4.mul(f32x4.sub(v128.load(x + i), m), a), v128.load(w + i), v128.load(b + i)));
  }
  for (; i < bytes; i += 4) store<f32>(y + i, (load<f32>(x + i) - mean) * scale * load<f32>(w + i) + load<f32>(b + i));
}

/** (Σ g w, Σ g w (x − mean)) of a row; w absent (0) counts as 1. */
export function weightedSums(g: usize, x: usize, w: usize, n: i32, mean: f32): v128 {
  if (w == 0) return gradSums(g, x, n, mean);
  const m = f32x4.splat(mean);
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let t0 = s0;
  let t1 = s0;
  let i: usize = 0;
  const pairs = (<usize>n & ~7) << 2;
  const whole = (<usize>n & ~3) << 2;
  const bytes = <usize>n << 2;
  for (; i < pairs; i += 32) {
    const g0 = f32x4.mul(v128.load(g + i), v128.load(w + i));
    const g1 = f32x4.mul(v128.load(g + i, 16), v128.load(w + i, 16));
    s0 = f32x4.add(s0, g0);
    s1 = f32x4.add(s1, g1);
    t0 = madd(g0, f32x4.sub(v128.load(x + i), m), t0);
    t1 = madd(g1, f32x4.sub(v128.load(x + i, 16), m), t1);
  }
  if (i < whole) {
    const g0 = f32x4.mul(v128.load(g + i), v128.load(w + i));
    s0 = f32x4.add(s0, g0);
    t0 = madd(g0, f32x4.sub(v128.load(x + i), m), t0);
    i += 16;
  }
  let s = hsum(f32x4.add(s0, s1));
  let t = hsum(f32x4.add(t0, t1));
  for (; i < bytes; i += 4) {
    const v = load<f32>(g + i) * load<f32>(w + i);
    s += v;
    t += v * (load<f32>(x + i) - mean);
  }
  return pair(s, t);
}

/**
 * One row of the gradient, with d = x − mean: dx = g · w · a + d · b + c, and the row's part of the parameters' gradients:
 * dw += g · d · a, db += g. Rows without a mean (`centred` false, a constant) leave out c and db.
 */
@inline export function gradRowAffine(dx: usize, dw: usize, db: usize, g: usize, x: usize, w: usize, n: i32, mean: f32, a: f32, b: f32, c: f32, centred: bool): void {
  const vm = f32x4.splat(mean);
  const va = f32x4.splat(a);
  const vb = f32x4.splat(b);
  const vc = f32x4.splat(c);
  const whole = (<usize>n & ~3) << 2;
  const bytes = <usize>n << 2;
  let i: usize = 0;
  for (; i < whole; i += 16) {
    const vg = v128.load(g + i);
    const d = centred ? f32x4.sub(v128.load(x + i), vm) : v128.load(x + i);
    const ga = f32x4.mul(vg, va);
    const rest = centred ? madd(d, vb, vc) : f32x4.mul(d, vb);
    v128.store(dx + i, madd(ga, v128.load(w + i), rest));
    v128.store(dw + i, madd(ga, d, v128.load(dw + i)));
    if (centred) v128.store(db + i, f32x4.add(v128.load(db + i), vg));
  }
  for (; i < bytes; i += 4) {
    const vg = load<f32>(g + i);
    const d = load<f32>(x + i) - mean;
    store<f32>(dx + i, vg * a * load<f32>(w + i) + (d * b + c));
    store<f32>(dw + i, load<f32>(dw + i) + vg * a * d);
    if (centred) store<f32>(db + i, load<f32>(db + i) + vg);
  }
}

/** total += part; part = 0: n entries, both tables of whole vectors. */
export function flush(total: usize, part: usize, n: i32): void {
  const zero = f32x4.splat(0);
  for (let i: usize = 0, bytes = tableBytes(n); i < bytes; i += 16) {
    v128.store(total + i, f32x4.add(v128.load(total + i), v128.load(part + i)));
    v128.store(part + i, zero);
  }
}
