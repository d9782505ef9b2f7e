import { adoptUnscoped, Tensor } from "../tensor.js";
import type { Shape } from "../types.js";

/**
 * A leaf tensor that belongs to a module: found by `parameters()` as an own property and updated by optimizers. It takes over the
 * storage of the given tensor, is outside every scope, and requires a gradient unless told otherwise.
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, options: { requiresGrad?: boolean } = {}) {
    data.assertAlive("Parameter");
    super(data.storage, data.dtype, data, "Parameter");
    data.storage.retain();
    data.dispose();
    adoptUnscoped(this);
    if (options.requiresGrad ?? true) this.requiresGrad_();
  }
}

/** A parameter of a shape, its values still to be drawn; `origin` is the module's name. */
export function uninitialised(shape: Shape, origin: string): Parameter {
  return new Parameter(Tensor.allocate(shape, "float32", origin));
}

/**
 * A tensor that belongs to a module's state but is not trained: running statistics, masks. It takes over the storage, as `Parameter`.
 * PyTorch: register_buffer makes it.
 */
export class Buffer extends Tensor {
  /** False: left out of state dicts. */
  readonly persistent: boolean;
  constructor(data: Tensor, options: { persistent?: boolean } = {}) {
    data.assertAlive("Buffer");
    super(data.storage, data.dtype, data, "Buffer");
    data.storage.retain();
    data.dispose();
    adoptUnscoped(this);
    this.persistent = options.persistent ?? true;
  }
}
