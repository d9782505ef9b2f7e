import { checkInteger, checkNumber, checkOptions } from "./check.js";
import { checkShape, full, makeTensor } from "./creation.js";
import { ArgumentError, ShapeError } from "./errors.js";
import * as ops from "./ops/random.js";
import { defaultGenerator, type Generator } from "./random.js";
import { formatShape } from "./shape.js";
import { adopt, Tensor } from "./tensor.js";
import type { Shape } from "./types.js";

export interface GeneratorOption {
  /** Where the numbers come from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

export interface SamplingOptions extends GeneratorOption {
  /** Default false. */
  readonly requiresGrad?: boolean;
}

const OPTIONS = ["generator", "requiresGrad"];

/** Uniform in [0, 1), float32. */
export function rand(shape: Shape, options: SamplingOptions = {}): Tensor {
  return sample("rand", shape, options, (g) => ops.uniform(shape, 0, 1, g));
}

/** Standard normal, float32. */
export function randn(shape: Shape, options: SamplingOptions = {}): Tensor {
  return sample("randn", shape, options, (g) => ops.normal(shape, 0, 1, g));
}

/** Uniform in [low, high), float32. */
export function uniform(low: number, high: number, shape: Shape, options: SamplingOptions = {}): Tensor {
  ops.checkRange("uniform", low, high);
  return sample("uniform", shape, options, (g) => ops.uniform(shape, low, high, g));
}

/** Normal with the given mean and standard deviation, float32. */
export function normal(mean: number, std: number, shape: Shape, options: SamplingOptions = {}): Tensor {
  ops.checkNormal("normal", mean, std);
  return sample("normal", shape, options, (g) => ops.normal(shape, mean, std, g));
}

/** Uniform integers in [low, high), int32; low is 0 if it is left out. */
export function randint(high: number, shape: Shape, options?: GeneratorOption): Tensor;
export function randint(low: number, high: number, shape: Shape, options?: GeneratorOption): Tensor;
export function randint(...args: readonly unknown[]): Tensor {
  const [low, high, shape, options = {}] = (typeof args[1] === "number" ? args : [0, ...args]) as [
    number,
    number,
    Shape,
    GeneratorOption?,
  ];
  checkOptions("randint", options, ["generator"]);
  checkShape("randint", shape);
  ops.checkIntegers("randint", low, high);
  return ops.randint(shape, low, high, options.generator ?? defaultGenerator);
}

/** 1 with probability p, else 0, float32: for each element of a tensor of probabilities, or everywhere the same p in a shape. */
export function bernoulli(p: Tensor, options?: GeneratorOption): Tensor;
export function bernoulli(p: number, shape: Shape, options?: SamplingOptions): Tensor;
export function bernoulli(p: Tensor | number, ...rest: readonly unknown[]): Tensor {
  if (p instanceof Tensor) {
    const [options = {}] = rest as [GeneratorOption?];
    checkOptions("bernoulli", options, ["generator"]);
    return ops.bernoulli(p, options.generator ?? defaultGenerator);
  }
  const [shape, options = {}] = rest as [Shape, SamplingOptions?];
  ops.checkProbability("bernoulli", p);
  return sample("bernoulli", shape, options, (g) => {
    const probabilities = full(shape, p);
    const out = ops.bernoulli(probabilities, g);
    probabilities.dispose();
    return out;
  });
}

export interface MultinomialOptions extends GeneratorOption {
  /** Let a category be drawn again. Default false. */
  readonly replacement?: boolean;
}

/**
 * Draws categories with probabilities proportional to the weights: [C] → [numSamples], [N, C] → [N, numSamples], int32.
 * Errors: ArgumentError for weights that are negative, infinite or NaN, that are all 0, or, without replacement, of which fewer than
 * numSamples are positive.
 */
