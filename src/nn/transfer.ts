import { checkNoOptions, checkOptions, type NoOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { checkModule, type Module } from "./module.js";
import type { Parameter } from "./parameter.js";

/** Names of parameters: text in which * stands for anything, for the whole name or a module's, or a regular expression to be found in it. */
export type NamePattern = string | RegExp;

function matcher(op: string, pattern: NamePattern): (name: string) => boolean {
  if (pattern instanceof RegExp) {
    const expression = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
    return (name) => expression.test(name);
  }
  if (typeof pattern !== "string") {
    throw new ArgumentError(
      op,
      `pattern is ${String(pattern)}; expected text, in which * stands for anything, or a RegExp`,
    );
  }
  const source = pattern
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  // "encoder" means all that is in it, too.
  const expression = new RegExp(`^${source}(?:\\..*)?$`);
  return (name) => expression.test(name);
}

function noMatch(op: string, pattern: NamePattern, names: readonly string[]): ArgumentError {
  const list = names.length > 12 ? `${names.slice(0, 12).join(", ")} and ${names.length - 12} more` : names.join(", ");
  return new ArgumentError(op, `no parameter matches ${String(pattern)}; expected one of ${list}`);
}

function matching(op: string, model: Module, pattern: NamePattern): [string, Parameter][] {
  checkModule(op, "model", model);
  const matches = matcher(op, pattern);
  const all = [...model.namedParameters()];
  const found = all.filter(([name]) => matches(name));
  if (found.length > 0) return found;
  throw noMatch(
    op,
    pattern,
    all.map(([name]) => name),
  );
}

export interface FreezeOptions {
  /**
   * Keep normalisations with running statistics in evaluation mode, whatever `train()` says, if all their parameters are frozen now: the
   * statistics belong to the weights. Default true.
   */
  readonly normsInEval?: boolean;
}

/**
 * Stops the training of parameters by name: no gradient is computed for them. `freeze(model, "encoder")`, `freeze(model, "*.bias")`,
 * `freeze(model, /^layer[12]\./)`. Returns the names. Give the optimizer what `parameterGroups` leaves, or the parameters that require a
 * gradient.
 * Errors: ArgumentError if no parameter matches.
 */
export function freeze(model: Module, pattern: NamePattern, options: FreezeOptions = {}): string[] {
  checkOptions("freeze", options, ["normsInEval"]);
  const found = matching("freeze", model, pattern);
  for (const [, parameter] of found) parameter.requiresGrad_(false);
  if (options.normsInEval ?? true) {
    for (const module of normsOf(model, found)) {
      if ([...module.parameters()].some((p) => p.requiresGrad)) continue;
      module.staysInEval = true;
      module.training = false;
    }
  }
  return found.map(([name]) => name);
}

/** Lets parameters be trained again, and their normalisations follow `train()`; see `freeze`. */
export function unfreeze(model: Module, pattern: NamePattern, ...none: NoOptions): string[] {
  checkNoOptions("unfreeze", none);
  const found = matching("unfreeze", model, pattern);
  for (const [, parameter] of found) parameter.requiresGrad_();
  for (const module of normsOf(model, found)) {
    if (!module.staysInEval) continue;
    module.staysInEval = false;
    module.training = model.training;
  }
  return found.map(([name]) => name);
}

/** Modules that hold one of the parameters, and running statistics. */
function normsOf(model: Module, found: readonly [string, Parameter][]): Module[] {
  const chosen = new Set(found.map(([, parameter]) => parameter));
  return [...model.modules()].filter((module) => {
    const own = Object.values(module);
    return own.some((v) => chosen.has(v)) && Reflect.get(module, "runningMean") != null;
  });
}

/**
 * Puts another module in the place of one, as a new head on a trained body: `replaceModule(model, "classifier.2", new Linear(512, 10))`.
 * The path is that of `namedModules`. Returns the old module, which is not disposed of.
 * Errors: ArgumentError if there is no module at the path.
 */
export function replaceModule(model: Module, path: string, module: Module, ...none: NoOptions): Module {
  const op = "replaceModule";
  checkNoOptions(op, none);
  checkModule(op, "model", model);
  checkModule(op, "module", module);
  const modules = new Map(model.namedModules());
  const old = modules.get(path);
  const split = path.lastIndexOf(".");
  const parent = modules.get(split < 0 ? "" : path.slice(0, split));
  if (path === "" || old === undefined || parent === undefined) {
    const names = [...modules.keys()].filter((name) => name !== "");
    throw new ArgumentError(op, `the model has no module "${path}"; expected one of ${names.join(", ")}`);
  }
  if (!replaceIn(parent, old, module)) {
    throw new ArgumentError(op, `"${path}" is held by ${parent.constructor.name} in a way that cannot be replaced`);
  }
  return old;
}

/** Puts `by` where an object, or a list or map that it holds, has `old`; false if that is nowhere. */
function replaceIn(holder: object, old: Module, by: Module): boolean {
  let done = false;
  for (const [key, value] of Object.entries(holder)) {
    if (value === old) {
      Reflect.set(holder, key, by);
      done = true;
    } else if (Array.isArray(value)) {
      done = replaceIn(value, old, by) || done;
    } else if (value instanceof Map) {
      for (const [name, entry] of value) {
        if (entry !== old) continue;
        value.set(name, by);
        done = true;
      }
    }
  }
  return done;
}

/** A pattern, and the optimizer's options for the parameters whose names match. */
export interface GroupRule {
  readonly pattern: NamePattern;
}

/**
 * Sorts parameters by name into groups for an optimizer: `parameterGroups(model, [{ pattern: "body", lr: 1e-4 }], { lr: 1e-2 })`. Each
 * parameter is in the group of the first pattern that matches; those that match none are a last group with the options of `defaults`.
 * Frozen parameters are left out, and so are groups without parameters.
 * Errors: ArgumentError for a pattern that matches no parameter at all, and for parameters that match none if there are no `defaults`.
 */
export function parameterGroups<R extends GroupRule, D extends object = object>(
  model: Module,
  rules: readonly R[],
  defaults?: D,
): ((Omit<R, "pattern"> | D) & { params: Parameter[] })[] {
  const op = "parameterGroups";
  checkModule(op, "model", model);
  if (!Array.isArray(rules)) throw new ArgumentError(op, `rules are ${String(rules)}; expected a list`);
  const all = [...model.namedParameters()];
  const groups = rules.map((rule: R) => {
    const { pattern, ...options } = rule;
    const matches = matcher(op, pattern);
    const names = all.map(([name]) => name);
    if (!names.some(matches)) throw noMatch(op, pattern, names);
    return { matches, group: { ...options, params: [] as Parameter[] } };
  });
  const rest: [string, Parameter][] = [];
  for (const [name, parameter] of all) {
    if (!parameter.requiresGrad) continue;
    const first = groups.find(({ matches }) => matches(name));
    if (first === undefined) rest.push([name, parameter]);
    else first.group.params.push(parameter);
  }
  const out = groups.map(({ group }) => group).filter(({ params }) => params.length > 0);
  if (rest.length === 0) return out;
  if (defaults === undefined) {
    const names = rest.map(([name]) => name).join(", ");
    throw new ArgumentError(op, `${names} match no pattern; expected defaults for them`);
  }
  return [...out, { ...defaults, params: rest.map(([, parameter]) => parameter) }];
}
