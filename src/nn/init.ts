import { checkDType, checkInteger, checkNumber, checkOneOf, checkOptions, checkRank } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { copyInto, fill } from "../ops/copy.js";
import { checkNormal, checkRange, normalInto, uniformInto } from "../ops/random.js";
import { defaultGenerator, type Generator } from "../random.js";
import { arena } from "../runtime/arena.js";
import { permutation } from "../sampling.js";
import { formatShape, numel } from "../shape.js";
import { Tensor } from "../tensor.js";
import { normalCdf, normalQuantile } from "./quantile.js";

// Initialisers overwrite a float32 tensor in place, unrecorded, and return it.

export interface InitialiserOptions {
  /** Where the numbers come from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

export interface XavierOptions extends InitialiserOptions {
  /** Factor of the standard deviation. Default 1; see `calculateGain`. */
  readonly gain?: number;
}

/** Activations, and layers without one, that `calculateGain` knows; the values are PyTorch's. */
export type Nonlinearity = (typeof NONLINEARITIES)[number];

const NONLINEARITIES = [
  "linear",
  "conv1d",
  "conv2d",
  "conv3d",
  "conv_transpose1d",
  "conv_transpose2d",
  "conv_transpose3d",
  "sigmoid",
  "tanh",
  "relu",
  "leaky_relu",
  "selu",
] as const;

export interface KaimingOptions extends InitialiserOptions {
  /** Negative slope of the leaky ReLU that follows. Default 0. */
  readonly a?: number;
  /** Keep the variance of the forward pass ("fan_in", the default) or of the backward pass ("fan_out"). */
  readonly mode?: "fan_in" | "fan_out";
  /** Default "leaky_relu". */
  readonly nonlinearity?: Nonlinearity;
}

/** Uniform in [low, high), by default [0, 1). */
export function uniform_(t: Tensor, low = 0, high = 1, options: InitialiserOptions = {}): Tensor {
  const generator = generatorOf("uniform_", options);
  checkRange("uniform_", low, high);
  return overwrite("uniform_", t, (y) => uniformInto(y, { low, high, draw: generator.draw(y.numel) }));
}

/** Normal with the given mean (0) and standard deviation (1). */
export function normal_(t: Tensor, mean = 0, std = 1, options: InitialiserOptions = {}): Tensor {
  const generator = generatorOf("normal_", options);
  checkNormal("normal_", mean, std);
  return overwrite("normal_", t, (y) => normalInto(y, { mean, std, draw: generator.draw(y.numel) }));
}

export interface TruncNormalOptions extends InitialiserOptions {
  /** Mean of the normal distribution before truncation. Default 0. */
  readonly mean?: number;
  /** Its standard deviation. Default 1. */
  readonly std?: number;
  /** Lower bound. Default −2. */
  readonly a?: number;
  /** Upper bound. Default 2. */
  readonly b?: number;
}

/** Normal, restricted to [a, b], by the inverse of the distribution function. */
export function truncNormal_(t: Tensor, options: TruncNormalOptions = {}): Tensor {
  const generator = generatorOf("truncNormal_", options, "mean", "std", "a", "b");
  const { mean = 0, std = 1, a = -2, b = 2 } = options;
  checkNormal("truncNormal_", mean, std);
  checkNumber("truncNormal_", "a", a);
  checkNumber("truncNormal_", "b", b, a);
  // In the upper tail the distribution function is 1 to all digits, so the mirror image is drawn there.
  const mirrored = a > mean;
  const sign = mirrored ? -1 : 1;
  const below = normalCdf((mirrored ? mean - b : a - mean) / std);
  const span = normalCdf((mirrored ? mean - a : b - mean) / std) - below;
  return overwrite("truncNormal_", t, (y) => {
    writeWords(y, generator, (word) => {
      const p = below + ((word + 0.5) / 2 ** 32) * span;
      return Math.min(Math.max(mean + sign * std * normalQuantile(p), a), b);
    });
  });
}

/** The same value everywhere. */
export function constant_(t: Tensor, value: number): Tensor {
  checkNumber("constant_", "value", value);
  return overwrite("constant_", t, (y) => fill(y, value));
}

/** Zeros everywhere. */
export function zeros_(t: Tensor): Tensor {
  return overwrite("zeros_", t, (y) => fill(y, 0));
}

/** Ones everywhere. */
export function ones_(t: Tensor): Tensor {
  return overwrite("ones_", t, (y) => fill(y, 1));
}

/** The identity matrix; t is [n, m]. */
export function eye_(t: Tensor): Tensor {
  checkRank("eye_", "tensor", t.shape, 2);
  const [n, m] = t.shape as [number, number];
  return overwrite("eye_", t, (y) => {
    fill(y, 0);
    const view = arena.view(y.ptr, y.numel, "float32");
    for (let i = 0; i < Math.min(n, m); i++) view[i * m + i] = 1;
  });
}

