import { ArenaError } from "../errors.js";
import type { DataArray, DType, Ptr } from "../types.js";
import { ALIGN, Allocator, type Block, SLACK } from "./allocator.js";

const PAGE = 65536;
/** Pages at the start: enough for a small model, little enough for a cold start. */
const INITIAL_PAGES = 16;
const MAX_PAGES = 65536;
/** A shared memory states its maximum, for which some engines reserve addresses at once; where this much is refused, half is tried. */
const SHARED_PAGES = MAX_PAGES;
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
  /** Bytes the kernels keep for packing and other work space, for every thread; reused by every call. */
  readonly scratchBytes: number;
  /** Size of the linear memory. It never shrinks. */
  readonly capacityBytes: number;
}

interface LinearMemory {
  readonly buffer: ArrayBufferLike;
  /** Grows by that many pages; throws or returns -1 if it cannot. */
  grow(pages: number): number;
}

/** Hears what happens to the memory beside kernel calls: enough to do it all again elsewhere. */
export interface ArenaRecorder {
  took(block: Block): void;
  /** True if the block is to stay taken: the recorder then frees it later. */
  gave(block: Block): boolean;
  /** So many words at an address were written by JavaScript, for a kernel to read. */
  wrote(at: Ptr, words: Int32Array): void;
  /** So many bytes at an address were read by JavaScript, which calls kernels accordingly. */
  read(at: Ptr, bytes: Uint8Array): void;
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
  f32!: Float32Array;
  i32!: Int32Array;
  u8!: Uint8Array;
  /** Threads that kernels run on. Each has work space of its own: see `scratch`. */
  threads = 1;
  /** Bytes from the work space of one thread to that of the next. */
  scratchStride = 0;
  /** Null, so that a check for it is all that is paid, unless somebody records. */
  recorder: ArenaRecorder | null = null;

  private linear: LinearMemory;
  private maxPages = MAX_PAGES;
  // Address 0 stays unused, so that 0 can mean "no tensor" in a kernel call.
  private readonly allocator = new Allocator(ALIGN);
  private scratchBlock: Block | null = null;
  private liveBytes = 0;
  private liveBlocks = 0;
  private peakBytes = 0;

