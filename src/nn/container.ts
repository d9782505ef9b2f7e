import { checkNoOptions, type NoOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import { declareFusing, type Epilogue, finished, forwardWith, fusedActivation, NO_EPILOGUE } from "./epilogue.js";
import { foldPair } from "./fuse.js";
import { Identity } from "./linear.js";
import { checkModule, Module } from "./module.js";

/**
 * Runs modules one after the other: y = f_n(… f_2(f_1(x))). Keys are "0", "1", … A relu behind a convolution, a linear layer or a batch
 * normalisation is applied by that layer, in the same pass.
 */
export class Sequential<I = Tensor, O = Tensor> extends Module {
  private readonly layers: Module[];

  constructor(...modules: Module[]) {
    super();
    modules.forEach((m, i) => {
      checkModule("Sequential", `argument ${i}`, m);
    });
    this.layers = modules;
  }

  /** Number of modules. */
  get length(): number {
    return this.layers.length;
  }

  /** The i-th module; negative counts from the end. */
  at(index: number): Module | undefined {
    return this.layers.at(index);
  }

  /** Adds a module at the end. */
  append(module: Module): this {
    checkModule("Sequential", "module", module);
    this.layers.push(module);
    return this;
  }

  [Symbol.iterator](): IterableIterator<Module> {
    return this.layers.values();
  }

  protected override *members(): IterableIterator<[string, unknown]> {
    for (const [i, layer] of this.layers.entries()) yield [String(i), layer];
  }

  /** The epilogue is left to the last module. */
  forward(x: I, epilogue: Epilogue = NO_EPILOGUE): O {
    const { layers } = this;
    let y: unknown = x;
    let pending = epilogue;
    for (let i = 0; i < layers.length; ) {
      const layer = layers[i]!;
      const next = this.behind(i);
      const activation = fusedActivation(layer, layers[next]);
      if (activation !== null) {
        y = forwardWith(layer, y, { activation });
        i = this.behind(next);
      } else {
        const last = next === layers.length;
        y = forwardWith(layer, y, last ? pending : NO_EPILOGUE);
        if (last) pending = NO_EPILOGUE;
        i = next;
      }
    }
    return finished(y, pending) as O;
  }

  override foldNorms(): void {
    const { layers } = this;
    for (let i = 0; i < layers.length; i++) {
      const next = this.behind(i);
      const pair = next < layers.length ? foldPair(layers[i]!, layers[next]!) : null;
      if (pair !== null) [layers[i], layers[next]] = pair;
    }
  }

  /** The place of the next module behind the i-th that does something. */
  private behind(i: number): number {
    let next = i + 1;
    while (next < this.layers.length && this.layers[next]!.forward === Identity.prototype.forward) next++;
    return next;
  }
}
declareFusing(Sequential);

/**
 * A Sequential whose modules have names: y = f_n(… f_2(f_1(x))). Keys are the names, in the order given.
 * Errors: ArgumentError for a name that is empty, taken or has a dot, which state-dict keys use as separator.
 * PyTorch: Sequential takes an OrderedDict.
 */
export class NamedSequential<I = Tensor, O = Tensor> extends Sequential<I, O> {
  private readonly names: string[] = [];

  constructor(modules: Readonly<Record<string, Module>> = {}, ...none: NoOptions) {
    super();
    checkNoOptions("NamedSequential", none);
    for (const [name, module] of Object.entries(modules)) this.append(module, name);
  }

  /** The module of that name, if there is one. */
  get(name: string): Module | undefined {
    const index = this.names.indexOf(name);
    return index < 0 ? undefined : this.at(index);
  }

  /** Adds a module at the end; without a name it is called by its number. */
  override append(module: Module, name: string = String(this.length)): this {
    if (name === "" || name.includes(".") || this.names.includes(name)) {
      throw new ArgumentError("NamedSequential", `name is "${name}"; expected a new one without dots`);
    }
    super.append(module);
    this.names.push(name);
    return this;
  }

  protected override *members(): IterableIterator<[string, unknown]> {
    for (const [i, name] of this.names.entries()) yield [name, this.at(i)];
  }
}

/** A list of modules whose parameters are found; it has no `forward` of its own. Keys are "0", "1", … */
export class ModuleList<M extends Module = Module> extends Module {
  private readonly items: M[];

  constructor(modules: Iterable<M> = [], ...none: NoOptions) {
    super(...none);
    this.items = [...modules];
    this.items.forEach((m, i) => {
      checkModule("ModuleList", `module ${i}`, m);
    });
  }

  /** Number of modules. */
  get length(): number {
    return this.items.length;
  }

  /** The i-th module; negative counts from the end. */
  at(index: number): M | undefined {
    return this.items.at(index);
  }

  /** Adds a module at the end. */
  append(module: M): this {
    checkModule("ModuleList", "module", module);
    this.items.push(module);
    return this;
  }

  /** Adds modules at the end. */
  extend(modules: Iterable<M>): this {
    for (const module of modules) this.append(module);
    return this;
  }

  /** Puts a module before the one at `index`. */
  insert(index: number, module: M): this {
    checkModule("ModuleList", "module", module);
    this.items.splice(index, 0, module);
    return this;
  }

  [Symbol.iterator](): IterableIterator<M> {
    return this.items.values();
  }

  protected override *members(): IterableIterator<[string, unknown]> {
    for (const [i, item] of this.items.entries()) yield [String(i), item];
  }

  /** Errors: always; a list says nothing about the order of its modules. */
  forward(): never {
    throw new ArgumentError(
      "ModuleList",
      "forward is not defined; expected calls of its modules one by one, or Sequential",
    );
  }
}

/** Modules by name, in the order they were added; it has no `forward` of its own. Keys are the names, unchanged. */
export class ModuleDict<M extends Module = Module> extends Module {
  private readonly items = new Map<string, M>();

  constructor(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]> = {}, ...none: NoOptions) {
    super(...none);
    const entries = Symbol.iterator in modules ? modules : Object.entries(modules);
    for (const [name, module] of entries) this.set(name, module);
  }

  /** Number of modules. */
  get size(): number {
    return this.items.size;
  }

  /** The module of that name, if there is one. */
  get(name: string): M | undefined {
    return this.items.get(name);
  }

  /** Whether there is a module of that name. */
  has(name: string): boolean {
    return this.items.has(name);
  }

  /** Adds a module, or replaces the one of that name. Errors: ArgumentError for a name with a dot, which state-dict keys use as separator. */
  set(name: string, module: M): this {
    if (name === "" || name.includes(".")) {
      throw new ArgumentError("ModuleDict", `name is "${name}"; expected one without dots`);
    }
    checkModule("ModuleDict", `module "${name}"`, module);
    this.items.set(name, module);
    return this;
  }

  /** Takes a module out; returns whether it was there. */
  delete(name: string): boolean {
    return this.items.delete(name);
  }

  /** The names. */
  keys(): IterableIterator<string> {
    return this.items.keys();
  }

  /** The modules. */
  values(): IterableIterator<M> {
    return this.items.values();
  }

  [Symbol.iterator](): IterableIterator<[string, M]> {
    return this.items.entries();
  }

  protected override *members(): IterableIterator<[string, unknown]> {
    yield* this.items.entries();
  }

  /** Errors: always; a dictionary says nothing about the order of its modules. */
  forward(): never {
    throw new ArgumentError("ModuleDict", "forward is not defined; expected calls of its modules by name");
  }
}
