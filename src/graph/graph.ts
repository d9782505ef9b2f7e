import type { AnyOp } from "../ops/op.js";
import type { Tensor } from "../tensor.js";
import type { DType, Shape } from "../types.js";

export type { AnyOp } from "../ops/op.js";

/** A size that depends on symbols: Σ factors[s] · s + constant, all integers. */
export interface SymbolicSize {
  readonly factors: Readonly<Record<string, number>>;
  readonly constant: number;
}

/** A size of a dimension: a number, or an expression of symbols such as the batch; null if it is not affine in them. */
export type Dim = number | SymbolicSize | null;

/** One tensor that flows through a graph. */
export interface Value {
  /** Unique in its graph; inputs, outputs and constants have the names that users know them by. */
  readonly name: string;
  readonly dtype: DType;
  /** The shape for the examples that the graph was made from. */
  readonly shape: Shape;
  /** The shape with its symbols. */
  readonly dims: readonly Dim[];
}

/** A number within a node's attributes that depends on symbols. */
export interface SymbolicAttr {
  /** Keys and indices that lead to it. */
  readonly path: readonly (string | number)[];
  /** Null only for one size of a reshape: what the others leave of the elements. */
  readonly size: SymbolicSize | null;
  /** The number is 1/size, as where a mean divides. */
  readonly inverse?: true;
}

/** One run of an op. */
export interface GraphNode {
  readonly op: AnyOp;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  /** The op's attributes for the examples: plain data. */
  readonly attrs: unknown;
  /** Those of its numbers that depend on symbols; absent if there are none. */
  readonly symbolic?: readonly SymbolicAttr[];
  /** Dotted path of the module whose `forward` ran it; "" for the model itself. */
  readonly module: string;
}

/** A value that the traced code has read: the graph is good for inputs only for which it comes out the same. */
export interface Guard {
  readonly value: Value;
  readonly data: readonly number[];
}

/**
 * What a module computes, as a list of ops: every value is an input, a constant, or the output of exactly one node before its first use.
 * Graphs are immutable; passes make new ones that share values and constants.
 */
export interface GraphParts {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Weights and other tensors that the graph reads; a parameter's name is its state-dict key. Handles on the same storage, no copies, which the graph owns. */
  readonly constants: ReadonlyMap<Value, Tensor>;
  readonly nodes: readonly GraphNode[];
  readonly guards: readonly Guard[];
}
