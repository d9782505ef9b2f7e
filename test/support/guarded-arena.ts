import { type Block, SLACK } from "../../src/runtime/allocator.js";
import { arena } from "../../src/runtime/arena.js";
import type { Ptr } from "../../src/types.js";

/** Bytes on either side of every block and of the work space that nobody may write. */
const GUARD = 128;
/** What they and new blocks are filled with: NaN as float32, −1 as int32. */
const PATTERN = 0xff;

/**
 * Puts guards around every block that is allocated from now on and around each piece of work space, and fills new memory with NaN: a
 * kernel that writes outside of its output, or uses what was never written or lies behind its input, is found when the block is freed.
 */
export function guardArena(): void {
  const { alloc, free, scratch } = arena;
  const guarded = new Map<Block, { inner: Block; bytes: number }>();
  let work: { start: number; bytes: number } | null = null;

  const fill = (start: number, bytes: number): void => {
    arena.u8.fill(PATTERN, start - GUARD, start + bytes + GUARD);
  };
  const verify = (what: string, start: number, bytes: number): void => {
    for (const from of [start - GUARD, start + bytes]) {
      const at = arena.u8.subarray(from, from + GUARD).findIndex((v) => v !== PATTERN);
      if (at >= 0) throw new Error(`a ${what} of ${bytes} bytes was over-written at byte ${from + at - start}`);
    }
  };

  arena.alloc = (bytes) => {
    const inner = alloc.call(arena, bytes + 2 * GUARD);
    const block = { ...inner, start: inner.start + GUARD };
    guarded.set(block, { inner, bytes });
    fill(block.start, bytes);
    return block;
  };
  arena.free = (block) => {
    const entry = guarded.get(block);
    // Without an entry it is a block from before the guards.
    free.call(arena, entry?.inner ?? block);
    if (entry === undefined) return;
    guarded.delete(block);
    verify("block", block.start, entry.bytes);
    if (work !== null) verify("work space", work.start, work.bytes);
  };
  arena.scratch = (bytes) => {
    work = { start: scratch.call(arena, bytes + 2 * GUARD) + GUARD, bytes };
    fill(work.start, bytes);
    return work.start as Ptr;
  };
}

/** Enough for whatever else the rows take. */
const ROOM = 1 << 24;

/**
 * Places one block at a time, or one piece of work space, so that nothing but its slack lies between it and the end of the memory: a
 * kernel that reads further is trapped. `run(k, fn)` does it to the k-th request of fn and returns how many requests there were.
 */
export function edgeOfArena(): (k: number, fn: () => void) => number {
  const { alloc, free, scratch } = arena;
  const room = alloc.call(arena, ROOM);
  // As large as all there is, so that the memory grows for it and nothing but a remainder lies behind it.
  const reserved = alloc.call(arena, arena.stats().capacityBytes);
  free.call(arena, room);
  const end = arena.stats().capacityBytes;
  const edges = new Set<Block>();
  let requests = 0;
  let chosen = -1;
  const startOf = (bytes: number): number | null => {
    const start = (end - SLACK - bytes) & ~3;
    return requests++ === chosen && start >= reserved.start ? start : null;
  };
  arena.alloc = (bytes) => {
    const start = startOf(bytes);
    if (start === null) {
      let block = alloc.call(arena, bytes);
      // The remainder is given to nobody: edges lie there.
      while (block.start > reserved.start) block = alloc.call(arena, bytes);
      return block;
    }
    const block = { start, size: bytes, free: false, before: null, after: null, prev: null, next: null };
    edges.add(block);
    return block;
  };
  arena.free = (block) => {
    if (!edges.delete(block)) free.call(arena, block);
  };
  arena.scratch = (bytes) => (startOf(bytes) ?? scratch.call(arena, bytes)) as Ptr;
  return (k, fn) => {
    requests = 0;
    chosen = k;
    fn();
    if (arena.stats().capacityBytes !== end) throw new Error("the memory has grown: its end is elsewhere");
    return requests;
  };
}
