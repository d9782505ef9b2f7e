import { RuntimeError } from "../errors.js";
import type { HookHandle, Module } from "../nn/module.js";
import type { OpReport, OpWatcher } from "../profile.js";
import type { Storage } from "../runtime/storage.js";
import type { HostWatcher } from "../runtime/watch.js";
import { scope } from "../scoping.js";
import { formatShape, sameShape } from "../shape.js";
import { adoptUnscoped, type Layout, type Tensor } from "../tensor.js";
import type { Spec } from "../types.js";
import type { GraphNode, Guard, Value } from "./graph.js";

interface Placed {
  readonly layout: Layout;
  readonly value: Value;
}

/** Gives every value of a graph a name of its own: `conv`, `conv_1`, `conv_2`. */
export class Names {
  private readonly taken = new Map<string, number>();

  constructor(taken: Iterable<string> = []) {
    for (const name of taken) this.taken.set(name, 1);
  }

  /** The name itself, or with the first number behind it that is free. */
  fresh(name: string): string {
    let n = this.taken.get(name) ?? 0;
    let found = name;
    if (n > 0) {
      do found = `${name}_${n++}`;
      while (this.taken.has(found));
      this.taken.set(found, 1);
    }
    this.taken.set(name, Math.max(n, 1));
    return found;
  }
}

/** A value of a shape without symbols. */
export function newValue(name: string, { dtype, shape }: Spec): Value {
  return { name, dtype, shape, dims: shape };
}

/** Notes each op that runs, which values it reads and makes, and what else a graph depends on. */
export class Recorder implements OpWatcher, HostWatcher {
  readonly nodes: GraphNode[] = [];
  readonly constants = new Map<Value, Tensor>();
  readonly guards: Guard[] = [];
  private readonly known = new Map<Storage, Placed[]>();
  private readonly values = new WeakMap<Tensor, Value>();
  /** What depends on an input. */
  private readonly live = new Set<Value>();
  /** What was overwritten before an op has read it. */
  private readonly overwritten = new Set<Storage>();
  private readonly keys = new Map<Storage, string>();
  private readonly path: string[] = [];
  private readonly hooks: HookHandle[] = [];

  constructor(
    private readonly model: Module,
    private readonly names: Names,
  ) {
    for (const [key, t] of [...model.namedParameters(), ...model.namedBuffers()]) {
      if (!this.keys.has(t.storage)) this.keys.set(t.storage, key);
    }
  }

  /** Follows the calls of modules until `detach`. With `tidy` what a module makes and does not return is freed when it returns. */
  attach(tidy: boolean): void {
    for (const [path, module] of this.model.namedModules()) {
      const around = (inner: (...args: readonly unknown[]) => unknown, args: readonly unknown[]): unknown => {
        this.path.push(path);
        try {
          return tidy ? scope(() => inner(...args)) : inner(...args);
        } finally {
          this.path.pop();
        }
      };
      this.hooks.push(module.wrapForward(around));
    }
  }

  /** Lets go of the constants; the recorder is of no use afterwards. */
  dispose(): void {
    for (const t of this.constants.values()) t.dispose();
  }

  detach(): void {
    for (const hook of this.hooks) hook.remove();
  }

  input(name: string, t: Tensor): Value {
    const value = this.place(newValue(this.names.fresh(name), t), t);
    this.live.add(value);
    return value;
  }

  /** The value that a tensor holds. */
  valueOf(t: Tensor): Value {
    return this.find(t) ?? this.constant(t);
  }

  isLive(value: Value): boolean {
    return this.live.has(value);
  }

  note({ declaration, attrs, inputs, outs }: OpReport): void {
    const read = inputs.map((t) => (t === null ? null : this.valueOf(t)));
    const outputs = outs.map((t) => this.place(newValue(this.names.fresh(declaration.name), t), t));
    this.nodes.push({ op: declaration, inputs: read, outputs, attrs, module: this.path.at(-1) ?? "" });
    if (read.some((value) => value !== null && this.live.has(value))) {
      for (const value of outputs) this.live.add(value);
    }
  }

  read(t: Tensor, data: ArrayLike<number>): void {
    const value = this.find(t);
    if (value === null || !this.live.has(value) || this.guards.some((guard) => guard.value === value)) return;
    this.guards.push({ value, data: Array.from(data) });
  }

  wrote(storage: Storage): void {
    if (this.known.has(storage)) throw this.writtenError();
    this.overwritten.add(storage);
  }

  drew(): void {
    throw new RuntimeError(
      "trace",
      `the model draws random numbers${this.where}; expected none, since a graph would repeat them`,
    );
  }

  private get where(): string {
    const path = this.path.at(-1) ?? "";
    return path === "" ? "" : ` in "${path}"`;
  }

  private writtenError(): RuntimeError {
    return new RuntimeError(
      "trace",
      `a tensor that the graph reads is overwritten in place${this.where}; expected ops that return new tensors`,
    );
  }

  private place(value: Value, t: Tensor): Value {
    const { shape, strides, offset } = t;
    const placed = this.known.get(t.storage);
    const entry = { layout: { shape, strides, offset }, value };
    if (placed === undefined) this.known.set(t.storage, [entry]);
    else placed.push(entry);
    this.values.set(t, value);
    return value;
  }

  /** The value with a tensor's elements; null if no op, input or constant has shown them. */
  private find(t: Tensor): Value | null {
    const known = this.values.get(t);
    if (known !== undefined) return known;
    const placed = this.known.get(t.storage);
    const same = placed?.find(({ layout }) => sameLayout(layout, t));
    if (same !== undefined) return same.value;
    if (placed?.some(({ value }) => this.live.has(value))) {
      throw new RuntimeError(
        "trace",
        `a view ${formatShape(t.shape)} that no op has made is read${this.where}; expected views made by ops`,
      );
    }
    return null;
  }

  /** A handle of the graph's own on the same storage, whatever becomes of the tensor that the model used. */
  private constant(t: Tensor): Value {
    if (this.overwritten.has(t.storage)) throw this.writtenError();
    const value = this.place(newValue(this.names.fresh(this.keys.get(t.storage) ?? "constant"), t), t);
    this.constants.set(value, adoptUnscoped(t.alias()));
    return value;
  }
}

function sameLayout(a: Layout, b: Layout): boolean {
  return a.offset === b.offset && sameShape(a.shape, b.shape) && sameShape(a.strides, b.strides);
}
