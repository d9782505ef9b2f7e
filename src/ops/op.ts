import { materialize } from "../layout.js";
import { type OpWindow, profiler } from "../profile.js";
import { type BackwardRule, isGradEnabled, record, type Thunk } from "../tape.js";
import { adopt, type Layout, Tensor } from "../tensor.js";
import { bytesOf, type Spec } from "../types.js";

/** The tensors an op takes, in order; null for an optional one that is absent. */
export type Inputs = readonly (Tensor | null)[];

/** The same list, as far as checks and shapes go. */
export type SpecsOf<I extends Inputs> = { readonly [N in keyof I]: I[N] extends Tensor ? Spec : Spec | null };

/** An op without a gradient, and why. */
export interface NotDifferentiable {
  readonly notDifferentiable: string;
}

/** Positions of inputs and outputs. */
export interface Saves {
  readonly inputs?: readonly number[];
  readonly outs?: readonly number[];
}

export interface OpDefinition<I extends Inputs, O extends readonly Tensor[], A> {
  /** Name in `functional`, or of the gradient it computes; traces, profiles and messages show it. */
  readonly name: string;
  /** Checks everything and returns the outputs' specs. Nothing has been allocated or written when it throws. */
  infer(inputs: SpecsOf<I>, attrs: A): readonly Spec[];
  /** Kernel calls only; `outs` are allocated, contiguous and uninitialised. Inputs are contiguous unless `strided`. */
  forward?(outs: O, inputs: I, attrs: A): void;
  /** Instead of `forward`: the outputs are other layouts of the first input's storage. A single one need not be in a list. */
  view?(inputs: I, attrs: A): Layout | readonly Layout[];
  /** True if `forward` reads `strides` itself. */
  readonly strided?: boolean;
  /**
   * Positions of inputs whose place the first output may take: `forward` reads an element, or what a row needs of it, before it writes there.
   * Such an input is contiguous and of the output's shape and dtype, and shares no memory with another one, unless that is the same tensor
   * and has a position here too.
   */
  readonly inPlace?: readonly number[];
  /** Floating-point operations of one run, a multiply-add counts two: for profiles, where products dominate. */
  flops?(inputs: I, outs: O, attrs: A): number;
  /** The windows that it slides over its first input, for summaries; null if one output reads everything. */
  window?(inputs: I, attrs: A): OpWindow | null;
  /** Which inputs and outputs the gradient reads. Default: every input, no output. */
  readonly saves?: Saves | ((attrs: A) => Saves);
  /**
   * One lazy gradient per input, null for an input that never has one; a thunk runs only if its gradient is needed.
   * `grads[i]` is ∂L/∂outs[i]; it is null if no gradient reached that output, which for an op with one output cannot be.
   */
  readonly backward:
    | NotDifferentiable
    | ((grads: GradsOf<O>, inputs: I, outs: O, attrs: A) => readonly (Thunk | null)[]);
}

/** Gradients of the outputs; an op with one output always gets it. */
export type GradsOf<O extends readonly Tensor[]> = O extends readonly [Tensor]
  ? readonly [Tensor]
  : { readonly [N in keyof O]: Tensor | null };

export interface Op<I extends Inputs, O extends readonly Tensor[], A> extends OpDefinition<I, O, A> {
  readonly kind: "op";
}

/** Any op, with its types forgotten: what is known of it is what the declaration says at run time. */
export type AnyOp = Op<Inputs, readonly Tensor[], unknown>;

/** Every property of an op, in one order. */
const LAYOUT = {
  kind: "op",
  name: undefined,
  infer: undefined,
  forward: undefined,
  view: undefined,
  strided: undefined,
  inPlace: undefined,
  flops: undefined,
  window: undefined,
  saves: undefined,
  backward: undefined,
} as const;

const NOTHING: Pick<typeof LAYOUT, "kind"> = LAYOUT;

/** Declares an op: one object with its checks, shapes, forward and gradient. See `apply` for how it is run. */
export function defineOp<I extends Inputs, O extends readonly Tensor[], A = void>(
  definition: OpDefinition<I, O, A>,
): Op<I, O, A> {
  // One layout of properties for all ops: where they are run, V8 then knows at once where to look.
  return { ...NOTHING, ...definition };
}

/** Marks an op as having no gradient; the reason is for readers and for the test that walks all ops. */
export function notDifferentiable(reason: string): NotDifferentiable {
  return { notDifferentiable: reason };
}

/** For a kernel that computes several inputs' gradients at once: the first thunk runs it, the others take their part. */
export function once<T>(compute: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: compute() };
    return made.value;
  };
}

