import * as F from "../functional/rearrange.js";
import type { SliceOptions } from "../ops/copy.js";
import type { Tensor } from "../tensor.js";
import { type SizeArgs, sizesOf } from "./copy.js";

type Dims = number | readonly number[];

export const rearrangeMethods = {
  flip(this: Tensor, ...dims: SizeArgs): Tensor {
    return F.flip(this, { dims: sizesOf(dims) });
  },
  roll(this: Tensor, shifts: Dims, dims?: Dims): Tensor {
    return F.roll(this, { shifts, dims: dims ?? null });
  },
  repeat(this: Tensor, ...repeats: SizeArgs): Tensor {
    return F.repeat(this, { repeats: sizesOf(repeats) });
  },
  tile(this: Tensor, ...dims: SizeArgs): Tensor {
    return F.tile(this, { dims: sizesOf(dims) });
  },
  repeatInterleave(this: Tensor, repeats: number | Tensor, dim?: number): Tensor {
    return F.repeatInterleave(this, { repeats, dim: dim ?? null });
  },
  rot90(this: Tensor, k = 1, dims: readonly number[] = [0, 1]): Tensor {
    return F.rot90(this, { k, dims });
  },
  sliceScatter(this: Tensor, src: Tensor, dim = 0, range: SliceOptions = {}): Tensor {
    return F.sliceScatter(this, src, { dim, ...range });
  },
  tril(this: Tensor, diagonal = 0): Tensor {
    return F.tril(this, { diagonal });
  },
  triu(this: Tensor, diagonal = 0): Tensor {
    return F.triu(this, { diagonal });
  },
};
