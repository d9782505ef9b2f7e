import { checkRank } from "../check.js";
import * as F from "../functional/copy.js";
import { cast, permute, type SliceOptions, transpose } from "../ops/copy.js";
import type { Tensor } from "../tensor.js";
import type { DType, Shape } from "../types.js";

/** Sizes as separate arguments or as one array. */
export type SizeArgs = number[] | [Shape];

export function sizesOf(args: SizeArgs): Shape {
  const first = args[0];
  return Array.isArray(first) ? first : (args as number[]);
}

export const copyMethods = {
  reshape(this: Tensor, ...shape: SizeArgs): Tensor {
    return F.reshape(this, { shape: sizesOf(shape) });
  },
  permute(this: Tensor, ...dims: SizeArgs): Tensor {
    return F.permute(this, { dims: sizesOf(dims) });
  },
  transpose(this: Tensor, dim0: number, dim1: number): Tensor {
    return F.transpose(this, { dim0, dim1 });
  },
  /** The transpose of a matrix; a vector or a scalar as it is. A view. Errors: ShapeError above rank 2. */
  t(this: Tensor): Tensor {
    checkRank("t", "input", this.shape, 0, 1, 2);
    return F.transpose(this, { dim0: 0, dim1: -1 });
  },
  flatten(this: Tensor, startDim = 0, endDim = -1): Tensor {
    return F.flatten(this, { startDim, endDim });
  },
  narrow(this: Tensor, dim: number, start: number, length: number): Tensor {
    return F.narrow(this, { dim, start, length });
  },
  slice(this: Tensor, dim: number, options?: SliceOptions): Tensor {
    return F.slice(this, { dim, ...options });
  },
  select(this: Tensor, dim: number, index: number): Tensor {
    return F.select(this, { dim, index });
  },
  expand(this: Tensor, ...shape: SizeArgs): Tensor {
    return F.expand(this, { shape: sizesOf(shape) });
  },
  /** Converts to another dtype; itself if it has it. */
  to(this: Tensor, dtype: DType): Tensor {
    return cast(this, dtype);
  },
  /** `to("float32")`. */
  float(this: Tensor): Tensor {
    return cast(this, "float32");
  },
  /** `to("int32")`, which truncates. */
  int(this: Tensor): Tensor {
    return cast(this, "int32");
  },
  /** `to("bool")`: false for 0, true for everything else. */
  bool(this: Tensor): Tensor {
    return cast(this, "bool");
  },
};

/** Properties that operations compute. */
export const copyProperties = {
  /** All dimensions in reverse order; of a matrix the transpose. A view. */
  T(this: Tensor): Tensor {
    return permute(this, [...this.shape.keys()].reverse());
  },
  /** The last two dimensions swapped: the transposes of a batch of matrices. A view. Errors: rank below 2. */
  mT(this: Tensor): Tensor {
    return transpose(this, -2, -1);
  },
};
