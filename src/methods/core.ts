import * as autograd from "../autograd.js";
import { AutogradError } from "../errors.js";
import { clone, contiguous, copyInto, fill } from "../ops/copy.js";
import { isGradEnabled } from "../tape.js";
import { adopt, Tensor } from "../tensor.js";

export const coreMethods = {
  /** Adds ∂this/∂leaf to the `grad` of every leaf; see `backward`. */
  backward(this: Tensor, gradient?: Tensor | null, options?: autograd.BackwardOptions): void {
    autograd.backward(this, gradient, options);
  },
  /** Keeps this tensor's gradient in `grad` although an op made it. */
  retainGrad(this: Tensor): Tensor {
    autograd.retainGrad(this);
    return this;
  },
  /** The same values, unknown to the tape. Shares storage. */
  detach(this: Tensor): Tensor {
    return adopt(autograd.detached(this));
  },
  /** A recorded copy with its own storage. */
  clone(this: Tensor): Tensor {
    return clone(this);
  },
  /** Itself if its elements lie in row-major order, else a copy that does. */
  contiguous(this: Tensor): Tensor {
    return contiguous(this);
  },
  /** Overwrites the values in place with another tensor's of the same shape and dtype. Errors: on a recorded tensor, unless in noGrad. */
  copy_(this: Tensor, source: Tensor): Tensor {
    writable(this, "copy_");
    copyInto(this, source);
    return this;
  },
  /** Overwrites every value in place. */
  fill_(this: Tensor, value: number): Tensor {
    writable(this, "fill_");
    if (this.isContiguous) fill(this, value);
    else {
      const scalar = Tensor.allocate([], this.dtype, "fill_");
      fill(scalar, value);
      copyInto(this, scalar.alias({ shape: this.shape, strides: this.shape.map(() => 0), offset: 0 }));
      scalar.dispose();
    }
    this.storage.written();
    return this;
  },
  /** Sets every value to 0 in place. */
  zero_(this: Tensor): Tensor {
    return this.fill_(0);
  },
};

function writable(t: Tensor, op: string): void {
  t.assertAlive(op);
  if (t.requiresGrad && isGradEnabled()) {
    throw new AutogradError(
      op,
      "an in-place write to a tensor that requires a gradient cannot be recorded; wrap it in noGrad(() => …)",
    );
  }
}
