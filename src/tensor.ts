import { ArenaError, ArgumentError, AutogradError, DTypeError, ShapeError } from "./errors.js";
import { arena } from "./runtime/arena.js";
import { collector } from "./runtime/collector.js";
import { currentScope, type Owned, type Scope } from "./runtime/scope.js";
import { Storage } from "./runtime/storage.js";
import { hostWatcher } from "./runtime/watch.js";
import { contiguousStrides, formatShape, isContiguous, numel } from "./shape.js";
import { bytesOf, type DataArray, type DType, newDataArray, type Ptr, type Shape, type Spec } from "./types.js";

/** The tape's record of the op that made a tensor. */
export interface GradFn {
  readonly name: string;
  retain(): void;
  release(): void;
}

/** Where the gradient of a leaf gathers; shared by the leaf's handles and the tape. */
export interface GradSlot {
  grad: Tensor | null;
}

/** How a tensor's elements lie in its storage; strides and offset count elements. */
export interface Layout {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/**
 * A strided view of a block in the arena: dtype, shape, strides, offset, and its place on the autograd tape.
 * Operations are in `functional` and, under the same names, methods here.
 */
export class Tensor implements Owned, Spec {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
  /** Number of elements. */
  readonly numel: number;
  /** True if walking the tensor row-major touches consecutive elements. Dimensions of size 1 have no say. */
  readonly isContiguous: boolean;
  scope: Scope | null = null;
  /** The op that made this tensor, if the tape recorded it. */
  gradFn: GradFn | null = null;
  /** Which of that op's outputs this is. */
  gradIndex = 0;
  gradSlot: GradSlot | null = null;
  private dead = false;

  constructor(
    readonly storage: Storage,
    readonly dtype: DType,
    layout: Layout,
    /** Name of the op that made it; used in messages. */
    readonly origin: string,
    contiguous = isContiguous(layout.shape, layout.strides),
  ) {
    this.shape = layout.shape;
    this.strides = layout.strides;
    this.offset = layout.offset;
    this.numel = numel(layout.shape);
    this.isContiguous = contiguous;
  }

  /** A new tensor with its own, uninitialised block. It belongs to nobody yet: see `adopt`. */
  static allocate(shape: Shape, dtype: DType, origin: string): Tensor {
    const storage = new Storage(numel(shape) * bytesOf(dtype));
    return new Tensor(storage, dtype, { shape, strides: contiguousStrides(shape), offset: 0 }, origin, true);
  }

  /** Another handle on the same storage, owned by nobody and unknown to the tape. */
  alias(layout: Layout = this, origin: string = this.origin): Tensor {
    this.assertAlive(origin);
    this.storage.retain();
    return new Tensor(this.storage, this.dtype, layout, origin);
  }

  /** Address of the first element. Throws after `dispose()`. */
  get ptr(): Ptr {
    if (this.dead) this.assertAlive(this.origin);
    return this.storage.at(this.offset * bytesOf(this.dtype));
  }

  /** Number of dimensions. */
  get ndim(): number {
    return this.shape.length;
  }

  get disposed(): boolean {
    return this.dead;
  }

  /** Size of one dimension (negative counts from the end), or the whole shape. */
  size(): Shape;
  size(dim: number): number;
  size(dim?: number): Shape | number {
    if (dim === undefined) return this.shape;
    const n = this.shape[dim < 0 ? dim + this.shape.length : dim];
    if (n === undefined) {
      throw new ArgumentError(
        "size",
        `dim is ${dim}; expected ${-this.ndim} to ${this.ndim - 1} for ${formatShape(this.shape)}`,
      );
    }
    return n;
  }

  /** True if operations on this tensor are recorded. Only float32 tensors can require a gradient. */
  get requiresGrad(): boolean {
    return this.gradSlot !== null || this.gradFn !== null;
  }

  /** True for a tensor that no recorded op made. */
  get isLeaf(): boolean {
    return this.gradFn === null;
  }

  /** Turns recording on or off for a leaf, in place. Errors: on a tensor that an op made; for a dtype other than float32. */
  requiresGrad_(on = true): this {
    this.assertAlive("requiresGrad_");
    if (!this.isLeaf) {
      if (on) return this;
      throw new AutogradError(
        "requiresGrad_",
        `${this.origin} made this tensor; only a leaf can be switched off; use detach()`,
      );
    }
    if (on && this.dtype !== "float32") {
      throw new DTypeError("requiresGrad_", `tensor ${formatShape(this.shape)} is ${this.dtype}; expected float32`);
    }
    if (on) this.gradSlot ??= { grad: null };
    else this.dropGrad();
    return this;
  }

  /** The gathered gradient: of a leaf that requires one, or after `retainGrad()`. Null before the first backward. */
  get grad(): Tensor | null {
    return this.gradSlot?.grad ?? null;
  }

  /** Replaces the gradient; the old one is freed. Errors: another shape or dtype, or a tensor that requires no gradient. */
  set grad(value: Tensor | null) {
    if (this.gradSlot === null) {
      if (value === null) return;
      throw new AutogradError(
        "grad",
        `tensor ${formatShape(this.shape)} does not require a gradient; call requiresGrad_() first`,
      );
    }
    if (value !== null) {
      if (value.dtype !== this.dtype || formatShape(value.shape) !== formatShape(this.shape)) {
        throw new ShapeError(
          "grad",
          `gradient is ${value.dtype} ${formatShape(value.shape)}; expected ${this.dtype} ${formatShape(this.shape)}`,
        );
      }
      if (value === this.gradSlot.grad) return;
      value.keep();
    }
    this.gradSlot.grad?.dispose();
    this.gradSlot.grad = value;
  }

