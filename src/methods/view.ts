import * as F from "../functional/view.js";
import { reshape } from "../ops/copy.js";
import { expand } from "../ops/reduce.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { type SizeArgs, sizesOf } from "./copy.js";

type Dims = number | readonly number[];

export const viewMethods = {
  /** Number of dimensions, as `ndim`. */
  dim(this: Tensor): number {
    return this.ndim;
  },
  view(this: Tensor, ...shape: SizeArgs): Tensor {
    return F.view(this, { shape: sizesOf(shape) });
  },
  viewAs(this: Tensor, other: Tensor): Tensor {
    return F.view(this, { shape: other.shape });
  },
  reshapeAs(this: Tensor, other: Tensor): Tensor {
    return reshape(this, other.shape);
  },
  expandAs(this: Tensor, other: Tensor): Tensor {
    return expand(this, other.shape);
  },
  broadcastTo(this: Tensor, shape: Shape): Tensor {
    return F.broadcastTo(this, { shape });
  },
  ravel(this: Tensor): Tensor {
    return F.ravel(this);
  },
  squeeze(this: Tensor, dim?: Dims): Tensor {
    return F.squeeze(this, { dim: dim ?? null });
  },
  unsqueeze(this: Tensor, dim: number): Tensor {
    return F.unsqueeze(this, { dim });
  },
  unflatten(this: Tensor, dim: number, sizes: Shape): Tensor {
    return F.unflatten(this, { dim, sizes });
  },
  swapaxes(this: Tensor, axis0: number, axis1: number): Tensor {
    return F.swapaxes(this, { axis0, axis1 });
  },
  moveaxis(this: Tensor, source: Dims, destination: Dims): Tensor {
    return F.moveaxis(this, { source, destination });
  },
  movedim(this: Tensor, source: Dims, destination: Dims): Tensor {
    return F.movedim(this, { source, destination });
  },
  split(this: Tensor, splitSizeOrSections: Dims, dim = 0): readonly Tensor[] {
    return F.split(this, { splitSizeOrSections, dim });
  },
  chunk(this: Tensor, chunks: number, dim = 0): readonly Tensor[] {
    return F.chunk(this, { chunks, dim });
  },
  unbind(this: Tensor, dim = 0): readonly Tensor[] {
    return F.unbind(this, { dim });
  },
  diagonal(this: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor {
    return F.diagonal(this, { offset, dim1, dim2 });
  },
  diagEmbed(this: Tensor, offset = 0, dim1 = -2, dim2 = -1): Tensor {
    return F.diagEmbed(this, { offset, dim1, dim2 });
  },
  diag(this: Tensor, diagonal = 0): Tensor {
    return F.diag(this, { diagonal });
  },
};
