import { expandOp } from "../ops/reduce.js";
import { unscoped } from "../runtime/scope.js";
import { noGrad } from "../scoping.js";
import { sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Dim, GraphNode, Guard, Value } from "./graph.js";
import { Graph } from "./graph_class.js";
import { runs } from "./node.js";
import { withoutDeadCode } from "./passes/dead_code.js";
import { Names } from "./recorder.js";

/** A node whose values may be exchanged. */
interface OpenNode extends GraphNode {
  inputs: (Value | null)[];
  outputs: Value[];
}

/** As many values as names. */
type ValuesOf<N extends readonly string[]> = { readonly [K in keyof N]: Value };

/**
 * A graph while a pass rewrites it. Rules ask who makes and who reads a value, and replace nodes and values; readers are kept up to date.
 * Nodes keep their identity, so that what a rule has seen stays right until it is replaced.
 */
export class Draft {
  changed = false;
  private readonly order: OpenNode[];
  private readonly makers = new Map<Value, OpenNode>();
  private readonly readers = new Map<Value, OpenNode[]>();
  private readonly constants: Map<Value, Tensor>;
  private readonly outputs: Set<Value>;
  private guards: readonly Guard[];
  private readonly names: Names;

  constructor(private readonly graph: Graph) {
    this.constants = new Map(graph.constants);
    this.outputs = new Set(graph.outputs);
    this.guards = graph.guards;
    const made = graph.nodes.flatMap((node) => node.outputs);
    this.names = new Names([...graph.inputs, ...graph.constants.keys(), ...made].map((value) => value.name));
    this.order = graph.nodes.map((node) => this.link(node));
  }

  /** The nodes as they are now, in order; a rule may replace any of them. */
  nodes(): readonly GraphNode[] {
    return [...this.order];
  }

  /** False once a node has been replaced. */
  has(node: GraphNode): boolean {
    return node.outputs.some((value) => this.makers.get(value) === node);
  }

  /** The node that makes a value; null for inputs and constants. */
  maker(value: Value | null | undefined): GraphNode | null {
    return (value && this.makers.get(value)) ?? null;
  }

  /** The nodes that read a value, one entry a reading. */
  readersOf(value: Value): readonly GraphNode[] {
    return this.readers.get(value) ?? [];
  }

  /** The one node that reads a value once; null if there are others, or the caller or a guard wants it. */
  onlyReader(value: Value | undefined): GraphNode | null {
    if (value === undefined || this.isKept(value)) return null;
    const readers = this.readersOf(value);
    return readers.length === 1 ? readers[0]! : null;
  }

  /** The maker of a value that nobody reads but one node, so that both can become one. */
  soleMaker(value: Value | null | undefined): GraphNode | null {
    return value && this.onlyReader(value) !== null ? this.maker(value) : null;
  }

  constant(value: Value | null | undefined): Tensor | null {
    return (value && this.constants.get(value)) ?? null;
  }

  /** The number that a constant of one element holds, stretched or not. */
  scalar(value: Value | null | undefined): number | null {
    const maker = this.maker(value);
    if (runs(maker, expandOp)) return this.scalar(maker.inputs[0]);
    const tensor = this.constant(value);
    return tensor !== null && tensor.numel === 1 ? tensor.item() : null;
  }

  /** Whether one value is made before another; inputs and constants come before all else. */
  isBefore(a: Value, b: Value): boolean {
    return this.indexOf(this.makers.get(a)) < this.indexOf(this.makers.get(b));
  }

  /** A new value; dims default to those of the shape. */
  value(name: string, like: Pick<Value, "dtype" | "shape"> & { readonly dims?: readonly Dim[] }): Value {
    const { dtype, shape, dims = shape } = like;
    return { name: this.names.fresh(name), dtype, shape, dims };
  }

  /** New constants, computed now. */
  compute<const N extends readonly string[]>(names: N, fn: () => { readonly [K in keyof N]: Tensor }): ValuesOf<N> {
    const tensors: readonly Tensor[] = unscoped(() => noGrad(fn));
    const values = tensors.map((tensor, i) => {
      const value = this.value(names[i]!, tensor);
      this.constants.set(value, tensor);
      return value;
    });
    return values as ValuesOf<N>;
  }

