import { fileURLToPath } from "node:url";
import { zeros } from "../creation.js";
import { ArgumentError } from "../errors.js";
import { compile } from "../graph/index.js";
import type { InitOptions } from "../init.js";
import { initSync } from "../node.js";
import { dtypeOf } from "../onnx/elements.js";
import { load, type ValueInfo } from "../onnx/index.js";
import { loadFile } from "../onnx/load.node.js";
import { scope } from "../scoping.js";
import type { Shape } from "../types.js";
import type { Port, ServedModel } from "./model.js";
import { servedSession } from "./session_model.js";
import type { SessionModelOptions } from "./source.node.js";

/** A session for an ONNX model, from the URL of its file or from bytes. Requests are put together if the first sizes of all inputs are open, and are the same symbol where they have names. */
export function onnxModel(
  file: string | Uint8Array,
  { session = {}, shapes = {} }: SessionModelOptions,
  kernels: InitOptions | null,
): ServedModel {
  if (kernels !== null) initSync(kernels);
  const model = typeof file === "string" ? loadFile(fileURLToPath(file)) : load(file);
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
