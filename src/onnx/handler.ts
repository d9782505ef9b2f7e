import type { Tensor } from "../tensor.js";
/** Element types of ONNX that flow through a graph. The library computes in float32, int32 and bool; integers of other widths are int32 tensors that remember their type. */
export type Elem =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint64"
  | "uint32"
  | "uint16"
  | "uint8"
  | "bool"
  | "string";
/** A tensor while a graph runs. */
export interface Arg {
  readonly tensor: Tensor;
  readonly elem: Elem;
}
/** Tensors in order. */
export interface Sequence {
  readonly items: readonly Arg[];
}
/** An optional value that is not there; one that is there is that value itself. */
export interface Absent {
  readonly absent: true;
}
/** What has a name in a graph. */
export type Value = Arg | Sequence | Absent;
/** A node with its attributes, asked for by name and type; unknown attributes of a node are refused when the model is loaded. */
export interface NodeView {
  readonly opType: string;
  readonly domain: string;
  readonly name: string;
  /** Version of the operator set that the model imports for the node's domain. */
  readonly opset: number;
  /** How many outputs the node names; an output with an empty name counts, and may be left undefined. */
  readonly outputs: number;
  /** True while the model is in training mode. */
  readonly training: boolean;
  int(name: string, byDefault?: number): number; // FormatError if absent and no default
  float(name: string, byDefault?: number): number;
  string(name: string, byDefault?: string): string;
  ints(name: string, byDefault?: readonly number[]): readonly number[];
  floats(name: string, byDefault?: readonly number[]): readonly number[];
  strings(name: string, byDefault?: readonly string[]): readonly string[];
  tensor(name: string): Arg | null;
  has(name: string): boolean;
  /** Runs a subgraph attribute (If, Loop, Scan) with values for its inputs; it sees the outer values. */
  run(name: string, inputs: readonly Value[]): readonly Value[];
  /** FormatError that names node, op, domain and version. */
  fail(message: string): Error;
}
/** Computes a node: one output per output of the operator; trailing optional ones may be left out. */
export type Handler = (node: NodeView, inputs: readonly (Arg | null)[]) => readonly (Arg | undefined)[];
/** The same for operators that take or give more than tensors. */
export type ValueHandler = (node: NodeView, inputs: readonly (Value | null)[]) => readonly (Value | undefined)[];
interface Version {
  readonly since: number;
  readonly attributes: readonly string[];
  readonly prepare?: Preparation;
}
export interface TensorOperator extends Version {
  readonly run: Handler;
}
export interface ValueOperator extends Version {
  readonly runValues: ValueHandler;
}
/** An operator: the attributes that it knows, by the opset since which a handler is right. */
export type OperatorVersion = TensorOperator | ValueOperator;
/** What is made once, when a model is loaded, of inputs that are its own constants. */
export interface Preparation {
  /** The places of these inputs; the node does not see them any more. Nothing is made if one of them is computed. */
  readonly places: readonly number[];
  /** Gives tensors, owned by nobody, that the node has like attributes; those of floats are trained. */
  readonly make: (node: NodeView, inputs: readonly (Arg | null)[]) => Readonly<Record<string, Arg>>;
}
export type OperatorTable = Readonly<Record<string, readonly OperatorVersion[]>>; // ascending `since`; the newest not above the model's opset is taken
