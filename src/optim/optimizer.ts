import { checkNumber, checkOptions } from "../check.js";
import { ArgumentError, DTypeError, StateDictError } from "../errors.js";
import { materialize } from "../layout.js";
import { copyInto, fill } from "../ops/copy.js";
import { formatShape, sameShape } from "../shape.js";
import { withGradMode } from "../tape.js";
import { adoptUnscoped, Tensor } from "../tensor.js";
import type { Ptr } from "../types.js";

/** What every optimizer's options hold. */
export interface LearningRate {
  lr: number;
}

/** Parameters that share options. Options may be changed between steps. */
export type ParamGroup<O> = O & { readonly params: readonly Tensor[] };

/** A group as it is given to a constructor: what it leaves out comes from the constructor's options. */
export type ParamGroupInput<O> = Partial<O> & { readonly params: Tensor | Iterable<Tensor> };

/** What a constructor takes: parameters, as `model.parameters()` gives them, or groups of them. */
export type Params<O> = Iterable<Tensor> | Iterable<ParamGroupInput<O>>;

/** A parameter's state by PyTorch's names: how often it was updated, and tensors of its shape. */
export type ParamState = { step: number } & { [slot: string]: number | Tensor };

/** An optimizer's state: tensors by the index of their parameter, and the groups with indices in place of parameters. */
export interface OptimizerState {
  readonly state: Readonly<Record<number, Readonly<ParamState>>>;
  readonly paramGroups: readonly (Readonly<Record<string, unknown>> & { readonly params: readonly number[] })[];
}

/** What a class tells the base about itself. */
export interface OptimizerSpec<O> {
  /** Class name; messages begin with it. */
  readonly name: string;
  readonly defaults: O;
  /** Names of its state tensors. */
  readonly slots: readonly string[];
  /** Throws if options are out of range. */
  check(options: O): void;
}

/**
 * Base class of all optimizers: groups, state, and the walk over parameters. A subclass implements `update`.
 * State belongs to no scope; it is made when a parameter gets its first gradient.
 */
export abstract class Optimizer<O extends LearningRate = LearningRate> {
  /** The groups; `optimizer.paramGroups[0].lr = …` takes effect at the next step. */
  readonly paramGroups: ParamGroup<O>[] = [];
  private readonly state = new Map<Tensor, ParamState>();
  private readonly defaults: O;

  constructor(
    private readonly spec: OptimizerSpec<O>,
    params: Params<O>,
    options: Partial<O>,
  ) {
    checkOptions(spec.name, options, Object.keys(spec.defaults));
    this.defaults = { ...spec.defaults, ...given(options) };
    spec.check(this.defaults);
    const list: (Tensor | ParamGroupInput<O>)[] = iterable(params) ? [...params] : [];
    if (list.length === 0) {
      throw new ArgumentError(spec.name, "got no parameters; expected an iterable with at least one");
    }
    const tensors = list.filter((p) => p instanceof Tensor);
    if (tensors.length === list.length) this.add(tensors, {});
    else {
      for (const group of list) {
        if (group instanceof Tensor) throw new ArgumentError(spec.name, "got tensors and groups; expected one kind");
        this.addParamGroup(group);
      }
    }
  }

  /** Adds a group; options it leaves out are the constructor's. Errors: for a tensor that is no leaf or already in a group. */
  addParamGroup(group: ParamGroupInput<O>): void {
    if (typeof group !== "object" || group === null || !("params" in group)) {
      throw new ArgumentError(
        this.spec.name,
        `got ${String(group)} for a parameter; expected a tensor, or { params, … }`,
      );
    }
    const options = Object.fromEntries(Object.entries(group).filter(([key]) => key !== "params"));
    this.add(group.params, options as Partial<O>);
  }

  /** Clears the gradients: frees them, or with `setToNone: false` fills them with 0. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    checkOptions("zeroGrad", options, ["setToNone"]);
    for (const p of this.paramGroups.flatMap((g) => g.params)) {
      if (options.setToNone ?? true) p.grad = null;
      else if (p.grad !== null) {
        const zero = zeroLike(p);
        copyInto(p.grad, zero);
        zero.dispose();
      }
    }
  }

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

  /** The state: counts, options, and the state tensors themselves, not copies. Indices count parameters over all groups. */
  stateDict(): OptimizerState {
    const params = this.paramGroups.flatMap((g) => g.params);
    const state: Record<number, ParamState> = {};
    params.forEach((p, i) => {
      const own = this.state.get(p);
      if (own !== undefined) state[i] = { ...own };
    });
    let next = 0;
    const paramGroups = this.paramGroups.map((group) => ({
      ...Object.fromEntries(Object.entries(group)),
      params: group.params.map(() => next++),
    }));
    return { state, paramGroups };
  }

  /** Takes over copies of a saved state. Errors: StateDictError, listing what does not fit; nothing has changed then. */
  loadStateDict(saved: OptimizerState): void {
    this.checkFits(saved);
    const groups = this.paramGroups.map((group, i) => {
      const from = saved.paramGroups[i];
      const options = Object.fromEntries(Object.keys(this.spec.defaults).map((key) => [key, from?.[key]]));
      return { ...group, ...given(options as Partial<O>) };
    });
    for (const group of groups) this.spec.check(group);
    const params = this.paramGroups.flatMap((g) => g.params);
    const copies = Object.entries(saved.state).map(([key, state]): [Tensor, ParamState] => {
      const copy: ParamState = { step: state.step };
      for (const [slot, value] of Object.entries(state)) {
        if (value instanceof Tensor) copy[slot] = adoptUnscoped(materialize(value));
      }
      return [params[Number(key)]!, copy];
    });
    for (const [i, group] of groups.entries()) Object.assign(this.paramGroups[i]!, group);
    this.dispose();
    for (const [p, copy] of copies) this.state.set(p, copy);
  }

