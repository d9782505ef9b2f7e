import { FormatError } from "../errors.js";
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  NodeProto,
  OperatorSetId,
  TensorProto,
  ValueInfoProto,
} from "./messages.js";

/** Version of the operator set by domain; the default domain is "". */
export type Opsets = ReadonlyMap<string, number>;

/** A node with the operator sets that hold for it: those of the model, or of the function that it comes from. */
export interface BoundNode {
  readonly node: NodeProto;
  readonly opsets: Opsets;
}

/** Functions may call functions so deep, and make so many nodes, that a short file would never end. */
const MAX_CALLS = 32;
const MAX_NODES = 200_000;

/** "ai.onnx" is the long name of the default domain. */
export function domainOf(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

export function opsetsOf(imports: readonly OperatorSetId[]): Opsets {
  return new Map(imports.map(({ domain, version }) => [domainOf(domain), version]));
}

/** Puts the bodies of a model's own functions in the place of their calls. */
export class Inliner {
  private readonly functions: ReadonlyMap<string, FunctionProto>;
  private made = 0;

  constructor(functions: readonly FunctionProto[]) {
    this.functions = new Map(functions.map((f) => [keyOf(f.domain, f.name, f.overload), f]));
  }

  /** The nodes with every call replaced, in order. */
  expand(nodes: readonly NodeProto[], opsets: Opsets, calls = 0): BoundNode[] {
    if (calls > MAX_CALLS) throw new FormatError("onnx", `functions call each other deeper than ${MAX_CALLS}`);
    return nodes.flatMap((node) => {
      if (++this.made > MAX_NODES) throw new FormatError("onnx", `functions make more than ${MAX_NODES} nodes`);
      const called = this.functions.get(keyOf(node.domain, node.opType, node.overload));
      if (called === undefined) return [{ node, opsets }];
      return this.expand(bodyOf(called, node, `${this.made}`), opsetsOf(called.opsetImport), calls + 1);
    });
  }
}

function keyOf(domain: string, name: string, overload: string): string {
  return JSON.stringify([domainOf(domain), name, overload]);
}

/** The nodes of a function for one call: the caller's names for inputs and outputs, names of its own for everything else. */
function bodyOf(called: FunctionProto, call: NodeProto, id: string): NodeProto[] {
  const names = new Map<string, string>();
  for (const [i, name] of called.input.entries()) names.set(name, call.input[i] ?? "");
  for (const [i, name] of called.output.entries()) if (call.output[i]) names.set(name, call.output[i]);
  const prefix = `${call.name === "" ? called.name : call.name}.${id}.`;
  const rename = (name: string): string => (name === "" ? "" : (names.get(name) ?? prefix + name));
  const given = new Map([...called.attributeProto, ...call.attribute].map((a) => [a.name, a]));
  return called.node.map((node) => renamed(node, rename, given));
}

type Rename = (name: string) => string;

function renamed(node: NodeProto, rename: Rename, given: ReadonlyMap<string, AttributeProto>): NodeProto {
  return {
    ...node,
    name: rename(node.name),
    input: node.input.map(rename),
    output: node.output.map(rename),
    attribute: node.attribute.flatMap((a) => {
      const value = a.refAttrName === "" ? a : given.get(a.refAttrName);
      if (value === undefined) return [];
      return [{ ...value, name: a.name, g: value.g === null ? null : renamedGraph(value.g, rename, given) }];
    }),
  };
}

function renamedGraph(graph: GraphProto, rename: Rename, given: ReadonlyMap<string, AttributeProto>): GraphProto {
  const named = <T extends ValueInfoProto | TensorProto>(v: T): T => ({ ...v, name: rename(v.name) });
  return {
    ...graph,
    input: graph.input.map(named),
    output: graph.output.map(named),
    initializer: graph.initializer.map(named),
    node: graph.node.map((node) => renamed(node, rename, given)),
  };
}
