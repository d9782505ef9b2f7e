import * as F from "../functional/sort.js";
import type { Tensor } from "../tensor.js";

type Ranked = readonly [values: Tensor, indices: Tensor];

function median(this: Tensor): Tensor;
function median(this: Tensor, dim: number, keepdim?: boolean): Ranked;
function median(this: Tensor, dim?: number, keepdim = false): Tensor | Ranked {
  return dim === undefined ? F.median(this) : F.median(this, { dim, keepdim });
}

export const sortMethods = {
  sort(this: Tensor, dim = -1, descending = false): Ranked {
    return F.sort(this, { dim, descending });
  },
  argsort(this: Tensor, dim = -1, descending = false): Tensor {
    return F.argsort(this, { dim, descending });
  },
  topk(this: Tensor, k: number, dim = -1, largest = true): Ranked {
    return F.topk(this, { k, dim, largest });
  },
  kthvalue(this: Tensor, k: number, dim = -1, keepdim = false): Ranked {
    return F.kthvalue(this, { k, dim, keepdim });
  },
  median,
  unique(this: Tensor): Tensor {
    return F.unique(this);
  },
};
