// What a worker makes its model from.

import { zeros } from "../creation.js";
import { ArgumentError } from "../errors.js";
import { compile, type SessionOptions } from "../graph/index.js";
import { dtypeOf } from "../onnx/elements.js";
import { load, type OnnxModel, type ValueInfo } from "../onnx/index.js";
import { loadFile } from "../onnx/load.node.js";
import { scope } from "../scoping.js";
import type { Shape } from "../types.js";
import { type Port, type ServedModel, type ServedModelFactory, servedSession } from "./model.js";

/** Where a model comes from; it travels to the workers as a message. */
export type ModelSource =
  | { readonly kind: "file"; readonly path: string; readonly options: SessionModelOptions }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array; readonly options: SessionModelOptions }
  | { readonly kind: "module"; readonly url: string; readonly options: unknown };

export interface SessionModelOptions {
  /** How its session is compiled. `maxPlans` is 16 by default. */
  readonly session?: SessionOptions;
  /** Shapes to compile for, by input: for those with open sizes beside the batch. */
  readonly shapes?: Readonly<Record<string, Shape>>;
}

/** Makes the model. Errors: ArgumentError for a module or options that make none; whatever reading the model throws. */
export async function makeModel(source: ModelSource): Promise<ServedModel> {
  if (source.kind === "module") return fromModule(source.url, source.options);
  // Bytes that threads share are read here once, into memory of its own.
  const model = source.kind === "file" ? loadFile(source.path) : load(source.bytes.slice());
  return fromOnnx(model, source.options);
}

async function fromModule(url: string, options: unknown): Promise<ServedModel> {
  const module = (await import(url)) as { default?: unknown };
  if (typeof module.default !== "function") {
    throw new ArgumentError("ModelPool", `${url} has no function as its default export`);
  }
  const made: unknown = await (module.default as ServedModelFactory)(options);
  if (!isServedModel(made)) {
    throw new ArgumentError("ModelPool", `${url} made no model; expected an object with inputs and run(feeds)`);
  }
  return made;
}

function isServedModel(value: unknown): value is ServedModel {
  if (typeof value !== "object" || value === null) return false;
  return Array.isArray(Reflect.get(value, "inputs")) && typeof Reflect.get(value, "run") === "function";
}

/** A session for an ONNX model. Requests are put together if the first sizes of all inputs are open, and are the same symbol where they have names. */
function fromOnnx(model: OnnxModel, { session = {}, shapes = {} }: SessionModelOptions): ServedModel {
  const { inputs, outputs } = model;
  const unknown = Object.keys(shapes).find((name) => !inputs.some((input) => input.name === name));
  if (unknown !== undefined) {
    throw new ArgumentError(
      "ModelPool",
      `shapes has "${unknown}"; expected inputs: ${inputs.map(({ name }) => name).join(", ")}`,
    );
  }
  const ports = inputs.map(({ name, elem, shape }): Port => {
    const sizes = shape?.map((size) => (typeof size === "number" ? size : null)) ?? null;
    return { name, dtype: dtypeOf(elem), shape: sizes };
  });
  const first = inputs.map(({ shape }) => shape?.[0]);
  const compiled = scope(() =>
    compile(
      model,
      inputs.map((input, i) => zeros(exampleShape(input, shapes[input.name]), { dtype: ports[i]!.dtype })),
      {
        maxPlans: 16,
        ...session,
        inputNames: inputs.map(({ name }) => name),
        outputNames: outputs.map(({ name }) => name),
      },
    ),
  );
  const batches = first.every((size) => size === first[0] && size !== undefined && typeof size !== "number");
  return servedSession(compiled, ports, batches);
}

function exampleShape({ name, shape }: ValueInfo, given: Shape | undefined): Shape {
  if (given !== undefined) return given;
  const open = shape === null || shape.slice(1).some((size) => typeof size !== "number");
  if (open) throw new ArgumentError("ModelPool", `input "${name}" has open sizes; expected a shape for it in shapes`);
  return shape.map((size) => (typeof size === "number" ? size : 1));
}
