import { FormatError, type UnsupportedOperator, UnsupportedOperatorError } from "../errors.js";
import { type Attribute, readAttribute } from "./attributes.js";
import { elementType } from "./elements.js";
import { NodeCall } from "./frame.js";
import { type BoundNode, domainOf, Inliner, type Opsets, opsetsOf } from "./functions.js";
import type { Arg, Elem, OperatorTable, OperatorVersion } from "./handler.js";
import type { GraphProto, ModelProto, ValueInfoProto } from "./messages.js";
import { decodeTensor, type ExternalData } from "./tensors.js";

/** The newest operator set that the handlers were written for. */
const NEWEST_OPSET = 24;
/** Graphs within graphs: what real models need is far below. */
const MAX_DEPTH = 16;

/** What a model says of an input or output. */
export interface ValueInfo {
  readonly name: string;
  readonly elem: Elem;
  /** Sizes: a number, the name of a symbol, or null for "any"; null altogether if not even the rank is told. */
  readonly shape: readonly (number | string | null)[] | null;
}

/** A node, ready to run. */
export interface OnnxNode {
  readonly opType: string;
  readonly domain: string;
  /** Its name, or that of its first output. */
  readonly name: string;
  readonly opset: number;
  readonly operator: OperatorVersion;
  /** Names of values; "" for an operand that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** Tensor attributes, decoded, by name: keys of the model's constants. */
  readonly tensors: ReadonlyMap<string, string>;
  readonly graphs: ReadonlyMap<string, OnnxGraph>;
  /** Values of this graph that nothing reads after this node. */
  readonly dead: readonly string[];
}

/** A graph whose names are resolved: every value is known before it is read. */
export interface OnnxGraph {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** Initializers: the name in the graph and the key among the model's constants. */
  readonly initializers: ReadonlyMap<string, string>;
  readonly nodes: readonly OnnxNode[];
}

/** How a constant is used. */
export type Role = "parameter" | "statistic" | "constant";

export interface Constant {
  readonly arg: Arg;
  role: Role;
}

/** Operands through which no gradient is wanted, by operator: sizes, bounds and scales. The statistics of a batch norm are state. */
const FIXED: Readonly<Record<string, readonly number[]>> = {
  Clip: [1, 2],
  DequantizeLinear: [1],
  GroupQueryAttention: [7, 8],
  Dropout: [1],
  OneHot: [2],
  Pad: [2],
  Pow: [1],
  QuantizeLinear: [1],
  Resize: [1, 2],
  RotaryEmbedding: [1, 2, 3],
  Upsample: [1],
};
const STATISTICS: Readonly<Record<string, readonly number[]>> = { BatchNormalization: [3, 4] };

/** Resolves a model against tables of operators by domain. The tensors in `constants` are owned by nobody. */
export class GraphBuilder {
  readonly constants = new Map<string, Constant>();
  private readonly unsupported: UnsupportedOperator[] = [];
  private readonly inliner: Inliner;
  /** Keys of constants that nodes have made something else of, and of those that are read as they are. */
  private readonly replaced = new Set<string>();
  private readonly read = new Set<string>();

  constructor(
    private readonly model: ModelProto,
    private readonly operators: ReadonlyMap<string, OperatorTable>,
    private readonly external: ExternalData | undefined,
  ) {
    this.inliner = new Inliner(model.functions);
  }

  /** Errors: FormatError for a graph that does not hold together, UnsupportedOperatorError with everything that is missing. */
  build(): OnnxGraph {
    const { graph, opsetImport } = this.model;
    if (graph === null) throw new FormatError("onnx", "the model has no graph; is this an ONNX file?");
    const opsets = opsetsOf(opsetImport);
    const version = opsets.get("") ?? 1;
    if (version > NEWEST_OPSET) {
      throw new FormatError("onnx", `the model imports operator set ${version}; expected ${NEWEST_OPSET} or below`);
    }
    try {
      const built = this.graph(graph, opsets, new Names(null), "");
      if (this.unsupported.length > 0) throw new UnsupportedOperatorError("onnx", this.unsupported);
      return built;
    } catch (error) {
      for (const { arg } of this.constants.values()) arg.tensor.dispose();
      throw error;
    }
  }

