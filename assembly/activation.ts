// Activations that are more than a comparison, each with its gradient; x, y, g and dx hold n elements.
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
