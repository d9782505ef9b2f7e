import { K } from "../backend/index.js";
import { ArgumentError } from "../errors.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { affine, div, mul, neg, sub } from "./arithmetic.js";
import { checkSameShape } from "./loss.js";
import { apply, defineOp } from "./op.js";
import { log1pOp, logOp, sigmoidGradOp, sigmoidOp } from "./transcendental.js";
import { clamp, clampGrad, map, squareOp, zip } from "./unary.js";

type Pair = readonly [input: Tensor, target: Tensor];
type Graded = readonly [g: Tensor, input: Tensor, target: Tensor];
type One = readonly [Tensor];

/** Refuses what is no probability, NaN included, as PyTorch does. */
function checkProbabilities(op: string, what: string, x: Tensor): void {
  const at = K.outside_f32(x.ptr, x.numel, 0, 1);
  if (at < 0) return;
  throw new ArgumentError(
    op,
    `${what} is ${x.data()[at]} at element ${at} of ${formatShape(x.shape)}; expected probabilities, 0 to 1`,
  );
}

/** Least logarithm and least x·(1 − x) that binary cross-entropy counts with; PyTorch's. */
const LEAST_LOG = -100;
const LEAST_SLOPE = 1e-12;

export const bceOp = defineOp<Pair, One>({
  name: "bce",
  infer: ([x, t]) => {
    checkSameShape("BCELoss", x, t);
    return [x];
  },
  forward: ([y], [x, t]) => {
    checkProbabilities("BCELoss", "input", x);
    checkProbabilities("BCELoss", "target", t);
    K.bce_f32(y.ptr, x.ptr, t.ptr, y.numel);
  },
  backward: ([g], [x, t]) => [
    () => bceGrad(g, x, t),
    () => {
      const miss = clamp(map(log1pOp, neg(x)), LEAST_LOG, Infinity);
      return mul(g, sub(miss, clamp(map(logOp, x), LEAST_LOG, Infinity)));
    },
  ],
});

export const bceGradOp = defineOp<Graded, One>({
  name: "bce_grad",
  infer: ([g]) => [g],
  forward: ([dx], [g, x, t]) => K.bce_grad_f32(dx.ptr, g.ptr, x.ptr, t.ptr, g.numel),
  backward: ([gg], [g, x, t]) => {
    const slope = (): Tensor => clamp(mul(x, affine(x, -1, 1)), LEAST_SLOPE, Infinity);
    return [
      () => bceGrad(gg, x, t),
      () => {
        // (x² − 2xt + t)/(x·(1 − x))².
        const upper = sub(map(squareOp, x), mul(t, affine(x, 2, -1)));
        return div(mul(mul(gg, g), div(upper, slope())), slope());
      },
      () => neg(div(mul(gg, g), slope())),
    ];
  },
});

function bceGrad(g: Tensor, x: Tensor, t: Tensor): Tensor {
  return apply(bceGradOp, [g, x, t], undefined)[0];
}

/** −t·ln x − (1 − t)·ln(1 − x), element by element. */
export function bce(x: Tensor, t: Tensor): Tensor {
  return apply(bceOp, [x, t], undefined)[0];
}

export const bceWithLogitsOp = defineOp<Pair, One, { op: string }>({
  name: "bce_with_logits",
  infer: ([x, t], { op }) => {
    checkSameShape(op, x, t);
    return [x];
  },
  forward: ([y], [x, t]) => K.bce_with_logits_f32(y.ptr, x.ptr, t.ptr, y.numel),
  backward: ([g], [x, t]) => [() => bceWithLogitsGrad(g, x, t), () => neg(mul(g, x))],
});

export const bceWithLogitsGradOp = defineOp<Graded, One>({
  name: "bce_with_logits_grad",
  infer: ([g]) => [g],
  forward: ([dx], [g, x, t]) => K.bce_with_logits_grad_f32(dx.ptr, g.ptr, x.ptr, t.ptr, g.numel),
  backward: ([gg], [g, x, t]) => [
    () => bceWithLogitsGrad(gg, x, t),
    () => zip(sigmoidGradOp, mul(gg, g), map(sigmoidOp, x)),
    () => neg(mul(gg, g)),
  ],
});

function bceWithLogitsGrad(g: Tensor, x: Tensor, t: Tensor): Tensor {
  return apply(bceWithLogitsGradOp, [g, x, t], undefined)[0];
}

/** −t·ln σ(x) − (1 − t)·ln(1 − σ(x)) for scores x, element by element; `op` is the prefix of messages. */
export function bceWithLogits(op: string, x: Tensor, t: Tensor): Tensor {
  return apply(bceWithLogitsOp, [x, t], { op })[0];
}

/** Where the parabola ends, and the slope behind it. */
interface HuberAttrs {
  readonly op: string;
  readonly knee: number;
  readonly slope: number;
}

export const huberOp = defineOp<Pair, One, HuberAttrs>({
  name: "huber",
  infer: ([a, b], { op }) => {
    checkSameShape(op, a, b);
    return [a];
  },
  forward: ([y], [a, b], { knee, slope }) => K.huber_f32(y.ptr, a.ptr, b.ptr, y.numel, knee, slope),
  backward: ([g], [a, b], _, attrs) => [() => huberGrad(g, a, b, attrs), () => huberGrad(g, b, a, attrs)],
});

export const huberGradOp = defineOp<Graded, One, HuberAttrs>({
  name: "huber_grad",
  infer: ([g]) => [g],
  forward: ([da], [g, a, b], { knee, slope }) => {
    K.huber_grad_f32(da.ptr, g.ptr, a.ptr, b.ptr, g.numel, knee, slope);
  },
  backward: ([gg], [g, a, b], _, attrs) => {
    const { knee, slope } = attrs;
    const inside = (): Tensor => clampGrad(affine(mul(gg, g), slope / knee, 0), sub(a, b), { min: -knee, max: knee });
    return [() => huberGrad(gg, a, b, attrs), inside, () => neg(inside())];
  },
});

function huberGrad(g: Tensor, a: Tensor, b: Tensor, attrs: HuberAttrs): Tensor {
  return apply(huberGradOp, [g, a, b], attrs)[0];
}

/** slope·d²/(2·knee) where d = |a − b| < knee, else slope·(d − knee/2). */
export function huber(a: Tensor, b: Tensor, attrs: HuberAttrs): Tensor {
  return apply(huberOp, [a, b], attrs)[0];
}