  /** `path` leads to a graph within a node; it is "" for the model's own. */
  private graph(proto: GraphProto, opsets: Opsets, names: Names, path: string): OnnxGraph {
    if (names.depth > MAX_DEPTH) throw new FormatError("onnx", `graphs are nested deeper than ${MAX_DEPTH}`);
    if (proto.sparseInitializer.length > 0) throw new FormatError("onnx", "sparse initializers are not supported");
    const initializers = new Map<string, string>();
    for (const tensor of proto.initializer) {
      const key = this.addConstant(`${path}${tensor.name}`, decodeTensor(tensor, tensor.name, this.external));
      initializers.set(tensor.name, key);
      names.define(tensor.name, key);
    }
    // Up to IR version 3 initializers are listed among the inputs too.
    const inputs = proto.input.filter((v) => !initializers.has(v.name)).map((v) => valueInfo(v, path === ""));
    for (const input of inputs) names.define(input.name, null);
    const bound = this.inliner.expand(proto.node, opsets);
    const nodes = bound.map((b) => this.node(b, names, path));
    const outputs = proto.output.map((v) => valueInfo(v, false));
    for (const output of outputs) this.noteRead(names.use(output.name, "an output of the graph"));
    for (const [name, key] of initializers) {
      if (!this.replaced.has(key) || this.read.has(key)) continue;
      this.constants.get(key)!.arg.tensor.dispose();
      this.constants.delete(key);
      initializers.delete(name);
    }
    return { inputs, outputs, initializers, nodes: withDeaths(nodes, new Set(outputs.map((o) => o.name))) };
  }

  private node({ node, opsets }: BoundNode, names: Names, path: string): OnnxNode {
    const domain = domainOf(node.domain);
    const name = node.name === "" ? (node.output.find((o) => o !== "") ?? node.opType) : node.name;
    const opset = opsets.get(domain) ?? (domain === "" ? 1 : 0);
    const missing = (attribute: string | null): void => {
      this.unsupported.push({ opType: node.opType, domain, version: opset, node: name, attribute });
    };
    const operator = versionOf(this.operators.get(domain), node.opType, opset);
    if (operator === undefined) missing(null);
    const keys = node.input.map((input) => (input === "" ? null : names.use(input, `node "${name}" (${node.opType})`)));
    const attributes = new Map<string, Attribute>();
    const tensors = new Map<string, string>();
    const graphs = new Map<string, OnnxGraph>();
    const captured = new Set<string>();
    for (const proto of node.attribute) {
      if (operator !== undefined && !operator.attributes.includes(proto.name)) missing(proto.name);
      const attribute = readAttribute(proto, name);
      attributes.set(proto.name, attribute);
      const within = `${path}${name}.${proto.name}`;
      if (attribute.tensor !== undefined) {
        const arg = decodeTensor(attribute.tensor, within, this.external);
        tensors.set(proto.name, this.addConstant(within, arg));
      }
      if (attribute.graph === undefined) continue;
      graphs.set(proto.name, this.graph(attribute.graph, opsets, new Names(names, captured), `${within}.`));
    }
    for (const output of node.output) if (output !== "") names.define(output, null);
    const attached = { attributes, tensors, graphs, dead: [...captured] };
    const known = { opType: node.opType, domain, name, opset, operator: operator ?? NONE, ...attached };
    const made = this.prepared({ ...known, inputs: node.input, outputs: node.output }, keys, `${path}${name}`);
    for (const [i, key] of keys.entries()) if (!made.places.includes(i)) this.noteRole(key, node.opType, i);
    const inputs = node.input.map((input, i) => (made.places.includes(i) ? "" : input));
    return { ...known, tensors: new Map([...tensors, ...made.tensors]), inputs, outputs: node.output };
  }

  /** Makes what the operator prepares of constants: keys of the tensors by name, and the places of the inputs that they replace. */
  private prepared(node: OnnxNode, keys: readonly (string | null)[], within: string): Prepared {
    const { prepare } = node.operator;
    const tensors = new Map<string, string>();
    const computed = (place: number): boolean => (node.inputs[place] ?? "") !== "" && keys[place] === null;
    if (prepare === undefined || prepare.places.some(computed)) return { places: [], tensors };
    const inputs = keys.map((key) => (key === null ? null : this.constants.get(key)!.arg));
    const context = { constants: new Map<string, Arg>(), training: false };
    for (const [name, arg] of Object.entries(prepare.make(new NodeCall(node, null, context), inputs))) {
      const key = this.addConstant(`${within}.${name}`, arg);
      if (arg.tensor.dtype === "float32") this.constants.get(key)!.role = "parameter";
      tensors.set(name, key);
    }
    for (const place of prepare.places) if (keys[place]) this.replaced.add(keys[place]);
    return { places: prepare.places, tensors };
  }

