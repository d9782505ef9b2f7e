import { K } from "../backend/index.js";
import { checkDType, checkInteger, checkNumber } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Draw, Generator } from "../random.js";
import { numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { apply, defineOp, notDifferentiable } from "./op.js";

// An op's attributes hold where in the stream its draw begins, not the generator: the same call gives the same values again.

type None = readonly [];
type Unary = readonly [Tensor];
type One = readonly [Tensor];

const NO_GRADIENT = notDifferentiable("a draw does not depend on the parameters in a differentiable way");

interface RangeAttrs {
  readonly shape: Shape;
  readonly draw: Draw;
  readonly low: number;
  readonly high: number;
}

export const uniformOp = defineOp<None, One, RangeAttrs>({
  name: "uniform",
  infer: (_, { shape, low, high }) => {
    checkRange("uniform", low, high);
    return [{ shape, dtype: "float32" }];
  },
  forward: ([y], _, attrs) => uniformInto(y, attrs),
  backward: NO_GRADIENT,
});

/** Overwrites a contiguous tensor; the range has been checked. */
export function uniformInto(y: Tensor, { draw, low, high }: Omit<RangeAttrs, "shape">): void {
  K.uniform_f32(y.ptr, y.numel, draw.k0, draw.k1, draw.c0, draw.c1, low, high);
}

/** Throws unless [low, high) is a range whose length float32 can hold. */
export function checkRange(op: string, low: number, high: number): void {
  checkNumber(op, "low", low);
  checkNumber(op, "high", high);
  if (!(low <= high) || !Number.isFinite(Math.fround(Math.fround(high) - Math.fround(low)))) {
    throw new ArgumentError(op, `range is [${low}, ${high}); expected low ≤ high, and a finite float32 between them`);
  }
}

interface NormalAttrs {
  readonly shape: Shape;
  readonly draw: Draw;
  readonly mean: number;
  readonly std: number;
}

export const normalOp = defineOp<None, One, NormalAttrs>({
  name: "normal",
  infer: (_, { shape, mean, std }) => {
    checkNormal("normal", mean, std);
    return [{ shape, dtype: "float32" }];
  },
  forward: ([y], _, attrs) => normalInto(y, attrs),
  backward: NO_GRADIENT,
});

/** Overwrites a contiguous tensor; mean and std have been checked. */
export function normalInto(y: Tensor, { draw, mean, std }: Omit<NormalAttrs, "shape">): void {
  K.normal_f32(y.ptr, y.numel, draw.k0, draw.k1, draw.c0, draw.c1, mean, std);
}

export function checkNormal(op: string, mean: number, std: number): void {
  checkNumber(op, "mean", mean);
  checkNumber(op, "std", std, 0);
}

export const randintOp = defineOp<None, One, RangeAttrs>({
  name: "randint",
  infer: (_, { shape, low, high }) => {
    checkIntegers("randint", low, high);
    return [{ shape, dtype: "int32" }];
  },
  forward: ([y], _, { draw, low, high }) =>
    K.randint_i32(y.ptr, y.numel, draw.k0, draw.k1, draw.c0, draw.c1, low, high - low),
  backward: NO_GRADIENT,
});

/** Throws unless [low, high) is a range of int32 numbers with at least one. */
export function checkIntegers(op: string, low: number, high: number): void {
  checkInteger(op, "low", low, -(2 ** 31));
  checkInteger(op, "high", high, low + 1);
}

export const bernoulliOp = defineOp<Unary, One, { draw: Draw }>({
  name: "bernoulli",
  infer: ([p]) => {
    checkDType("bernoulli", "input", p, "float32");
    return [p];
  },
  forward: ([y], [p], { draw }) => K.bernoulli_f32(y.ptr, p.ptr, p.numel, draw.k0, draw.k1, draw.c0, draw.c1),
  backward: NO_GRADIENT,
});

/** 1 with the probability that the element of p tells, else 0. A p below 0 counts as 0, one above 1 as 1. */
export function bernoulli(p: Tensor, generator: Generator): Tensor {
  return apply(bernoulliOp, [p], { draw: generator.draw(p.numel) })[0];
}

/** Its own gradient: the same draw drops the same elements. No mask is stored. */
export const dropoutOp = defineOp<Unary, One, { p: number; draw: Draw }>({
  name: "dropout",
  infer: ([x], { p }) => {
    checkDType("Dropout", "input", x, "float32");
    checkProbability("Dropout", p);
    return [x];
  },
  forward: ([y], [x], { p, draw }) => {
    const threshold = Math.round(p * 2 ** 31);
    K.dropout_f32(y.ptr, x.ptr, x.numel, draw.k0, draw.k1, draw.c0, draw.c1, threshold, p === 1 ? 0 : 1 / (1 - p));
  },
  saves: { inputs: [] },
  backward: ([g], _, __, { p, draw }) => [() => dropoutAgain(g, p, draw)],
});

/** Zeroes each element with probability p and scales the others by 1/(1 − p). */
export function dropout(x: Tensor, p: number, generator: Generator): Tensor {
  return dropoutAgain(x, p, generator.draw(x.numel));
}

/** Drops what the same draw has dropped before. */
function dropoutAgain(x: Tensor, p: number, draw: Draw): Tensor {
  return apply(dropoutOp, [x], { p, draw })[0];
}

export function checkProbability(op: string, p: number): number {
  return checkNumber(op, "p", p, 0, 1);
}

export function uniform(shape: Shape, low: number, high: number, generator: Generator): Tensor {
  return apply(uniformOp, [], { shape, low, high, draw: generator.draw(numel(shape)) })[0];
}

export function normal(shape: Shape, mean: number, std: number, generator: Generator): Tensor {
  return apply(normalOp, [], { shape, mean, std, draw: generator.draw(numel(shape)) })[0];
}

export function randint(shape: Shape, low: number, high: number, generator: Generator): Tensor {
  return apply(randintOp, [], { shape, low, high, draw: generator.draw(numel(shape)) })[0];
}
