// Activations that are more than a comparison, each with its gradient; x, y, g and dx hold n elements.
import { zip3, zipWith } from "./lib/loops";
import { mapLong, mapLongWith, zipLong, zipLongWith } from "./lib/long_loops";
import * as math from "./lib/math";

@unmanaged class Gelu {
  @inline v(x: v128): v128 { return f32x4.mul(x, math.normalCdf(x)); }
}
@unmanaged class GeluGrad {
  @inline v(g: v128, x: v128): v128 {
    const density = f32x4.mul(math.exp(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5))), f32x4.splat(0.39894228));
    return f32x4.mul(g, f32x4.add(math.normalCdf(x), f32x4.mul(x, density)));
  }
}

/** Bounded, so that a coefficient of 0 drops it even where it overflows; NaN stays. */
@inline function boundedSquare(x: v128): v128 {
  return f32x4.pmin(f32x4.mul(x, x), f32x4.splat(1e30));
}

@unmanaged class SelfGate {
  @inline v(x: v128, linear: v128, cubic: v128): v128 {
    const slope = f32x4.add(linear, f32x4.mul(cubic, boundedSquare(x)));
    return f32x4.mul(x, math.sigmoid(f32x4.mul(x, slope)));
  }
}
@unmanaged class SelfGateGrad {
  @inline v(g: v128, x: v128, linear: v128, cubic: v128): v128 {
    const c = f32x4.mul(cubic, boundedSquare(x));
    const slope = f32x4.add(linear, c);
    const s = math.sigmoid(f32x4.mul(x, slope));
    const du = f32x4.add(slope, f32x4.add(c, c));
    const inner = f32x4.mul(f32x4.mul(f32x4.mul(x, f32x4.sub(f32x4.splat(1), s)), s), du);
    return f32x4.mul(g, f32x4.add(s, inner));
  }
}

/** Lane N of a vector in all lanes: two scalars share one parameter of the loops. */
@inline function lane0(v: v128): v128 { return v128.shuffle<i32>(v, v, 0, 0, 0, 0); }
@inline function lane1(v: v128): v128 { return v128.shuffle<i32>(v, v, 1, 1, 1, 1); }
@inline function pair(a: f32, b: f32): v128 { return f32x4.replace_lane(f32x4.splat(a), 1, b); }

@unmanaged class Elu {
  @inline v(x: v128, sides: v128, rate: v128): v128 {
    const below = f32x4.mul(lane1(sides), math.expm1(f32x4.mul(rate, x)));
    return v128.bitselect(f32x4.mul(lane0(sides), x), below, f32x4.gt(x, f32x4.splat(0)));
  }
}
@unmanaged class EluGrad {
  @inline v(g: v128, x: v128, sides: v128, rate: v128): v128 {
    const below = f32x4.mul(f32x4.mul(lane1(sides), rate), math.exp(f32x4.mul(rate, x)));
    return f32x4.mul(g, v128.bitselect(lane0(sides), below, f32x4.gt(x, f32x4.splat(0))));
  }
}

@unmanaged class Softplus {
  @inline v(x: v128, beta: v128, threshold: v128): v128 {
    const z = f32x4.mul(x, beta);
    const rest = math.log1pUnit(math.exp(f32x4.neg(f32x4.abs(z))));
    const soft = f32x4.div(f32x4.add(f32x4.pmax(z, f32x4.splat(0)), rest), beta);
    return v128.bitselect(x, soft, f32x4.gt(z, threshold));
  }
}
@unmanaged class SoftplusGrad {
  @inline v(g: v128, x: v128, beta: v128, threshold: v128): v128 {
    const z = f32x4.mul(x, beta);
    return v128.bitselect(g, f32x4.mul(g, math.sigmoid(z)), f32x4.gt(z, threshold));
  }
}

@unmanaged class Leak {
  @inline v(v: v128, x: v128, slope: v128, _unused: v128): v128 {
    return v128.bitselect(v, f32x4.mul(v, slope), f32x4.gt(x, f32x4.splat(0)));
  }
}
@unmanaged class LeakSlopes {
  @inline v(v: v128, x: v128, slope: v128): v128 {
    return v128.bitselect(v, f32x4.mul(v, slope), f32x4.gt(x, f32x4.splat(0)));
  }
}

/** y = x·Φ(x), Φ the normal distribution function. Error ≤ 4 ULP; below −1 that or ≤ 1e-7. */
export function gelu_f32(y: usize, x: usize, n: i32): void { mapLong<Gelu>(y, x, n); }
/** dx = g·(Φ(x) + x·φ(x)), φ = Φ′. */
export function gelu_grad_f32(dx: usize, g: usize, x: usize, n: i32): void { zipLong<GeluGrad>(dx, g, x, n); }

/** y = x·σ(linear·x + cubic·x³): SiLU, and GELU with tanh, for (1 + tanh u)/2 = σ(2u). Error ≤ 4 ULP; below −1 that or ≤ 1e-7. */
export function self_gate_f32(y: usize, x: usize, n: i32, linear: f32, cubic: f32): void {
  mapLongWith<SelfGate>(y, x, n, f32x4.splat(linear), f32x4.splat(cubic));
}
/** dx = g·(s + x·s·(1 − s)·(linear + 3·cubic·x²)), s = σ(linear·x + cubic·x³). */
export function self_gate_grad_f32(dx: usize, g: usize, x: usize, n: i32, linear: f32, cubic: f32): void {
  zipLongWith<SelfGateGrad>(dx, g, x, n, f32x4.splat(linear), f32x4.splat(cubic));
}

/** Above 0 y = positive·x, else y = negative·(e^{rate·x} − 1). Error ≤ 4 ULP. */
export function elu_f32(y: usize, x: usize, n: i32, positive: f32, negative: f32, rate: f32): void {
  mapLongWith<Elu>(y, x, n, pair(positive, negative), f32x4.splat(rate));
}
/** Above 0 dx = positive·g, else dx = g·negative·rate·e^{rate·x}. */
export function elu_grad_f32(dx: usize, g: usize, x: usize, n: i32, positive: f32, negative: f32, rate: f32): void {
  zipLongWith<EluGrad>(dx, g, x, n, pair(positive, negative), f32x4.splat(rate));
}

/** y = ln(1 + e^{beta·x})/beta, or x where beta·x > threshold. Error ≤ 4 ULP. */
export function softplus_f32(y: usize, x: usize, n: i32, beta: f32, threshold: f32): void {
  mapLongWith<Softplus>(y, x, n, f32x4.splat(beta), f32x4.splat(threshold));
}
/** dx = g·σ(beta·x), or g where beta·x > threshold. */
export function softplus_grad_f32(dx: usize, g: usize, x: usize, n: i32, beta: f32, threshold: f32): void {
  zipLongWith<SoftplusGrad>(dx, g, x, n, f32x4.splat(beta), f32x4.splat(threshold));
}

/** y = v where x > 0, else slope·v: LeakyReLU for v = x, its gradient for v = g. */
export function leak_f32(y: usize, v: usize, x: usize, n: i32, slope: f32): void {
  zipWith<Leak>(y, v, x, n, f32x4.splat(slope), f32x4.splat(slope));
}
/** As leak_f32, with slopes [n]; y may be slopes. */
export function leak_slopes_f32(y: usize, v: usize, x: usize, slopes: usize, n: i32): void {
  zip3<LeakSlopes>(y, v, x, slopes, n);
}
