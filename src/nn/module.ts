import { checkNoOptions, type NoOptions } from "../check.js";
import { ArgumentError, StateDictError } from "../errors.js";
import { copyInto } from "../ops/copy.js";
import { formatShape, sameShape } from "../shape.js";
import { withGradMode } from "../tape.js";
import { adoptUnscoped, Tensor } from "../tensor.js";
import { Buffer, Parameter } from "./parameter.js";

/** Key → tensor, in the order of the properties; keys are PyTorch's. */
export type StateDict = Map<string, Tensor>;

/** Called after `forward` with its arguments and result; a returned value other than undefined replaces the result. */
export type ForwardHook = (module: Module, args: readonly unknown[], result: unknown) => unknown;

/** Called before `forward`; a returned array replaces the arguments. */
export type ForwardPreHook = (module: Module, args: readonly unknown[]) => readonly unknown[] | undefined;

/** Stands in for `forward`: calls `inner(...args)` in its course, or not. */
export type ForwardWrapper = (inner: (...args: readonly unknown[]) => unknown, args: readonly unknown[]) => unknown;

/** Takes a hook off again. */
export interface HookHandle {
  remove(): void;
}

/** One layer around a module's `forward`, and what `forward` was before. */
interface HookLayer {
  active: boolean;
  readonly below: PropertyDescriptor | undefined;
}

const hookLayers = new WeakMap<object, HookLayer>();

/**
 * Base class of all layers and models. Parameters, buffers and sub-modules are found as own properties: assigning them in the
 * constructor is all it takes. A property's state-dict key is its name in snake_case (`runningMean` → `running_mean`), so that
 * PyTorch's checkpoints fit. Subclasses implement `forward`.
 */
export abstract class Module {
  /** True while training: dropout drops, batch norm uses the batch. */
  training = true;

  /** Stays in evaluation mode, whatever `train()` says: for normalisation in frozen parts. */
  staysInEval = false;

  /** What a subclass without parameters of its own is given ends here: options that nobody reads are refused. */
  constructor(...none: NoOptions) {
    checkNoOptions(new.target.name, none);
  }

  /** Computes the output; every subclass chooses its own arguments and result. */
  abstract forward(...args: readonly unknown[]): unknown;

  /** The sub-modules by property name, as `children` walks them. Containers override it. */
  protected *members(): IterableIterator<[name: string, value: unknown]> {
    for (const name of Object.keys(this)) yield [stateKey(name), Reflect.get(this, name)];
  }

  /** Direct sub-modules with their names, each module once. */
  *namedChildren(): IterableIterator<[string, Module]> {
    const seen = new Set<Module>();
    for (const [name, value] of this.members()) {
      if (!(value instanceof Module) || seen.has(value)) continue;
      seen.add(value);
      yield [name, value];
    }
  }

  /** Direct sub-modules, each once. */
  *children(): IterableIterator<Module> {
    for (const [, child] of this.namedChildren()) yield child;
  }

