/** Every block starts on a multiple of this many bytes (a cache line), and its size is one. */
export const ALIGN = 64;
/** Bytes behind each request that belong to nobody else, so that a vector tail may over-read. */
export const SLACK = 16;

/** A run of the managed bytes, free or taken. Neighbours in memory are linked, so that freeing merges in constant time. */
export interface Block {
  start: number;
  size: number;
  free: boolean;
  before: Block | null;
  after: Block | null;
  /** Links of the free list this block is in. */
  prev: Block | null;
  next: Block | null;
}

/** Size classes: powers of two, each split in eight. */
const STEPS_LOG2 = 3;
const STEPS = 1 << STEPS_LOG2;
const CLASSES = (32 - STEPS_LOG2) * STEPS;

/**
 * Two-level segregated fit (Masmano et al., 2004): allocation and release in constant time, with immediate coalescing.
 * It keeps its books on the JavaScript side and touches no byte of the memory that it manages.
 */
export class Allocator {
  private readonly heads: (Block | null)[] = new Array<Block | null>(CLASSES).fill(null);
  private readonly stepBits = new Int32Array(32);
  private levelBits = 0;
  private last: Block | null = null;
  private end: number;

  constructor(start: number) {
    this.end = start;
  }

  /** Takes a block of at least `bytes` plus slack, or null if no free block is large enough. */
  take(bytes: number): Block | null {
    const size = blockSize(bytes);
    const block = this.find(size);
    if (block === null) return null;
    if (block.size - size >= ALIGN) return this.cut(block, size);
    this.unlink(block);
    block.free = false;
    return block;
  }

  /** Gives a block back and merges it with its free neighbours. */
  release(block: Block): void {
    const { before, after } = block;
    if (before?.free) {
      if (after?.free) {
        this.unlink(after);
        this.skip(after);
        block.size += after.size;
      }
      this.skip(block);
      this.resize(before, before.start, before.size + block.size);
    } else if (after?.free) {
      this.skip(block);
      this.resize(after, block.start, block.size + after.size);
    } else {
      block.free = true;
      this.link(block);
    }
  }

  /** Adds the bytes from the present end to `end` to the managed range. */
  extend(end: number): void {
    const size = Math.floor((end - this.end) / ALIGN) * ALIGN;
    if (size <= 0) return;
    const block: Block = {
      start: this.end,
      size,
      free: false,
      before: this.last,
      after: null,
      prev: null,
      next: null,
    };
    if (this.last !== null) this.last.after = block;
    this.last = block;
    this.end += size;
    this.release(block);
  }

  /** How far the range has to grow, at least, so that `take(bytes)` succeeds. */
  shortfall(bytes: number): number {
    const tail = this.last?.free ? this.last.size : 0;
    // Rounded up to the next class, so that the search, which looks only at classes that surely fit, finds the block.
    return roundUpToClass(blockSize(bytes)) - tail;
  }

  private find(size: number): Block | null {
    const units = roundUpToClass(size) / ALIGN;
    const index = classOf(units);
    let level = index >> STEPS_LOG2;
    let bits = this.stepBits[level]! & (~0 << (index & (STEPS - 1)));
    if (bits === 0) {
      const levels = level === 31 ? 0 : this.levelBits & (~0 << (level + 1));
      if (levels === 0) return null;
      level = lowestBit(levels);
      bits = this.stepBits[level]!;
    }
    return this.heads[(level << STEPS_LOG2) + lowestBit(bits)] ?? null;
  }

  /** Takes the front of a free block. */
  private cut(block: Block, size: number): Block {
    const { start, before } = block;
    const taken: Block = { start, size, free: false, before, after: block, prev: null, next: null };
    if (before !== null) before.after = taken;
    block.before = taken;
    this.resize(block, start + size, block.size - size);
    return taken;
  }

  /** Moves the bounds of a free block; it changes its list only with its class, which for a large block is seldom. */
  private resize(block: Block, start: number, size: number): void {
    const stays = classOf(block.size / ALIGN) === classOf(size / ALIGN);
    if (!stays) this.unlink(block);
    block.start = start;
    block.size = size;
    if (!stays) this.link(block);
  }

  /** Takes a block out of the row of neighbours. */
  private skip({ before, after }: Block): void {
    if (before !== null) before.after = after;
    if (after !== null) after.before = before;
    else this.last = before;
  }

  private link(block: Block): void {
    const index = classOf(block.size / ALIGN);
    const head = this.heads[index] ?? null;
    block.prev = null;
    block.next = head;
    if (head !== null) head.prev = block;
    this.heads[index] = block;
    this.stepBits[index >> STEPS_LOG2]! |= 1 << (index & (STEPS - 1));
    this.levelBits |= 1 << (index >> STEPS_LOG2);
  }

  private unlink(block: Block): void {
    const index = classOf(block.size / ALIGN);
    if (block.prev !== null) block.prev.next = block.next;
    else this.heads[index] = block.next;
    if (block.next !== null) block.next.prev = block.prev;
    if (this.heads[index] === null) {
      const level = index >> STEPS_LOG2;
      this.stepBits[level]! &= ~(1 << (index & (STEPS - 1)));
      if (this.stepBits[level] === 0) this.levelBits &= ~(1 << level);
    }
    block.prev = null;
    block.next = null;
  }
}

function blockSize(bytes: number): number {
  return Math.ceil((bytes + SLACK) / ALIGN) * ALIGN;
}

/** Class of a size in units: exact up to eight units, then eight steps per doubling. */
function classOf(units: number): number {
  const log = 31 - Math.clz32(units);
  if (log < STEPS_LOG2) return units;
  return ((log - STEPS_LOG2 + 1) << STEPS_LOG2) + ((units >>> (log - STEPS_LOG2)) & (STEPS - 1));
}

/** Smallest size whose class holds only blocks that are at least that large. */
function roundUpToClass(size: number): number {
  const units = size / ALIGN;
  const log = 31 - Math.clz32(units);
  if (log < STEPS_LOG2) return size;
  const step = 2 ** (log - STEPS_LOG2);
  return Math.ceil(units / step) * step * ALIGN;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
