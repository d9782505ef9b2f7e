import { checkInteger, checkNumber, checkOneOf } from "../check.js";
import { ArgumentError } from "../errors.js";
import { scope } from "../scoping.js";
import type { Tensor } from "../tensor.js";
import { accumulate, checkClosure, combine, dot, evaluate, FlatParameters, scale, sizeOf } from "./flat.js";
import { type Point, strongWolfe } from "./line_search.js";
import {
  type LearningRate,
  numberProblem,
  Optimizer,
  type OptimizerSpec,
  type ParamGroupInput,
  type ParamState,
  type Params,
  type StateProblems,
  tensorProblem,
} from "./optimizer.js";

export interface LBFGSOptions extends LearningRate {
  /** Length of the first step tried along each direction. Default 1. */
  lr: number;
  /** Iterations in one `step`. Default 20. */
  maxIter: number;
  /** Calls of the closure after which `step` ends. Default 1.25·maxIter. */
  maxEval: number | null;
  /** Ends when no element of the gradient is larger. Default 1e-7. */
  toleranceGrad: number;
  /** Ends when no parameter, or the loss, changes by more. Default 1e-9. */
  toleranceChange: number;
  /** How many past steps the Hessian is estimated from. Default 100. */
  historySize: number;
  /** How far to go along a direction: null (the default) always lr, or "strong_wolfe", a line search. */
  lineSearchFn: "strong_wolfe" | null;
}

const SPEC: OptimizerSpec<LBFGSOptions> = {
  name: "LBFGS",
  defaults: {
    lr: 1,
    maxIter: 20,
    maxEval: null,
    toleranceGrad: 1e-7,
    toleranceChange: 1e-9,
    historySize: 100,
    lineSearchFn: null,
  },
  check: (options) => {
    checkNumber("LBFGS", "lr", options.lr, 0);
    checkInteger("LBFGS", "maxIter", options.maxIter, 1);
    if (options.maxEval !== null) checkInteger("LBFGS", "maxEval", options.maxEval, 1);
    checkNumber("LBFGS", "toleranceGrad", options.toleranceGrad, 0);
    checkNumber("LBFGS", "toleranceChange", options.toleranceChange, 0);
    checkInteger("LBFGS", "historySize", options.historySize, 1);
    if (options.lineSearchFn !== null) {
      checkOneOf("LBFGS", "lineSearchFn", options.lineSearchFn, ["strong_wolfe"]);
    }
  },
};

/** State under PyTorch's names, kept with the first parameter; vectors are over all parameters. */
interface History extends ParamState {
  func_evals: number;
  n_iter: number;
  /** The last direction and how far it was followed. */
  d: Tensor;
  t: number;
  /** Changes of the gradient, y, and of the parameters, s, oldest first; 1/(y·s) for each pair. */
  old_dirs: Tensor[];
  old_stps: Tensor[];
  ro: number[];
  /** The first estimate of the inverse Hessian, a multiple of the identity. */
  H_diag: number;
  prev_flat_grad: Tensor;
  prev_loss: number;
}

const NUMBERS = ["func_evals", "n_iter", "t", "H_diag", "prev_loss"];
const VECTORS = ["d", "prev_flat_grad"];
const LISTS = ["old_dirs", "old_stps", "ro"];

/** Pairs with a smaller y·s say nothing about the curvature. */
const LEAST_CURVATURE = 1e-10;

