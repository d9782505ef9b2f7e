import * as F from "../functional/extrema.js";
import type { ReduceOptions } from "../functional/reduce.js";
import type { Tensor } from "../tensor.js";

type Dim = ReduceOptions["dim"];

interface Keep {
  readonly keepdim?: boolean;
}

type Pair = [values: Tensor, indices: Tensor];

function max(this: Tensor): Tensor;
function max(this: Tensor, dim: number, options?: Keep): Pair;
function max(this: Tensor, dim?: number, options: Keep = {}): Tensor | Pair {
  return dim === undefined ? F.max(this) : F.max(this, { ...options, dim });
}

function min(this: Tensor): Tensor;
function min(this: Tensor, dim: number, options?: Keep): Pair;
function min(this: Tensor, dim?: number, options: Keep = {}): Tensor | Pair {
  return dim === undefined ? F.min(this) : F.min(this, { ...options, dim });
}

export const extremaMethods = {
  max,
  min,
  amax(this: Tensor, dim?: Dim, options: Keep = {}): Tensor {
    return F.amax(this, { ...options, dim: dim ?? null });
  },
  amin(this: Tensor, dim?: Dim, options: Keep = {}): Tensor {
    return F.amin(this, { ...options, dim: dim ?? null });
  },
  argmax(this: Tensor, dim?: number | null, options: Keep = {}): Tensor {
    return F.argmax(this, { ...options, dim: dim ?? null });
  },
  argmin(this: Tensor, dim?: number | null, options: Keep = {}): Tensor {
    return F.argmin(this, { ...options, dim: dim ?? null });
  },
};
