import { RuntimeError } from "../errors.js";
import { contiguousOp, viewOp, viewStrides } from "../ops/copy.js";
import type { Storage } from "../runtime/storage.js";
import { contiguousStrides, numel } from "../shape.js";
import { type Layout, Tensor } from "../tensor.js";
import { bytesOf, type DType, type Shape } from "../types.js";
import type { AnyOp, GraphNode, GraphParts, Value } from "./graph.js";
import { runs } from "./node.js";
import { Region } from "./plan_regions.js";

// What a plan computes and in which order, before its tensors have addresses. Steps are numbered as the graph's nodes; inputs are
// written at step BEFORE, outputs are read at the step after the last node.

/** The step at which inputs are written. */
export const BEFORE = -1;

/** A tensor of a plan. */
export interface Slot {
  /** The bytes it lies in; null for a constant, or a view of one, which is not in the slab. */
  readonly region: Region | null;
  /** How it lies there: its offset counts from the region's first element. Of a constant, the tensor itself. */
  readonly layout: Tensor;
  /** The node that writes its elements. */
  readonly madeAt: number;
}

/** One call of an op. A node has several if inputs have to be copied into order first, none if it is a view. */
export interface DraftStep {
  readonly node: GraphNode;
  readonly index: number;
  readonly op: AnyOp;
  readonly attrs: unknown;
  readonly inputs: readonly (Slot | null)[];
  readonly outs: readonly Slot[];
}

export class PlanDraft {
  readonly regions: Region[] = [];
  steps: DraftStep[] = [];
  private readonly slots = new Map<Value, Slot>();

  /** `constants` are the graph's, as handles of the plan's own; `nowhere` stands for the slab. */
  constructor(
    readonly graph: GraphParts,
    constants: ReadonlyMap<Value, Tensor>,
    private readonly nowhere: Storage,
  ) {
    for (const [value, layout] of constants) this.slots.set(value, { region: null, layout, madeAt: BEFORE });
    for (const value of graph.inputs) this.slots.set(value, this.fresh(value.shape, value.dtype, BEFORE));
    for (const [index, node] of graph.nodes.entries()) this.add(node, index);
    for (const value of graph.outputs) this.slot(value).region?.use(graph.nodes.length);
  }

  slot(value: Value): Slot {
    const slot = this.slots.get(value);
    if (slot === undefined) {
      throw new RuntimeError("compile", `graph uses ${value.name} before a node makes it; expected nodes in order`);
    }
    return slot;
  }

  /** A new tensor in a region of its own. */
  private fresh(shape: Shape, dtype: DType, step: number): Slot {
    const region = new Region(numel(shape) * bytesOf(dtype), step);
    this.regions.push(region);
    const layout = { shape, strides: contiguousStrides(shape), offset: 0 };
    return { region, layout: new Tensor(this.nowhere, dtype, layout, "compile"), madeAt: step };
  }

  private add(node: GraphNode, index: number): void {
    const inputs = node.inputs.map((value) => (value === null ? null : this.slot(value)));
    for (const slot of inputs) slot?.region?.use(index);
    if (node.op.view !== undefined) {
      this.addView(node, index, inputs);
      return;
    }
    const ordered = node.op.strided
      ? inputs
      : inputs.map((slot) => (slot === null || slot.layout.isContiguous ? slot : this.inOrder(node, index, slot)));
    const outs = node.outputs.map(({ shape, dtype }) => this.fresh(shape, dtype, index));
    for (const [i, value] of node.outputs.entries()) this.slots.set(value, outs[i]!);
    this.steps.push({ node, index, op: node.op, attrs: node.attrs, inputs: ordered, outs });
  }

  private addView(node: GraphNode, index: number, inputs: readonly (Slot | null)[]): void {
    const given = inputs[0]!;
    // A shape that was a view of the examples' layout may need another layout for other sizes.
    const viewable = !runs(node, viewOp) || viewStrides(given.layout, node.attrs.shape) !== null;
    const base = viewable ? given : this.inOrder(node, index, given);
    const tensors = [base, ...inputs.slice(1)].map((slot) => slot?.layout ?? null);
    const made = node.op.view!(tensors, node.attrs);
    const layouts: readonly Layout[] = "shape" in made ? [made] : made;
    for (const [i, value] of node.outputs.entries()) {
      const layout = new Tensor(base.layout.storage, base.layout.dtype, layouts[i]!, node.op.name);
      this.slots.set(value, { ...base, layout });
    }
  }

  /** A step that copies a tensor into row-major order, as `apply` would. */
  private inOrder(node: GraphNode, index: number, slot: Slot): Slot {
    const copy = this.fresh(slot.layout.shape, slot.layout.dtype, index);
    this.steps.push(copyStep(node, index, slot, copy));
    return copy;
  }
}

export function copyStep(node: GraphNode, index: number, from: Slot, to: Slot): DraftStep {
  return { node, index, op: contiguousOp as AnyOp, attrs: undefined, inputs: [from], outs: [to] };
}

/** Whether a tensor is all of its region, in order. */
export function isWhole({ region, layout }: Slot): boolean {
  return (
    region !== null &&
    layout.isContiguous &&
    layout.offset === 0 &&
    layout.numel * bytesOf(layout.dtype) === region.bytes
  );
}
