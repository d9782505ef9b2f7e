import { checkNumber, checkOptions } from "../check.js";
import { ArgumentError, DTypeError, StateDictError } from "../errors.js";
import { materialize } from "../layout.js";
import { copyInto, fill } from "../ops/copy.js";
import { formatShape, sameShape } from "../shape.js";
import { adoptUnscoped, Tensor } from "../tensor.js";
import type { Shape } from "../types.js";

/** What every optimizer's options hold. */
export interface LearningRate {
  lr: number;
}

/** Parameters that share options. Options may be changed between steps. */
export type ParamGroup<O> = O & {
  readonly params: readonly Tensor[];
  /** The rate that a schedule started from; schedules set it. */
  initialLr?: number;
};

/** A group as it is given to a constructor: what it leaves out comes from the constructor's options. */
export type ParamGroupInput<O> = Partial<O> & { readonly params: Tensor | Iterable<Tensor> };

/** What a constructor takes: parameters, as `model.parameters()` gives them, or groups of them. */
export type Params<O> = Iterable<Tensor> | Iterable<ParamGroupInput<O>>;

/** A parameter's state by PyTorch's names: counts, tensors of its shape, and for optimizers with a history lists of them. */
export type ParamState = Record<string, StateValue>;
export type StateValue = number | Tensor | readonly (number | Tensor)[];

/** An optimizer's state: each parameter's by its index, and the groups with indices in place of parameters. */
export interface OptimizerState {
  readonly state: Readonly<Record<number, Readonly<ParamState>>>;
  readonly paramGroups: readonly (Readonly<Record<string, unknown>> & { readonly params: readonly number[] })[];
}

/** What a class tells the base about itself. */
export interface OptimizerSpec<O> {
  /** Class name; messages begin with it. */
  readonly name: string;
  readonly defaults: O;
  /** Names of the state tensors, which have their parameter's shape. */
  readonly slots?: readonly string[];
  /** Names of the state numbers, `step` not among them. */
  readonly numbers?: readonly string[];
  /** Throws if options are out of range. */
  check(options: O): void;
}

/** Base class of all optimizers: groups, options and state. A subclass implements `step`. State belongs to no scope. */
export abstract class Optimizer<O extends LearningRate = LearningRate> {
  /** The groups; `optimizer.paramGroups[0].lr = …` takes effect at the next step. */
  readonly paramGroups: ParamGroup<O>[] = [];
  protected readonly state = new Map<Tensor, ParamState>();
  private readonly defaults: O;

  constructor(
    protected readonly spec: OptimizerSpec<O>,
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
        const zero = filledLike(p, 0);
        copyInto(p.grad, zero);
        zero.dispose();
      }
    }
  }

  /** Updates the parameters. A closure computes the loss and the gradients anew and returns the loss, which is passed on. */
  abstract step(): void;
  abstract step<R>(closure: () => R): R;

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
    const groups = this.checkStateDict(saved);
    const params = this.paramGroups.flatMap((g) => g.params);
    const copies = Object.entries(saved.state).map(([key, state]): [Tensor, ParamState] => [
      params[Number(key)]!,
      Object.fromEntries(Object.entries(state).map(([name, value]) => [name, copyOf(value)])),
    ]);
    for (const [i, group] of groups.entries()) Object.assign(this.paramGroups[i]!, group);
    this.dispose();
    for (const [p, copy] of copies) this.state.set(p, copy);
  }

  /** Throws what `loadStateDict` would throw, and changes nothing; returns the groups as they would be. */
  checkStateDict(saved: OptimizerState): readonly ParamGroup<O>[] {
    this.checkFits(saved);
    const groups = this.paramGroups.map((group, i) => {
      const from = saved.paramGroups[i];
      const keys = [...Object.keys(this.spec.defaults), "initialLr"];
      return { ...group, ...given(Object.fromEntries(keys.map((key) => [key, from?.[key]])) as Partial<O>) };
    });
    for (const group of groups) this.spec.check(group);
    return groups;
  }

  /** Frees the state; the next step begins anew. */
  dispose(): void {
    for (const state of this.state.values()) {
      for (const value of Object.values(state).flat()) if (value instanceof Tensor) value.dispose();
    }
    this.state.clear();
  }

  /** What in a saved state of parameter p is unknown, and what is of another kind or shape than expected. */
  protected problemsOf(p: Tensor, state: Readonly<ParamState>): StateProblems {
    const { slots = [], numbers = [] } = this.spec;
    const unexpected: string[] = [];
    const mismatched: string[] = [];
    if (!Number.isInteger(state.step)) mismatched.push(`step is ${String(state.step)}, expected an integer`);
    for (const [name, value] of Object.entries(state)) {
      if (name === "step") continue;
      if (numbers.includes(name)) mismatched.push(...numberProblem(name, value));
      else if (slots.includes(name)) mismatched.push(...tensorProblem(name, value, p.shape));
      else unexpected.push(name);
    }
    return { unexpected, mismatched };
  }

  /** Throws unless a saved state is for such groups of such parameters. */
  private checkFits(saved: OptimizerState): void {
    const { name } = this.spec;
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
      const problems = this.problemsOf(p, state);
      unexpected.push(...problems.unexpected.map((what) => `${what} of parameter ${key}`));
      mismatched.push(...problems.mismatched.map((what) => `parameter ${key}: ${what}`));
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
      if (seen.has(p))
        throw new ArgumentError(name, `parameter ${i} ${formatShape(p.shape)} is there twice; expected it once`);
      seen.add(p);
    });
    this.paramGroups.push({ ...all, params: list });
  }
}

/** What keeps a saved state from being loaded. */
export interface StateProblems {
  readonly unexpected: readonly string[];
  readonly mismatched: readonly string[];
}

/** One line if a saved value is no number, else none. */
export function numberProblem(name: string, value: unknown): string[] {
  return typeof value === "number" ? [] : [`${name} is ${String(value)}, expected a number`];
}

/** One line if a saved value is no float32 tensor of this shape, else none. */
export function tensorProblem(name: string, value: unknown, shape: Shape): string[] {
  if (!(value instanceof Tensor)) return [`${name} is ${String(value)}, expected a tensor`];
  if (sameShape(value.shape, shape) && value.dtype === "float32") return [];
  return [`${name} is ${value.dtype} ${formatShape(value.shape)}, expected float32 ${formatShape(shape)}`];
}

/** A saved value with tensors of its own. */
function copyOf(value: StateValue): StateValue {
  if (typeof value === "number") return value;
  if (value instanceof Tensor) return adoptUnscoped(materialize(value));
  return value.map((v) => (v instanceof Tensor ? adoptUnscoped(materialize(v)) : v));
}

/** A tensor of p's shape with one value everywhere, owned by nobody. */
export function filledLike(p: Tensor, value: number): Tensor {
  const out = Tensor.allocate(p.shape, "float32", "optimizer");
  fill(out, value);
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
