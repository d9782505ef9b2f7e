import * as gather from "../functional/gather.js";
import * as lookup from "../functional/lookup.js";
import * as mask from "../functional/mask.js";
import * as rows from "../functional/rows.js";
import type { Index } from "../ops/lookup.js";
import type { Tensor } from "../tensor.js";

export const gatherMethods = {
  gather(this: Tensor, dim: number, index: Tensor): Tensor {
    return gather.gather(this, index, { dim });
  },
  takeAlongDim(this: Tensor, index: Tensor, dim: number): Tensor {
    return gather.takeAlongDim(this, index, { dim });
  },
  scatter(this: Tensor, dim: number, index: Tensor, src: Tensor | number): Tensor {
    return gather.scatter(this, index, src, { dim });
  },
  scatterAdd(this: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
    return gather.scatterAdd(this, index, src, { dim });
  },
  scatterReduce(
    this: Tensor,
    dim: number,
    index: Tensor,
    src: Tensor,
    reduce: gather.ScatterReduceOptions["reduce"],
    options: { includeSelf?: boolean } = {},
  ): Tensor {
    return gather.scatterReduce(this, index, src, { dim, reduce, ...options });
  },
  indexSelect(this: Tensor, dim: number, index: Tensor): Tensor {
    return rows.indexSelect(this, index, { dim });
  },
  indexCopy(this: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
    return rows.indexCopy(this, index, source, { dim });
  },
  indexAdd(this: Tensor, dim: number, index: Tensor, source: Tensor, options: { alpha?: number } = {}): Tensor {
    return rows.indexAdd(this, index, source, { dim, ...options });
  },
  indexFill(this: Tensor, dim: number, index: Tensor, value: number): Tensor {
    return rows.indexFill(this, index, { dim, value });
  },
  /** x[i0, i1, …]; see `functional.index`. */
  index(this: Tensor, indices: readonly Index[]): Tensor {
    return lookup.index(this, indices);
  },
  indexPut(this: Tensor, indices: readonly Index[], values: Tensor, accumulate = false): Tensor {
    return lookup.indexPut(this, indices, values, { accumulate });
  },
  take(this: Tensor, index: Tensor): Tensor {
    return lookup.take(this, index);
  },
  maskedFill(this: Tensor, where: Tensor, value: number): Tensor {
    return mask.maskedFill(this, where, { value });
  },
  maskedSelect(this: Tensor, where: Tensor): Tensor {
    return lookup.maskedSelect(this, where);
  },
  maskedScatter(this: Tensor, where: Tensor, source: Tensor): Tensor {
    return lookup.maskedScatter(this, where, source);
  },
  nonzero(this: Tensor): Tensor {
    return mask.nonzero(this);
  },
};