  /** This module and everything below it, each once, with dotted names; its own is "". */
  *namedModules(prefix = "", seen: Set<Module> = new Set()): IterableIterator<[string, Module]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) yield* child.namedModules(join(prefix, name), seen);
  }

  /** This module and everything below it, each once. */
  *modules(): IterableIterator<Module> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** All parameters below this module with dotted names, each tensor once. */
  *namedParameters(): IterableIterator<[string, Parameter]> {
    yield* this.namedTensors(Parameter, new Set());
  }

  /** All parameters below this module, each once: what optimizers take. */
  *parameters(): IterableIterator<Parameter> {
    for (const [, parameter] of this.namedParameters()) yield parameter;
  }

  /** All buffers below this module with dotted names, each tensor once. */
  *namedBuffers(): IterableIterator<[string, Buffer]> {
    yield* this.namedTensors(Buffer, new Set());
  }

  /** All buffers below this module, each once. */
  *buffers(): IterableIterator<Buffer> {
    for (const [, buffer] of this.namedBuffers()) yield buffer;
  }

  /** Parameters and persistent buffers by key. The tensors are the module's own, not copies. */
  stateDict(): StateDict {
    const state: StateDict = new Map();
    this.collectState("", state);
    return state;
  }

  /**
   * Copies values into parameters and buffers. Strict by default: missing keys, unknown keys, other shapes or dtypes are all
   * listed in one StateDictError, and then nothing has been changed. `strict: false` ignores missing and unknown keys.
   */
  loadStateDict(state: StateDict | Readonly<Record<string, Tensor>>, options: { strict?: boolean } = {}): void {
    this.checkStateDict(state, options);
    withGradMode(false, () => {
      const given = entriesOf(state);
      for (const [key, to] of this.stateDict()) {
        const from = given.get(key);
        if (from !== undefined) copyInto(to, from);
      }
    });
  }

  /** Throws what `loadStateDict` would throw, and changes nothing. */
  checkStateDict(state: StateDict | Readonly<Record<string, Tensor>>, options: { strict?: boolean } = {}): void {
    const given = entriesOf(state);
    const own = this.stateDict();
    const strict = options.strict ?? true;
    const missing = strict ? [...own.keys()].filter((k) => !given.has(k)) : [];
    const unexpected = strict ? [...given.keys()].filter((k) => !own.has(k)) : [];
    const mismatched: string[] = [];
    for (const [key, to] of own) {
      const from = given.get(key);
      if (from === undefined) continue;
      from.assertAlive("loadStateDict");
      if (!sameShape(from.shape, to.shape) || from.dtype !== to.dtype) {
        mismatched.push(
          `${key} is ${from.dtype} ${formatShape(from.shape)}, expected ${to.dtype} ${formatShape(to.shape)}`,
        );
      }
    }
    if (missing.length + unexpected.length + mismatched.length > 0) {
      const parts: string[] = [];
      if (missing.length > 0) parts.push(`missing ${missing.join(", ")}`);
      if (unexpected.length > 0) parts.push(`unexpected ${unexpected.join(", ")}`);
      if (mismatched.length > 0) parts.push(`mismatched ${mismatched.join("; ")}`);
      throw new StateDictError(this.constructor.name, `state dict does not fit: ${parts.join("; ")}`, {
        missing,
        unexpected,
        mismatched,
      });
    }
  }

  /** Switches this module and all below to training mode, or out of it. */
  train(on = true): this {
    for (const module of this.modules()) module.training = on && !module.staysInEval;
    return this;
  }

  /** Switches to evaluation mode. */
  eval(): this {
    return this.train(false);
  }

  /** Calls `fn` for every module below and then for this one. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /** Frees the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /** Turns gradients of all parameters on or off: freezing. */
  requiresGrad_(on = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(on);
    return this;
  }

  /**
   * Folds batch normalisations among this module's own layers into the layers before them. Classes that have such pairs implement it;
   * `nn.utils.fuse` calls it on every module of a copy.
   */
  foldNorms(): void {}

  /** Runs `hook` after every `forward` of this module. */
  registerForwardHook(hook: ForwardHook): HookHandle {
    return this.wrapForward((inner, args) => {
      const result = inner(...args);
      const replaced = hook(this, args, result);
      return replaced === undefined ? result : replaced;
    });
  }

  /** Runs `hook` before every `forward` of this module. */
  registerForwardPreHook(hook: ForwardPreHook): HookHandle {
    return this.wrapForward((inner, args) => inner(...(hook(this, args) ?? args)));
  }

  /**
   * Puts a layer around `forward`, which `around` is to call as `inner(...args)`: what hooks and parametrisations are made of. It
   * touches this instance only, so that modules without hooks pay nothing. Hooks run in the order of registration; each handle
   * takes its own layer out, whatever was added since, and with the last one `forward` is what it was before.
   */
  wrapForward(around: ForwardWrapper): HookHandle {
    const inner = this.forward.bind(this);
    const layer: HookLayer = { active: true, below: Object.getOwnPropertyDescriptor(this, "forward") };
    const wrapped = (...args: readonly unknown[]): unknown => (layer.active ? around(inner, args) : inner(...args));
    hookLayers.set(wrapped, layer);
    Object.defineProperty(this, "forward", { value: wrapped, configurable: true, writable: true, enumerable: false });
    return {
      remove: () => {
        layer.active = false;
        for (let top = hookLayers.get(this.forward); top?.active === false; top = hookLayers.get(this.forward)) {
          if (top.below === undefined) Reflect.deleteProperty(this, "forward");
          else Object.defineProperty(this, "forward", top.below);
        }
      },
    };
  }

  /**
   * A module of the same structure with parameters and buffers of its own: copies of the values, without gradients. What several
   * parts share, their copies share; functions, generators and whatever else is no module, tensor or list are those of the original,
   * and fields that JavaScript hides (`#name`) are not copied.
   * Errors: ArgumentError for a module with hooks or a parametrisation: they are bound to that instance.
   */
  clone(): this {
    for (const [name, module] of this.namedModules()) {
      if (!Object.hasOwn(module, "forward")) continue;
      const what = name === "" ? "the module" : `"${name}"`;
      throw new ArgumentError(
        "clone",
        `${what} (${module.constructor.name}) has hooks or a parametrisation; expected none`,
      );
    }
    return copied(this, new Map());
  }

  /** Frees all parameters and buffers. */
  dispose(): void {
    for (const parameter of this.parameters()) parameter.dispose();
    for (const buffer of this.buffers()) buffer.dispose();
  }

  private *namedTensors<T extends Tensor>(
    kind: abstract new (...args: never[]) => T,
    seen: Set<Tensor>,
  ): IterableIterator<[string, T]> {
    for (const [prefix, module] of this.namedModules()) {
      for (const [name, value] of module.members()) {
        if (!(value instanceof kind) || seen.has(value)) continue;
        seen.add(value);
        yield [join(prefix, name), value];
      }
    }
  }

  private collectState(prefix: string, state: StateDict): void {
    for (const [name, value] of this.members()) {
      if (value instanceof Parameter || (value instanceof Buffer && value.persistent))
        state.set(join(prefix, name), value);
    }
    for (const [name, value] of this.members())
      if (value instanceof Module) value.collectState(join(prefix, name), state);
  }
}

