import { K } from "../backend/index.js";
import { checkDType, checkNumber } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import type { Draw } from "../random.js";
import { arena } from "../runtime/arena.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Ptr, Shape } from "../types.js";
import { add, affine, mul } from "./arithmetic.js";
import { compare, ltOp } from "./compare.js";
import { constant, neighbour, reshape } from "./copy.js";
import { maskedFill } from "./mask.js";
import { apply, defineOp, type Op } from "./op.js";
import { uniformInto } from "./random.js";
import { sumTo } from "./reduce.js";
import { expOp, sigmoidOp } from "./transcendental.js";
import { clamp, map, squareOp } from "./unary.js";

type Unary = readonly [Tensor];
type Binary = readonly [Tensor, Tensor];
type One = readonly [Tensor];

/** A function f of x with parameters P, by its kernels. */
interface Family<P> {
  readonly forward: (y: Tensor, x: Tensor, parameters: P) => void;
  /** dx = g·f′(x). */
  readonly grad: (dx: Tensor, g: Tensor, x: Tensor, parameters: P) => void;
  /** f″(x); null if it is 0 wherever f has a derivative. */
  readonly bend: ((x: Tensor, parameters: P) => Tensor) | null;
}

/** An op and the op of its gradient. */
interface Curve<A> {
  readonly op: Op<Unary, One, A>;
  readonly gradOp: Op<Binary, One, A>;
}

/** The activation `name` as a member of a family. Messages begin with `prefix`. */
function curve<P, A>(name: string, prefix: string, family: Family<P>, parameters: (attrs: A) => P): Curve<A> {
  const { forward, grad, bend } = family;
  const gradOp: Curve<A>["gradOp"] = defineOp<Binary, One, A>({
    name: `${name}_grad`,
    infer: ([g]) => [g],
    forward: ([dx], [g, x], attrs) => grad(dx, g, x, parameters(attrs)),
    saves: { inputs: bend === null ? [1] : [0, 1] },
    backward: ([gg], [g, x], _, attrs) => [
      () => apply(gradOp, [gg, x], attrs)[0],
      bend && (() => mul(mul(gg, g), bend(x, parameters(attrs)))),
    ],
  });
  const op = defineOp<Unary, One, A>({
    name,
    infer: ([x]) => {
      checkDType(prefix, "input", x, "float32");
      return [x];
    },
    forward: ([y], [x], attrs) => forward(y, x, parameters(attrs)),
    inPlace: [0],
    backward: ([g], [x], _, attrs) => [() => apply(gradOp, [g, x], attrs)[0]],
  });
  return { op, gradOp };
}

/** x·Φ(x), Φ the normal distribution function and φ its density. */
const normalGate: Family<void> = {
  forward: (y, x) => K.gelu_f32(y.ptr, x.ptr, x.numel),
  grad: (dx, g, x) => K.gelu_grad_f32(dx.ptr, g.ptr, x.ptr, x.numel),
  // φ·(2 − x²)
  bend: (x) => {
    const square = map(squareOp, x);
    const density = affine(map(expOp, affine(square, -0.5, 0)), 1 / Math.sqrt(2 * Math.PI), 0);
    return mul(density, affine(square, -1, 2));
  },
};

/** x·σ(u) with u = linear·x + cubic·x³. */
const logisticGate: Family<{ readonly linear: number; readonly cubic: number }> = {
  forward: (y, x, { linear, cubic }) => K.self_gate_f32(y.ptr, x.ptr, x.numel, linear, cubic),
  grad: (dx, g, x, { linear, cubic }) => K.self_gate_grad_f32(dx.ptr, g.ptr, x.ptr, x.numel, linear, cubic),
  // σ′·(2u′ + x·(u″ + (1 − 2σ)·u′²))
  bend: (x, { linear, cubic }) => {
    const square = map(squareOp, x);
    const s = map(sigmoidOp, mul(x, affine(square, cubic, linear)));
    const du = affine(square, 3 * cubic, linear);
    const inner = add(affine(x, 6 * cubic, 0), mul(affine(s, -2, 1), map(squareOp, du)));
    return mul(mul(s, affine(s, -1, 1)), add(affine(du, 2, 0), mul(x, inner)));
  },
};

/** positive·x above 0, else negative·(e^{rate·x} − 1). */
const exponential: Family<{ readonly positive: number; readonly negative: number; readonly rate: number }> = {
  forward: (y, x, { positive, negative, rate }) => K.elu_f32(y.ptr, x.ptr, x.numel, positive, negative, rate),
  grad: (dx, g, x, { positive, negative, rate }) =>
    K.elu_grad_f32(dx.ptr, g.ptr, x.ptr, x.numel, positive, negative, rate),
  bend: (x, { negative, rate }) =>
    maskedFill(affine(map(expOp, affine(x, rate, 0)), negative * rate * rate, 0), above(x, 0), 0),
};