/**
 * A convolution that keeps its input: channel c of each group of outputs gets a 1 in the middle of its kernel on input channel c.
 * t is [out, in / groups, k…] with one to three kernel dimensions.
 */
export function dirac_(t: Tensor, options: { groups?: number } = {}): Tensor {
  checkOptions("dirac_", options, ["groups"]);
  checkRank("dirac_", "tensor", t.shape, 3, 4, 5);
  const [out, channels, ...kernel] = t.shape as [number, number, ...number[]];
  const groups = checkInteger("dirac_", "groups", options.groups ?? 1, 1);
  if (out % groups !== 0) {
    throw new ArgumentError(
      "dirac_",
      `groups is ${groups}; expected a divisor of the ${out} output channels of ${formatShape(t.shape)}`,
    );
  }
  const perGroup = out / groups;
  const taps = numel(kernel);
  const middle = kernel.reduce((at, k) => at * k + Math.floor(k / 2), 0);
  return overwrite("dirac_", t, (y) => {
    fill(y, 0);
    const view = arena.view(y.ptr, y.numel, "float32");
    if (taps === 0) return;
    for (let o = 0; o < out; o++) {
      const c = o % perGroup;
      if (c < channels) view[(o * channels + c) * taps + middle] = 1;
    }
  });
}

/** Uniform in ±gain·√(6 / (fanIn + fanOut)) (Glorot and Bengio, 2010). */
export function xavierUniform_(t: Tensor, options: XavierOptions = {}): Tensor {
  const std = xavierStd("xavierUniform_", t, options);
  return uniform_(t, -Math.sqrt(3) * std, Math.sqrt(3) * std, generatorOption(options));
}

/** Normal with standard deviation gain·√(2 / (fanIn + fanOut)) (Glorot and Bengio, 2010). */
export function xavierNormal_(t: Tensor, options: XavierOptions = {}): Tensor {
  return normal_(t, 0, xavierStd("xavierNormal_", t, options), generatorOption(options));
}

function xavierStd(op: string, t: Tensor, options: XavierOptions): number {
  generatorOf(op, options, "gain");
  const gain = checkNumber(op, "gain", options.gain ?? 1, 0);
  const { fanIn, fanOut } = fans(op, t);
  return fanIn + fanOut === 0 ? 0 : gain * Math.sqrt(2 / (fanIn + fanOut));
}

/** Uniform in ±gain·√(3 / fan), gain for the nonlinearity (He et al., 2015). */
export function kaimingUniform_(t: Tensor, options: KaimingOptions = {}): Tensor {
  const std = kaimingStd("kaimingUniform_", t, options);
  return uniform_(t, -Math.sqrt(3) * std, Math.sqrt(3) * std, generatorOption(options));
}

/** Normal with standard deviation gain / √fan, gain for the nonlinearity (He et al., 2015). */
export function kaimingNormal_(t: Tensor, options: KaimingOptions = {}): Tensor {
  return normal_(t, 0, kaimingStd("kaimingNormal_", t, options), generatorOption(options));
}

function kaimingStd(op: string, t: Tensor, options: KaimingOptions): number {
  generatorOf(op, options, "a", "mode", "nonlinearity");
  const mode = checkOneOf(op, "mode", options.mode ?? "fan_in", ["fan_in", "fan_out"]);
  const gain = calculateGain(options.nonlinearity ?? "leaky_relu", options.a ?? 0);
  const { fanIn, fanOut } = fans(op, t);
  const fan = mode === "fan_in" ? fanIn : fanOut;
  return fan === 0 ? 0 : gain / Math.sqrt(fan);
}

/**
 * Orthonormal rows or columns (whichever are fewer), times gain, of t as a matrix [n₀, n₁·n₂·…]; the Q of a random normal matrix
 * (Saxe et al., 2013).
 */
export function orthogonal_(t: Tensor, options: XavierOptions = {}): Tensor {
  const generator = generatorOf("orthogonal_", options, "gain");
  const gain = checkNumber("orthogonal_", "gain", options.gain ?? 1);
  if (t.ndim < 2) throw new ShapeError("orthogonal_", `tensor is ${formatShape(t.shape)}; expected rank ≥ 2`);
  const rows = t.shape[0]!;
  const cols = numel(t.shape.slice(1));
  return overwrite("orthogonal_", t, (y) => {
    normalInto(y, { mean: 0, std: 1, draw: generator.draw(y.numel) });
    const view = arena.view(y.ptr, y.numel, "float32");
    const wide = rows < cols;
    const at = (vector: number, i: number): number => (wide ? vector * cols + i : i * cols + vector);
    const vectors = Array.from({ length: wide ? rows : cols }, (_, v) =>
      Float64Array.from({ length: wide ? cols : rows }, (_, i) => view[at(v, i)]!),
    );
    orthonormalize(vectors);
    vectors.forEach((vector, v) => {
      for (let i = 0; i < vector.length; i++) view[at(v, i)] = gain * vector[i]!;
    });
  });
}