  /** Frees the state; the next step begins anew. */
  dispose(): void {
    for (const state of this.state.values()) {
      for (const value of Object.values(state)) if (value instanceof Tensor) value.dispose();
    }
    this.state.clear();
  }

  /** Writes n new values to p, from the gradient g; both lie in order. `state.step` counts this update already. */
  protected abstract update(p: Ptr, g: Ptr, n: number, slot: (name: string) => Ptr, step: number, group: O): void;

  /** Throws unless a saved state is for such groups of such parameters. */
  private checkFits(saved: OptimizerState): void {
    const { name, slots } = this.spec;
    const params = this.paramGroups.flatMap((g) => g.params);
    const unexpected: string[] = [];
    const mismatched: string[] = [];
    const counts = (groups: readonly { params: readonly unknown[] }[]): string =>
      `[${groups.map((g) => g.params.length).join(", ")}]`;
    if (counts(saved.paramGroups) !== counts(this.paramGroups)) {
      mismatched.push(`groups have ${counts(saved.paramGroups)} parameters, expected ${counts(this.paramGroups)}`);
    }
    for (const [key, state] of Object.entries(saved.state)) {
      const p = params[Number(key)];
      if (p === undefined) {
        unexpected.push(`state of parameter ${key}`);
        continue;
      }
      if (!Number.isInteger(state.step)) {
        mismatched.push(`step of parameter ${key} is ${String(state.step)}, expected an integer`);
      }
      for (const [slot, value] of Object.entries(state)) {
        if (slot === "step") continue;
        const what = `${slot} of parameter ${key}`;
        if (!slots.includes(slot)) unexpected.push(what);
        else if (!(value instanceof Tensor)) mismatched.push(`${what} is ${String(value)}, expected a tensor`);
        else if (!sameShape(value.shape, p.shape) || value.dtype !== "float32") {
          const got = `${value.dtype} ${formatShape(value.shape)}`;
          mismatched.push(`${what} is ${got}, expected float32 ${formatShape(p.shape)}`);
        }
      }
    }
    if (unexpected.length + mismatched.length > 0) {
      const problems = [...unexpected.map((u) => `unexpected ${u}`), ...mismatched].join("; ");
      throw new StateDictError(name, `state does not fit: ${problems}`, { missing: [], unexpected, mismatched });
    }
  }

  private add(params: Tensor | Iterable<Tensor>, options: Partial<O>): void {
    const { name, defaults, check } = this.spec;
    checkOptions(name, options, Object.keys(defaults));
    const all = { ...this.defaults, ...given(options) };
    check(all);
    const list = params instanceof Tensor ? [params] : [...params];
    const seen = new Set(this.paramGroups.flatMap((g) => g.params));
    list.forEach((p, i) => {
      if (!(p instanceof Tensor)) throw new ArgumentError(name, `parameter ${i} is ${String(p)}; expected a tensor`);
      p.assertAlive(name);
      if (p.dtype !== "float32") throw new DTypeError(name, `parameter ${i} is ${p.dtype}; expected float32`);
      if (!p.isLeaf) {
        throw new ArgumentError(
          name,
          `parameter ${i} ${formatShape(p.shape)} was made by ${p.origin}; expected a leaf`,
        );
      }
      if (seen.has(p)) throw new ArgumentError(name, `parameter ${i} ${formatShape(p.shape)} is there twice`);
      seen.add(p);
    });
    this.paramGroups.push({ ...all, params: list });
  }

  private updateOne(p: Tensor, grad: Tensor, group: ParamGroup<O>): void {
    p.assertAlive(this.spec.name);
    grad.assertAlive(this.spec.name);
    let state = this.state.get(p);
    if (state === undefined) {
      state = { step: 0 };
      this.state.set(p, state);
    }
    const own: ParamState = state;
    own.step++;
    const slot = (name: string): Ptr => {
      const tensor = own[name] ?? adoptUnscoped(zeroLike(p));
      own[name] = tensor;
      return (tensor as Tensor).ptr;
    };
    const g = grad.isContiguous ? grad : materialize(grad);
    const y = p.isContiguous ? p : materialize(p);
    this.update(y.ptr, g.ptr, p.numel, slot, own.step, group);
    if (y === p) p.storage.version++;
    else {
      copyInto(p, y);
      y.dispose();
    }
    if (g !== grad) g.dispose();
  }
}

/** Zeros of a tensor's shape, owned by nobody. */
function zeroLike(p: Tensor): Tensor {
  const out = Tensor.allocate(p.shape, "float32", "optimizer");
  fill(out, 0);
  return out;
}

/** Options without the entries that are undefined, so that they do not hide defaults. */
function given<O extends object>(options: O): O {
  return Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) as O;
}

function iterable(x: unknown): boolean {
  return typeof x === "object" && x !== null && Symbol.iterator in x;
}

/** Throws unless lr, and weight decay, are numbers from 0 on. */
export function checkRates(name: string, { lr, weightDecay }: LearningRate & { weightDecay: number }): void {
  checkNumber(name, "lr", lr, 0);
  checkNumber(name, "weightDecay", weightDecay, 0);
}