export function multinomial(weights: Tensor, numSamples: number, options: MultinomialOptions = {}): Tensor {
  checkOptions("multinomial", options, ["replacement", "generator"]);
  checkInteger("multinomial", "numSamples", numSamples, 1);
  const categories = weights.shape.at(-1);
  if (categories === undefined || weights.ndim > 2) {
    throw new ShapeError("multinomial", `weights are ${formatShape(weights.shape)}; expected [C] or [N, C]`);
  }
  const replacement = options.replacement ?? false;
  const values = weights.data();
  const rows = weights.ndim === 1 ? 1 : weights.shape[0]!;
  const trees = Array.from({ length: rows }, (_, r) => {
    const row = values.subarray(r * categories, (r + 1) * categories);
    checkWeights(row, replacement ? 1 : numSamples);
    return new SumTree(row);
  });
  const words = (options.generator ?? defaultGenerator).words(rows * numSamples);
  const out = new Int32Array(rows * numSamples);
  for (let i = 0; i < out.length; i++) {
    const tree = trees[Math.floor(i / numSamples)]!;
    const drawn = tree.find((words[i]! + 0.5) / 2 ** 32);
    if (!replacement) tree.remove(drawn);
    out[i] = drawn;
  }
  return adopt(makeTensor(out, { shape: [...weights.shape.slice(0, -1), numSamples] }));
}

function checkWeights(row: ArrayLike<number>, needed: number): void {
  let positive = 0;
  for (let i = 0; i < row.length; i++) {
    if (checkNumber("multinomial", `weight ${i}`, row[i], 0, Number.MAX_VALUE) > 0) positive++;
  }
  if (positive < needed) {
    throw new ArgumentError("multinomial", `${positive} weights are positive; expected at least ${needed}`);
  }
}

/** Weights at the leaves of a binary tree, in each node the sum below: finding and removing take as many steps as it is high. */
class SumTree {
  private readonly sums: Float64Array;
  private readonly leaves: number;

  constructor(weights: ArrayLike<number>) {
    this.leaves = 2 ** Math.ceil(Math.log2(weights.length));
    this.sums = new Float64Array(2 * this.leaves);
    this.sums.set(weights, this.leaves);
    for (let i = this.leaves - 1; i > 0; i--) this.refresh(i);
  }

  /** The leaf at a fraction of the whole weight; never one of weight 0. */
  find(fraction: number): number {
    let rest = fraction * this.sums[1]!;
    let node = 1;
    while (node < this.leaves) {
      const left = this.sums[2 * node]!;
      // Rounding may leave a rest where there is nothing to the right.
      const goLeft = rest < left || this.sums[2 * node + 1] === 0;
      if (!goLeft) rest -= left;
      node = goLeft ? 2 * node : 2 * node + 1;
    }
    return node - this.leaves;
  }

  remove(leaf: number): void {
    let node = leaf + this.leaves;
    this.sums[node] = 0;
    for (node >>= 1; node > 0; node >>= 1) this.refresh(node);
  }

  private refresh(node: number): void {
    this.sums[node] = this.sums[2 * node]! + this.sums[2 * node + 1]!;
  }
}

/** The integers from 0 to n − 1 in random order, int32. */
export function randperm(n: number, options: GeneratorOption = {}): Tensor {
  checkOptions("randperm", options, ["generator"]);
  checkInteger("randperm", "n", n, 0);
  return adopt(makeTensor(permutation(n, options.generator ?? defaultGenerator)));
}

/** `randperm` as an array: Fisher and Yates, one word of the stream for each element. */
export function permutation(n: number, generator: Generator): Int32Array {
  const words = generator.words(n);
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor((words[i]! / 2 ** 32) * (i + 1));
    const moved = order[i]!;
    order[i] = order[j]!;
    order[j] = moved;
  }
  return order;
}

function sample(op: string, shape: Shape, options: SamplingOptions, make: (g: Generator) => Tensor): Tensor {
  checkOptions(op, options, OPTIONS);
  checkShape(op, shape);
  const out = make(options.generator ?? defaultGenerator);
  return options.requiresGrad ? out.requiresGrad_() : out;
}