/** Modified Gram–Schmidt in float64, in place. The diagonal of R is positive, so that Q is uniform over the orthogonal matrices. */
function orthonormalize(vectors: readonly Float64Array[]): void {
  vectors.forEach((v, k) => {
    const norm = Math.sqrt(dot(v, v));
    for (let i = 0; i < v.length; i++) v[i]! /= norm;
    for (const later of vectors.slice(k + 1)) {
      const along = dot(v, later);
      for (let i = 0; i < v.length; i++) later[i]! -= along * v[i]!;
    }
  });
}

function dot(a: Float64Array, b: Float64Array): number {
  let s = 0;
  for (let i = 0; i < a.length; i++) s += a[i]! * b[i]!;
  return s;
}

/** Normal with standard deviation std (0.01), but for a share `sparsity` of zeros, rounded up, in each column of t [n, m]. */
export function sparse_(t: Tensor, sparsity: number, options: InitialiserOptions & { std?: number } = {}): Tensor {
  const generator = generatorOf("sparse_", options, "std");
  checkRank("sparse_", "tensor", t.shape, 2);
  checkNumber("sparse_", "sparsity", sparsity, 0, 1);
  const std = options.std ?? 0.01;
  checkNormal("sparse_", 0, std);
  const [n, m] = t.shape as [number, number];
  return overwrite("sparse_", t, (y) => {
    normalInto(y, { mean: 0, std, draw: generator.draw(y.numel) });
    for (let column = 0; column < m; column++) {
      const zeros = permutation(n, generator).subarray(0, Math.ceil(sparsity * n));
      const view = arena.view(y.ptr, y.numel, "float32");
      for (const row of zeros) view[row * m + column] = 0;
    }
  });
}

/** The factor by which weights must grow so that the activation keeps the variance; `param` is the leaky ReLU's slope (0.01). */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  checkOneOf("calculateGain", "nonlinearity", nonlinearity, NONLINEARITIES);
  switch (nonlinearity) {
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leaky_relu":
      return Math.sqrt(2 / (1 + checkNumber("calculateGain", "param", param) ** 2));
    case "selu":
      return 3 / 4;
    default:
      return 1;
  }
}

/**
 * Inputs and outputs of one unit: t is [out, in, k…], and both count the k… taps of a kernel. Errors: ShapeError below rank 2.
 * PyTorch: _calculate_fan_in_and_fan_out.
 */
export function calculateFanInAndFanOut(t: Tensor): { fanIn: number; fanOut: number } {
  return fans("calculateFanInAndFanOut", t);
}

function fans(op: string, t: Tensor): { fanIn: number; fanOut: number } {
  if (t.ndim < 2) {
    throw new ShapeError(
      op,
      `tensor is ${formatShape(t.shape)}; expected rank ≥ 2, [out, in, …], to tell fan in and out`,
    );
  }
  const [out, into, ...kernel] = t.shape as [number, number, ...number[]];
  return { fanIn: into * numel(kernel), fanOut: out * numel(kernel) };
}

function generatorOf(op: string, options: InitialiserOptions, ...others: string[]): Generator {
  checkOptions(op, options, ["generator", ...others]);
  return options.generator ?? defaultGenerator;
}

/** What an initialiser hands on to the one it is made from. */
function generatorOption({ generator }: InitialiserOptions): InitialiserOptions {
  return generator === undefined ? {} : { generator };
}

/** Lets `write` fill a contiguous tensor, which is t itself if it can be. */
function overwrite(op: string, t: Tensor, write: (y: Tensor) => void): Tensor {
  t.assertAlive(op);
  checkDType(op, "tensor", t, "float32");
  if (t.isContiguous) {
    write(t);
    t.storage.written();
    return t;
  }
  const flat = Tensor.allocate(t.shape, t.dtype, op);
  try {
    write(flat);
    copyInto(t, flat);
  } finally {
    flat.dispose();
  }
  return t;
}

/** Words are taken in parts, so that a large tensor needs no second one; a multiple of 4 leaves the stream as one draw's. */
const PART = 1 << 16;

function writeWords(y: Tensor, generator: Generator, value: (word: number) => number): void {
  for (let from = 0; from < y.numel; from += PART) {
    const words = generator.words(Math.min(PART, y.numel - from));
    const view = arena.view(y.ptr, y.numel, "float32");
    for (let i = 0; i < words.length; i++) view[from + i] = value(words[i]!);
  }
}
