// The numbers that go in: the same in every process, made from a name and an index.
import { chain } from "./chain.js";
import type { Layer, Model } from "./models.js";
import { outputShape } from "./shapes.js";
import type {
  AdamWork,
  AttentionWork,
  BatchNormWork,
  ConvWork,
  FileWork,
  GemmWork,
  MaxPoolWork,
  RecurrentWork,
  RowsWork,
} from "./works.js";

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface Integers {
  readonly shape: readonly number[];
  readonly data: Int32Array;
}

/** Uniform in [-scale, scale). */
export function uniform(name: string, shape: readonly number[], scale = 1): Values {
  const data = new Float32Array(product(shape));
  const seed = seedOf(name);
  for (let i = 0; i < data.length; i++) data[i] = (hash(seed + Math.imul(i, 0x9e3779b1)) / 2 ** 31 - 1) * scale;
  return { shape, data };
}

/** Uniform in [low, high). */
function between(name: string, shape: readonly number[], low: number, high: number): Values {
  const { data } = uniform(name, shape, (high - low) / 2);
  return { shape, data: data.map((v) => v + (high + low) / 2) };
}

function integers(name: string, shape: readonly number[], below: number): Integers {
  const seed = seedOf(name);
  return { shape, data: Int32Array.from({ length: product(shape) }, (_, i) => hash(seed + i) % below) };
}

function seedOf(name: string): number {
  let seed = 0;
  for (const character of name) seed = (Math.imul(seed, 31) + character.codePointAt(0)!) | 0;
  return seed;
}

/** An unsigned 32-bit hash: the finalizer of MurmurHash3. */
function hash(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

function product(shape: readonly number[]): number {
  return shape.reduce((p, n) => p * n, 1);
}

export function gemmInputs({ m, k, n }: GemmWork): { a: Values; b: Values } {
  return { a: uniform("a", [m, k]), b: uniform("b", [k, n]) };
}

export function convInputs({ size, inC, outC, kernel, groups }: ConvWork): { x: Values; weight: Values } {
  return {
    x: uniform("x", [1, inC, size, size]),
    weight: uniform("weight", [outC, inC / groups, kernel, kernel]),
  };
}

/** The sequence [T, N, in] and the layer's weights. */
export function recurrentInputs({ cell, length, batch, inF, outF }: RecurrentWork): { x: Values; weights: Weights } {
  return {
    x: uniform("x", [length, batch, inF]),
    weights: recurrentWeights("", cell === "lstm" ? 4 : 3, inF, outF),
  };
}

/** Rows, and the scale and shift that normalisation takes. */
export function rowsInputs({ rows, width }: RowsWork): { x: Values; weights: { weight: Values; bias: Values } } {
  return { x: uniform("x", [rows, width], 3), weights: affine("", width) };
}

/** Images and the layer's weights and statistics. */
export function batchNormInputs({ batch, channels, size }: BatchNormWork): { x: Values; weights: Weights } {
  const weights = layerWeights({ type: "batchnorm", channels }, "");
  return { x: uniform("x", [batch, channels, size, size], 3), weights };
}

export function maxPoolInputs({ channels, size }: MaxPoolWork): { x: Values } {
  return { x: uniform("x", [1, channels, size, size]) };
}

export function attentionInputs({ heads, length, depth }: AttentionWork): { q: Values; k: Values; v: Values } {
  const shape = [1, heads, length, depth];
  return { q: uniform("q", shape), k: uniform("k", shape), v: uniform("v", shape) };
}

export function adamInputs({ count }: AdamWork): { parameter: Values; gradient: Values } {
  return { parameter: uniform("parameter", [count]), gradient: uniform("gradient", [count]) };
}

/** Examples and classes. */
export function modelInputs(model: Model, batch: number): { x: Values | Integers; labels: Int32Array } {
  const shape = [batch, ...model.input];
  const classes = outputShape(model).at(-1)!;
  if (model.tokens !== undefined) {
    return { x: integers("x", shape, model.tokens), labels: integers("labels", shape, classes).data };
  }
  return { x: uniform("x", shape), labels: Int32Array.from({ length: batch }, (_, i) => i % classes) };
}

/** The inputs of a file's model by name; an int64 scalar comes as an int32. */
export function fileInputs({ inputs }: FileWork): Record<string, Values | Integers> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => [
      name,
      typeof shape === "number" ? { shape: [], data: Int32Array.of(shape) } : uniform(name, shape),
    ]),
  );
}

