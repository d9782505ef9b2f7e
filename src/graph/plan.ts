import type { Inputs } from "../ops/op.js";
import { arena } from "../runtime/arena.js";
import { Storage } from "../runtime/storage.js";
import { withGradMode } from "../tape.js";
import { adoptUnscoped, Tensor } from "../tensor.js";
import { bytesOf } from "../types.js";
import type { AnyOp, GraphNode, GraphParts, Guard, Value } from "./graph.js";
import { BEFORE, type DraftStep, PlanDraft, type Slot } from "./plan_draft.js";
import { arrange, lowerBound } from "./plan_regions.js";
import { joinInPlace, writeInPlace } from "./plan_sharing.js";

/** One call of an op, with everything that it is called with. */
export interface Step {
  /** What it is for. */
  readonly node: GraphNode;
  readonly op: AnyOp;
  readonly attrs: unknown;
  readonly inputs: Inputs;
  readonly outs: readonly Tensor[];
  /** What must hold once it has run. */
  readonly checks: readonly Check[];
}

interface Check {
  readonly guard: Guard;
  readonly tensor: Tensor;
}

/** Hears how long each step took, in milliseconds. */
export type StepWatcher = (step: Step, ms: number) => void;

/**
 * A graph made ready to run: the tensors of every step lie where they are needed in one block of memory, the slab, in which those that do not
 * live at the same time share bytes. Running it calls kernels and allocates nothing. Inputs are copied in, so that an op may write over
 * them; constants are read where they lie.
 */
export class Plan {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly steps: readonly Step[];
  /** The largest sum of bytes that live at one step; `slabBytes` cannot be less. */
  readonly lowerBoundBytes: number;
  private readonly slab: Storage;
  /** Handles of the slab and the constants: they are freed with the plan, or when it is collected. */
  private readonly handles: readonly Tensor[];
  private readonly first: readonly Check[];

  constructor(readonly graph: GraphParts) {
    const constants = new Map(Array.from(graph.constants, ([value, t]) => [value, adoptUnscoped(t.alias())]));
    const nowhere = new Storage(0);
    const draft = new PlanDraft(graph, constants, nowhere);
    nowhere.release();
    joinInPlace(draft);
    writeInPlace(draft);
    const roots = draft.regions.filter((region) => region.free);
    this.slab = new Storage(arrange(roots));
    this.lowerBoundBytes = lowerBound(roots);
    const bytes = { shape: [this.slab.bytes], strides: [1], offset: 0 };
    this.handles = [adoptUnscoped(new Tensor(this.slab, "bool", bytes, "compile")), ...constants.values()];
    const place = placer(this.slab);
    const at = (value: Value): Tensor => place(draft.slot(value));
    this.inputs = graph.inputs.map(at);
    this.outputs = graph.outputs.map(at);
    const checks = graph.guards.map((guard) => ({ guard, tensor: at(guard.value), madeAt: madeAt(draft, guard) }));
    this.first = checks.filter((check) => check.madeAt === BEFORE);
    this.steps = draft.steps.map((step, i): Step => {
      const { node, index, op, attrs } = step;
      const next = draft.steps[i + 1]?.index ?? Infinity;
      return {
        node,
        op,
        attrs,
        inputs: step.inputs.map((slot) => slot && place(slot)),
        outs: step.outs.map(place),
        checks: checks.filter((check) => lastOf(draft.steps, check.madeAt) === index && next > index),
      };
    });
  }

  get slabBytes(): number {
    return this.slab.bytes;
  }

  /** Storages of the constants, each once. */
  get weights(): readonly Storage[] {
    return [...new Set(this.handles.slice(1).map((t) => t.storage))];
  }

  /** Computes the outputs from the inputs. False if a value that the traced code has read is another one now: then they are wrong. */
  run(): boolean {
    return withGradMode(false, () => {
      if (!allHold(this.first)) return false;
      for (let i = 0; i < this.steps.length; i++) if (!this.take(this.steps[i]!)) return false;
      return true;
    });
  }

  /** The same, step by step. */
  watch(watcher: StepWatcher): boolean {
    return withGradMode(false, () => {
      if (!allHold(this.first)) return false;
      for (const step of this.steps) {
        const start = performance.now();
        if (!this.take(step)) return false;
        watcher(step, performance.now() - start);
      }
      return true;
    });
  }

  dispose(): void {
    for (const t of this.handles) t.dispose();
  }

  private take({ op, inputs, outs, attrs, checks }: Step): boolean {
    op.forward!(outs, inputs, attrs);
    // What kernels keep of an operand holds for one version: the bytes here are soon another tensor's.
    this.slab.written();
    return allHold(checks);
  }
}

/** Gives a slot its tensor, always the same one. */
function placer(slab: Storage): (slot: Slot) => Tensor {
  const made = new Map<Slot, Tensor>();
  return (slot) => {
    const known = made.get(slot);
    if (known !== undefined) return known;
    const { region, layout } = slot;
    const { shape, strides, dtype, origin, isContiguous } = layout;
    const offset = region === null ? 0 : region.offset / bytesOf(dtype) + layout.offset;
    const t = region === null ? layout : new Tensor(slab, dtype, { shape, strides, offset }, origin, isContiguous);
    made.set(slot, t);
    return t;
  };
}

function madeAt(draft: PlanDraft, { value }: Guard): number {
  return draft.slot(value).madeAt;
}

/** The last step that belongs to a node, or to one before it: a concatenation may have none. */
function lastOf(steps: readonly DraftStep[], index: number): number {
  return steps.findLast((step) => step.index <= index)?.index ?? BEFORE;
}

function allHold(checks: readonly Check[]): boolean {
  for (let i = 0; i < checks.length; i++) if (!holds(checks[i]!)) return false;
  return true;
}

function holds({ guard: { data }, tensor }: Check): boolean {
  if (!tensor.isContiguous) return tensor.data().every((v, i) => Object.is(v, data[i]));
  const { dtype, numel } = tensor;
  const all = dtype === "float32" ? arena.f32 : dtype === "int32" ? arena.i32 : arena.u8;
  const first = tensor.ptr / bytesOf(dtype);
  for (let i = 0; i < numel; i++) if (!Object.is(all[first + i], data[i])) return false;
  return true;
}
