import { materialize } from "../layout.js";
import { copyInto } from "../ops/copy.js";
import { withGradMode } from "../tape.js";
import { adoptUnscoped, Tensor } from "../tensor.js";
import type { Ptr } from "../types.js";
import { filledLike, type LearningRate, Optimizer, type ParamGroup, type ParamState } from "./optimizer.js";

/** A parameter's state as `update` reads and writes it; what the spec does not name cannot be saved. */
export interface PointState {
  /** Updates so far, with the present one. */
  readonly step: number;
  /** Address of a state tensor of the parameter's shape; it holds `initial` everywhere at first. */
  tensor(name: string, initial?: number): Ptr;
  /** A state number; it is `initial` at first. */
  number(name: string, initial: number): number;
  setNumber(name: string, value: number): void;
}

/**
 * Base of the optimizers that update each parameter from its own gradient, in one pass. A subclass implements `update`.
 * State is made when a parameter gets its first gradient.
 */
export abstract class PointwiseOptimizer<O extends LearningRate> extends Optimizer<O> {
  /**
   * Updates every parameter that has a gradient. A closure, if given, is called first, with recording on; it computes the
   * gradients, and its value is returned.
   */
  step(): void;
  step<R>(closure: () => R): R;
  step<R>(closure?: () => R): R | undefined {
    const result = closure === undefined ? undefined : withGradMode(true, closure);
    for (const group of this.paramGroups) {
      for (const p of group.params) if (p.grad !== null) this.updateOne(p, p.grad, group);
    }
    return result;
  }

  /** Writes n new values to p, from the gradient g; both lie in order. */
  protected abstract update(p: Ptr, g: Ptr, n: number, state: PointState, group: O): void;

  private updateOne(p: Tensor, grad: Tensor, group: ParamGroup<O>): void {
    p.assertAlive(this.spec.name);
    grad.assertAlive(this.spec.name);
    let own = this.state.get(p);
    if (own === undefined) {
      own = { step: 0 };
      this.state.set(p, own);
    }
    own.step = Number(own.step) + 1;
    const g = grad.isContiguous ? grad : materialize(grad);
    const y = p.isContiguous ? p : materialize(p);
    this.update(y.ptr, g.ptr, p.numel, stateOf(p, own), group);
    if (y === p) p.storage.version++;
    else {
      copyInto(p, y);
      y.dispose();
    }
    if (g !== grad) g.dispose();
  }
}

function stateOf(p: Tensor, own: ParamState): PointState {
  return {
    step: Number(own.step),
    tensor(name, initial = 0) {
      const found = own[name];
      if (found instanceof Tensor) return found.ptr;
      const made = adoptUnscoped(filledLike(p, initial));
      own[name] = made;
      return made.ptr;
    },
    number: (name, initial) => Number(own[name] ?? initial),
    setNumber(name, value) {
      own[name] = value;
    },
  };
}