/**
 * Limited-memory BFGS: follows d = −H·g, where the inverse Hessian H is estimated from the last `historySize` changes of parameters and
 * gradient. `step(closure)` makes up to `maxIter` iterations; the closure clears the gradients, computes the loss, calls backward and
 * returns the loss, and is called several times an iteration; `step` returns the first loss. All parameters are one group. Memory:
 * 2·historySize + 2 copies of the parameters. Use the whole data set, or the same batch, in all calls.
 * (Liu and Nocedal, On the Limited Memory BFGS Method, 1989.)
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  constructor(params: Params<LBFGSOptions>, options: Partial<LBFGSOptions> = {}) {
    super(SPEC, params, options);
  }

  /** Errors: ArgumentError for a second group. */
  override addParamGroup(group: ParamGroupInput<LBFGSOptions>): void {
    if (this.paramGroups.length > 0) throw new ArgumentError("LBFGS", "got a second parameter group; expected one");
    super.addParamGroup(group);
  }

  step(): void;
  step<R>(closure: () => R): R;
  step<R>(closure?: () => R): R {
    checkClosure("LBFGS", closure);
    return scope(() => this.minimize(closure));
  }

  private minimize<R>(closure: () => R): R {
    const group = this.paramGroups[0]!;
    const { maxIter, toleranceGrad, toleranceChange } = group;
    const maxEval = group.maxEval ?? Math.floor(maxIter * 1.25);
    const flat = new FlatParameters(group.params);
    const own = this.history(group.params[0]!);
    const call = (): { result: R; loss: number } => {
      own.func_evals++;
      return evaluate("LBFGS", closure);
    };

    const callsBefore = own.func_evals;
    const start = call();
    let here: Point<Tensor> = { t: 0, loss: start.loss, slope: 0, gradient: flat.gradients() };
    if (sizeOf(here.gradient, Infinity) <= toleranceGrad) return start.result;
    for (let i = 1; i <= maxIter; i++) {
      own.n_iter++;
      follow(own, here.gradient, group.historySize);
      remember(own, "prev_flat_grad", combine(here.gradient, here.gradient, 1, 0));
      own.prev_loss = here.loss;
      own.t = own.n_iter === 1 ? Math.min(1, 1 / sizeOf(here.gradient, 1)) * group.lr : group.lr;
      const slope = dot(here.gradient, own.d);
      if (slope > -toleranceChange) break;

      const last = here;
      here = scope(() => {
        const from = flat.values();
        const move = (t: number): void => flat.assign(combine(own.d, from, t, 1));
        const measure = (t: number): Point<Tensor> => {
          move(t);
          const { loss } = call();
          const gradient = flat.gradients();
          return { t, loss, slope: dot(gradient, own.d), gradient };
        };
        if (group.lineSearchFn === null) {
          if (i < maxIter) return measure(own.t);
          // Nobody would look at another loss.
          move(own.t);
          return last;
        }
        const found = strongWolfe(measure, { ...last, t: 0, slope }, own.t, sizeOf(own.d, Infinity), toleranceChange);
        move(found.t);
        own.t = found.t;
        return found;
      });
      if (here.gradient !== last.gradient) last.gradient.dispose();

      if (own.func_evals - callsBefore >= maxEval) break;
      if (sizeOf(here.gradient, Infinity) <= toleranceGrad) break;
      if (sizeOf(own.d, Infinity) * Math.abs(own.t) <= toleranceChange) break;
      if (Math.abs(here.loss - own.prev_loss) < toleranceChange) break;
    }
    return start.result;
  }

  /** The state, whose vectors come with the first iteration. */
  private history(first: Tensor): History {
    const own = this.state.get(first) ?? { func_evals: 0, n_iter: 0 };
    this.state.set(first, own);
    return own as History;
  }

  protected override problemsOf(p: Tensor, state: Readonly<ParamState>): StateProblems {
    const { params } = this.paramGroups[0]!;
    if (p !== params[0]) return { unexpected: ["state"], mismatched: [] };
    const known = [...NUMBERS, ...VECTORS, ...LISTS];
    const needed = state.n_iter === 0 ? ["func_evals", "n_iter"] : known;
    const mismatched = needed.filter((name) => !(name in state)).map((name) => `${name} is missing`);
    const shape = [new FlatParameters(params).size];
    for (const [name, value] of Object.entries(state)) {
      if (NUMBERS.includes(name)) mismatched.push(...numberProblem(name, value));
      else if (VECTORS.includes(name)) mismatched.push(...tensorProblem(name, value, shape));
      else if (LISTS.includes(name)) mismatched.push(...listProblems(name, value, state.ro, shape));
    }
    return { unexpected: Object.keys(state).filter((name) => !known.includes(name)), mismatched };
  }
}

/** What keeps a saved list from being loaded; all three have the same length. */
function listProblems(name: string, value: unknown, ro: unknown, shape: readonly number[]): string[] {
  if (!Array.isArray(value)) return [`${name} is ${String(value)}, expected a list`];
  if (Array.isArray(ro) && ro.length !== value.length) return [`${name} has ${value.length} entries, ro ${ro.length}`];
  return value.flatMap((v, i) =>
    name === "ro" ? numberProblem(`${name}[${i}]`, v) : tensorProblem(`${name}[${i}]`, v, shape),
  );
}

/** Keeps a vector in the state, in place of the one that was there. */
function remember(own: History, name: "d" | "prev_flat_grad", value: Tensor): void {
  own[name]?.dispose();
  own[name] = value.keep();
}

/** Takes the last step into the history and sets d = −H·g. */
function follow(own: History, g: Tensor, historySize: number): void {
  if (own.n_iter === 1) {
    own.old_dirs = [];
    own.old_stps = [];
    own.ro = [];
    own.H_diag = 1;
    remember(own, "d", combine(g, g, -1, 0));
    return;
  }
  learn(own, g, historySize);
  const { old_dirs: ys, old_stps: ss, ro } = own;
  const d = combine(g, g, -1, 0);
  const shares = new Array<number>(ys.length);
  for (let i = ys.length - 1; i >= 0; i--) {
    shares[i] = dot(ss[i]!, d) * ro[i]!;
    accumulate(d, ys[i]!, -shares[i]!);
  }
  scale(d, own.H_diag);
  for (let i = 0; i < ys.length; i++) accumulate(d, ss[i]!, shares[i]! - dot(ys[i]!, d) * ro[i]!);
  remember(own, "d", d);
}

function learn(own: History, g: Tensor, historySize: number): void {
  const y = combine(g, own.prev_flat_grad, 1, -1);
  const s = combine(own.d, own.d, own.t, 0);
  const curvature = dot(y, s);
  if (!(curvature > LEAST_CURVATURE)) return;
  while (own.ro.length >= historySize) {
    own.old_dirs.shift()?.dispose();
    own.old_stps.shift()?.dispose();
    own.ro.shift();
  }
  own.old_dirs.push(y.keep());
  own.old_stps.push(s.keep());
  own.ro.push(1 / curvature);
  own.H_diag = curvature / dot(y, y);
}
