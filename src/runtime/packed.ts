import type { Ptr } from "../types.js";
import type { Block } from "./allocator.js";
import { arena, NULL } from "./arena.js";
import { frugal } from "./frugal.js";

/** A form of some bytes that a kernel reads faster than the bytes themselves: transformed or reordered weights. */
export interface PackedForm {
  /** Tells the form and all that it depends on: sizes, and what differs between kernel binaries. */
  readonly name: string;
  readonly bytes: number;
  /** Whether the kernel cannot do without; otherwise it pays only if it is used again. */
  readonly needed: boolean;
  /** The bytes are being trained and will change soon: what is kept is used, but nothing new is kept. */
  readonly learning?: boolean;
  fill(to: Ptr, from: Ptr): void;
}

/** Bytes of all forms together that are kept: those of a network with sixteen million weights in 3 × 3 kernels. */
const KEPT_BYTES = 2 ** 28;

let limit = KEPT_BYTES;
let kept = 0;

/** For tests: keeps no more than so many bytes. Returns what undoes it. */
export function limitKept(bytes: number): () => void {
  limit = bytes;
  return () => {
    limit = KEPT_BYTES;
  };
}

/** Runs `fn`, which frees what it makes, as if nothing were kept yet. */
export function withNothingKept<R>(fn: () => R): R {
  const saved = kept;
  kept = 0;
  try {
    return fn();
  } finally {
    kept = saved;
  }
}

/** What a storage knows of one form. */
interface Known {
  readonly name: string;
  readonly byteOffset: number;
  /** The storage's version that was last seen, and the block with the form of that version, once there is one. */
  version: number;
  block: Block | null;
  /** Of the block. */
  bytes: number;
}

/**
 * The packed forms of a storage. One is kept from its second use at one version on, so that inference finds it ready, while training,
 * which writes the weights between any two uses, keeps none. When all that are kept have reached a limit, further ones are made anew
 * for each call; so they are while memory counts more than time.
 */
export class PackedForms {
  private readonly forms: Known[] = [];

  /** The address of a form of the bytes from byteOffset on, which lie at `from`, if it is kept, or is now. Null at the first use at this version. */
  find(form: PackedForm, from: Ptr, byteOffset: number, version: number): Ptr | null {
    const known = this.known(form.name, byteOffset);
    if (known === null) {
      this.forms.push({ name: form.name, byteOffset, version, block: null, bytes: 0 });
      return null;
    }
    if (known.version !== version) {
      this.drop(known);
      known.version = version;
      return null;
    }
    if (known.block === null) {
      if (frugal || form.learning || kept + form.bytes > limit) return null;
      const block = arena.alloc(form.bytes);
      form.fill(arena.at(block, 0), from);
      known.block = block;
      known.bytes = form.bytes;
      kept += form.bytes;
    }
    return arena.at(known.block, 0);
  }

  private known(name: string, byteOffset: number): Known | null {
    for (let i = 0; i < this.forms.length; i++) {
      const form = this.forms[i]!;
      if (form.byteOffset === byteOffset && form.name === name) return form;
    }
    return null;
  }

  /** Bytes of the forms that are kept now. */
  get bytes(): number {
    return this.forms.reduce((sum, form) => sum + (form.block === null ? 0 : form.bytes), 0);
  }

  free(): void {
    for (const form of this.forms) this.drop(form);
  }

  private drop(form: Known): void {
    if (form.block === null) return;
    arena.free(form.block);
    form.block = null;
    kept -= form.bytes;
  }
}

/** Calls `use` with a form that is gone afterwards, or with NULL if it is not needed. */
export function packedForOnce({ bytes, needed, fill }: PackedForm, from: Ptr, use: (packed: Ptr) => void): void {
  if (!needed) {
    use(NULL);
    return;
  }
  const block = arena.alloc(bytes);
  try {
    const at = arena.at(block, 0);
    fill(at, from);
    use(at);
  } finally {
    arena.free(block);
  }
}
