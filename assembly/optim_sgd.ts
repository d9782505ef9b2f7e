// Optimizer steps that follow the gradient: one pass over each parameter p, its gradient g and its state, for many parameters in a call.
//
// A row of `table` is [n, p, g, state…], 4 bytes each: the count of elements and the addresses of parameter, gradient and state, in the
// order of the formula's names; state that an option leaves out is 0. Elements are counted over all rows; a call updates those from `begin`
// to `end`, and any cut gives the same values. `sign` is 1, or -1 to maximise; `decay` is the share of p that is added to the gradient.
import { put } from "./lib/loops";
import { madd } from "./lib/simd";
import { direction, flush, operand, share, TINY } from "./lib/state";

/** d = sign·g + decay·p; buf = momentum·buf + fresh·d; p -= lr·(nesterov ? d + momentum·buf : buf). Without buf (0): p -= lr·d. */
export function sgd_f32(table: usize, rows: i32, lr: f32, decay: f32, momentum: f32, fresh: f32, nesterov: i32, sign: f32, begin: i32, end: i32): void {
  const step = f32x4.splat(-lr);
  const tiny = f32x4.splat(TINY);
  for (const last = table + <usize>(rows * 16); table < last; table += 16) {
    let n = share(table, begin, end);
    let p = operand(table, 4, begin);
    let g = operand(table, 8, begin);
    let buf = operand(table, 12, begin);
    const plain = buf == 0;
    for (; n > 0; n -= 4) {
      const x = v128.load(p);
      let d = direction(x, g, decay, sign);
      if (!plain) {
        const b = flush(madd(f32x4.splat(momentum), v128.load(buf), f32x4.mul(d, f32x4.splat(fresh))), tiny);
        put(buf, b, n);
        d = nesterov ? madd(f32x4.splat(momentum), b, d) : b;
        buf += 16;
      }
      put(p, madd(step, d, x), n);
      p += 16;
      g += 16;
    }
    begin -= load<i32>(table);
    end -= load<i32>(table);
  }
}

/** d = sign·g + decay·p; p = p - shrink·p - eta·d; ax += mu·(p - ax), for mu = 1 just p. */
export function asgd_f32(table: usize, rows: i32, decay: f32, sign: f32, shrink: f32, eta: f32, mu: f32, begin: i32, end: i32): void {
  const copies = mu == 1;
  for (const last = table + <usize>(rows * 16); table < last; table += 16) {
    let n = share(table, begin, end);
    let p = operand(table, 4, begin);
    let g = operand(table, 8, begin);
    let ax = operand(table, 12, begin);
    for (; n > 0; n -= 4) {
      let x = v128.load(p);
      const d = direction(x, g, decay, sign);
      x = madd(f32x4.splat(-eta), d, madd(f32x4.splat(-shrink), x, x));
      put(p, x, n);
      if (!copies) {
        const average = v128.load(ax);
        x = madd(f32x4.splat(mu), f32x4.sub(x, average), average);
      }
      put(ax, x, n);
      p += 16;
      ax += 16;
      g += 16;
    }
    begin -= load<i32>(table);
    end -= load<i32>(table);
  }
}

/**
 * d = sign·g; size is multiplied by `up` where d and prev have the same sign, by `down` where they have opposite ones, and clamped; where
 * the sign changed, d = 0. p -= size·sgn(d); prev = d. sgn(NaN) is 0.
 */
export function rprop_f32(table: usize, rows: i32, sign: f32, down: f32, up: f32, min: f32, max: f32, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  const ones = f32x4.splat(1);
  const signBit = i32x4.splat(0x80000000);
  for (const last = table + <usize>(rows * 20); table < last; table += 20) {
    let n = share(table, begin, end);
    let p = operand(table, 4, begin);
    let g = operand(table, 8, begin);
    let prev = operand(table, 12, begin);
    let size = operand(table, 16, begin);
    for (; n > 0; n -= 4) {
      let d = f32x4.mul(v128.load(g), f32x4.splat(sign));
      const agreement = f32x4.mul(d, v128.load(prev));
      const turned = f32x4.lt(agreement, zero);
      let factor = v128.bitselect(f32x4.splat(up), ones, f32x4.gt(agreement, zero));
      factor = v128.bitselect(f32x4.splat(down), factor, turned);
      const width = f32x4.min(f32x4.max(f32x4.mul(v128.load(size), factor), f32x4.splat(min)), f32x4.splat(max));
      put(size, width, n);
      d = v128.andnot(d, turned);
      put(prev, d, n);
      const signed = v128.or(width, v128.and(d, signBit));
      const moves = v128.or(f32x4.lt(d, zero), f32x4.gt(d, zero));
      put(p, f32x4.sub(v128.load(p), v128.and(signed, moves)), n);
      p += 16;
      prev += 16;
      size += 16;
      g += 16;
    }
    begin -= load<i32>(table);
    end -= load<i32>(table);
  }
}
