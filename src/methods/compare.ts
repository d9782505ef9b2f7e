import * as F from "../functional/compare.js";
import type { Operand } from "../functional/operand.js";
import type { Tensor } from "../tensor.js";

export const compareMethods = {
  eq(this: Tensor, other: Operand): Tensor {
    return F.eq(this, other);
  },
  ne(this: Tensor, other: Operand): Tensor {
    return F.ne(this, other);
  },
  lt(this: Tensor, other: Operand): Tensor {
    return F.lt(this, other);
  },
  le(this: Tensor, other: Operand): Tensor {
    return F.le(this, other);
  },
  gt(this: Tensor, other: Operand): Tensor {
    return F.gt(this, other);
  },
  ge(this: Tensor, other: Operand): Tensor {
    return F.ge(this, other);
  },
  isnan(this: Tensor): Tensor {
    return F.isnan(this);
  },
  isinf(this: Tensor): Tensor {
    return F.isinf(this);
  },
  isfinite(this: Tensor): Tensor {
    return F.isfinite(this);
  },
  logicalAnd(this: Tensor, other: Tensor): Tensor {
    return F.logicalAnd(this, other);
  },
  logicalOr(this: Tensor, other: Tensor): Tensor {
    return F.logicalOr(this, other);
  },
  logicalNot(this: Tensor): Tensor {
    return F.logicalNot(this);
  },
  /** This where `condition` is true, `other` elsewhere. */
  where(this: Tensor, condition: Tensor, other: Operand): Tensor {
    return F.where(condition, this, other);
  },
};
