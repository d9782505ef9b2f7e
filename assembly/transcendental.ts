// Transcendental functions, element by element; x, y, g and dx hold n elements. lib/math.ts and lib/math64.ts state the accuracy.
import { storeLanes, zip } from "./lib/loops";
import { mapLong, zipLong } from "./lib/long_loops";
import { logs } from "./lib/logs";
import * as math from "./lib/math";
import * as math64 from "./lib/math64";

@unmanaged class Exp {
  @inline v(x: v128): v128 { return math.exp(x); }
}
@unmanaged class Expm1 {
  @inline v(x: v128): v128 { return math.expm1(x); }
}
@unmanaged class Log1p {
  @inline v(x: v128): v128 { return math.log1p(x); }
}
@unmanaged class Tanh {
  @inline v(x: v128): v128 { return math.tanh(x); }
}
@unmanaged class TanhGrad {
  @inline v(g: v128, y: v128): v128 { return f32x4.mul(g, f32x4.sub(f32x4.splat(1), f32x4.mul(y, y))); }
}
@unmanaged class Sigmoid {
  @inline v(x: v128): v128 { return math.sigmoid(x); }
}
@unmanaged class SigmoidGrad {
  @inline v(g: v128, y: v128): v128 { return f32x4.mul(g, f32x4.mul(y, f32x4.sub(f32x4.splat(1), y))); }
}
@unmanaged class Erf {
  @inline v(x: v128): v128 { return math.erf(x); }
}
@unmanaged class ErfGrad {
  @inline v(g: v128, x: v128): v128 {
    return f32x4.mul(f32x4.mul(g, f32x4.splat(1.12837917)), math.exp(f32x4.neg(f32x4.mul(x, x))));
  }
}
export function exp_f32(y: usize, x: usize, n: i32): void { mapLong<Exp>(y, x, n); }
export function expm1_f32(y: usize, x: usize, n: i32): void { mapLong<Expm1>(y, x, n); }
export function log_f32(y: usize, x: usize, n: i32): void { logs(y, x, n); }
export function log1p_f32(y: usize, x: usize, n: i32): void { mapLong<Log1p>(y, x, n); }
export function tanh_f32(y: usize, x: usize, n: i32): void { mapLong<Tanh>(y, x, n); }
export function sigmoid_f32(y: usize, x: usize, n: i32): void { mapLong<Sigmoid>(y, x, n); }
export function erf_f32(y: usize, x: usize, n: i32): void { mapLong<Erf>(y, x, n); }
export function sin_f32(y: usize, x: usize, n: i32): void { sines(y, x, n, 0); }
export function cos_f32(y: usize, x: usize, n: i32): void { sines(y, x, n, 1); }

/** y = sin(x + turn·π/2), turn being 0 or 1. */
function sines(y: usize, x: usize, n: i32, turn: i32): void {
  if (n <= 0) return;
  do {
    const v = math64.sinTurned(v128.load(x), turn);
    if (n < 4) return storeLanes(y, v, n);
    v128.store(y, v);
    y += 16;
    x += 16;
    n -= 4;
  } while (n > 0);
}

/** y = a^b. */
export function pow_f32(y: usize, a: usize, b: usize, n: i32): void { powers(y, a, b, n, 0); }

/** y = x^exponent. */
export function pow_scalar_f32(y: usize, x: usize, n: i32, exponent: f32): void { powers(y, x, 0, n, exponent); }

/** y = a^b, or a^exponent where there is no b: the code is long, and stands in the binary once. */
function powers(y: usize, a: usize, b: usize, n: i32, exponent: f32): void {
  if (n <= 0) return;
  const same = f32x4.splat(exponent);
  do {
    const v = math64.pow(v128.load(a), b ? v128.load(b) : same);
    if (n < 4) return storeLanes(y, v, n);
    v128.store(y, v);
    y += 16;
    a += 16;
    if (b) b += 16;
    n -= 4;
  } while (n > 0);
}

/** dx = g·(1 − y²). */
export function tanh_grad_f32(dx: usize, g: usize, y: usize, n: i32): void { zip<TanhGrad>(dx, g, y, n); }

/** dx = g·y·(1 − y). */
export function sigmoid_grad_f32(dx: usize, g: usize, y: usize, n: i32): void { zip<SigmoidGrad>(dx, g, y, n); }

/** dx = g·2/√π·e^{−x²}. */
export function erf_grad_f32(dx: usize, g: usize, x: usize, n: i32): void { zipLong<ErfGrad>(dx, g, x, n); }