/** ln(1 + e^{beta·x})/beta, or x where beta·x > threshold. */
const logarithmic: Family<{ readonly beta: number; readonly threshold: number }> = {
  forward: (y, x, { beta, threshold }) => K.softplus_f32(y.ptr, x.ptr, x.numel, beta, threshold),
  grad: (dx, g, x, { beta, threshold }) => K.softplus_grad_f32(dx.ptr, g.ptr, x.ptr, x.numel, beta, threshold),
  bend: (x, { beta, threshold }) => {
    const z = affine(x, beta, 0);
    const s = map(sigmoidOp, z);
    return maskedFill(affine(mul(s, affine(s, -1, 1)), beta, 0), above(z, threshold), 0);
  },
};

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Throws unless min ≤ max, called minVal and maxVal as in PyTorch. */
export function checkBounds(op: string, min: number, max: number): Bounds {
  checkNumber(op, "minVal", min);
  checkNumber(op, "maxVal", max);
  if (min > max) throw new ArgumentError(op, `minVal is ${min}; expected at most maxVal ${max}`);
  return { min, max };
}

/** min(max(x, min), max), with no gradient on the bounds themselves: there it differs from clamp. */
const bounded: Family<Bounds> = {
  forward: (y, x, { min, max }) => K.clamp_f32(y.ptr, x.ptr, x.numel, min, max),
  grad: (dx, g, x, { min, max }) =>
    K.clamp_grad_f32(dx.ptr, g.ptr, x.ptr, x.numel, neighbour(min, Infinity), neighbour(max, -Infinity)),
  bend: null,
};

/** x above 0, else slope·x. */
const leaky: Family<number> = {
  forward: (y, x, slope) => K.leak_f32(y.ptr, x.ptr, x.ptr, x.numel, slope),
  grad: (dx, g, x, slope) => K.leak_f32(dx.ptr, g.ptr, x.ptr, x.numel, slope),
  bend: null,
};

/** x > bound, as bool. */
function above(x: Tensor, bound: number): Tensor {
  return compare(ltOp, constant([], bound), x);
}

/** (1 + tanh u)/2 = σ(2u), so GELU's approximation 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) is a gate. */
const GELU_GATE = { linear: 2 * Math.sqrt(2 / Math.PI), cubic: 0.044715 * 2 * Math.sqrt(2 / Math.PI) };
const SILU_GATE = { linear: 1, cubic: 0 };

/** λ and α such that mean 0 and variance 1 are a fixed point. */
const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;

export const { op: geluOp, gradOp: geluGradOp } = curve("gelu", "GELU", normalGate, () => undefined);
export const { op: geluTanhOp, gradOp: geluTanhGradOp } = curve("gelu_tanh", "GELU", logisticGate, () => GELU_GATE);
export const { op: siluOp, gradOp: siluGradOp } = curve("silu", "SiLU", logisticGate, () => SILU_GATE);

export const { op: eluOp, gradOp: eluGradOp } = curve("elu", "ELU", exponential, ({ alpha }: { alpha: number }) => ({
  positive: 1,
  negative: alpha,
  rate: 1,
}));
export const { op: seluOp, gradOp: seluGradOp } = curve("selu", "SELU", exponential, () => ({
  positive: SELU_SCALE,
  negative: SELU_SCALE * SELU_ALPHA,
  rate: 1,
}));
export const { op: celuOp, gradOp: celuGradOp } = curve(
  "celu",
  "CELU",
  exponential,
  ({ alpha }: { alpha: number }) => ({ positive: 1, negative: alpha, rate: 1 / alpha }),
);

export const { op: softplusOp, gradOp: softplusGradOp } = curve(
  "softplus",
  "Softplus",
  logarithmic,
  (attrs: { beta: number; threshold: number }) => attrs,
);
/** −ln(1 + e^{−x}) is the softplus with beta −1. */
export const { op: logsigmoidOp, gradOp: logsigmoidGradOp } = curve("logsigmoid", "LogSigmoid", logarithmic, () => ({
  beta: -1,
  threshold: Infinity,
}));

export const { op: hardtanhOp, gradOp: hardtanhGradOp } = curve(
  "hardtanh",
  "Hardtanh",
  bounded,
  (attrs: Bounds) => attrs,
);
export const { op: relu6Op, gradOp: relu6GradOp } = curve("relu6", "ReLU6", bounded, () => ({ min: 0, max: 6 }));

