import type { Ptr } from "../types.js";
import type { Block } from "./allocator.js";
import { arena } from "./arena.js";
import { type PackedForm, PackedForms, packedForOnce } from "./packed.js";
import { hostWatcher } from "./watch.js";

/** A block of the arena with a count of the tensors that look at it; the last one to let go frees it. */
export class Storage {
  private writes = 0;
  private block: Block | null;
  private refs = 1;
  private forms: PackedForms | null = null;

  constructor(readonly bytes: number) {
    this.block = arena.alloc(bytes);
  }

  /** Counts in-place writes, so that the tape notices a saved value that has changed. */
  get version(): number {
    return this.writes;
  }

  /** Whoever overwrites the block in place says so here. */
  written(): void {
    this.writes++;
    hostWatcher?.wrote(this);
  }

  get freed(): boolean {
    return this.block === null;
  }

  /** True if only one tensor holds this storage, so that its bytes may be taken over. */
  get exclusive(): boolean {
    return this.refs === 1;
  }

  /** Address of a byte. The caller has checked that the storage is not freed. */
  at(byteOffset: number): Ptr {
    return arena.at(this.block!, byteOffset);
  }

  /** Calls `use` with the address of a form of the bytes from byteOffset on, or with NULL while it does not pay to have it. */
  withPacked(byteOffset: number, form: PackedForm, use: (packed: Ptr) => void): void {
    this.forms ??= new PackedForms();
    const from = this.at(byteOffset);
    const kept = this.forms.find(form, from, byteOffset, this.version);
    if (kept === null) packedForOnce(form, from, use);
    else use(kept);
  }

  /** Bytes of the packed forms that are kept beside the block. */
  get packedBytes(): number {
    return this.forms?.bytes ?? 0;
  }

  retain(): void {
    this.refs++;
  }

  release(): void {
    if (--this.refs === 0) {
      arena.free(this.block!);
      this.block = null;
      this.forms?.free();
    }
  }
}
