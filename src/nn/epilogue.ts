// Epilogues: what a layer applies to its result while it still is at hand, instead of another walk over memory. Containers ask for
// it where an activation or a sum follows, in training too.

import { relu6 } from "../functional/activation.js";
import { add } from "../functional/arithmetic.js";
import { relu } from "../functional/unary.js";
import type { ConvActivation } from "../ops/conv.js";
import type { Tensor } from "../tensor.js";
import { ReLU, ReLU6 } from "./activation.js";
import type { Module } from "./module.js";

/** y becomes act(y + residual). */
export interface Epilogue {
  /** Default "none". */
  readonly activation?: ConvActivation;
  /** Of y's shape. Default null. */
  readonly residual?: Tensor | null;
}

/** Nothing more. */
export const NO_EPILOGUE: Epilogue = {};

interface FusingLayer extends Module {
  forward(x: Tensor, epilogue?: Epilogue): Tensor;
}

/**
 * The `forward` methods that take an epilogue. Methods and not classes, because a subclass may override it, and hooks and
 * parametrisations put another in its place: those see the result as it is without an epilogue.
 */
const fusing = new WeakSet<object>();

/** Declares that the `forward` of a class takes an epilogue. */
export function declareFusing(type: { readonly prototype: FusingLayer }): void {
  fusing.add(type.prototype.forward);
}

function isFusing(module: Module): module is FusingLayer {
  return fusing.has(module.forward);
}

/** The activation that a module is, if epilogues have it. */
function activationOf(module: Module | undefined): ConvActivation | null {
  if (module === undefined) return null;
  if (module.forward === ReLU.prototype.forward) return "relu";
  return module.forward === ReLU6.prototype.forward ? "relu6" : null;
}

/** The activation that `next` would apply to what `module` gives, if `module` can apply it itself; null if not. */
export function fusedActivation(module: Module, next: Module | undefined): ConvActivation | null {
  const activation = activationOf(next);
  return activation !== null && isFusing(module) ? activation : null;
}

/** act(y + residual), in passes of their own. */
export function finish(y: Tensor, { activation = "none", residual = null }: Epilogue): Tensor {
  const sum = residual === null ? y : add(y, residual);
  if (activation === "relu") return relu(sum);
  return activation === "relu6" ? relu6(sum) : sum;
}

/** A module's result and the epilogue, in one pass if the module can. */
export function forwardWith(module: Module, x: unknown, epilogue: Epilogue): unknown {
  if (epilogue === NO_EPILOGUE) return module.forward(x);
  // A layer that takes an epilogue maps a tensor to a tensor; whatever else x is, it refuses itself.
  return isFusing(module) ? module.forward(x as Tensor, epilogue) : finished(module.forward(x), epilogue);
}

/** As `finish`; without an epilogue a result may be anything. */
export function finished(y: unknown, epilogue: Epilogue): unknown {
  return epilogue === NO_EPILOGUE ? y : finish(y as Tensor, epilogue);
}
