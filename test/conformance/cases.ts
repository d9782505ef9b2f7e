// The golden cases as data: their types, and the reading of `<family>.json` with its `<family>.safetensors`.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { loadSafetensors } from "quadlane";
import type { Golden } from "./compare.js";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Tensor names in the nesting of a result; null stands for "not checked" or "none". */
export type Names = string | null | readonly Names[];

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** How a module is constructed. */
export interface ModuleSpec {
  readonly module: string;
  readonly args: readonly Json[];
  readonly options: JsonObject | null;
}

interface Common {
  readonly name: string;
  readonly values: Tolerance;
  readonly gradients: Tolerance;
  /** Substrings of the message of the error that is expected; null for a case that must succeed. */
  readonly throws: readonly string[] | null;
}

/** What is called, with what, and what must come out: shared by modules and functions. */
interface Call extends Common {
  readonly inputs: readonly Json[];
  readonly needsGrad: readonly string[];
  readonly outputs: Names;
  readonly gradOutputs: Names;
  readonly gradInputs: ReadonlyMap<string, string>;
}

export interface ModuleCase extends Call {
  readonly kind: "module";
  readonly spec: ModuleSpec;
  readonly state: ReadonlyMap<string, string> | null;
  readonly training: boolean;
  readonly gradState: ReadonlyMap<string, string>;
  readonly stateAfter: ReadonlyMap<string, string>;
}

export interface FunctionalCase extends Call {
  readonly kind: "functional";
  readonly function: string;
  readonly options: JsonObject | null;
}

export interface OptimizerCase extends Common {
  readonly kind: "optimizer";
  readonly optimizer: string;
  readonly options: JsonObject | null;
  readonly params: readonly string[];
  readonly grads: readonly (readonly Names[])[];
  readonly expected: readonly (readonly Names[])[];
  readonly lrs: readonly number[] | null;
  readonly closure: { readonly function: string; readonly steps: number; readonly expectedLoss: number } | null;
}

export interface SchedulerCase extends Common {
  readonly kind: "scheduler";
  readonly scheduler: string;
  readonly args: readonly Json[];
  readonly options: JsonObject | null;
  readonly initialLr: number;
  readonly optimizerOptions: JsonObject;
  readonly metrics: readonly number[] | null;
  readonly expected: readonly number[];
}

export type TrainingData =
  | { readonly images: string; readonly labels: string; readonly shape: readonly number[]; readonly target: string }
  | { readonly text: string; readonly length: number };

export interface TrainingCase extends Common {
  readonly kind: "training";
  readonly model: ModuleSpec;
  readonly loss: ModuleSpec;
  readonly optimizer: string;
  readonly options: JsonObject | null;
  readonly data: TrainingData;
  readonly batch: number;
  readonly steps: number;
  readonly losses: readonly number[];
}

export type Case = ModuleCase | FunctionalCase | OptimizerCase | SchedulerCase | TrainingCase;

/** A case, or why the file's entry is none: that counts as a failing case. */
export type Entry =
  | { readonly name: string; readonly case: Case }
  | { readonly name: string; readonly problem: string };

/** One pair of files. */
export interface Family {
  readonly name: string;
  readonly dir: string;
  readonly entries: readonly Entry[];
  /** Why the files cannot be read; then there are no entries. */
  readonly problem: string | null;
  readonly tensors: ReadonlyMap<string, Golden>;
}

/** A case that cannot be run as it stands: the case's or the library's fault, never a result to compare. */
export class CaseError extends Error {}

/** The families of a folder, in alphabetical order. */
export function listFamilies(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((file) => file.endsWith(".json"))
    .map((file) => basename(file, ".json"))
    .sort();
}

/** Reads both files of a family. */
export function readFamily(dir: string, name: string): Family {
  try {
    const json: unknown = JSON.parse(readFileSync(join(dir, `${name}.json`), "utf8"));
    if (!Array.isArray(json)) throw new CaseError(`${name}.json is no array of cases`);
    const entries = (json as Json[]).map((raw, i) => parseEntry(raw, `${name}[${i}]`));
    return { name, dir, entries, problem: null, tensors: readTensors(join(dir, `${name}.safetensors`)) };
  } catch (error) {
    return { name, dir, entries: [], problem: messageOf(error), tensors: new Map() };
  }
}

