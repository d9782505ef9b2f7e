import { ArgumentError, DTypeError, FormatError, ShapeError } from "../errors.js";
import { Module } from "../nn/module.js";
import { Buffer, Parameter } from "../nn/parameter.js";
import { formatShape } from "../shape.js";
import { Tensor } from "../tensor.js";
import { dtypeOf } from "./elements.js";
import { Frame } from "./frame.js";
import type { Constant, OnnxGraph, ValueInfo } from "./graph.js";
import type { Arg } from "./handler.js";
import { isTensor, kindOf } from "./values.js";

/** Tensors by the names that a model gives to its inputs or outputs. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/** What a file says of its model. */
export interface ModelInfo {
  readonly irVersion: number;
  readonly producer: string;
  /** Versions of the operator sets by domain; "" is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * A model from an ONNX file, as a module: its graph is run node by node with the library's own ops, so that gradients, training, tracing
 * and compilation work as on any module. Initializers of floats are parameters under their ONNX names, statistics of batch norms are
 * buffers. It starts in evaluation mode; `train()` makes dropout drop and batch norms use the batch.
 * Integers of all widths are int32 tensors, floats of all widths float32.
 */
export class OnnxModel extends Module {
  readonly info: ModelInfo;
  private readonly graph: OnnxGraph;
  private readonly constants: ReadonlyMap<string, Arg>;

  /** Made by `onnx.load`. */
  constructor(graph: OnnxGraph, constants: ReadonlyMap<string, Constant>, info: ModelInfo) {
    super();
    this.training = false;
    this.graph = graph;
    this.constants = new Map(Array.from(constants, ([key, c]) => [key, { ...c.arg, tensor: owned(c) }]));
    this.info = info;
  }

  /** The inputs in order. */
  get inputs(): readonly ValueInfo[] {
    return this.graph.inputs;
  }

  /** The outputs in order. */
  get outputs(): readonly ValueInfo[] {
    return this.graph.outputs;
  }

  /** The operators of the graph and of those within it, with how often each stands there. */
  get operators(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    const visit = (graph: OnnxGraph): void => {
      for (const node of graph.nodes) {
        counts.set(node.opType, (counts.get(node.opType) ?? 0) + 1);
        for (const inner of node.graphs.values()) visit(inner);
      }
    };
    visit(this.graph);
    return counts;
  }

  protected override *members(): IterableIterator<[name: string, value: unknown]> {
    for (const [name, { tensor }] of this.constants) yield [name, tensor];
  }

  /**
   * Takes one tensor for each input, in order, and returns the output, or a list if there are several; or takes one object of tensors
   * by input name and returns one by output name.
   * Errors: ArgumentError for missing or unknown inputs; DTypeError and ShapeError for tensors that do not fit the declaration.
   */
  forward(inputs: NamedTensors): NamedTensors;
  forward(...inputs: readonly Tensor[]): Tensor | readonly Tensor[];
  forward(...inputs: readonly (Tensor | NamedTensors)[]): Tensor | readonly Tensor[] | NamedTensors {
    const [first] = inputs;
    const byName = inputs.length === 1 && first !== undefined && !(first instanceof Tensor);
    const given = byName ? this.ordered(first) : inputs;
    if (given.length !== this.inputs.length) {
      throw new ArgumentError("OnnxModel", `${given.length} inputs; expected ${this.describeInputs()}`);
    }
    const args = this.inputs.map((info, i) => checkInput(info, given[i]));
    const outs = this.evaluate(args).map((arg) => arg.tensor);
    if (byName) return Object.fromEntries(this.outputs.map(({ name }, i) => [name, outs[i]!]));
    return outs.length === 1 ? outs[0]! : outs;
  }

  /** `forward` on values that carry their element types, unchecked. */
  evaluate(inputs: readonly Arg[]): readonly Arg[] {
    const context = { constants: this.constants, training: this.training };
    return new Frame(this.graph, context, null).run(inputs).map((value, i) => {
      if (isTensor(value)) return value;
      throw new FormatError("onnx", `output "${this.outputs[i]!.name}" is ${kindOf(value)}; expected a tensor`);
    });
  }

  private ordered(named: NamedTensors): (Tensor | undefined)[] {
    const unknown = Object.keys(named).filter((name) => !this.inputs.some((info) => info.name === name));
    if (unknown.length > 0) {
      throw new ArgumentError("OnnxModel", `unknown inputs ${unknown.join(", ")}; expected ${this.describeInputs()}`);
    }
    return this.inputs.map(({ name }) => named[name]);
  }

  private describeInputs(): string {
    return this.inputs.map(({ name, elem, shape }) => `${name}: ${elem} ${formatDims(shape)}`).join(", ") || "none";
  }
}

function formatDims(shape: ValueInfo["shape"]): string {
  return shape === null ? "of any shape" : `[${shape.map((n) => n ?? "?").join(", ")}]`;
}

/** The tensor of a constant in the form in which the module owns it. */
function owned({ arg, role }: Constant): Tensor {
  if (role === "parameter") return new Parameter(arg.tensor);
  return new Buffer(arg.tensor, { persistent: role === "statistic" });
}

function checkInput({ name, elem, shape }: ValueInfo, tensor: unknown): Arg {
  if (!(tensor instanceof Tensor)) {
    throw new ArgumentError("OnnxModel", `input "${name}" is missing; expected a tensor`);
  }
  tensor.assertAlive("OnnxModel");
  const dtype = dtypeOf(elem);
  if (tensor.dtype !== dtype) {
    throw new DTypeError("OnnxModel", `input "${name}" is ${tensor.dtype}; expected ${dtype} for ${elem}`);
  }
  const fits = shape?.length === tensor.ndim && shape.every((n, d) => typeof n !== "number" || n === tensor.shape[d]);
  if (shape !== null && !fits) {
    throw new ShapeError(
      "OnnxModel",
      `input "${name}" has shape ${formatShape(tensor.shape)}; expected ${formatDims(shape)}`,
    );
  }
  return { tensor, elem };
}