  /** Copies the values out, row-major. */
  data(): DataArray {
    this.assertAlive("data");
    const values = valuesOf(this);
    hostWatcher?.read(this, values);
    return values;
  }

  /** The value of a tensor with one element. A bool gives 0 or 1. */
  item(): number {
    if (this.numel !== 1) {
      throw new ShapeError("item", `tensor ${formatShape(this.shape)} has ${this.numel} elements; expected one`);
    }
    const value = arena.view(this.ptr, 1, this.dtype)[0]!;
    hostWatcher?.read(this, [value]);
    return value;
  }

  /** The values as nested arrays; a scalar gives one number. Bool gives booleans. */
  tolist(): NestedValues {
    const flat = this.data();
    let at = 0;
    const build = (dim: number): NestedValues => {
      if (dim === this.shape.length) {
        const v = flat[at++]!;
        return this.dtype === "bool" ? v !== 0 : v;
      }
      return Array.from({ length: this.shape[dim]! }, () => build(dim + 1));
    };
    return build(0);
  }

  /** Moves the tensor out of every scope: it then lives until `dispose()` or garbage collection. */
  keep(): this {
    this.assertAlive("keep");
    noted?.delete(this);
    if (this.scope !== null) {
      this.scope = null;
      collector.watch(this, this.storage, this.gradFn, null);
    }
    return this;
  }

  /** Frees the tensor now. The tape keeps what it still needs for a backward pass. A second call does nothing. */
  dispose(): void {
    if (this.dead) return;
    this.dead = true;
    if (this.scope === null) collector.forget(this);
    this.scope = null;
    this.storage.release();
    this.gradFn?.release();
    this.gradFn = null;
    this.dropGrad();
  }

  /** Throws if the tensor was freed; `user` names the operation that wants to read it. */
  assertAlive(user: string): void {
    if (!this.dead) return;
    throw new ArenaError(
      user,
      `the tensor ${formatShape(this.shape)} made by ${this.origin} was freed, by dispose() or because its scope closed; ` +
        "call keep() on it where it is made, or return it from the scope",
    );
  }

  toString(): string {
    const values = this.dead ? "freed" : `${this.dtype} ${formatShape(this.shape)} ${preview(this)}`;
    return `Tensor(${values})`;
  }

  private dropGrad(): void {
    // Aliases made by detach() or the tape share no slot, so the slot's gradient is this handle's alone.
    this.gradSlot?.grad?.dispose();
    this.gradSlot = null;
  }
}

export type NestedValues = number | boolean | NestedValues[];

/** Gives a new tensor to the innermost scope, or to the garbage collector's care if none is open. */
export function adopt<T extends Tensor>(tensor: T): T {
  const scope = currentScope();
  if (scope !== null) scope.add(tensor);
  else collector.watch(tensor, tensor.storage, tensor.gradFn, tensor.origin);
  return tensor;
}

/** Leaves a new tensor outside every scope, without counting it as a temporary: parameters, state and data are meant to live. */
export function adoptUnscoped<T extends Tensor>(tensor: T): T {
  noted?.add(tensor);
  collector.watch(tensor, tensor.storage, tensor.gradFn, null);
  return tensor;
}

/** While it is set, every tensor that `adoptUnscoped` leaves outside the scopes is noted here, until `keep()` is called on it. */
let noted: Set<Tensor> | null = null;

/** Runs `fn` and notes in `made` what it leaves outside every scope. */
export function noteUnscoped<R>(made: Set<Tensor>, fn: () => R): R {
  const saved = noted;
  noted = made;
  try {
    return fn();
  } finally {
    noted = saved;
  }
}

/** Gives a tensor outside every scope to one after all. */
export function giveTo(scope: Scope, tensor: Tensor): void {
  collector.forget(tensor);
  scope.add(tensor);
}

/** The values of a tensor that is alive, row-major. */
function valuesOf(t: Tensor): DataArray {
  if (t.isContiguous) return arena.view(t.ptr, t.numel, t.dtype).slice();
  const all = arena.view(t.storage.at(0), t.storage.bytes / bytesOf(t.dtype), t.dtype);
  const out = newDataArray(t.dtype, t.numel);
  forEachOffset(t, (from, to) => {
    out[to] = all[from]!;
  });
  return out;
}

/** Calls `visit(offset in the storage, row-major index)` for each element. */
function forEachOffset(layout: Layout, visit: (from: number, to: number) => void): void {
  const { shape, strides, offset } = layout;
  const count = numel(shape);
  const index = new Array<number>(shape.length).fill(0);
  let from = offset;
  for (let to = 0; to < count; to++) {
    visit(from, to);
    for (let d = shape.length - 1; d >= 0; d--) {
      from += strides[d]!;
      if (++index[d]! < shape[d]!) break;
      from -= strides[d]! * shape[d]!;
      index[d] = 0;
    }
  }
}

function preview(t: Tensor): string {
  const flat = valuesOf(t);
  const head = Array.from(flat.subarray(0, 8), (v) => (t.dtype === "float32" ? Number(v.toPrecision(6)) : v)).join(
    ", ",
  );
  return flat.length > 8 ? `[${head}, … ${flat.length - 8} more]` : `[${head}]`;
}