function readTensors(file: string): Map<string, Golden> {
  const tensors = new Map<string, Golden>();
  for (const [name, t] of loadSafetensors(file).tensors) {
    tensors.set(name, { shape: t.shape, dtype: t.dtype, data: t.data() });
    t.dispose();
  }
  return tensors;
}

function parseEntry(raw: Json, place: string): Entry {
  const name = isObject(raw) && typeof raw.name === "string" ? raw.name : place;
  try {
    if (!isObject(raw)) throw new CaseError("is no object");
    return { name, case: parseCase(new Fields(raw)) };
  } catch (error) {
    return { name, problem: `malformed case: ${messageOf(error)}` };
  }
}

function parseCase(f: Fields): Case {
  const common: Common = {
    name: f.string("name"),
    values: { rtol: f.number("rtol", 1e-4), atol: f.number("atol", f.string("kind") === "training" ? 0 : 1e-5) },
    gradients: { rtol: f.number("gradRtol", 1e-3), atol: f.number("gradAtol", 1e-4) },
    throws: f.has("throws") ? f.strings("throws") : null,
  };
  switch (f.string("kind")) {
    case "module":
      return {
        kind: "module",
        ...common,
        ...parseCall(f, common),
        spec: parseSpec(f.raw),
        state: f.has("state") ? f.names("state") : null,
        training: f.oneOf("mode", ["train", "eval"], "train") === "train",
        gradState: f.names("gradState"),
        stateAfter: f.names("stateAfter"),
      };
    case "functional":
      return {
        kind: "functional",
        ...common,
        ...parseCall(f, common),
        function: f.string("function"),
        options: f.object("options"),
      };
    case "optimizer":
      return {
        kind: "optimizer",
        ...common,
        optimizer: f.string("optimizer"),
        options: f.object("options"),
        params: f.strings("params"),
        ...parseSteps(f, common),
        lrs: f.has("lrs") ? f.numbers("lrs") : null,
        closure: f.has("closure")
          ? {
              function: f.fields("closure").string("function"),
              steps: f.number("steps"),
              expectedLoss: f.number("expectedLoss"),
            }
          : null,
      };
    case "scheduler":
      return {
        kind: "scheduler",
        ...common,
        scheduler: f.string("scheduler"),
        args: f.array("args", []),
        options: f.object("options"),
        initialLr: f.number("initialLr"),
        optimizerOptions: f.object("optimizerOptions") ?? {},
        metrics: f.has("metrics") ? f.numbers("metrics") : null,
        expected: f.numbers("expected"),
      };
    case "training":
      return {
        kind: "training",
        ...common,
        model: parseSpec(f.fields("model").raw),
        loss: parseSpec(f.fields("loss").raw),
        optimizer: f.string("optimizer"),
        options: f.object("options"),
        data: parseData(f.fields("data")),
        batch: f.number("batch"),
        steps: f.number("steps"),
        losses: f.numbers("losses"),
      };
    default:
      throw new CaseError(
        `kind is "${f.string("kind")}"; expected module, functional, optimizer, scheduler or training`,
      );
  }
}

/** What each step gets and gives; a closure makes its own gradients, and an expected error leaves nothing to compare. */
function parseSteps(f: Fields, { throws }: Common): Pick<OptimizerCase, "grads" | "expected"> {
  if (throws !== null || f.has("closure")) return { grads: [], expected: [] };
  const grads = f.steps("grads");
  const expected = f.steps("expected");
  const count = f.strings("params").length;
  if (grads.length !== expected.length || [...grads, ...expected].some((step) => step.length !== count)) {
    throw new CaseError(
      `grads and expected differ in length, or their steps do not have one entry for each of ${count} params`,
    );
  }
  return { grads, expected };
}

