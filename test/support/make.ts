import { type DType, Tensor, tensor } from "../../src/node.js";
import { Nd } from "./nd.js";
import type { InputSpec } from "./op-case.js";

/** A small deterministic generator for samples: mulberry32. Independent of the library's own. */
export function generatorOf(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A seed from a name, so that every sample has its own values and keeps them. */
export function seedOf(name: string): number {
  let h = 2166136261;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
  return h >>> 0;
}

export function dtypeOf(spec: InputSpec): DType {
  return spec.dtype ?? "float32";
}

/** Whether tests check the derivative with respect to an input. */
export function wantsGrad(spec: InputSpec | null): boolean {
  return spec !== null && (spec.grad ?? dtypeOf(spec) === "float32");
}

/** The values of an input, already rounded to its dtype, so that the oracle sees what the library sees. */
export function valuesOf(spec: InputSpec, random: () => number): Nd {
  const dtype = dtypeOf(spec);
  const n = spec.shape.reduce((p, s) => p * s, 1);
  if (spec.values !== undefined) {
    return new Nd(spec.shape, dtype === "float32" ? Float32Array.from(spec.values) : Float64Array.from(spec.values));
  }
  const low = spec.low ?? (dtype === "float32" ? -1 : 0);
  const high = spec.high ?? (dtype === "float32" ? 1 : dtype === "bool" ? 2 : 10);
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const v = low + (high - low) * random();
    out[i] = dtype === "float32" ? Math.fround(v) : Math.floor(v);
  }
  return new Nd(spec.shape, out);
}

/** How an input lies in memory. */
export type LayoutKind = "contiguous" | "permuted" | "offset";

/** The values as a tensor whose elements lie as asked: in order, with reversed dimensions, or inside a larger tensor. */
export function tensorOf(nd: Nd, dtype: DType, layout: LayoutKind = "contiguous"): Tensor {
  const rank = nd.shape.length;
  if (layout === "permuted" && rank >= 2) {
    const reversed = [...nd.shape].reverse();
    const strides = strideOf(nd.shape);
    const stored = new Float64Array(nd.data.length);
    const index = reversed.map(() => 0);
    for (let to = 0; to < stored.length; to++) {
      let from = 0;
      for (let d = 0; d < rank; d++) from += index[d]! * strides[rank - 1 - d]!;
      stored[to] = nd.data[from]!;
      for (let d = rank - 1; d >= 0; d--) {
        if (++index[d]! < reversed[d]!) break;
        index[d] = 0;
      }
    }
    const base = tensor(typed(stored, dtype), { shape: reversed, dtype });
    const own = strideOf(reversed);
    return viewOn(base, { shape: nd.shape, strides: nd.shape.map((_, d) => own[rank - 1 - d]!), offset: 0 });
  }
  if (layout === "offset" && nd.data.length > 0) {
    // Three elements in front: the data starts at no vector boundary.
    const stored = new Float64Array(nd.data.length + 3);
    stored.set(nd.data, 3);
    const base = tensor(typed(stored, dtype), { dtype });
    return viewOn(base, { shape: nd.shape, strides: strideOf(nd.shape), offset: 3 });
  }
  return tensor(typed(nd.data, dtype), { shape: nd.shape, dtype });
}

function viewOn(
  base: Tensor,
  layout: { shape: readonly number[]; strides: readonly number[]; offset: number },
): Tensor {
  const view = new Tensor(base.storage, base.dtype, layout, "tensor");
  base.storage.retain();
  base.dispose();
  return view;
}

function strideOf(shape: readonly number[]): number[] {
  const out = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) out[i] = out[i + 1]! * shape[i + 1]!;
  return out;
}

function typed(values: Float64Array, dtype: DType): Float32Array | Int32Array | Uint8Array {
  if (dtype === "float32") return Float32Array.from(values);
  return dtype === "int32" ? Int32Array.from(values) : Uint8Array.from(values);
}
