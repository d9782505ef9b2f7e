import { materialize } from "../layout.js";
import { copyInto } from "../ops/copy.js";
import { arena } from "../runtime/arena.js";
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

/** What a kernel needs to know of one parameter: its state, in the kernel's order, NULL where an option leaves it out, and numbers. */
export interface PointUpdate<S extends readonly number[]> {
  readonly state: readonly Ptr[];
  readonly scalars: S;
}

/** Parameters that one call updates, as they differ in their rows of the table only. */
interface Batch<S extends readonly number[]> {
  readonly scalars: S;
  readonly rows: (readonly number[])[];
  count: number;
}

/** A parameter with its gradient, both in order; where one is not, a copy stands in. */
interface Pair {
  readonly p: Tensor;
  readonly y: Tensor;
  readonly grad: Tensor;
  readonly g: Tensor;
}

/**
 * Base of the optimizers that update each element from its own gradient. A subclass says in `update` what its kernel needs for a
 * parameter, and calls it in `run`: once for all parameters of a group for which that comes to the same numbers.
 * State is made when a parameter gets its first gradient.
 */
export abstract class PointwiseOptimizer<
  O extends LearningRate,
  S extends readonly number[] = readonly number[],
> extends Optimizer<O> {
  /**
   * Updates every parameter that has a gradient. A closure, if given, is called first, with recording on; it computes the
   * gradients, and its value is returned.
   */
  step(): void;
  step<R>(closure: () => R): R;
  step<R>(closure?: () => R): R | undefined {
    const result = closure === undefined ? undefined : withGradMode(true, closure);
    for (const { params } of this.paramGroups) {
      for (const p of params) {
        if (p.grad === null) continue;
        p.assertAlive(this.spec.name);
        p.grad.assertAlive(this.spec.name);
      }
    }
    for (const group of this.paramGroups) this.stepGroup(group);
    return result;
  }

  /** What the kernel needs for one parameter, whose state it may change. */
  protected abstract update(state: PointState, group: O): PointUpdate<S>;

  /** Calls the kernel for `count` elements in the rows of a table, which the notes of assembly/optim_sgd.ts describe. */
  protected abstract run(table: Ptr, rows: number, scalars: S, count: number): void;

  private stepGroup(group: ParamGroup<O>): void {
    const pairs: Pair[] = [];
    const batches: Batch<S>[] = [];
    for (const p of group.params) {
      if (p.grad === null) continue;
      const pair = { p, y: inOrder(p), grad: p.grad, g: inOrder(p.grad) };
      pairs.push(pair);
      const { state, scalars } = this.update(this.advance(p), group);
      const row = [p.numel, pair.y.ptr, pair.g.ptr, ...state];
      const alike = batches.find((b) => b.scalars.every((v, i) => Object.is(v, scalars[i])));
      if (alike === undefined) batches.push({ scalars, rows: [row], count: p.numel });
      else {
        alike.rows.push(row);
        alike.count += p.numel;
      }
    }
    for (const { rows, scalars, count } of batches) this.run(tableOf(rows), rows.length, scalars, count);
    for (const { p, y, grad, g } of pairs) {
      if (y === p) p.storage.written();
      else {
        copyInto(p, y);
        y.dispose();
      }
      if (g !== grad) g.dispose();
    }
  }

  /** The state of a parameter that is about to take a step. */
  private advance(p: Tensor): PointState {
    let own = this.state.get(p);
    if (own === undefined) {
      own = { step: 0 };
      this.state.set(p, own);
    }
    own.step = Number(own.step) + 1;
    return stateOf(p, own);
  }
}

function inOrder(t: Tensor): Tensor {
  return t.isContiguous ? t : materialize(t);
}

/** The rows in the work space, where a kernel finds them. */
function tableOf(rows: readonly (readonly number[])[]): Ptr {
  const table = arena.scratch(4 * rows.length * rows[0]!.length);
  arena.writeInts(table, rows.flat());
  return table;
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
