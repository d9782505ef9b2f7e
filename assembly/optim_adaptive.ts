// Optimizer steps that divide by the size of past gradients; the conventions of optim_sgd.ts.
import { put } from "./lib/loops";
import { madd } from "./lib/simd";
import { direction, flush, operand, share, TINY } from "./lib/state";

/**
 * d = sign·g + decay·p; v = alpha·v + (1 - alpha)·d²; mean = alpha·mean + (1 - alpha)·d; step = d / (√(v - mean²) + eps);
 * buf = momentum·buf + step; p -= lr·buf. Without mean (0) nothing is taken off v; without buf (0) p -= lr·step.
 */
export function rmsprop_f32(table: usize, rows: i32, decay: f32, sign: f32, alpha: f64, eps: f32, lr: f32, momentum: f32, begin: i32, end: i32): void {
  const keep = f32x4.splat(<f32>alpha);
  const fresh = f32x4.splat(<f32>(1 - alpha));
  const zero = f32x4.splat(0);
  const tiny = f32x4.splat(TINY);
  const tinySquare = f32x4.splat(eps > 0 ? TINY : 0);
  for (const last = table + <usize>(rows * 24); table < last; table += 24) {
    let n = share(table, begin, end);
    let p = operand(table, 4, begin);
    let g = operand(table, 8, begin);
    let v = operand(table, 12, begin);
    let mean = operand(table, 16, begin);
    let buf = operand(table, 20, begin);
    for (; n > 0; n -= 4) {
      const x = v128.load(p);
      const d = direction(x, g, decay, sign);
      let square = flush(madd(keep, v128.load(v), f32x4.mul(f32x4.mul(d, d), fresh)), tinySquare);
      put(v, square, n);
      if (mean != 0) {
        const average = flush(madd(keep, v128.load(mean), f32x4.mul(d, fresh)), tiny);
        put(mean, average, n);
        // Gradients that do not change leave a variance of 0, which rounding may take below.
        square = f32x4.max(f32x4.sub(square, f32x4.mul(average, average)), zero);
        mean += 16;
      }
      let step = f32x4.div(d, f32x4.add(f32x4.sqrt(square), f32x4.splat(eps)));
      if (buf != 0) {
        step = flush(madd(f32x4.splat(momentum), v128.load(buf), step), tiny);
        put(buf, step, n);
        buf += 16;
      }
      put(p, madd(f32x4.splat(-lr), step, x), n);
      p += 16;
      v += 16;
      g += 16;
    }
    begin -= load<i32>(table);
    end -= load<i32>(table);
  }
}

/** d = sign·g + decay·p; sum += d²; p -= lr·d / (√sum + eps). */
export function adagrad_f32(table: usize, rows: i32, decay: f32, sign: f32, eps: f32, lr: f32, begin: i32, end: i32): void {
  for (const last = table + <usize>(rows * 16); table < last; table += 16) {
    let n = share(table, begin, end);
    let p = operand(table, 4, begin);
    let g = operand(table, 8, begin);
    let sum = operand(table, 12, begin);
    for (; n > 0; n -= 4) {
      const x = v128.load(p);
      const d = direction(x, g, decay, sign);
      const total = madd(d, d, v128.load(sum));
      put(sum, total, n);
      const size = f32x4.add(f32x4.sqrt(total), f32x4.splat(eps));
      put(p, f32x4.sub(x, f32x4.div(f32x4.mul(d, f32x4.splat(lr)), size)), n);
      p += 16;
      sum += 16;
      g += 16;
    }
    begin -= load<i32>(table);
    end -= load<i32>(table);
  }
}

/** d = sign·g + decay·p; v = rho·v + (1 - rho)·d²; δ = d·√(acc + eps)/√(v + eps); acc = rho·acc + (1 - rho)·δ²; p -= lr·δ. */
export function adadelta_f32(table: usize, rows: i32, decay: f32, sign: f32, rho: f64, eps: f32, lr: f32, begin: i32, end: i32): void {
  const keep = f32x4.splat(<f32>rho);
  const fresh = f32x4.splat(<f32>(1 - rho));
  const floor = f32x4.splat(eps);
  const tiny = f32x4.splat(eps > 0 ? TINY : 0);
  for (const last = table + <usize>(rows * 20); table < last; table += 20) {
    let n = share(table, begin, end);
    let p = operand(table, 4, begin);
    let g = operand(table, 8, begin);
    let v = operand(table, 12, begin);
    let acc = operand(table, 16, begin);
    for (; n > 0; n -= 4) {
      const x = v128.load(p);
      const d = direction(x, g, decay, sign);
      const square = flush(madd(keep, v128.load(v), f32x4.mul(f32x4.mul(d, d), fresh)), tiny);
      put(v, square, n);
      const moved = v128.load(acc);
      const ratio = f32x4.div(f32x4.sqrt(f32x4.add(moved, floor)), f32x4.sqrt(f32x4.add(square, floor)));
      const step = f32x4.mul(ratio, d);
      put(acc, flush(madd(keep, moved, f32x4.mul(f32x4.mul(step, step), fresh)), tiny), n);
      put(p, madd(f32x4.splat(-lr), step, x), n);
      p += 16;
      v += 16;
      acc += 16;
      g += 16;
    }
    begin -= load<i32>(table);
    end -= load<i32>(table);
  }
}
