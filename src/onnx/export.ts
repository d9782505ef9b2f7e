import { checkOneOf, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { Graph } from "../graph/graph_class.js";
import { type TraceInputs, type TraceOptions, trace } from "../graph/trace.js";
import { checkModule, type Module } from "../nn/module.js";
import { Tensor } from "../tensor.js";
import { elementTypeOf } from "./elements.js";
import { exportGraph } from "./export_graph.js";
import type { Elem } from "./handler.js";
import { modelProto } from "./messages.js";
import { OnnxModel } from "./model.js";
import { encodeMessage } from "./protobuf.js";
import type { Outside } from "./tensors.js";

/** Version of the file format that belongs to each operator set. */
const IR_VERSIONS: ReadonlyMap<number, number> = new Map([
  [17, 8],
  [21, 10],
]);

/** What a protobuf message can hold. */
const MOST_BYTES = 2 ** 31 - 1;

export interface SaveOptions {
  /** Version of ONNX's operators, 17 or 21. Default 17. */
  readonly opset?: number;
  /** The program that the file names as its author. Default "quadlane". */
  readonly producer?: string;
  /** What else the file says, by key. Default: nothing. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Element types of inputs and outputs in the file, by name. Default: those of an imported model, else float32, int32 and bool. */
  readonly elements?: Readonly<Record<string, Elem>>;
  /**
   * What becomes of values that `forward` has read, as the number of true elements of a mask: "refuse", or "assume" that they always come
   * out as for the examples. Default "refuse".
   */
  readonly guards?: "refuse" | "assume";
}

/** Beside the file itself, how the module is traced. */
export interface SaveModuleOptions extends SaveOptions, TraceOptions {}

const FILE_OPTIONS = ["opset", "producer", "metadata", "elements", "guards"];
const TRACE_OPTIONS = ["inputNames", "outputNames", "dynamic"];

type OfGraph = readonly [graph: Graph, options?: SaveOptions];
type OfModule = readonly [model: Module, inputs: TraceInputs, options?: SaveModuleOptions];

/** What `save` takes: a graph, or a module with examples. */
export type SaveArguments = OfGraph | OfModule;

function isOfGraph(args: SaveArguments): args is OfGraph {
  return args[0] instanceof Graph;
}

/**
 * The bytes of an ONNX file with what a module computes in evaluation mode, for inputs like the examples, or with a traced graph. Weights
 * keep their state-dict keys. Sizes that `dynamic` leaves open are parameters of the file's inputs; see `trace`.
 * An imported model keeps the names and element types of its inputs and outputs.
 * Errors: what `trace` throws; ArgumentError with every op that the operator set cannot express, such as gradients and factorisations of
 * matrices, for values that `forward` has read, and for weights of 2 GiB and more, which need the `externalData` of `onnx.saveFile`.
 */
export function save(...args: SaveArguments): Uint8Array {
  return saveWith(null, args);
}

/** `save` with weights that `outside` takes elsewhere, which the file may be small for; null: all are in the file. */
export function saveWith(outside: Outside | null, args: SaveArguments): Uint8Array {
  if (isOfGraph(args)) {
    const [graph, options = {}] = args;
    checkOptions("onnx.save", options, FILE_OPTIONS);
    return encoded(graph, options, new Map(), outside);
  }
  const [model, inputs, options = {}] = args;
  checkModule("onnx.save", "model", model);
  checkOptions("onnx.save", options, [...FILE_OPTIONS, ...TRACE_OPTIONS]);
  const tracing = Object.fromEntries(Object.entries(options).filter(([key]) => TRACE_OPTIONS.includes(key)));
  const traced = trace(model, inputs, { ...namesOf(model, inputs), ...tracing });
  try {
    return encoded(traced, options, elementsOf(model), outside);
  } finally {
    // The graph holds on to the weights, which may be most of the memory.
    traced.dispose();
  }
}

/** The names that an imported model gives, if its inputs are given in order. */
function namesOf(model: Module, inputs: TraceInputs): TraceOptions {
  const tensors = inputs instanceof Tensor || inputs.every((x) => x instanceof Tensor);
  if (!(model instanceof OnnxModel) || !tensors) return {};
  return { inputNames: model.inputs.map((info) => info.name), outputNames: model.outputs.map((info) => info.name) };
}

function elementsOf(model: Module): ReadonlyMap<string, Elem> {
  if (!(model instanceof OnnxModel)) return new Map();
  return new Map([...model.inputs, ...model.outputs].map(({ name, elem }) => [name, elem]));
}

function encoded(
  graph: Graph,
  options: SaveOptions,
  known: ReadonlyMap<string, Elem>,
  outside: Outside | null,
): Uint8Array {
  const { opset = 17 } = options;
  const irVersion = IR_VERSIONS.get(opset);
  if (irVersion === undefined) {
    const known = [...IR_VERSIONS.keys()].join(" or ");
    throw new ArgumentError("onnx.save", `opset is ${String(opset)}; expected ${known}`);
  }
  const guards = checkOneOf("onnx.save", "guards", options.guards ?? "refuse", ["refuse", "assume"]);
  const elements = checkElements(graph, options.elements ?? {});
  checkGuards(graph, guards);
  if (outside === null) checkWeights(graph);
  return encodeMessage(modelProto, {
    ...modelProto.absent,
    irVersion,
    producerName: options.producer ?? "quadlane",
    opsetImport: [{ domain: "", version: opset }],
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: exportGraph(graph, opset, new Map([...known, ...elements]), outside ?? (() => null)),
  });
}

function checkElements(graph: Graph, elements: Readonly<Record<string, Elem>>): [string, Elem][] {
  const values = new Map([...graph.inputs, ...graph.outputs].map((value) => [value.name, value]));
  return Object.entries(elements).map(([name, elem]) => {
    const value = values.get(name);
    const dtype = elementTypeOf(elem)?.dtype;
    if (value !== undefined && dtype === value.dtype) return [name, elem];
    const known = value === undefined ? `no input or output has that name` : `it is ${value.dtype}`;
    throw new ArgumentError("onnx.save", `elements makes "${name}" ${elem}, but ${known}; expected a type of its kind`);
  });
}

function checkGuards(graph: Graph, guards: string): void {
  if (guards === "assume" || graph.guards.length === 0) return;
  const names = graph.guards.map(({ value }) => `"${value.name}"`).join(", ");
  throw new ArgumentError(
    "onnx.save",
    `the model has read the values of ${names}, which depend on its inputs; expected none, or the option guards: "assume"`,
  );
}

function checkWeights(graph: Graph): void {
  const bytes = Array.from(graph.constants.values()).reduce((sum, t) => sum + 4 * t.numel, 0);
  if (bytes > MOST_BYTES)
    throw new ArgumentError(
      "onnx.save",
      `the weights are ${bytes} bytes; expected less than 2 GiB, as a file can hold, or the option externalData of onnx.saveFile`,
    );
}
