import { checkNumber, checkTuple, type NoOptions } from "../check.js";
import { ShapeError } from "../errors.js";
import { type PadMode, pad, resolvePads } from "../ops/pad.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

/** Elements on every side, or before and behind each dimension, the last one first: [left, right, top, bottom, …]; negative cuts off. */
export type Padding = number | readonly number[];

/** Pads the last one to three dimensions; what stands there is described in `functional.pad`. */
abstract class Pad extends Module {
  readonly padding: readonly number[];

  constructor(
    private readonly op: string,
    private readonly rank: number,
    private readonly mode: PadMode,
    padding: Padding,
    readonly value = 0,
    ...none: NoOptions
  ) {
    super(...none);
    this.padding = checkTuple(op, "padding", padding, 2 * rank, -(2 ** 31));
    checkNumber(op, "value", value);
  }

  forward(x: Tensor): Tensor {
    const { op, rank, mode } = this;
    // A constant needs no channels around it.
    const least = mode === "constant" ? rank : rank + 1;
    if (x.ndim < least || (mode !== "constant" && x.ndim > rank + 2)) {
      const expected = mode === "constant" ? `${least} or more` : `${least} or ${rank + 2}`;
      throw new ShapeError(op, `input has shape ${formatShape(x.shape)}; expected rank ${expected}`);
    }
    return pad(x, resolvePads(op, x.shape, this.padding), mode, this.value, op);
  }
}

/** Surrounds the last dimension of x [.., L] with `value`. Any dtype. Errors: ShapeError if more is cut off than there is. */
export class ConstantPad1d extends Pad {
  constructor(padding: Padding, value: number, ...none: NoOptions) {
    super("ConstantPad1d", 1, "constant", padding, value, ...none);
  }
}

/** Surrounds the last two dimensions of x [.., H, W] with `value`. Any dtype. Errors: ShapeError if more is cut off than there is. */
export class ConstantPad2d extends Pad {
  constructor(padding: Padding, value: number, ...none: NoOptions) {
    super("ConstantPad2d", 2, "constant", padding, value, ...none);
  }
}

/** Surrounds the last three dimensions of x [.., D, H, W] with `value`. Any dtype. Errors: ShapeError if more is cut off than there is. */
export class ConstantPad3d extends Pad {
  constructor(padding: Padding, value: number, ...none: NoOptions) {
    super("ConstantPad3d", 3, "constant", padding, value, ...none);
  }
}

/**
 * Surrounds the last dimension of x [.., L] with zeros. Any dtype. Errors: ShapeError if more is cut off than there is.
 * PyTorch: from 2.1 on.
 */
export class ZeroPad1d extends Pad {
  constructor(padding: Padding, ...none: NoOptions) {
    super("ZeroPad1d", 1, "constant", padding, 0, ...none);
  }
}

/** Surrounds the last two dimensions of x [.., H, W] with zeros. Any dtype. Errors: ShapeError if more is cut off than there is. */
export class ZeroPad2d extends Pad {
  constructor(padding: Padding, ...none: NoOptions) {
    super("ZeroPad2d", 2, "constant", padding, 0, ...none);
  }
}

/**
 * Surrounds the last three dimensions of x [.., D, H, W] with zeros. Any dtype. Errors: ShapeError if more is cut off than there is.
 * PyTorch: from 2.1 on.
 */
export class ZeroPad3d extends Pad {
  constructor(padding: Padding, ...none: NoOptions) {
    super("ZeroPad3d", 3, "constant", padding, 0, ...none);
  }
}

/**
 * Continues x [N, C, L] or [C, L] by its elements mirrored at the edge, which is not repeated.
 * Errors: ShapeError if a side needs more than size − 1.
 */
export class ReflectionPad1d extends Pad {
  constructor(padding: Padding, ...none: NoOptions) {
    super("ReflectionPad1d", 1, "reflect", padding, 0, ...none);
  }
}

/**
 * Continues x [N, C, H, W] or [C, H, W] by its elements mirrored at the edge, which is not repeated.
 * Errors: ShapeError if a side needs more than size − 1.
 */
export class ReflectionPad2d extends Pad {
  constructor(padding: Padding, ...none: NoOptions) {
    super("ReflectionPad2d", 2, "reflect", padding, 0, ...none);
  }
}

/**
 * Continues x [N, C, D, H, W] or [C, D, H, W] by its elements mirrored at the edge, which is not repeated.
 * Errors: ShapeError if a side needs more than size − 1.
 */
export class ReflectionPad3d extends Pad {
  constructor(padding: Padding, ...none: NoOptions) {
    super("ReflectionPad3d", 3, "reflect", padding, 0, ...none);
  }
}

/** Continues x [N, C, L] or [C, L] by the elements at its edge. */
export class ReplicationPad1d extends Pad {
  constructor(padding: Padding, ...none: NoOptions) {
    super("ReplicationPad1d", 1, "replicate", padding, 0, ...none);
  }
}

/** Continues x [N, C, H, W] or [C, H, W] by the elements at its edge. */
export class ReplicationPad2d extends Pad {
  constructor(padding: Padding, ...none: NoOptions) {
    super("ReplicationPad2d", 2, "replicate", padding, 0, ...none);
  }
}

/** Continues x [N, C, D, H, W] or [C, D, H, W] by the elements at its edge. */
export class ReplicationPad3d extends Pad {
  constructor(padding: Padding, ...none: NoOptions) {
    super("ReplicationPad3d", 3, "replicate", padding, 0, ...none);
  }
}

/**
 * Continues x [N, C, L] or [C, L] by the elements of the other end. Errors: ShapeError if a side needs more than the size.
 * PyTorch: from 2.1 on.
 */
export class CircularPad1d extends Pad {
  constructor(padding: Padding, ...none: NoOptions) {
    super("CircularPad1d", 1, "circular", padding, 0, ...none);
  }
}

/**
 * Continues x [N, C, H, W] or [C, H, W] by the elements of the other end. Errors: ShapeError if a side needs more than the size.
 * PyTorch: from 2.1 on.
 */
export class CircularPad2d extends Pad {
  constructor(padding: Padding, ...none: NoOptions) {
    super("CircularPad2d", 2, "circular", padding, 0, ...none);
  }
}

/**
 * Continues x [N, C, D, H, W] or [C, D, H, W] by the elements of the other end. Errors: ShapeError if a side needs more than the size.
 * PyTorch: from 2.1 on.
 */
export class CircularPad3d extends Pad {
  constructor(padding: Padding, ...none: NoOptions) {
    super("CircularPad3d", 3, "circular", padding, 0, ...none);
  }
}