/** What stands for `value` in the clone of a module; `seen` holds what has been copied already. */
function copied<T>(value: T, seen: Map<unknown, unknown>): T {
  if (typeof value !== "object" || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return known as T;
  const copy = value instanceof Tensor ? copiedTensor(value) : emptyCopy(value);
  if (copy === null) return value;
  seen.set(value, copy);
  if (copy instanceof Map) {
    for (const [key, v] of value as Map<unknown, unknown> & T) copy.set(key, copied(v, seen));
  } else if (!(copy instanceof Tensor)) {
    for (const [key, v] of Object.entries(value)) Reflect.set(copy, key, copied(v, seen));
  }
  return copy as T;
}

/** Something of the same kind to be filled with copies; null for what a clone shares. */
function emptyCopy(value: object): object | null {
  if (value instanceof Map) return new Map();
  if (Array.isArray(value)) return [];
  const prototype: object | null = Object.getPrototypeOf(value);
  return value instanceof Module || prototype === Object.prototype ? Object.create(prototype) : null;
}

function copiedTensor(t: Tensor): Tensor {
  const copy = unscopedCopy(t, "clone");
  if (t instanceof Parameter) return new Parameter(copy, { requiresGrad: t.requiresGrad });
  return t instanceof Buffer ? new Buffer(copy, { persistent: t.persistent }) : copy;
}

/** The values of a tensor, unknown to the tape and outside every scope. */
function unscopedCopy(t: Tensor, origin: string): Tensor {
  const copy = Tensor.allocate(t.shape, t.dtype, origin);
  copyInto(copy, t);
  return adoptUnscoped(copy);
}

function entriesOf(state: StateDict | Readonly<Record<string, Tensor>>): ReadonlyMap<string, Tensor> {
  return state instanceof Map ? state : new Map(Object.entries(state));
}

function join(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}.${name}`;
}

/** camelCase → snake_case; names that are not camelCase (`Mixed_5b`, `0`) stay. */
export function stateKey(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, (_, before: string, upper: string) => `${before}_${upper.toLowerCase()}`);
}

/** A detached copy of every tensor of a state dict; it outlives the module's next update. */
export function cloneStateDict(state: StateDict): StateDict {
  const out: StateDict = new Map();
  for (const [key, t] of state) out.set(key, unscopedCopy(t, "cloneStateDict"));
  return out;
}

/** Throws if something that should be a module is none. */
export function checkModule(op: string, what: string, value: unknown): asserts value is Module {
  if (!(value instanceof Module)) throw new ArgumentError(op, `${what} is no Module; expected a Module`);
}
