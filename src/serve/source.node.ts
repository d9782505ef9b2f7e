// Where a pool's model comes from.
import { closeSync, openSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ArgumentError } from "../errors.js";
import type { SessionOptions } from "../graph/index.js";
import type { InitOptions } from "../init.js";
import { onFile, readRange } from "../io/file_errors.node.js";
import { isProgram, MAGIC } from "../program/format.js";
import type { Shape } from "../types.js";

export interface SessionModelOptions {
  /** How its session is compiled. `maxPlans` is 16 by default. */
  readonly session?: SessionOptions;
  /** Shapes to compile for, by input: for those with open sizes beside the batch. */
  readonly shapes?: Readonly<Record<string, Shape>>;
}

export interface SourceOptions extends SessionModelOptions {
  /**
   * An ONNX model or a program (`session.toProgram`, `quadlane compile`): its file, which must stay in place while the pool runs, or its bytes.
   * A program whose inputs and outputs all have the same first size n > 1 runs up to n rows together.
   */
  readonly model?: string | URL | Uint8Array;
  /** In place of `model`, a module whose default export makes a `ServedModel` (see `ServedModelFactory`). */
  readonly worker?: URL;
  /** What that is called with; it is cloned. */
  readonly workerOptions?: unknown;
  /** Which kernels the workers load, as for `initSync`. A program has its own. */
  readonly kernels?: Omit<InitOptions, "threads">;
}

/** A file by its URL, or bytes that are shared. */
type ModelFile = string | Uint8Array;

/** Which kernels to load; null for those that are loaded anyway. */
type Kernels = InitOptions | null;

/** What workers make their model from; it travels as a message. */
export type ModelSource =
  | { readonly kind: "program"; readonly file: ModelFile }
  | {
      readonly kind: "onnx";
      readonly file: ModelFile;
      readonly options: SessionModelOptions;
      readonly kernels: Kernels;
    }
  | { readonly kind: "module"; readonly url: string; readonly options: unknown; readonly kernels: Kernels };

/** Errors: ArgumentError for options that do not go together; FileError for a model that cannot be read. */
export function sourceOf(given: SourceOptions): ModelSource {
  const { model, worker, workerOptions, session, shapes } = given;
  const kernels = given.kernels ?? null;
  const refuse = (message: string): never => {
    throw new ArgumentError("ModelPool", message);
  };
  const ofSession = session !== undefined || shapes !== undefined;
  if ((model === undefined) === (worker === undefined)) refuse("expected either model or worker");
  if (worker !== undefined) {
    if (ofSession) refuse("session and shapes are for a model from a file; a worker's module has its own");
    return { kind: "module", url: String(worker), options: workerOptions, kernels };
  }
  if (workerOptions !== undefined) refuse("workerOptions go with worker, not with model");
  const [start, file] = opened(model);
  if (isProgram(start)) {
    if (ofSession || kernels !== null)
      refuse("session, shapes and kernels are for a model that is not compiled yet; a program has its own");
    return { kind: "program", file };
  }
  return { kind: "onnx", file, options: { ...(session && { session }), ...(shapes && { shapes }) }, kernels };
}

/** The first bytes of a model, and what the workers get. */
function opened(model: unknown): [start: Uint8Array, file: ModelFile] {
  if (model instanceof Uint8Array) {
    const bytes = new Uint8Array(new SharedArrayBuffer(model.length));
    bytes.set(model);
    return [model, bytes];
  }
  if (typeof model !== "string" && !(model instanceof URL)) {
    throw new ArgumentError("ModelPool", `model is ${String(model)}; expected a file's path or URL, or bytes`);
  }
  const path = model instanceof URL ? fileURLToPath(model) : model;
  const start = onFile("ModelPool", "read", path, () => {
    const handle = openSync(path, "r");
    try {
      return readRange(handle, 0, MAGIC.length);
    } finally {
      closeSync(handle);
    }
  });
  return [start, pathToFileURL(path).href];
}
