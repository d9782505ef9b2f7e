import { ArgumentError } from "../errors.js";
import type { GraphNode, GraphParts, Value } from "../graph/graph.js";
import { dtypeOf } from "./elements.js";
import { rules } from "./export/index.js";
import { ExportProblem } from "./export_problem.js";
import { valueInfo } from "./export_proto.js";
import { cast } from "./export_shapes.js";
import { codeOf, type Name, Writer } from "./export_writer.js";
import type { Elem } from "./handler.js";
import { type GraphProto, graphProto } from "./messages.js";
import type { Outside } from "./tensors.js";

/** The element type of a tensor in a file, unless another one is asked for. */
function elemIn(value: Value, elements: ReadonlyMap<string, Elem>): Elem {
  const asked = elements.get(value.name);
  return asked !== undefined && dtypeOf(asked) === value.dtype ? asked : value.dtype;
}

/** Ops that draw random numbers. */
const DRAWS = ["uniform", "normal", "randint", "bernoulli", "dropout", "rrelu"];

function reasonFor({ op }: GraphNode): string {
  if (op.name.includes("_grad")) return "it is a gradient";
  return DRAWS.includes(op.name) ? "it draws random numbers" : "ONNX has no operator for it";
}

/** Whether a value has no elements, whatever the symbols are. */
function isEmpty({ dims }: Value): boolean {
  return dims.includes(0) && dims.every((size) => typeof size === "number");
}

/** Writes a graph's nodes one after the other. */
class GraphWriter {
  private readonly to: Writer;
  private readonly names = new Map<Value, Name>();
  private readonly problems: string[] = [];
  /** Names of the graph's ends. */
  private readonly fixed: ReadonlySet<Name>;

  constructor(
    private readonly graph: GraphParts,
    private readonly opset: number,
    private readonly elements: ReadonlyMap<string, Elem>,
  ) {
    this.to = new Writer(opset, graph);
    this.fixed = new Set(graph.outputs.map((value) => value.name));
  }

  write(outside: Outside): GraphProto {
    for (const value of this.graph.inputs) this.names.set(value, this.read(value));
    for (const value of this.graph.constants.keys()) this.names.set(value, value.name);
    for (const node of this.graph.nodes) this.attempt(node);
    if (this.problems.length > 0) {
      throw new ArgumentError(
        "onnx.save",
        `the graph has ${this.problems.length} ops that operator set ${this.opset} cannot express: ${this.problems.join("; ")}`,
      );
    }
    for (const value of this.graph.outputs) this.result(value);
    const info = (value: Value) => valueInfo(value.name, elemIn(value, this.elements), value.dims);
    return {
      ...graphProto.absent,
      name: "graph",
      ...this.to.finish(
        this.graph.outputs.map((value) => value.name),
        outside,
      ),
      input: this.graph.inputs.map(info),
      output: this.graph.outputs.map(info),
    };
  }

  /** An input in the dtype that the library computes in. */
  private read(value: Value): Name {
    const elem = elemIn(value, this.elements);
    if (elem === value.dtype) return value.name;
    return elem === "int64" ? this.to.narrow(value.name) : cast(this.to, value.name, value.dtype);
  }

  private attempt(node: GraphNode): void {
    try {
      for (const [i, name] of this.written(node).entries()) if (name !== null) this.names.set(node.outputs[i]!, name);
    } catch (error) {
      if (!(error instanceof ExportProblem)) throw error;
      const place = node.module === "" ? "" : ` in "${node.module}"`;
      this.problems.push(`${node.op.name}, which makes "${node.outputs[0]!.name}"${place}: ${error.message}`);
      // What follows is looked at as well.
      for (const value of node.outputs) this.names.set(value, value.name);
    }
  }

  private written(node: GraphNode): readonly (Name | null)[] {
    const rule = rules.get(node.op);
    if (rule === undefined) throw new ExportProblem(reasonFor(node));
    // Runtimes refuse empty operands here and there; a result of no elements is known.
    if (node.outputs.every(isEmpty)) return node.outputs.map(({ dtype, shape }) => this.to.literal(dtype, shape, []));
    const operands = node.inputs.map((value) => value && this.nameOf(value));
    // An output of another type in the file gets its name at the end.
    const named = node.outputs.map((value) =>
      elemIn(value, this.elements) === value.dtype
        ? value
        : { ...value, name: this.to.fresh(`${value.name}.${value.dtype}`) },
    );
    return this.to.naming(named, () => rule.write(this.to, node, operands));
  }

  private nameOf(value: Value): Name {
    const name = this.names.get(value);
    if (name === undefined) throw new ExportProblem(`"${value.name}" is only for gradients`);
    return name;
  }

  /** Gives an output its name and type: a value of its own is renamed, one that has another name already is passed on. */
  private result(value: Value): void {
    const made = this.nameOf(value);
    const elem = elemIn(value, this.elements);
    const name = elem === value.dtype ? made : elem === "int64" ? this.to.wideOf(made) : null;
    if (name === value.name || (name !== null && this.to.claim(name, value.name, this.fixed))) return;
    this.to.naming([value], () => [
      name === null ? this.to.op("Cast", [made], { to: codeOf(elem) }) : this.to.op("Identity", [name]),
    ]);
  }
}

/**
 * A graph as ONNX has it. `elements` tells the types of inputs and outputs in the file where they are others than float32, int32 and bool;
 * `outside` is offered the bytes of each constant.
 * Errors: ArgumentError that lists every op that cannot be written.
 */
export function exportGraph(
  graph: GraphParts,
  opset: number,
  elements: ReadonlyMap<string, Elem>,
  outside: Outside,
): GraphProto {
  return new GraphWriter(graph, opset, elements).write(outside);
}
