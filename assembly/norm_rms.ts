// Root-mean-square normalisation of the rows of x [rows, n].

import { affineRow, at, flush, gather, gradRowAffine, spread, tableBytes, weightedSums } from "./lib/affine";
import { scaleRun, second, squares } from "./lib/moments";

/** Rows whose weight gradients gather in one table before it joins the total. */
const GATHER: i32 = 32;

/** With q = mean(x²) of a row: 1 / √(q + eps), or 1 / (√q + eps) with eps outside the root. */
@inline function scaleOf(square: f64, eps: f64, outside: i32): f64 {
  return outside ? 1 / (Math.sqrt(square) + eps) : 1 / Math.sqrt(square + eps);
}

/** y = weight · x · scale; square = mean(x²) is stored [rows]. weight [n] may be absent (0). */
export function rms_norm_f32(y: usize, square: usize, x: usize, weight: usize, rows: i32, n: i32, eps: f64, outside: i32): void {
  for (let r = 0; r < rows; r++) {
    const q = n > 0 ? <f32>(squares(x, n) / n) : 0;
    store<f32>(at(square, r), q);
    const a = <f32>scaleOf(q, eps, outside);
    if (weight == 0) scaleRun(y, x, n, 0, a, 0, -Infinity);
    else affineRow(y, x, n, 0, a, weight, 0);
    x = at(x, n);
    y = at(y, n);
  }
}

/**
 * dweight = Σ g x scale over rows; dx = scale · w g − k · x · Σ w g x / n with k = scale³, or scale² / √q with eps outside.
 * There k x has no limit at x = 0, but Σ w g x goes faster to 0: the term is then 0. scratch: 3 tables of n.
 */
export function rms_norm_grad_f32(dx: usize, dweight: usize, g: usize, x: usize, weight: usize, square: usize, scratch: usize, rows: i32, n: i32, eps: f64, outside: i32): void {
  const total = scratch;
  const part = total + tableBytes(n);
  let w = weight;
  if (weight == 0) {
    w = part + tableBytes(n);
    spread(w, 0, n, 1, 1);
  }
  memory.fill(scratch, 0, 2 * tableBytes(n));
  for (let r = 0; r < rows; r++) {
    const q = <f64>load<f32>(at(square, r));
    const a = scaleOf(q, eps, outside);
    const k = outside ? (q == 0 ? 0 : a * a / Math.sqrt(q)) : a * a * a;
    const b = <f32>(-k * second(weightedSums(g, x, weight, n, 0)) / n);
    gradRowAffine(dx, part, 0, g, x, w, n, 0, <f32>a, b, 0, false);
    if ((r + 1) % GATHER == 0 || r + 1 == rows) flush(total, part, n);
    dx = at(dx, n);
    g = at(g, n);
    x = at(x, n);
  }
  gather(dweight, total, n, 1);
}