/** Runs an op: see `run`. The one place where a profile or a summary looks on. */
export function apply<I extends Inputs, O extends readonly Tensor[], A>(op: Op<I, O, A>, inputs: I, attrs: A): O {
  if (profiler === null) return run(op, inputs, attrs);
  const start = performance.now();
  const outs = run(op, inputs, attrs);
  const ms = performance.now() - start;
  const written = op.view === undefined ? bytesOfAll(outs) : 0;
  profiler.note({
    op: op.name,
    declaration: op as AnyOp,
    attrs,
    ms,
    flops: op.flops?.(inputs, outs, attrs) ?? null,
    bytes: op.view === undefined ? bytesOfAll(inputs) + written : 0,
    written,
    inputs,
    outs,
    window: op.window?.(inputs, attrs) ?? null,
  });
  return outs;
}

/** An expanded operand is read as often as it is repeated, but there is no more of it than its storage holds. */
function bytesOfAll(tensors: Inputs): number {
  return tensors.reduce(
    (sum, t) => (t === null ? sum : sum + Math.min(t.numel * bytesOf(t.dtype), t.storage.bytes)),
    0,
  );
}

/**
 * Where allocation, ownership and the tape meet.
 * Order: inputs alive, checks, allocation, kernels, tape, scope. If a check throws, nothing has happened.
 */
function run<I extends Inputs, O extends readonly Tensor[], A>(op: Op<I, O, A>, inputs: I, attrs: A): O {
  for (let i = 0; i < inputs.length; i++) inputs[i]?.assertAlive(op.name);
  const specs = op.infer(inputs as SpecsOf<I>, attrs);
  const outs = op.view === undefined ? compute(op, specs, inputs, attrs) : viewOf(op, inputs, attrs);
  if (isGradEnabled() && anyRequiresGrad(inputs)) tape(op, inputs, outs, attrs);
  for (let i = 0; i < outs.length; i++) adopt(outs[i]!);
  return outs;
}

function tape<I extends Inputs, O extends readonly Tensor[], A>(op: Op<I, O, A>, inputs: I, outs: O, attrs: A): void {
  const { backward } = op;
  if (typeof backward !== "function") return;
  const saves = typeof op.saves === "function" ? op.saves(attrs) : op.saves;
  // The tape hands back what it was given, in the same order; the op's own types describe it again.
  const rule: BackwardRule = (grads, saved, made) => backward(grads as GradsOf<O>, saved as I, made as O, attrs);
  record(op.name, rule, inputs, outs, { inputs: saves?.inputs ?? "all", outs: saves?.outs ?? [] });
}

function anyRequiresGrad(inputs: Inputs): boolean {
  for (let i = 0; i < inputs.length; i++) if (inputs[i]?.requiresGrad) return true;
  return false;
}

function compute<I extends Inputs, O extends readonly Tensor[], A>(
  op: Op<I, O, A>,
  specs: readonly Spec[],
  inputs: I,
  attrs: A,
): O {
  const made: Tensor[] = [];
  // The inputs with copies in place of those that do not lie in order; null while there is none.
  let ordered: (Tensor | null)[] | null = null;
  try {
    for (let i = 0; i < specs.length; i++) made.push(Tensor.allocate(specs[i]!.shape, specs[i]!.dtype, op.name));
    for (let i = 0; i < inputs.length && !op.strided; i++) {
      const t = inputs[i] ?? null;
      if (t === null || t.isContiguous) continue;
      ordered ??= inputs.slice();
      ordered[i] = materialize(t);
    }
    const outs = asTuple<O>(made);
    op.forward!(outs, (ordered ?? inputs) as I, attrs);
    return outs;
  } catch (error) {
    for (const t of made) t.dispose();
    throw error;
  } finally {
    if (ordered !== null) for (const [i, t] of ordered.entries()) if (t !== inputs[i]) t?.dispose();
  }
}

function viewOf<I extends Inputs, O extends readonly Tensor[], A>(op: Op<I, O, A>, inputs: I, attrs: A): O {
  const layouts = op.view!(inputs, attrs);
  const x = inputs[0]!;
  if ("shape" in layouts) return asTuple<O>([x.alias(layouts, op.name)]);
  return asTuple<O>(layouts.map((layout) => x.alias(layout, op.name)));
}

/** A list made from an op's own specs, as the tuple that the op declares. */
function asTuple<O extends readonly Tensor[]>(list: readonly Tensor[]): O {
  return list as O;
}
