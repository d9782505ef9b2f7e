// `quadlane info` and `quadlane check`.
import { ArgumentError, type onnx, type Tensor, UnsupportedOperatorError } from "../node.js";
import { table } from "../profile.js";
import { bytesOf } from "../types.js";
import { isModel, loadModel, readWeights, statistics, type Weights, weightsOf } from "./files.js";

export interface InfoOptions {
  readonly json?: boolean;
  readonly key?: string;
  readonly stats?: boolean;
}

/** Tells what a file of weights or a model holds. */
export function info(path: string, options: InfoOptions): string {
  const model = isModel(path) && options.key === undefined ? loadModel(path) : null;
  const facts = model === null ? {} : modelFacts(model);
  const { tensors, metadata } = model === null ? readWeights(path, options.key) : weightsOf(model);
  if (options.json)
    return JSON.stringify({ ...facts, ...weightFacts({ tensors, metadata }, options.stats ?? false) }, null, 2);
  const lines = Object.entries(facts).map(([name, value]) => `${name}: ${describe(value)}`);
  const about = Object.entries(metadata).map(([name, value]) => `${name}: ${value}`);
  return [...lines, ...about, tensorTable(tensors, options.stats ?? false)].join("\n");
}

/** Facts about a model, by name. */
function modelFacts(model: onnx.OnnxModel): Record<string, unknown> {
  const { irVersion, producer, opsets, metadata } = model.info;
  const versions = Array.from(opsets, ([domain, version]) => `${domain === "" ? "ai.onnx" : domain} ${version}`);
  return {
    producer: producer === "" ? "unknown" : producer,
    irVersion,
    opsets: versions,
    ...(metadata.size > 0 && { metadata: Object.fromEntries(metadata) }),
    inputs: model.inputs.map(signature),
    outputs: model.outputs.map(signature),
    operators: Object.fromEntries([...model.operators].sort(([, a], [, b]) => b - a)),
  };
}

/** `name: elem [sizes]`. */
export function signature({ name, elem, shape }: onnx.ValueInfo): string {
  return `${name}: ${elem} ${shape === null ? "of any shape" : `[${shape.map((n) => n ?? "?").join(", ")}]`}`;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return value.join(", ");
  if (value === null || typeof value !== "object") return String(value);
  return Object.entries(value)
    .map(([name, n]) => `${name} ${String(n)}`)
    .join(", ");
}

function weightFacts({ tensors, metadata }: Weights, stats: boolean): Record<string, unknown> {
  return {
    metadata,
    parameters: elements(tensors),
    tensors: Array.from(tensors, ([name, t]) => ({
      name,
      dtype: t.dtype,
      shape: t.shape,
      ...(stats && { values: statistics(t.data()) }),
    })),
  };
}

function elements(tensors: ReadonlyMap<string, Tensor>): number {
  let sum = 0;
  for (const t of tensors.values()) sum += t.numel;
  return sum;
}

function tensorTable(tensors: ReadonlyMap<string, Tensor>, stats: boolean): string {
  let bytes = 0;
  const rows = Array.from(tensors, ([name, t]) => {
    bytes += t.numel * bytesOf(t.dtype);
    return [
      name,
      t.dtype,
      `[${t.shape.join(", ")}]`,
      t.numel.toLocaleString("en"),
      ...(stats ? [statistics(t.data())] : []),
    ];
  });
  const head = ["tensor", "dtype", "shape", "elements", ...(stats ? ["values"] : [])];
  const count = elements(tensors).toLocaleString("en");
  return `${table([head, ...rows])}\n${tensors.size} tensors, ${count} elements, ${(bytes / 1e6).toFixed(2)} MB in memory`;
}

/** Whether a model runs here, and if not, what is missing: one line an operator. */
export function check(path: string): { readonly ok: boolean; readonly text: string } {
  if (!isModel(path)) throw new ArgumentError("quadlane", `cannot check "${path}"; expected an .onnx model`);
  try {
    const operators = loadModel(path).operators;
    return {
      ok: true,
      text: `all ${operators.size} operators are supported: ${describe(Object.fromEntries(operators))}`,
    };
  } catch (error) {
    if (!(error instanceof UnsupportedOperatorError)) throw error;
    const rows = error.operators.map(({ opType, domain, version, node, attribute }) => {
      return [
        attribute === null ? opType : `${opType}.${attribute}`,
        domain === "" ? "ai.onnx" : domain,
        `${version}`,
        node,
      ];
    });
    return { ok: false, text: `not supported:\n${table([["operator", "domain", "version", "node"], ...rows])}` };
  }
}