/** All weights of a model, by the keys of PyTorch's state dict. */
export function modelWeights(model: Model): Weights {
  const found: [string, Values][] = [];
  chain<null>(model, {
    leaf: (layer, path) => {
      for (const [name, values] of Object.entries(layerWeights(layer, path))) found.push([`${path}.${name}`, values]);
      return () => null;
    },
    add: () => null,
    concat: () => null,
  });
  return Object.fromEntries(found);
}

/** By PyTorch's names. */
export type Weights = Readonly<Record<string, Values>>;

/**
 * Weights of a layer that holds no others, in PyTorch's layouts; `path` is its place in the model. The ranges keep the activations of
 * deep networks about as large as their input.
 */
export function layerWeights(layer: Layer, path: string): Weights {
  const range = (name: string, shape: readonly number[], scale: number): Values =>
    uniform(`${path}.${name}`, shape, scale);
  switch (layer.type) {
    case "conv": {
      const { inC, outC, kernel, groups = 1, bias = true } = layer;
      const fanIn = (inC / groups) * kernel ** 2;
      const weight = range("weight", [outC, inC / groups, kernel, kernel], Math.sqrt(6 / fanIn));
      return bias ? { weight, bias: range("bias", [outC], 1 / Math.sqrt(fanIn)) } : { weight };
    }
    case "linear":
      return linearWeights(path, layer.inF, layer.outF);
    case "batchnorm": {
      const shape = [layer.channels];
      return {
        ...affine(path, layer.channels),
        running_mean: range("running_mean", shape, 0.2),
        running_var: between(`${path}.running_var`, shape, 0.5, 1.5),
      };
    }
    case "embedding":
      return { weight: range("weight", [layer.count, layer.width], 1) };
    case "positions":
      return { weight: range("weight", [layer.length, layer.width], 0.5) };
    case "lstm":
      return recurrentWeights(path, 4, layer.inF, layer.outF);
    case "encoder":
      return encoderWeights(path, layer.width, layer.hidden);
    default:
      return {};
  }
}

function linearWeights(path: string, inF: number, outF: number): { weight: Values; bias: Values } {
  const scale = 1 / Math.sqrt(inF);
  return {
    weight: uniform(`${path}.weight`, [outF, inF], scale),
    bias: uniform(`${path}.bias`, [outF], scale),
  };
}

/** Scale and shift of a normalisation. */
function affine(path: string, width: number): { weight: Values; bias: Values } {
  return { weight: between(`${path}.weight`, [width], 0.5, 1.5), bias: uniform(`${path}.bias`, [width], 0.2) };
}

function recurrentWeights(path: string, gates: number, inF: number, outF: number): Weights {
  const range = (name: string, shape: readonly number[]): [string, Values] => [
    name,
    uniform(`${path}.${name}`, shape, 1 / Math.sqrt(outF)),
  ];
  return Object.fromEntries([
    range("weight_ih_l0", [gates * outF, inF]),
    range("weight_hh_l0", [gates * outF, outF]),
    range("bias_ih_l0", [gates * outF]),
    range("bias_hh_l0", [gates * outF]),
  ]);
}

function encoderWeights(path: string, width: number, hidden: number): Weights {
  const under = (name: string, weights: Weights): Weights =>
    Object.fromEntries(Object.entries(weights).map(([key, values]) => [`${name}.${key}`, values]));
  const projections = linearWeights(`${path}.in_proj`, width, 3 * width);
  return {
    "self_attn.in_proj_weight": projections.weight,
    "self_attn.in_proj_bias": projections.bias,
    ...under("self_attn.out_proj", linearWeights(`${path}.out_proj`, width, width)),
    ...under("linear1", linearWeights(`${path}.linear1`, width, hidden)),
    ...under("linear2", linearWeights(`${path}.linear2`, hidden, width)),
    ...under("norm1", affine(`${path}.norm1`, width)),
    ...under("norm2", affine(`${path}.norm2`, width)),
  };
}