  private noteRead(key: string | null): void {
    if (key !== null) this.read.add(key);
  }

  private addConstant(name: string, arg: Arg): string {
    let key = name;
    for (let n = this.constants.size; this.constants.has(key); n++) key = `${name}.${n}`;
    this.constants.set(key, { arg, role: "constant" });
    return key;
  }

  /** An initializer is trained if an operator uses it in a place where that makes sense. */
  private noteRole(key: string | null, opType: string, position: number): void {
    this.noteRead(key);
    const constant = key === null ? undefined : this.constants.get(key);
    if (constant === undefined || constant.arg.tensor.dtype !== "float32") return;
    if (STATISTICS[opType]?.includes(position)) {
      if (constant.role === "constant") constant.role = "statistic";
    } else if (!FIXED[opType]?.includes(position)) constant.role = "parameter";
  }
}

interface Prepared {
  readonly places: readonly number[];
  readonly tensors: ReadonlyMap<string, string>;
}

/** Stands for an operator that is missing, until all of them are known. */
const NONE: OperatorVersion = { since: 1, attributes: [], run: () => [] };

function versionOf(table: OperatorTable | undefined, opType: string, opset: number): OperatorVersion | undefined {
  if (table === undefined || !Object.hasOwn(table, opType)) return undefined;
  return table[opType]!.findLast((v) => v.since <= opset);
}

/** Names of values that may be read so far, in a graph and those around it. */
class Names {
  private readonly keys = new Map<string, string | null>();
  readonly depth: number;

  constructor(
    private readonly outer: Names | null,
    /** Takes the names that are read from the graphs around this one. */
    private readonly captured = new Set<string>(),
  ) {
    this.depth = outer === null ? 0 : outer.depth + 1;
  }

  /** `key` is that of a constant, null for what is computed. */
  define(name: string, key: string | null): void {
    if (this.keys.has(name)) throw new FormatError("onnx", `value "${name}" is defined twice`);
    this.keys.set(name, key);
  }

  /** Checks that a value is known by now, and returns its key if it is a constant. */
  use(name: string, user: string): string | null {
    const key = this.keys.get(name);
    if (key !== undefined) return key;
    if (this.outer === null) {
      throw new FormatError("onnx", `${user} reads "${name}", which nothing before it defines`);
    }
    this.captured.add(name);
    return this.outer.use(name, user);
  }
}

/**
 * Tells each node which values it is the last to read. `dead` comes as the names that the node's graphs read from outside; what is
 * read after the node, or leaves the graph, lives on.
 */
function withDeaths(nodes: readonly OnnxNode[], outputs: ReadonlySet<string>): OnnxNode[] {
  const later = new Set(outputs);
  const result: OnnxNode[] = [];
  for (const node of nodes.toReversed()) {
    const touched = new Set([...node.inputs, ...node.dead, ...node.outputs]);
    const dead = [...touched].filter((name) => name !== "" && !later.has(name));
    for (const name of dead) later.add(name);
    result.push({ ...node, dead });
  }
  return result.reverse();
}

/** What is declared of a value; `strict` refuses types that cannot be fed. */
function valueInfo({ name, type }: ValueInfoProto, strict: boolean): ValueInfo {
  const tensor = type?.tensorType ?? null;
  const known = tensor === null ? undefined : elementType(tensor.elemType);
  if (known === undefined && strict) {
    const what = tensor === null ? "no tensor" : `of the element type ${tensor.elemType}`;
    throw new FormatError("onnx", `input "${name}" is ${what}; expected a tensor of numbers or booleans`);
  }
  const dims = tensor?.shape?.dim;
  const shape = dims?.map((d) => d.dimValue ?? (d.dimParam === "" ? null : d.dimParam)) ?? null;
  return { name, elem: known?.elem ?? "float32", shape };
}