  /** Makes an output of a node a constant; the node goes, whatever else it makes. */
  fold(value: Value, tensor: Tensor): void {
    this.constants.set(value, tensor);
    this.changed = true;
  }

  /** Puts other nodes in a node's place, which make those of its outputs that are wanted. */
  replace(node: GraphNode, ...by: readonly GraphNode[]): void {
    const at = this.indexOf(node);
    this.unlink(this.order[at]!);
    this.order.splice(at, 1, ...by.map((n) => this.link(n)));
    this.changed = true;
  }

  /** Puts nodes before another one. */
  insertBefore(node: GraphNode, ...added: readonly GraphNode[]): void {
    this.order.splice(this.indexOf(node), 0, ...added.map((n) => this.link(n)));
    this.changed = true;
  }

  /**
   * Lets everybody read `to` instead of `from`, which then is dead. An output keeps its name: the maker of `to` makes it under that name.
   * False if that cannot be, as where an input would be the output.
   */
  substitute(from: Value, to: Value): boolean {
    if (from === to || from.dtype !== to.dtype || !sameShape(from.shape, to.shape)) return false;
    const maker = this.makers.get(to);
    if (this.outputs.has(from)) {
      const old = this.makers.get(from)!;
      if (maker === undefined || this.outputs.has(to)) return false;
      old.outputs = old.outputs.map((value) => (value === from ? this.value("unused", from) : value));
      for (const value of old.outputs) this.makers.set(value, old);
      maker.outputs = maker.outputs.map((value) => (value === to ? from : value));
      this.makers.delete(to);
      this.makers.set(from, maker);
      this.redirect(to, from);
    } else this.redirect(from, to);
    this.changed = true;
    return true;
  }

  finish(): Graph {
    if (!this.changed) return this.graph;
    const nodes = this.order.filter((node) => !node.outputs.some((value) => this.constants.has(value)));
    const { inputs, outputs } = this.graph;
    return new Graph(withoutDeadCode({ inputs, outputs, constants: this.constants, nodes, guards: this.guards }));
  }

  private isKept(value: Value): boolean {
    return this.outputs.has(value) || this.guards.some((guard) => guard.value === value);
  }

  private redirect(from: Value, to: Value): void {
    const moved = this.readers.get(from) ?? [];
    this.readers.delete(from);
    for (const node of moved) node.inputs = node.inputs.map((value) => (value === from ? to : value));
    this.readers.set(to, [...(this.readers.get(to) ?? []), ...moved]);
    this.guards = this.guards.map((guard) => (guard.value === from ? { ...guard, value: to } : guard));
  }

  private indexOf(node: GraphNode | undefined): number {
    const nodes: readonly (GraphNode | undefined)[] = this.order;
    return nodes.indexOf(node);
  }

  private link(node: GraphNode): OpenNode {
    const open: OpenNode = { ...node, inputs: [...node.inputs], outputs: [...node.outputs] };
    for (const value of open.outputs) this.makers.set(value, open);
    for (const value of open.inputs) {
      if (value === null) continue;
      const readers = this.readers.get(value);
      if (readers === undefined) this.readers.set(value, [open]);
      else readers.push(open);
    }
    return open;
  }

  private unlink(node: OpenNode): void {
    for (const value of node.outputs) if (this.makers.get(value) === node) this.makers.delete(value);
    for (const value of node.inputs) {
      const readers = value === null ? undefined : this.readers.get(value);
      if (readers !== undefined) readers.splice(readers.indexOf(node), 1);
    }
  }
}

/** Shows every node of a graph to a rule, in order; the same graph if no rule has changed anything. */
export function rewrite(graph: Graph, rule: (node: GraphNode, draft: Draft) => void): Graph {
  const draft = new Draft(graph);
  for (const node of draft.nodes()) if (draft.has(node)) rule(node, draft);
  return draft.finish();
}

/** Whether two values have the same shape, symbols included. */
export function sameDims(a: Value, b: Value): boolean {
  return sameShape(a.shape, b.shape) && a.dims.every((dim, d) => sameDim(dim, b.dims[d]!));
}

/** Whether two sizes are certainly the same. */
export function sameDim(a: Dim, b: Dim): boolean {
  return a !== null && JSON.stringify(a) === JSON.stringify(b);
}