  constructor() {
    this.linear =
      typeof WebAssembly === "object"
        ? new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAX_PAGES })
        : new PlainMemory();
    this.refresh();
    this.allocator.extend(this.linear.buffer.byteLength);
  }

  /** What kernels import; null where WebAssembly is missing. */
  get memory(): WebAssembly.Memory | null {
    return this.linear instanceof PlainMemory ? null : (this.linear as WebAssembly.Memory);
  }

  /** True if the memory can be given to threads. */
  get shared(): boolean {
    return typeof SharedArrayBuffer === "function" && this.linear.buffer instanceof SharedArrayBuffer;
  }

  /**
   * Moves everything to a memory that is shared, or to one that is not; addresses stay valid. `instantiate` makes the kernels on the new
   * memory before anything moves: if it throws, nothing has happened. Errors: ArenaError if there is no such memory.
   */
  moveTo<T>(shared: boolean, instantiate: (memory: WebAssembly.Memory) => T): T {
    const { memory } = this;
    if (memory === null) throw new ArenaError("memory", "this platform has no WebAssembly");
    if (shared === this.shared) return instantiate(memory);
    const pages = memory.buffer.byteLength / PAGE;
    const [target, maxPages] = shared
      ? sharedMemory(pages)
      : [new WebAssembly.Memory({ initial: pages, maximum: MAX_PAGES }), MAX_PAGES];
    const made = instantiate(target);
    new Uint8Array(target.buffer).set(this.u8);
    this.linear = target;
    this.maxPages = maxPages;
    this.refresh();
    return made;
  }

  /** Takes a block for `bytes` bytes, 64-byte aligned; grows the memory if it has to. */
  alloc(bytes: number): Block {
    const block = this.take(bytes);
    this.liveBytes += block.size;
    this.liveBlocks++;
    if (this.liveBytes > this.peakBytes) this.peakBytes = this.liveBytes;
    this.recorder?.took(block);
    return block;
  }

  free(block: Block): void {
    if (this.recorder?.gave(block) === true) return;
    this.liveBytes -= block.size;
    this.liveBlocks--;
    this.allocator.release(block);
  }

  /** Address of a byte in a block. */
  at(block: Block, byteOffset: number): Ptr {
    return (block.start + byteOffset) as Ptr;
  }

  /**
   * Work space of at least `bytes` bytes, valid until the next call. Kernels never allocate; this is where they pack. Thread i has as much,
   * `i * scratchStride` bytes behind.
   */
  scratch(bytes: number): Ptr {
    this.scratchStride = Math.ceil((bytes + SLACK) / ALIGN) * ALIGN;
    const all = bytes + (this.threads - 1) * this.scratchStride;
    if (this.scratchBlock === null || this.scratchBlock.size < all + SLACK) {
      if (this.scratchBlock !== null) this.allocator.release(this.scratchBlock);
      this.scratchBlock = null;
      this.scratchBlock = this.take(all);
    }
    return this.scratchBlock.start as Ptr;
  }

  /** Runs `fn` with a work space of its own, which is given back afterwards; what kernels keep in the usual one stays. */
  withOwnScratch<R>(fn: () => R): R {
    const saved = this.scratchBlock;
    this.scratchBlock = null;
    try {
      return fn();
    } finally {
      const own = this.scratchBlock as Block | null;
      if (own !== null) this.allocator.release(own);
      this.scratchBlock = saved;
    }
  }

  /** The block that the work space has now. */
  get scratchSpace(): Readonly<Block> | null {
    return this.scratchBlock;
  }

  /** Writes numbers that a kernel is to read: sizes, places, addresses. */
  writeInts(at: Ptr, values: ArrayLike<number>): void {
    this.write(this.i32, at, values);
  }

  /** Writes numbers that a kernel is to read. */
  writeFloats(at: Ptr, values: ArrayLike<number>): void {
    this.write(this.f32, at, values);
  }

  /** Reads a number that decides what a kernel is called with. */
  readFloat(at: Ptr): number {
    this.recorder?.read(at, this.u8.slice(at, at + 4));
    return this.f32[at >>> 2]!;
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

  private write(words: Float32Array | Int32Array, at: Ptr, values: ArrayLike<number>): void {
    const first = at >>> 2;
    words.set(values, first);
    this.recorder?.wrote(at, this.i32.slice(first, first + values.length));
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
    const wanted = Math.min(Math.max(need, Math.ceil(have / GROWTH)), this.maxPages - have);
    if (need > this.maxPages - have || (!this.tryGrow(wanted) && !this.tryGrow(need))) {
      throw new ArenaError(
        "memory",
        `cannot grow by ${need * PAGE} bytes for a block of ${bytes}; ${this.liveBytes} bytes are live in ${this.liveBlocks} ` +
          `blocks, capacity ${capacity}, limit ${this.maxPages * PAGE}`,
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

/** A shared memory of so many pages, and its maximum: the largest that the engine grants. */
function sharedMemory(pages: number): [WebAssembly.Memory, maximum: number] {
  for (let maximum = SHARED_PAGES; maximum >= pages; maximum /= 2) {
    try {
      return [new WebAssembly.Memory({ initial: pages, maximum, shared: true }), maximum];
    } catch {
      // The engine has no room for so many addresses.
    }
  }
  throw new ArenaError("memory", `no shared memory of ${pages * PAGE} bytes can be had here`);
}

export const arena = new Arena();

/** No tensor: what a kernel gets for an optional operand that is absent. */
export const NULL = 0 as Ptr;

/** How the linear memory is used now. Flat numbers over a loop mean that nothing leaks. */
export function memory(): MemoryStats {
  return arena.stats();
}
