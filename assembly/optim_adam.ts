// Optimizer steps with two moments; the conventions of optim_sgd.ts.
import { put } from "./lib/loops";
import { madd } from "./lib/simd";
import { direction, flush, operand, share, TINY } from "./lib/state";

/**
 * x = p - shrink·p; d = sign·g + decay·x; m = beta1·m + (1 - beta1)·d; v = beta2·v + (1 - beta2)·d²;
 * p = x - (step·m + ahead·d) / (√v·root + eps), with max(vmax, v) in v's place if there is a vmax (else 0). The caller has put the bias
 * corrections into step, ahead and root.
 */
export function adam_f32(table: usize, rows: i32, shrink: f32, decay: f32, sign: f32, beta1: f64, beta2: f64, eps: f32, step: f32, ahead: f32, root: f32, begin: i32, end: i32): void {
  const b1 = f32x4.splat(<f32>beta1);
  const f1 = f32x4.splat(<f32>(1 - beta1));
  const b2 = f32x4.splat(<f32>beta2);
  const f2 = f32x4.splat(<f32>(1 - beta2));
  const tiny = f32x4.splat(TINY);
  // Without eps a second moment of 0 would divide by zero where a first one is left.
  const tinySquare = f32x4.splat(eps > 0 ? TINY : 0);
  for (const last = table + <usize>(rows * 24); table < last; table += 24) {
    let n = share(table, begin, end);
    let p = operand(table, 4, begin);
    let g = operand(table, 8, begin);
    let m = operand(table, 12, begin);
    let v = operand(table, 16, begin);
    let vmax = operand(table, 20, begin);
    const amsgrad = vmax != 0;
    for (; n > 0; n -= 4) {
      let x = v128.load(p);
      x = madd(f32x4.splat(-shrink), x, x);
      const d = direction(x, g, decay, sign);
      const first = flush(madd(b1, v128.load(m), f32x4.mul(f1, d)), tiny);
      put(m, first, n);
      let second = flush(madd(b2, v128.load(v), f32x4.mul(f32x4.mul(d, d), f2)), tinySquare);
      put(v, second, n);
      if (amsgrad) {
        second = f32x4.max(v128.load(vmax), second);
        put(vmax, second, n);
        vmax += 16;
      }
      const size = madd(f32x4.sqrt(second), f32x4.splat(root), f32x4.splat(eps));
      const move = madd(d, f32x4.splat(ahead), f32x4.mul(first, f32x4.splat(step)));
      put(p, f32x4.sub(x, f32x4.div(move, size)), n);
      p += 16;
      m += 16;
      v += 16;
      g += 16;
    }
    begin -= load<i32>(table);
    end -= load<i32>(table);
  }
}

/** d = sign·g + decay·p; m = beta1·m + (1 - beta1)·d; u = max(beta2·u, |d| + eps); p -= step·m / u. */
export function adamax_f32(table: usize, rows: i32, decay: f32, sign: f32, beta1: f64, beta2: f32, eps: f32, step: f32, begin: i32, end: i32): void {
  const b1 = f32x4.splat(<f32>beta1);
  const f1 = f32x4.splat(<f32>(1 - beta1));
  const tiny = f32x4.splat(TINY);
  for (const last = table + <usize>(rows * 20); table < last; table += 20) {
    let n = share(table, begin, end);
    let p = operand(table, 4, begin);
    let g = operand(table, 8, begin);
    let m = operand(table, 12, begin);
    let u = operand(table, 16, begin);
    for (; n > 0; n -= 4) {
      const x = v128.load(p);
      const d = direction(x, g, decay, sign);
      const first = flush(madd(b1, v128.load(m), f32x4.mul(f1, d)), tiny);
      put(m, first, n);
      const size = f32x4.max(f32x4.mul(v128.load(u), f32x4.splat(beta2)), f32x4.add(f32x4.abs(d), f32x4.splat(eps)));
      put(u, size, n);
      put(p, f32x4.sub(x, f32x4.div(f32x4.mul(first, f32x4.splat(step)), size)), n);
      p += 16;
      m += 16;
      u += 16;
      g += 16;
    }
    begin -= load<i32>(table);
    end -= load<i32>(table);
  }
}
