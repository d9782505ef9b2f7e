import type { Inputs } from "../ops/op.js";
import { arena } from "../runtime/arena.js";
import { Storage } from "../runtime/storage.js";
import { withGradMode } from "../tape.js";
import { adoptUnscoped, Tensor } from "../tensor.js";
import { bytesOf } from "../types.js";
import type { AnyOp, GraphNode, GraphParts, Guard, Value } from "./graph.js";
import { BEFORE, PlanDraft, type Slot } from "./plan_draft.js";
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
  readonly slab: Storage;
  /** Handles of the slab and the constants: they are freed with the plan, or when it is collected. */
  private readonly handles: readonly Tensor[];
  /** What must hold of the inputs. */
  readonly first: readonly Check[];

  constructor(graph: GraphParts) {
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
    const checks = graph.guards.map((guard): readonly [step: number, check: Check] => [
      lastStep(draft, draft.slot(guard.value).madeAt),
      { guard, tensor: at(guard.value) },
    ]);
    const after = (step: number): Check[] => checks.filter(([last]) => last === step).map(([, check]) => check);
    this.first = after(BEFORE);
    this.steps = draft.steps.map(({ node, op, attrs, inputs, outs }, i): Step => {
      const operands = inputs.map((slot) => slot && place(slot));
      return { node, op, attrs, inputs: operands, outs: outs.map(place), checks: after(i) };
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
  run(watcher: StepWatcher | null = null): boolean {
    return withGradMode(false, () => {
      if (!allHold(this.first)) return false;
      for (let i = 0; i < this.steps.length; i++) {
        const step = this.steps[i]!;
        const start = watcher === null ? 0 : performance.now();
        this.take(step);
        watcher?.(step, performance.now() - start);
        if (!allHold(step.checks)) return false;
      }
      return true;
    });
  }

  dispose(): void {
    for (const t of this.handles) t.dispose();
  }

  private take({ op, inputs, outs, attrs }: Step): void {
    op.forward!(outs, inputs, attrs);
    // What kernels keep of an operand holds for one version: the bytes here are soon another tensor's.
    this.slab.written();
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

/** The place of the last step for a node, or for one before it: a concatenation may have none. BEFORE if there is none at all. */
function lastStep({ steps }: PlanDraft, node: number): number {
  return steps.findLastIndex((step) => step.index <= node);
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
