import { ArenaError } from "../errors.js";
import type { DataArray, DType, Ptr } from "../types.js";
import { ALIGN, Allocator, type Block, SLACK } from "./allocator.js";

const PAGE = 65536;
/** Pages at the start: enough for a small model, little enough for a cold start. */
const INITIAL_PAGES = 16;
const MAX_PAGES = 65536;
/** Growth is at least an eighth of what is there, so that a growing program does not grow a page at a time. */
const GROWTH = 8;

/** What `memory()` reports; all sizes in bytes. */
export interface MemoryStats {
  /** Bytes of the blocks that tensors hold now, their padding included. */
  readonly liveBytes: number;
  /** Number of those blocks. */
  readonly liveBlocks: number;
  /** Largest `liveBytes` so far, or since `resetPeak()`. */
  readonly peakBytes: number;
  /** Bytes the kernels keep for packing and other work space; reused by every call. */
  readonly scratchBytes: number;
  /** Size of the linear memory. It never shrinks. */
  readonly capacityBytes: number;
}

interface LinearMemory {
  readonly buffer: ArrayBuffer;
  /** Grows by that many pages; throws or returns -1 if it cannot. */
  grow(pages: number): number;
}

/** Stands in where WebAssembly is missing: same interface, growth by copying. */
class PlainMemory implements LinearMemory {
  buffer = new ArrayBuffer(INITIAL_PAGES * PAGE);
  grow(pages: number): number {
    const old = this.buffer;
    const grown = new ArrayBuffer(old.byteLength + pages * PAGE);
    new Uint8Array(grown).set(new Uint8Array(old));
    this.buffer = grown;
    return old.byteLength / PAGE;
  }
}

/**
 * The one linear memory: every tensor of both back ends lives here, and the kernels import it. This module is the only holder of
 * typed arrays over it. The three views are replaced whenever the memory grows; read them anew in each kernel.
 */
class Arena {
  readonly memory: WebAssembly.Memory | null;
  f32!: Float32Array;
  i32!: Int32Array;
  u8!: Uint8Array;

  private readonly linear: LinearMemory;
  // Address 0 stays unused, so that 0 can mean "no tensor" in a kernel call.
  private readonly allocator = new Allocator(ALIGN);
  private scratchBlock: Block | null = null;
  private liveBytes = 0;
  private liveBlocks = 0;
  private peakBytes = 0;

  constructor() {
    if (typeof WebAssembly === "object") {
      this.memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAX_PAGES });
      this.linear = this.memory;
    } else {
      this.memory = null;
      this.linear = new PlainMemory();
    }
    this.refresh();
    this.allocator.extend(this.linear.buffer.byteLength);
  }

  /** Takes a block for `bytes` bytes, 64-byte aligned; grows the memory if it has to. */
  alloc(bytes: number): Block {
    const block = this.take(bytes);
    this.liveBytes += block.size;
    this.liveBlocks++;
    if (this.liveBytes > this.peakBytes) this.peakBytes = this.liveBytes;
    return block;
  }

  free(block: Block): void {
    this.liveBytes -= block.size;
    this.liveBlocks--;
    this.allocator.release(block);
  }

  /** Address of a byte in a block. */
  at(block: Block, byteOffset: number): Ptr {
    return (block.start + byteOffset) as Ptr;
  }

  /** Work space of at least `bytes` bytes, valid until the next call. Kernels never allocate; this is where they pack. */
  scratch(bytes: number): Ptr {
    if (this.scratchBlock === null || this.scratchBlock.size < bytes + SLACK) {
      if (this.scratchBlock !== null) this.allocator.release(this.scratchBlock);
      this.scratchBlock = null;
      this.scratchBlock = this.take(bytes);
    }
    return this.scratchBlock.start as Ptr;
  }

  /** A view for immediate use: never store it, growth detaches it. */
  view(ptr: Ptr, count: number, dtype: DType): DataArray {
    switch (dtype) {
      case "float32":
        return new Float32Array(this.linear.buffer, ptr, count);
      case "int32":
        return new Int32Array(this.linear.buffer, ptr, count);
      case "bool":
        return new Uint8Array(this.linear.buffer, ptr, count);
    }
  }

  stats(): MemoryStats {
    return {
      liveBytes: this.liveBytes,
      liveBlocks: this.liveBlocks,
      peakBytes: this.peakBytes,
      scratchBytes: this.scratchBlock?.size ?? 0,
      capacityBytes: this.linear.buffer.byteLength,
    };
  }

  /** Starts a new measurement of `peakBytes`. */
  resetPeak(): void {
    this.peakBytes = this.liveBytes;
  }

  private take(bytes: number): Block {
    let block = this.allocator.take(bytes);
    if (block === null) {
      this.grow(bytes);
      block = this.allocator.take(bytes);
      if (block === null) throw new ArenaError("memory", `no block of ${bytes} bytes after growing`);
    }
    return block;
  }

  private grow(bytes: number): void {
    const capacity = this.linear.buffer.byteLength;
    const have = capacity / PAGE;
    const need = Math.ceil(this.allocator.shortfall(bytes) / PAGE);
    const wanted = Math.min(Math.max(need, Math.ceil(have / GROWTH)), MAX_PAGES - have);
    if (need > MAX_PAGES - have || (!this.tryGrow(wanted) && !this.tryGrow(need))) {
      throw new ArenaError(
        "memory",
        `cannot grow by ${need * PAGE} bytes for a block of ${bytes}; ${this.liveBytes} bytes are live in ${this.liveBlocks} ` +
          `blocks, capacity ${capacity}, limit ${MAX_PAGES * PAGE}`,
      );
    }
    this.refresh();
    this.allocator.extend(this.linear.buffer.byteLength);
  }

  private tryGrow(pages: number): boolean {
    try {
      return this.linear.grow(pages) !== -1;
    } catch {
      return false;
    }
  }

  private refresh(): void {
    const { buffer } = this.linear;
    this.f32 = new Float32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
  }
}

export const arena = new Arena();

/** No tensor: what a kernel gets for an optional operand that is absent. */
export const NULL = 0 as Ptr;

/** How the linear memory is used now. Flat numbers over a loop mean that nothing leaks. */
export function memory(): MemoryStats {
  return arena.stats();
}