function parseCall(f: Fields, { throws }: Common): Omit<Call, keyof Common> {
  if (throws === null && f.raw.outputs === undefined) throw new CaseError("has neither outputs nor throws");
  return {
    inputs: f.array("inputs", []),
    needsGrad: f.has("needsGrad") ? f.strings("needsGrad") : [],
    outputs: f.nesting("outputs"),
    gradOutputs: f.nesting("gradOutputs"),
    gradInputs: f.names("gradInputs"),
  };
}

/** `{"module", "args", "options"}`, as a case or inside arguments. */
export function parseSpec(raw: JsonObject): ModuleSpec {
  const f = new Fields(raw);
  return { module: f.string("module"), args: f.array("args", []), options: f.object("options") };
}

function parseData(f: Fields): TrainingData {
  if (f.has("text")) return { text: f.string("text"), length: f.number("length") };
  return {
    images: f.string("images"),
    labels: f.string("labels"),
    shape: f.numbers("shape"),
    target: f.oneOf("target", ["labels", "input"]),
  };
}

/** Reads the fields of one object, and says which one is not as expected. */
class Fields {
  constructor(readonly raw: JsonObject) {}

  has(key: string): boolean {
    return this.raw[key] !== undefined && this.raw[key] !== null;
  }

  string(key: string): string {
    const v = this.raw[key];
    return typeof v === "string" ? v : this.wrong(key, "a string");
  }

  number(key: string, fallback?: number): number {
    const v = this.raw[key] ?? fallback;
    return typeof v === "number" ? v : this.wrong(key, "a number");
  }

  oneOf(key: string, allowed: readonly string[], fallback?: string): string {
    const v = this.raw[key] ?? fallback;
    return typeof v === "string" && allowed.includes(v) ? v : this.wrong(key, allowed.join(" or "));
  }

  array(key: string, fallback?: readonly Json[]): readonly Json[] {
    const v = this.raw[key] ?? fallback;
    return isArray(v) ? v : this.wrong(key, "an array");
  }

  object(key: string): JsonObject | null {
    if (!this.has(key)) return null;
    const v = this.raw[key];
    return isObject(v) ? v : this.wrong(key, "an object");
  }

  fields(key: string): Fields {
    return new Fields(this.object(key) ?? this.wrong(key, "an object"));
  }

  strings(key: string): string[] {
    return this.array(key).map((v) => (typeof v === "string" ? v : this.wrong(key, "an array of strings")));
  }

  numbers(key: string): number[] {
    return this.array(key).map((v) => (typeof v === "number" ? v : this.wrong(key, "an array of numbers")));
  }

  /** State-dict key or tensor name → tensor name. */
  names(key: string): Map<string, string> {
    const entries = Object.entries(this.object(key) ?? {});
    return new Map(
      entries.map(([k, v]) => [k, typeof v === "string" ? v : this.wrong(key, "an object of tensor names")]),
    );
  }

  nesting(key: string): Names {
    const read = (v: Json | undefined): Names => {
      if (v === undefined || v === null || typeof v === "string") return v ?? null;
      return isArray(v) ? v.map(read) : this.wrong(key, "nested arrays of tensor names");
    };
    return read(this.raw[key]);
  }

  /** One list of tensor names a step. */
  steps(key: string): (readonly Names[])[] {
    const steps = this.nesting(key);
    if (!Array.isArray(steps)) return this.wrong(key, "an array of steps");
    return steps.map((step: Names) => (Array.isArray(step) ? step : this.wrong(key, "a list of tensor names a step")));
  }

  private wrong(key: string, expected: string): never {
    throw new CaseError(`${key} is ${JSON.stringify(this.raw[key]) ?? "missing"}; expected ${expected}`);
  }
}

export function isArray(v: Json | undefined): v is readonly Json[] {
  return Array.isArray(v);
}

export function isObject(v: Json | undefined): v is JsonObject {
  return typeof v === "object" && v !== null && !Array.isArray(v);
}

/** What an error says, in one line and with its class. */
export function messageOf(error: unknown): string {
  if (error instanceof CaseError) return error.message;
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  return `${error.name}: ${error.message}`.replace(/\s*\n\s*/g, " ");
}
