import { ALIGN, SLACK } from "../runtime/allocator.js";

/**
 * The bytes of a plan's slab that one tensor needs, from the step that writes them to the last one that reads them. A region may lie
 * in another one: the two then live as long as both.
 */
export class Region {
  from: number;
  to: number;
  /** The region that it lies in; null for one that lies in the slab itself. */
  private parent: Region | null = null;
  /** Its first byte, in the parent or in the slab. */
  private at = 0;

  constructor(
    readonly bytes: number,
    step: number,
  ) {
    this.from = step;
    this.to = step;
  }

  get root(): Region {
    return this.parent === null ? this : this.parent.root;
  }

  /** True if it lies in no other region. */
  get free(): boolean {
    return this.parent === null;
  }

  /** Its first byte in the slab, or in its root before the regions have been arranged. */
  get offset(): number {
    return this.parent === null ? this.at : this.parent.offset + this.at;
  }

  /** With the slack that every block of the arena has behind it. */
  get size(): number {
    return Math.ceil((this.bytes + SLACK) / ALIGN) * ALIGN;
  }

  /** The step reads or writes it. */
  use(step: number): void {
    const { root } = this;
    root.from = Math.min(root.from, step);
    root.to = Math.max(root.to, step);
  }

  /** Becomes a part of another region. It lies in none yet, and the other one not in it. */
  placeIn(parent: Region, at: number): void {
    this.parent = parent;
    this.at = at;
    parent.use(this.from);
    parent.use(this.to);
  }

  /** Gives a region that lies in no other one its place in the slab. */
  settle(at: number): void {
    this.at = at;
  }
}

type Order = (a: Region, b: Region) => number;

/** No order is the best for all networks: the largest first, those that live longest, those that come first. */
const ORDERS: readonly Order[] = [
  (a, b) => b.size - a.size || a.from - b.from,
  (a, b) => b.to - b.from - (a.to - a.from) || b.size - a.size,
  (a, b) => a.from - b.from || b.size - a.size,
];

/**
 * Places regions in one slab so that those which live at the same time do not overlap, and returns its bytes: one after the other, each into
 * the smallest gap that takes it (Pisarchyk & Lee, 2020, greedy by size), in that order of a few which takes least.
 */
export function arrange(regions: readonly Region[]): number {
  const least = lowerBound(regions);
  let best = { order: ORDERS[0]!, total: Infinity };
  for (const order of ORDERS) {
    const total = arrangeBy(regions, order);
    if (total === least) return total;
    if (total < best.total) best = { order, total };
  }
  return arrangeBy(regions, best.order);
}

function arrangeBy(regions: readonly Region[], order: Order): number {
  /** By address. */
  const placed: Region[] = [];
  let total = 0;
  for (const region of [...regions].sort(order)) {
    const at = placeFor(region, placed);
    region.settle(at);
    const next = placed.findIndex((other) => other.offset > at);
    placed.splice(next < 0 ? placed.length : next, 0, region);
    total = Math.max(total, at + region.size);
  }
  return total;
}

function placeFor(region: Region, placed: readonly Region[]): number {
  let best = -1;
  let bestGap = Infinity;
  let end = 0;
  for (const other of placed) {
    if (other.to < region.from || region.to < other.from) continue;
    const gap = other.offset - end;
    if (gap >= region.size && gap < bestGap) {
      best = end;
      bestGap = gap;
    }
    end = Math.max(end, other.offset + other.size);
  }
  return best < 0 ? end : best;
}

/** The largest sum of the bytes that live at one step: no arrangement takes less. */
export function lowerBound(regions: readonly Region[]): number {
  const changes = new Map<number, number>();
  const change = (step: number, by: number): void => void changes.set(step, (changes.get(step) ?? 0) + by);
  for (const { from, to, size } of regions) {
    change(from, size);
    change(to + 1, -size);
  }
  let live = 0;
  let most = 0;
  for (const [, by] of [...changes].sort(([a], [b]) => a - b)) {
    live += by;
    most = Math.max(most, live);
  }
  return most;
}
