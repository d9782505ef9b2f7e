import { FormatError, QuadlaneError } from "../errors.js";
import { currentScope, type Scope } from "../runtime/scope.js";
import { scope } from "../scoping.js";
import type { Tensor } from "../tensor.js";
import type { Attribute } from "./attributes.js";
import type { OnnxGraph, OnnxNode } from "./graph.js";
import type { Arg, NodeView, Value } from "./handler.js";
import { argAt, tensorsIn } from "./values.js";

/** What the frames of one run share. */
export interface RunContext {
  readonly constants: ReadonlyMap<string, Arg>;
  readonly training: boolean;
}

/** Errors that already tell where they came from. */
const located = new WeakSet<Error>();

/**
 * One run of a graph: the values it has so far. They belong to a scope of the frame, and each is freed once nothing reads it any more;
 * a tensor that several names share goes with the last of them.
 */
export class Frame {
  private readonly values = new Map<string, Value>();
  private readonly holders = new Map<Tensor, number>();
  private own: Scope | null = null;

  constructor(
    private readonly graph: OnnxGraph,
    private readonly context: RunContext,
    /** The run of the graph around this one. */
    private readonly outer: Frame | null,
  ) {}

  /** Values for the graph's inputs, in order, give those of its outputs. */
  run(inputs: readonly Value[]): readonly Value[] {
    return scope(() => {
      this.own = currentScope();
      for (const [name, key] of this.graph.initializers) this.values.set(name, this.context.constants.get(key)!);
      for (const [i, { name }] of this.graph.inputs.entries()) this.values.set(name, inputs[i]!);
      for (const node of this.graph.nodes) this.step(node);
      return this.graph.outputs.map(({ name }) => this.find(name));
    });
  }

  /** Runs a graph of a node, which sees this frame's values. */
  enter(graph: OnnxGraph, inputs: readonly Value[]): readonly Value[] {
    return new Frame(graph, this.context, this).run(inputs);
  }

  private step(node: OnnxNode): void {
    const outs = this.compute(node);
    for (const [i, name] of node.outputs.entries()) {
      const out = outs[i];
      if (name === "") {
        if (out !== undefined) this.dropUnheld(out);
      } else if (out === undefined) throw failure(node, `output ${i} ("${name}") is not computed`);
      else this.bind(name, out);
    }
    for (let i = node.outputs.length; i < outs.length; i++) {
      const surplus = outs[i];
      if (surplus !== undefined) this.dropUnheld(surplus);
    }
    for (const name of node.dead) this.release(name);
  }

  private compute(node: OnnxNode): readonly (Value | undefined)[] {
    try {
      const { operator } = node;
      const values = node.inputs.map((name) => (name === "" ? null : this.find(name)));
      const call = new NodeCall(node, this, this.context);
      if ("runValues" in operator) return scope(() => operator.runValues(call, values));
      const args = values.map((value, i) => value && argAt(call, values, i));
      return scope(() => operator.run(call, args));
    } catch (error) {
      if (error instanceof QuadlaneError && !located.has(error)) {
        located.add(error);
        if (!error.message.includes(describe(node))) error.message += ` (${describe(node)})`;
      }
      throw error;
    }
  }

  private find(name: string): Value {
    const value = this.values.get(name) ?? this.outer?.find(name);
    if (value === undefined) throw new FormatError("onnx", `value "${name}" is not there yet`);
    return value;
  }

  private bind(name: string, value: Value): void {
    this.values.set(name, value);
    for (const tensor of tensorsIn(value)) this.holders.set(tensor, (this.holders.get(tensor) ?? 0) + 1);
  }

  private release(name: string): void {
    const value = this.values.get(name);
    if (value === undefined) return;
    this.values.delete(name);
    for (const tensor of tensorsIn(value)) {
      const holders = (this.holders.get(tensor) ?? 0) - 1;
      if (holders > 0) this.holders.set(tensor, holders);
      else this.holders.delete(tensor);
    }
    this.dropUnheld(value);
  }

  /** Frees what this frame has made of a value, and no name holds. */
  private dropUnheld(value: Value): void {
    for (const tensor of new Set(tensorsIn(value))) {
      if (tensor.scope === this.own && !this.holders.has(tensor)) tensor.dispose();
    }
  }
}

function describe(node: OnnxNode): string {
  const domain = node.domain === "" ? "ai.onnx" : node.domain;
  return `node "${node.name}", ${node.opType} of ${domain} ${node.opset}`;
}

function failure(node: OnnxNode, message: string): FormatError {
  return new FormatError("onnx", `${describe(node)}: ${message}`);
}

/** A node as its operator sees it. `frame` runs its graphs; null while there is no run. */
export class NodeCall implements NodeView {
  constructor(
    private readonly node: OnnxNode,
    private readonly frame: Frame | null,
    private readonly context: RunContext,
  ) {}

  get opType(): string {
    return this.node.opType;
  }
  get domain(): string {
    return this.node.domain;
  }
  get name(): string {
    return this.node.name;
  }
  get opset(): number {
    return this.node.opset;
  }
  get outputs(): number {
    return this.node.outputs.length;
  }
  get training(): boolean {
    return this.context.training;
  }

  int(name: string, byDefault?: number): number {
    return this.value(name, "int", byDefault);
  }
  float(name: string, byDefault?: number): number {
    return this.value(name, "float", byDefault);
  }
  string(name: string, byDefault?: string): string {
    return this.value(name, "string", byDefault);
  }
  ints(name: string, byDefault?: readonly number[]): readonly number[] {
    return this.value(name, "ints", byDefault);
  }
  floats(name: string, byDefault?: readonly number[]): readonly number[] {
    return this.value(name, "floats", byDefault);
  }
  strings(name: string, byDefault?: readonly string[]): readonly string[] {
    return this.value(name, "strings", byDefault);
  }

  tensor(name: string): Arg | null {
    const key = this.node.tensors.get(name);
    return key === undefined ? null : (this.context.constants.get(key) ?? null);
  }

  has(name: string): boolean {
    return this.node.attributes.has(name);
  }

  run(name: string, inputs: readonly Value[]): readonly Value[] {
    const graph = this.node.graphs.get(name);
    if (graph === undefined || this.frame === null) throw this.fail(`attribute "${name}" is missing; expected a graph`);
    if (graph.inputs.length !== inputs.length) {
      throw this.fail(`the graph "${name}" has ${graph.inputs.length} inputs; expected ${inputs.length}`);
    }
    return this.frame.enter(graph, inputs);
  }

  fail(message: string): Error {
    return failure(this.node, message);
  }

  private value<K extends keyof Attribute>(name: string, kind: K, byDefault: Attribute[K]): NonNullable<Attribute[K]> {
    const attribute = this.node.attributes.get(name);
    const value = attribute === undefined ? byDefault : attribute[kind];
    if (value !== undefined && value !== null) return value;
    throw this.fail(
      attribute === undefined
        ? `attribute "${name}" is missing`
        : `attribute "${name}" has another type; expected ${kind}`,
    );
  }
}
