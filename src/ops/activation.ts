import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import type { Tensor } from "../tensor.js";
import { add, affine, mul } from "./arithmetic.js";
import { apply, defineOp, type Op } from "./op.js";
import { expOp, sigmoidOp } from "./transcendental.js";
import { elementwise, elementwiseGrad, map, squareOp, zip } from "./unary.js";

type Unary = readonly [Tensor];
type Binary = readonly [Tensor, Tensor];
type One = readonly [Tensor];

/** ∂²/∂x² x·Φ(x) = φ(x)·(2 − x²). */
export const geluGradOp = elementwiseGrad("gelu_grad", "gelu_grad_f32", (gg, g, x) => {
  const square = map(squareOp, x);
  const density = affine(map(expOp, affine(square, -0.5, 0)), 1 / Math.sqrt(2 * Math.PI), 0);
  return mul(mul(gg, g), mul(density, affine(square, -1, 2)));
});

export const geluOp = elementwise("gelu", {
  float32: "gelu_f32",
  prefix: "GELU",
  backward: (g, x) => zip(geluGradOp, g, x),
});

/** x gated by σ(linear·x + cubic·x³). */
interface Gate {
  readonly linear: number;
  readonly cubic: number;
}

function selfGated(name: string, prefix: string, gate: Gate): Op<Unary, One, void> {
  return defineOp<Unary, One>({
    name,
    infer: ([x]) => {
      checkDType(prefix, "input", x, "float32");
      return [x];
    },
    forward: ([y], [x]) => K.self_gate_f32(y.ptr, x.ptr, x.numel, gate.linear, gate.cubic),
    backward: ([g], [x]) => [() => selfGateGrad(g, x, gate)],
  });
}

export const selfGateGradOp = defineOp<Binary, One, Gate>({
  name: "self_gate_grad",
  infer: ([g]) => [g],
  forward: ([dx], [g, x], { linear, cubic }) => K.self_gate_grad_f32(dx.ptr, g.ptr, x.ptr, g.numel, linear, cubic),
  backward: ([gg], [g, x], _, gate) => [
    () => selfGateGrad(gg, x, gate),
    () => mul(mul(gg, g), selfGateCurvature(x, gate)),
  ],
});

function selfGateGrad(g: Tensor, x: Tensor, gate: Gate): Tensor {
  return apply(selfGateGradOp, [g, x], gate)[0];
}

/** ∂²/∂x² x·σ(u) = σ′·(2u′ + x·(u″ + (1 − 2σ)·u′²)). */
function selfGateCurvature(x: Tensor, { linear, cubic }: Gate): Tensor {
  const square = map(squareOp, x);
  const s = map(sigmoidOp, mul(x, affine(square, cubic, linear)));
  const du = affine(square, 3 * cubic, linear);
  const bend = add(affine(x, 6 * cubic, 0), mul(affine(s, -2, 1), map(squareOp, du)));
  return mul(mul(s, affine(s, -1, 1)), add(affine(du, 2, 0), mul(x, bend)));
}

/** (1 + tanh u)/2 = σ(2u), so GELU's approximation 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) is a gate. */
const TWICE = 2 * Math.sqrt(2 / Math.PI);

export const geluTanhOp = selfGated("gelu_tanh", "GELU", { linear: TWICE, cubic: 0.044715 * TWICE });
export const siluOp = selfGated("silu", "SiLU", { linear: 1, cubic: 0 });
