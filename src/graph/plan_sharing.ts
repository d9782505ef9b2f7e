import { catOp } from "../ops/copy.js";
import { contiguousStrides, numel, sameShape } from "../shape.js";
import { Tensor } from "../tensor.js";
import { bytesOf } from "../types.js";
import { runs } from "./node.js";
import { copyStep, type DraftStep, isWhole, type PlanDraft, type Slot } from "./plan_draft.js";
import type { Region } from "./plan_regions.js";

// Tensors that can do with the same bytes.

/**
 * Concatenations without copies. Where the parts are contiguous pieces of the result, because no dimension before the joined one is
 * larger than 1, what makes a part writes it into its place. The last concatenation goes first, so that the parts of those before it, which
 * are its own parts, follow. Parts that have no choice (constants, views, what lies in another result already) are copied.
 */
export function joinInPlace(draft: PlanDraft): void {
  const steps: DraftStep[] = [];
  for (const step of [...draft.steps].reverse()) {
    const { node } = step;
    if (runs(node, catOp)) steps.push(...joined(step, node.attrs.dim).reverse());
    else steps.push(step);
  }
  draft.steps = steps.reverse();
}

interface Part {
  readonly slot: Slot;
  /** Its first byte in the result. */
  readonly from: number;
}

/** What is left to do for a concatenation. */
function joined(step: DraftStep, dim: number): DraftStep[] {
  const out = step.outs[0]!;
  const { shape, dtype } = out.layout;
  if (numel(shape.slice(0, dim)) !== 1 || out.layout.numel === 0) return [step];
  let end = 0;
  const parts = step.inputs.map((slot): Part => {
    const from = end;
    end += slot!.layout.numel * bytesOf(dtype);
    return { slot: slot!, from };
  });
  const region = out.region!;
  if (region.free && lieInARow(parts)) {
    const first = parts[0]!.slot;
    region.placeIn(first.region!.root, addressOf(first));
    return [];
  }
  const left = parts.filter(({ slot, from }) => !moveInto(region, slot, from));
  if (left.length === parts.length) return [step];
  return left.map(({ slot, from }) => {
    const { storage } = out.layout;
    const sizes = slot.layout.shape;
    const place = { shape: sizes, strides: contiguousStrides(sizes), offset: from / bytesOf(dtype) };
    return copyStep(step.node, step.index, slot, { ...out, layout: new Tensor(storage, dtype, place, catOp.name) });
  });
}

/** In the root of its region. */
function addressOf({ region, layout }: Slot): number {
  return region!.offset + layout.offset * bytesOf(layout.dtype);
}

/** Whether the parts follow each other in one region already. */
function lieInARow(parts: readonly Part[]): boolean {
  const first = parts[0]!.slot;
  const root = first.region?.root;
  return (
    root !== undefined &&
    parts.every(
      ({ slot, from }) =>
        slot.region?.root === root && slot.layout.isContiguous && addressOf(slot) === addressOf(first) + from,
    )
  );
}

function moveInto(target: Region, slot: Slot, at: number): boolean {
  const { region } = slot;
  if (region === null || !region.free || !isWhole(slot) || target.root === region) return false;
  region.placeIn(target, at);
  return true;
}

/** Lets element-wise ops write over an input that nobody reads afterwards. */
export function writeInPlace(draft: PlanDraft): void {
  for (const step of draft.steps) {
    const position = step.op.inPlace?.find((i) => canOverwrite(step, i));
    if (position !== undefined) step.inputs[position]!.region!.placeIn(step.outs[0]!.region!, 0);
  }
}

function canOverwrite({ op, index, inputs, outs }: DraftStep, position: number): boolean {
  const slot = inputs[position];
  const out = outs[0]!;
  const region = slot?.region;
  if (!slot || !region?.free || region.to !== index || !isWhole(slot) || out.region!.root === region) return false;
  if (slot.layout.dtype !== out.layout.dtype || !sameShape(slot.layout.shape, out.layout.shape)) return false;
  return inputs.every((other, i) => {
    if (i === position || other?.region?.root !== region) return true;
    return op.inPlace!.includes(i) && isWhole(other) && sameShape(other.layout.shape, slot.layout.shape);
  });
}
