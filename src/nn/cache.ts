import { AutogradError, ShapeError } from "../errors.js";
import { copyInto, narrow } from "../ops/copy.js";
import { indexSelect } from "../ops/rows.js";
import { noGrad } from "../scoping.js";
import { formatShape, sameShape, withSize } from "../shape.js";
import { isGradEnabled } from "../tape.js";
import { adoptUnscoped, Tensor } from "../tensor.js";

/** Room for positions that is made at first; it doubles whenever it is full. */
const FIRST_ROOM = 32;

/** Positions are a dimension of [N, heads, positions, features]. */
const POSITIONS = 2;

/**
 * Keys and values of the positions that attention has seen, so that generating one more does not compute them again. Layers append to
 * the cache they are given; stacks give each layer a `part`. It lives until `dispose()`. For generation only, within `noGrad`.
 */
export class KeyValueCache {
  private keys: Tensor | null = null;
  private values: Tensor | null = null;
  private count = 0;
  private readonly parts = new Map<string | number, KeyValueCache>();

  /** How many positions are in the cache; for a stack, in that of its first layer. */
  get length(): number {
    if (this.keys !== null) return this.count;
    const [first] = this.parts.values();
    return first?.length ?? 0;
  }

  /** The cache of one layer of a stack, or of one of the attentions of a layer. */
  part(name: string | number): KeyValueCache {
    let found = this.parts.get(name);
    if (found === undefined) {
      found = new KeyValueCache();
      this.parts.set(name, found);
    }
    return found;
  }

  /**
   * Adds positions, keys [N, H, n, E] and values [N, H, n, V], and returns those of all so far; views that the next call may invalidate.
   * Errors: AutogradError if a gradient would have to pass through; ShapeError if they do not fit what is there.
   */
  append(keys: Tensor, values: Tensor): [keys: Tensor, values: Tensor] {
    if (isGradEnabled() && (keys.requiresGrad || values.requiresGrad)) {
      throw new AutogradError("KeyValueCache", "the keys require a gradient; expected to be called within noGrad");
    }
    const n = keys.size(POSITIONS);
    this.keys = put("keys", this.keys, keys, this.count);
    this.values = put("values", this.values, values, this.count);
    this.count += n;
    return this.all();
  }

  /** All keys and values so far. Errors: ShapeError if there are none. */
  all(): [keys: Tensor, values: Tensor] {
    const { keys, values, count } = this;
    if (keys === null || values === null)
      throw new ShapeError("KeyValueCache", "there are no keys and values yet; expected a call with both first");
    return [narrow(keys, POSITIONS, 0, count), narrow(values, POSITIONS, 0, count)];
  }

  /** Keeps row index[i] of the batch as row i, in all parts: the step of a beam search. index is int32 [N′]. */
  reorder(index: Tensor): void {
    noGrad(() => {
      const { keys, values } = this;
      if (keys !== null && values !== null) {
        this.keys = indexSelect(keys, index, 0).keep();
        this.values = indexSelect(values, index, 0).keep();
        keys.dispose();
        values.dispose();
      }
      for (const part of this.parts.values()) part.reorder(index);
    });
  }

  /** Forgets everything and frees the memory; the cache may be used again. */
  dispose(): void {
    this.keys?.dispose();
    this.values?.dispose();
    this.keys = null;
    this.values = null;
    this.count = 0;
    for (const part of this.parts.values()) part.dispose();
    this.parts.clear();
  }
}

/** Writes `added` behind the first `count` positions of `store`, or of a larger copy of it, and returns which. */
function put(what: string, store: Tensor | null, added: Tensor, count: number): Tensor {
  const n = added.size(POSITIONS);
  if (store !== null && !sameShape(withSize(store.shape, POSITIONS, n), added.shape)) {
    throw new ShapeError(
      "KeyValueCache",
      `${what} have shape ${formatShape(added.shape)}; expected ${formatShape(withSize(store.shape, POSITIONS, n))} as before`,
    );
  }
  return noGrad(() => {
    const room = store?.size(POSITIONS) ?? 0;
    let to = store;
    if (to === null || count + n > room) {
      const larger = Math.max(FIRST_ROOM, 2 * room, count + n);
      to = adoptUnscoped(Tensor.allocate(withSize(added.shape, POSITIONS, larger), "float32", "KeyValueCache"));
      if (store !== null) {
        copyInto(narrow(to, POSITIONS, 0, count), narrow(store, POSITIONS, 0, count));
        store.dispose();
      }
    }
    copyInto(narrow(to, POSITIONS, count, n), added);
    return to;
  });
}
