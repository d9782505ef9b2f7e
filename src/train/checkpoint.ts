import { checkOptions } from "../check.js";
import { ArgumentError, FileError, FormatError } from "../errors.js";
import { parse, serialize } from "../io/safetensors.js";
import { Module } from "../nn/module.js";
import type { Scheduler, SchedulerState } from "../optim/lr_scheduler/index.js";
import type { Optimizer, OptimizerState } from "../optim/optimizer.js";
import { defaultGenerator, Generator, type GeneratorState } from "../random.js";
import { forEachTensor } from "../scoping.js";
import { Tensor } from "../tensor.js";
import type { Stateful } from "./callback.js";
import { decode, type Encoded, encode, type Json } from "./checkpoint_codec.js";

/** A checkpoint that cannot be written or found, or that lacks what is to be loaded from it; `path` is empty for bytes. */
export class CheckpointError extends FileError {
  constructor(op: string, message: string, where: { path?: string; code?: string | null; cause?: unknown } = {}) {
    super(op, message, { ...where, path: where.path ?? "" });
  }
}

/** What a checkpoint is made of, and what it is loaded into. The default generator, and generators that modules hold, always belong to it. */
export interface CheckpointParts {
  readonly model: Module;
  readonly optimizer?: Optimizer | undefined;
  readonly scheduler?: Scheduler | undefined;
  /** A DataLoader, or something else that tells its position. */
  readonly loader?: Stateful | undefined;
  /** Other generators, by names of your own. */
  readonly generators?: Readonly<Record<string, Generator>> | undefined;
}

export interface CheckpointContent extends CheckpointParts {
  /** Numbers, text, booleans, null and tensors, in arrays and plain objects. */
  readonly extra?: unknown;
}

const FORMAT = "quadlane.checkpoint";
const VERSION = "1";
const PARTS = ["model", "optimizer", "scheduler", "loader", "generators"];

/** The bytes of a checkpoint: a safetensors file with weights and buffers as "model.…", and the rest as JSON in its metadata. */
export function packCheckpoint(content: CheckpointContent): Uint8Array {
  checkParts("packCheckpoint", content, [...PARTS, "extra"]);
  const { model, optimizer, scheduler, loader, extra } = content;
  const into: Encoded = { tensors: new Map(), made: [] };
  try {
    for (const [key, t] of model.stateDict()) into.tensors.set(`model.${key}`, t);
    const state: Record<string, Json> = {};
    if (optimizer !== undefined) {
      const { state: slots, paramGroups } = optimizer.stateDict();
      state.optimizer = encode({ state: slots, paramGroups }, "optimizer", into);
    }
    if (scheduler !== undefined) state.scheduler = encode(scheduler.stateDict(), "scheduler", into);
    if (loader !== undefined) state.loader = encode(loader.stateDict(), "loader", into);
    const states = [...generatorsOf(content)].map(([name, g]): [string, unknown] => [name, { ...g.getState() }]);
    state.generators = encode(Object.fromEntries(states), "generators", into);
    if (extra !== undefined) state.extra = encode(extra, "extra", into);
    return serialize(into.tensors, { format: FORMAT, version: VERSION, state: JSON.stringify(state) });
  } finally {
    for (const t of into.made) t.dispose();
  }
}

/**
 * Loads a checkpoint's bytes into the parts that are given, and returns its `extra`; tensors in it are the caller's. Everything is checked
 * first.
 * Errors: FormatError for what is no checkpoint, StateDictError for parts that it does not fit, CheckpointError for parts that it lacks;
 * nothing has changed then.
 */
export function restoreCheckpoint(bytes: Uint8Array, parts: CheckpointParts): unknown {
  checkParts("restoreCheckpoint", parts, PARTS);
  const checkpoint = new Checkpoint(bytes);
  let extra: unknown;
  try {
    checkpoint.restore(parts);
    extra = checkpoint.extra;
    return extra;
  } finally {
    checkpoint.dispose(extra);
  }
}

/** A checkpoint that was read; its tensors live until `dispose`. */
export class Checkpoint {
  readonly extra: unknown;
  private readonly tensors: ReadonlyMap<string, Tensor>;
  private readonly state: Readonly<Record<string, unknown>>;

