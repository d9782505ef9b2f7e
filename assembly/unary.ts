// Element-wise functions of one operand; x and y hold n elements.
import { map, zip } from "./lib/loops";

@unmanaged class Relu {
  // The operand order keeps NaN: pmax(a, b) is a < b ? b : a.
  @inline v(x: v128): v128 { return f32x4.pmax(x, f32x4.splat(0)); }
}
@unmanaged class ReluGrad {
  @inline v(g: v128, y: v128): v128 { return v128.and(g, f32x4.gt(y, f32x4.splat(0))); }
}

export function relu_f32(y: usize, x: usize, n: i32): void { map<Relu>(y, x, n); }

/** dx = g where y > 0, else 0. */
export function relu_grad_f32(dx: usize, g: usize, y: usize, n: i32): void { zip<ReluGrad>(dx, g, y, n); }
