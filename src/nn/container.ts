import type { Tensor } from "../tensor.js";
import { checkModule, Module } from "./module.js";

/** Runs modules one after the other: y = f_n(… f_2(f_1(x))). Keys are "0", "1", … */
export class Sequential<I = Tensor, O = Tensor> extends Module {
  private readonly layers: Module[];

  constructor(...modules: Module[]) {
    super();
    modules.forEach((m, i) => {
      checkModule("Sequential", `argument ${i}`, m);
    });
    this.layers = modules;
  }

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

  forward(x: I): O {
    let y: unknown = x;
    for (const layer of this.layers) y = layer.forward(y);
    return y as O;
  }
}