  constructor(bytes: Uint8Array) {
    const { tensors, metadata } = parse(bytes);
    this.tensors = tensors;
    try {
      if (metadata.format !== FORMAT || metadata.state === undefined) {
        throw new FormatError("checkpoint", "the file is no checkpoint of a training; expected one of saveCheckpoint");
      }
      if (metadata.version !== VERSION) {
        throw new FormatError("checkpoint", `the format's version is ${metadata.version}; expected ${VERSION}`);
      }
      this.state = stateOf(metadata.state, tensors);
      this.extra = this.state.extra;
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Loads the parts. `more` is loaded with them, and must change nothing if it throws. */
  restore(parts: CheckpointParts, more: () => void = () => {}): void {
    const { model, optimizer, scheduler, loader } = parts;
    const weights = new Map<string, Tensor>();
    for (const [name, t] of this.tensors) if (name.startsWith("model.")) weights.set(name.slice("model.".length), t);
    model.checkStateDict(weights);
    const optimizerState = optimizer === undefined ? null : optimizerStateOf(this.part("optimizer"));
    if (optimizerState !== null) optimizer!.checkStateDict(optimizerState);
    const schedulerState = scheduler === undefined ? null : schedulerStateOf(this.part("scheduler"));
    if (schedulerState !== null) scheduler!.checkFits(schedulerState);
    const generators = this.generatorStates(parts);
    const position = loader === undefined ? undefined : this.part("loader");
    const before: unknown = loader?.stateDict();
    loader?.loadStateDict(position);
    try {
      more();
    } catch (error) {
      loader?.loadStateDict(before);
      throw error;
    }
    // What follows has been checked.
    if (optimizerState !== null) optimizer!.loadStateDict(optimizerState);
    if (schedulerState !== null) scheduler!.loadStateDict(schedulerState);
    for (const [generator, state] of generators) generator.setState(state);
    model.loadStateDict(weights);
  }

  /** Frees the tensors but for those in `kept`. */
  dispose(kept?: unknown): void {
    const spared = new Set<Tensor>();
    forEachTensor(kept, (t) => spared.add(t));
    for (const t of this.tensors.values()) if (!spared.has(t)) t.dispose();
  }

  private part(name: string): unknown {
    const part = this.state[name];
    if (part === undefined) throw new CheckpointError("checkpoint", `it has no state for the ${name}; expected one`);
    return part;
  }

  private generatorStates(parts: CheckpointParts): [Generator, GeneratorState][] {
    const saved = this.part("generators");
    const states = isRecord(saved) ? saved : {};
    return [...generatorsOf(parts)].map(([name, generator]) => {
      const state = states[name];
      if (!isRecord(state)) throw new CheckpointError("checkpoint", `it has no state of the generator "${name}"`);
      const { seed, offset } = state as Partial<GeneratorState>;
      return [generator, new Generator().setState({ seed: seed!, offset: offset! }).getState()];
    });
  }
}

function stateOf(text: string, tensors: ReadonlyMap<string, Tensor>): Record<string, unknown> {
  let json: Json;
  try {
    json = JSON.parse(text) as Json;
  } catch (cause) {
    throw new FormatError("checkpoint", `state is no JSON (${cause instanceof Error ? cause.message : String(cause)})`);
  }
  const state = decode(json, tensors);
  if (!isRecord(state)) throw new FormatError("checkpoint", "state is no object");
  return state;
}

/** The generators of a training by name: the default one, those that modules hold, and those that were named. */
export function* generatorsOf(parts: CheckpointParts): IterableIterator<[string, Generator]> {
  yield ["default", defaultGenerator];
  yield* moduleGenerators(parts.model);
  for (const [name, generator] of Object.entries(parts.generators ?? {})) yield [`named.${name}`, generator];
}

/** The generators that modules hold as properties. */
export function* moduleGenerators(model: Module): IterableIterator<[string, Generator]> {
  for (const [path, module] of model.namedModules()) {
    for (const [name, value] of Object.entries(module)) {
      if (value instanceof Generator) yield [`model.${path}.${name}`, value];
    }
  }
}

function checkParts(op: string, parts: CheckpointParts, known: readonly string[]): void {
  checkOptions(op, parts, known);
  if (!(parts.model instanceof Module)) throw new ArgumentError(op, "model is no Module; expected a Module");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Tensor);
}

function malformed(what: string): FormatError {
  return new FormatError("checkpoint", `state of the ${what} is not what stateDict() gives`);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

function optimizerStateOf(value: unknown): OptimizerState {
  const isValue = (v: unknown): boolean => typeof v === "number" || v instanceof Tensor;
  const isSlots = (s: unknown): boolean =>
    isRecord(s) && Object.values(s).every((v) => isValue(v) || (Array.isArray(v) && v.every(isValue)));
  const isGroup = (g: unknown): boolean => isRecord(g) && Array.isArray(g.params) && g.params.every(isCount);
  if (
    !isRecord(value) ||
    !isRecord(value.state) ||
    !Object.values(value.state).every(isSlots) ||
    !Array.isArray(value.paramGroups) ||
    !value.paramGroups.every(isGroup)
  ) {
    throw malformed("optimizer");
  }
  return { state: value.state, paramGroups: value.paramGroups } as OptimizerState;
}

function schedulerStateOf(value: unknown): SchedulerState {
  const fits = (v: unknown): boolean =>
    typeof v === "number" || (Array.isArray(v) && v.every(fits)) || (isRecord(v) && Object.values(v).every(fits));
  if (!isRecord(value) || !fits(value)) throw malformed("schedule");
  return value as SchedulerState;
}
