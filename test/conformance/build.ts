// Turns the names and specs of a case into tensors, modules and calls of the library.
import * as quadlane from "quadlane";
import { nn, type Tensor, tensor } from "quadlane";
import { CaseError, isArray, isObject, type Json, type JsonObject, type ModuleSpec, parseSpec } from "./cases.js";
import type { Golden } from "./compare.js";

/** Something that a case has made and that must be freed after it. */
interface Disposable {
  dispose(): void;
}

/** Makes what one case needs, and frees it again. */
export class Builder implements Disposable {
  private readonly owned: Disposable[] = [];
  private readonly inputs = new Map<string, Tensor>();
  private readonly needsGrad: ReadonlySet<string>;

  constructor(
    private readonly tensors: ReadonlyMap<string, Golden>,
    needsGrad: readonly string[] = [],
  ) {
    this.needsGrad = new Set(needsGrad);
  }

  /** The stored values of a tensor. */
  golden(name: string): Golden {
    const found = this.tensors.get(name);
    if (found === undefined) throw new CaseError(`the case names a tensor "${name}"; its safetensors file has none`);
    return found;
  }

  /** A new tensor with stored values. */
  tensor(name: string, requiresGrad = false): Tensor {
    const { shape, dtype, data } = this.golden(name);
    return this.own(tensor(data, { shape, dtype, requiresGrad }));
  }

  /** A new parameter with stored values, for an optimizer. */
  parameter(name: string): nn.Parameter {
    return this.own(new nn.Parameter(this.tensor(name)));
  }

  /** The tensor for an input: one for each name, however often it is used. */
  input(name: string): Tensor {
    let t = this.inputs.get(name);
    if (t === undefined) {
      t = this.tensor(name, this.needsGrad.has(name));
      this.inputs.set(name, t);
    }
    return t;
  }

  /** Tensors by key, as `loadStateDict` takes them. */
  stateDict(names: ReadonlyMap<string, string>): Map<string, Tensor> {
    return new Map(Array.from(names, ([key, name]) => [key, this.tensor(name)]));
  }

  module(spec: ModuleSpec): nn.Module {
    const made = this.construct("nn", spec.module, spec.args, spec.options);
    if (!(made instanceof nn.Module)) throw new CaseError(`nn.${spec.module} is no module`);
    return made;
  }

  /** `new <path>.<name>(...args, options)`, with tensors and modules in place of their specs. */
  construct(
    path: string,
    name: string,
    args: readonly Json[],
    options: JsonObject | null,
    first: unknown[] = [],
  ): unknown {
    const type = lookup(path, name);
    const list = [...first, ...args.map((a) => this.argument(a)), ...this.optional(options)];
    const made: unknown = Reflect.construct(type, list);
    if (isDisposable(made)) this.own(made);
    return made;
  }

  /** `functional.<name>(...inputs, options)`. */
  call(name: string, inputs: readonly Json[], options: JsonObject | null): unknown {
    const list = [...inputs.map((i) => this.operand(i)), ...this.optional(options, (n) => this.input(n))];
    return Reflect.apply(lookup("functional", name), undefined, list);
  }

  /** An entry of `inputs`: tensors by name, results of calls, options as the last one. */
  operand(json: Json): unknown {
    if (typeof json === "string") return this.input(json);
    if (isArray(json)) return json.map((v) => this.operand(v));
    if (!isObject(json)) return json;
    if (typeof json.function === "string") {
      const options = isObject(json.options) ? json.options : null;
      return this.call(json.function, isArray(json.inputs) ? json.inputs : [], options);
    }
    if (isObject(json.options)) return this.optional(json.options, (name) => this.input(name))[0];
    throw new CaseError(`input ${JSON.stringify(json)} is neither a call nor options`);
  }

  dispose(): void {
    for (const made of this.owned) made.dispose();
  }

  /** Takes charge of something that this case made. */
  own<T extends Disposable>(made: T): T {
    this.owned.push(made);
    return made;
  }

  /** The options object as a list of one, or of none if the case has no options. */
  private optional(options: JsonObject | null, tensorOf?: (name: string) => Tensor): unknown[] {
    if (options === null) return [];
    const entries = Object.entries(options).map(([key, value]) => [key, this.argument(value, tensorOf)]);
    return [Object.fromEntries(entries)];
  }

  /** An entry of `args` or `options`. A constructor may take a tensor over, so each gets its own. */
  private argument(json: Json, tensorOf = (name: string): Tensor => this.tensor(name)): unknown {
    if (json === "Infinity") return Infinity;
    if (json === "-Infinity") return -Infinity;
    if (isArray(json)) return json.map((v) => this.argument(v, tensorOf));
    if (!isObject(json)) return json;
    if (typeof json.tensor === "string") return tensorOf(json.tensor);
    if (typeof json.module === "string") return this.module(parseSpec(json));
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, this.argument(value, tensorOf)]));
  }
}

/** A function or class of the library by its path. */
export function lookup(path: string, name: string): (...args: unknown[]) => unknown {
  let found: unknown = quadlane;
  for (const part of [...path.split("."), name]) {
    found = typeof found === "object" && found !== null ? Reflect.get(found, part) : undefined;
  }
  if (!isFunction(found)) throw new CaseError(`the library has no ${path}.${name}`);
  return found;
}

/** Copies a result out, so that it can be compared. */
export function toGolden(t: Tensor): Golden {
  return { shape: t.shape, dtype: t.dtype, data: t.data() };
}

function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === "function";
}

function isDisposable(value: unknown): value is Disposable {
  return typeof value === "object" && value !== null && "dispose" in value && typeof value.dispose === "function";
}
