// What a worker makes its model from. Each kind loads what it needs: a program starts without the rest of the library.
import { ArgumentError } from "../errors.js";
import { type ServedModel, type ServedModelFactory, warmUp } from "./model.js";
import { servedProgram } from "./program_model.js";
import type { ModelSource } from "./source.node.js";

/** Makes the model, ready to run. Errors: ArgumentError for a module or options that make none; whatever reading the model throws. */
export async function makeModel(source: ModelSource, maxBatch: number): Promise<ServedModel> {
  if (source.kind === "program") {
    const { Program } = await import("../program/index.node.js");
    return servedProgram(await Program.load(ownBytes(source.file)));
  }
  const model = await (source.kind === "onnx" ? fromOnnx(source) : fromModule(source));
  await warmUp(model, maxBatch);
  return model;
}

type Of<K extends ModelSource["kind"]> = Extract<ModelSource, { kind: K }>;

async function fromOnnx({ file, options, kernels }: Of<"onnx">): Promise<ServedModel> {
  const { onnxModel } = await import("./onnx_model.node.js");
  return onnxModel(ownBytes(file), options, kernels);
}

/** Bytes that threads share are read once, from memory of its own. */
function ownBytes(file: string | Uint8Array): string | Uint8Array<ArrayBuffer> {
  return typeof file === "string" ? file : new Uint8Array(file);
}

async function fromModule({ url, options, kernels }: Of<"module">): Promise<ServedModel> {
  if (kernels !== null) (await import("../node.js")).initSync(kernels);
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
