// The numbers that go in: the same in every process, made from a name and an index.
import type { ConvWork, GemmWork, Layer, Model } from "./works.js";

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Uniform in [-scale, scale). */
export function uniform(name: string, shape: readonly number[], scale = 1): Values {
  const data = new Float32Array(shape.reduce((p, n) => p * n, 1));
  let seed = 0;
  for (const character of name) seed = (Math.imul(seed, 31) + character.codePointAt(0)!) | 0;
  for (let i = 0; i < data.length; i++) data[i] = (hash(seed + Math.imul(i, 0x9e3779b1)) / 2 ** 31 - 1) * scale;
  return { shape, data };
}

/** An unsigned 32-bit hash: the finalizer of MurmurHash3. */
function hash(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
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

/** Images and classes. */
export function modelInputs(model: Model, batch: number): { x: Values; labels: Int32Array } {
  return { x: uniform("x", [batch, ...model.input]), labels: Int32Array.from({ length: batch }, (_, i) => i % 10) };
}

/** Weight and bias of a layer that has them, in PyTorch's layout and default range; `index` is its place in the model. */
export function layerWeights(layer: Layer, index: number): { weight: Values; bias: Values } | null {
  if (layer.type !== "conv" && layer.type !== "linear") return null;
  const shape = layer.type === "conv" ? [layer.outC, layer.inC, layer.kernel, layer.kernel] : [layer.outF, layer.inF];
  const scale = 1 / Math.sqrt(shape.slice(1).reduce((p, n) => p * n, 1));
  return { weight: uniform(`${index}.weight`, shape, scale), bias: uniform(`${index}.bias`, [shape[0]!], scale) };
}
