import type { Ptr } from "../types.js";
import type { Block } from "./allocator.js";
import { arena, NULL } from "./arena.js";

/** One form of some bytes of a storage. */
interface Form {
  readonly name: string;
  readonly byteOffset: number;
  /** The storage's version that was last seen, and the block with the form of that version, once there is one. */
  version: number;
  block: Block | null;
}

/**
 * What kernels made of a storage's bytes to read them faster: transformed or reordered weights. A form is kept from its second use at
 * one version on, so that inference finds it ready, while training, which writes the weights between any two uses, keeps none.
 */
export class PackedForms {
  private readonly forms: Form[] = [];

  /** The address of a form, if it is kept, or is now; `fill` writes one. Null at the first use at this version. */
  find(name: string, byteOffset: number, version: number, bytes: number, fill: (to: Ptr) => void): Ptr | null {
    const known = this.forms.find((f) => f.byteOffset === byteOffset && f.name === name);
    if (known === undefined) {
      this.forms.push({ name, byteOffset, version, block: null });
      return null;
    }
    if (known.version !== version) {
      this.drop(known);
      known.version = version;
      return null;
    }
    if (known.block === null) {
      const block = arena.alloc(bytes);
      fill(arena.at(block, 0));
      known.block = block;
    }
    return arena.at(known.block, 0);
  }

  free(): void {
    for (const form of this.forms) this.drop(form);
  }

  private drop(form: Form): void {
    if (form.block !== null) arena.free(form.block);
    form.block = null;
  }
}

/** Calls `use` with a block that `fill` has written and that is gone afterwards; with NULL if it needs no bytes. */
export function withBlock(bytes: number, fill: (to: Ptr) => void, use: (block: Ptr) => void): void {
  if (bytes === 0) {
    use(NULL);
    return;
  }
  const block = arena.alloc(bytes);
  try {
    const at = arena.at(block, 0);
    fill(at);
    use(at);
  } finally {
    arena.free(block);
  }
}
