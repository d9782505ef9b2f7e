// Optimizer steps: one pass over a parameter p, its gradient g and its state, n elements each. `sign` is 1, or -1 to maximise.
//
// State that decays step by step ends in denormals, which some processors compute a hundred times slower: it is set to 0 there.
import { storeLanes } from "./lib/loops";
import { madd } from "./lib/simd";

/** Smallest normal float32. */
const TINY: f32 = 1.17549435e-38;

/** v, or 0 where it is closer to 0 than `tiny`; NaN stays. */
@inline function flush(v: v128, tiny: v128): v128 {
  return v128.andnot(v, f32x4.lt(f32x4.abs(v), tiny));
}

@inline function put(y: usize, v: v128, left: i32): void {
  if (left >= 4) v128.store(y, v);
  else storeLanes(y, v, left);
}

/** d = sign·g + decay·p; buf = momentum·buf + fresh·d; p -= lr·(nesterov ? d + momentum·buf : buf). Without buf (0): p -= lr·d. */
export function sgd_f32(p: usize, buf: usize, g: usize, n: i32, lr: f32, decay: f32, momentum: f32, fresh: f32, nesterov: i32, sign: f32): void {
  const step = f32x4.splat(-lr);
  const tiny = f32x4.splat(TINY);
  const plain = buf == 0;
  for (; n > 0; n -= 4) {
    const x = v128.load(p);
    let d = madd(f32x4.splat(decay), x, f32x4.mul(v128.load(g), f32x4.splat(sign)));
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
}

/**
 * x = p − shrink·p; d = sign·g + decay·x; m = beta1·m + (1 − beta1)·d; v = beta2·v + (1 − beta2)·d²; p = x − step·m / (√v·root + eps),
 * with max(vmax, v) in v's place if there is a vmax (else 0). The caller has put the bias corrections into step and root.
 */
export function adam_f32(p: usize, m: usize, v: usize, vmax: usize, g: usize, n: i32, shrink: f32, decay: f32, sign: f32, beta1: f64, beta2: f64, eps: f32, step: f32, root: f32): void {
  const b1 = f32x4.splat(<f32>beta1);
  const f1 = f32x4.splat(<f32>(1 - beta1));
  const b2 = f32x4.splat(<f32>beta2);
  const f2 = f32x4.splat(<f32>(1 - beta2));
  const tiny = f32x4.splat(TINY);
  // Without eps a second moment of 0 would divide by zero where a first one is left.
  const tinySquare = f32x4.splat(eps > 0 ? TINY : 0);
  const amsgrad = vmax != 0;
  for (; n > 0; n -= 4) {
    let x = v128.load(p);
    x = madd(f32x4.splat(-shrink), x, x);
    const d = madd(f32x4.splat(decay), x, f32x4.mul(v128.load(g), f32x4.splat(sign)));
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
    put(p, f32x4.sub(x, f32x4.div(f32x4.mul(first, f32x4.splat(step)), size)), n);
    p += 16;
    m += 16;
    v += 16;
    g += 16;
  }
}