export const { op: leakyReluOp, gradOp: leakyReluGradOp } = curve(
  "leakyRelu",
  "LeakyReLU",
  leaky,
  ({ negativeSlope }: { negativeSlope: number }) => negativeSlope,
);

/** x above 0, else x times a learned slope: one for all, or one for each index of dimension 1. */
export const preluOp = defineOp<Binary, One>({
  name: "prelu",
  infer: ([x, weight]) => {
    checkDType("PReLU", "input", x, "float32");
    checkDType("PReLU", "weight", weight, "float32");
    const channels = x.shape[1] ?? 1;
    if (weight.shape.length !== 1 || ![1, channels].includes(weight.shape[0]!)) {
      const expected = channels === 1 ? "[1]" : `[1] or [${channels}]`;
      throw new ShapeError(
        "PReLU",
        `weight has shape ${formatShape(weight.shape)}; expected ${expected} (input ${formatShape(x.shape)})`,
      );
    }
    return [x];
  },
  forward: ([y], [x, weight]) => leakByChannel(y, x, x, weight),
  inPlace: [0],
  backward: ([g], [x, weight]) => [
    () => apply(preluGradOp, [g, x, weight], undefined)[0],
    () => sumSlopes(mul(g, clamp(x, -Infinity, 0)), weight.shape),
  ],
});

export const preluGradOp: Op<readonly [g: Tensor, x: Tensor, weight: Tensor], One, void> = defineOp({
  name: "prelu_grad",
  infer: ([g]) => [g],
  forward: ([dx], [g, x, weight]) => leakByChannel(dx, g, x, weight),
  backward: ([gg], [g, x, weight]) => [
    () => apply(preluGradOp, [gg, x, weight], undefined)[0],
    null,
    () => sumSlopes(maskedFill(mul(gg, g), above(x, 0), 0), weight.shape),
  ],
});

/** y = v where x > 0, else weight·v. */
function leakByChannel(y: Tensor, v: Tensor, x: Tensor, weight: Tensor): void {
  const channels = weight.numel;
  const inner = channels === 1 ? x.numel : x.shape.slice(2).reduce((p, n) => p * n, 1);
  if (x.numel === 0) return;
  const rows = x.numel / (channels * inner);
  const at = (t: Tensor, element: number): Ptr => (t.ptr + 4 * element) as Ptr;
  for (let row = 0; row < rows; row++) {
    const start = row * channels * inner;
    if (inner === 1 && channels > 1) {
      K.leak_slopes_f32(at(y, start), at(v, start), at(x, start), weight.ptr, channels);
      continue;
    }
    for (let c = 0; c < channels; c++) {
      const p = start + c * inner;
      K.leak_f32(at(y, p), at(v, p), at(x, p), inner, arena.readFloat(at(weight, c)));
    }
  }
}

/** Σ over everything but the slopes' dimension of [N, C, …]. */
function sumSlopes(x: Tensor, shape: Shape): Tensor {
  const aligned = shape[0] === 1 ? [] : [shape[0]!, ...x.shape.slice(2).map(() => 1)];
  return reshape(sumTo(x, aligned), shape);
}

interface Slopes {
  readonly lower: number;
  readonly upper: number;
  readonly draw: Draw;
}

/** x above 0, else x times a slope drawn for each element; the gradient draws the same slopes again. */
export const rreluOp = defineOp<Unary, One, Slopes>({
  name: "rrelu",
  infer: ([x]) => {
    checkDType("RReLU", "input", x, "float32");
    return [x];
  },
  forward: ([y], [x], slopes) => leakAtRandom(y, x, x, slopes),
  backward: ([g], [x], _, slopes) => [() => apply(rreluGradOp, [g, x], slopes)[0]],
});

export const rreluGradOp: Op<Binary, One, Slopes> = defineOp<Binary, One, Slopes>({
  name: "rrelu_grad",
  infer: ([g]) => [g],
  forward: ([dx], [g, x], slopes) => leakAtRandom(dx, g, x, slopes),
  saves: { inputs: [1] },
  backward: ([gg], [, x], _, slopes) => [() => apply(rreluGradOp, [gg, x], slopes)[0], null],
});

/** y = v where x > 0, else v times a drawn slope; y holds the slopes in between. */
function leakAtRandom(y: Tensor, v: Tensor, x: Tensor, { lower, upper, draw }: Slopes): void {
  uniformInto(y, { draw, low: lower, high: upper });
  K.leak_slopes_f32(y.ptr, v.ptr, x.ptr, y.ptr, y.numel);
}
