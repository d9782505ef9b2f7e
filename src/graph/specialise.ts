import { RuntimeError, ShapeError } from "../errors.js";
import { formatShape, numel, sameShape } from "../shape.js";
import type { Shape, Spec } from "../types.js";
import { type Sizes, sizeAt } from "./affine.js";
import type { Dim, GraphNode, GraphParts, SymbolicAttr, SymbolicSize, Value } from "./graph.js";
import { Graph } from "./graph_class.js";
import { formatType } from "./text.js";

/** What a dimension is for some symbols; null if it is not affine in them. */
function sizeOf(dim: Dim, symbols: Sizes): number | null {
  return dim === null || typeof dim === "number" ? dim : sizeAt(dim, symbols);
}

/**
 * Finds the symbols from the inputs' shapes, one dimension with one unknown symbol after the other.
 * Errors: ShapeError for a shape that does not fit its dimensions.
 */
export function solveSymbols(op: string, inputs: readonly Value[], shapes: readonly Shape[]): Sizes {
  const symbols: Record<string, number> = {};
  for (const [i, { dims }] of inputs.entries()) {
    for (const [d, dim] of dims.entries()) {
      if (dim !== null && typeof dim !== "number") Object.assign(symbols, solve(dim, shapes[i]![d]!, symbols));
    }
  }
  const valid = Object.values(symbols).every((n) => Number.isInteger(n) && n >= 0);
  const misfit = inputs.findIndex(({ dims }, i) =>
    dims.some((dim, d) => (sizeOf(dim, symbols) ?? NaN) !== shapes[i]![d]),
  );
  if (valid && misfit < 0) return symbols;
  const at = Math.max(misfit, 0);
  throw new ShapeError(
    op,
    `input "${inputs[at]!.name}" has shape ${formatShape(shapes[at]!)}; expected ${formatType(inputs[at]!)}`,
  );
}

/** The symbol of a size, if it is the only one that is not known yet. */
function solve({ factors, constant }: SymbolicSize, size: number, symbols: Sizes): Sizes {
  const unknown = Object.keys(factors).filter((symbol) => symbols[symbol] === undefined);
  const symbol = unknown[0];
  if (symbol === undefined || unknown.length > 1) return {};
  const known = sizeAt({ factors: { ...factors, [symbol]: 0 }, constant }, { ...symbols, [symbol]: 0 });
  return { [symbol]: (size - known) / factors[symbol]! };
}

/**
 * The graph for inputs of other sizes: symbols in shapes and attributes become numbers, and every op checks its operands anew.
 * Errors: RuntimeError where the graph does not tell what another size would give (a guard on a value whose shape changes); what an op throws for
 * operands that do not fit.
 */
export function specialise(graph: GraphParts, symbols: Sizes): Graph {
  const now = new Map<Value, Value>();
  const resized = (value: Value): Value => {
    const shape = value.dims.map((dim, d) => sizeOf(dim, symbols) ?? value.shape[d]!);
    return define(now, value, { shape, dtype: value.dtype });
  };
  const inputs = graph.inputs.map(resized);
  for (const value of graph.constants.keys()) now.set(value, value);
  const nodes = graph.nodes.map((node): GraphNode => {
    const read = node.inputs.map((value) => (value === null ? null : now.get(value)!));
    const attrs = attrsOf(node, read, symbols);
    const specs = node.op.infer(read, attrs);
    const outputs = node.outputs.map((value, i) => define(now, value, specs[i]!));
    return { op: node.op, inputs: read, outputs, attrs, module: node.module };
  });
  for (const { value } of graph.guards) {
    if (!sameShape(value.shape, now.get(value)!.shape)) throw unknownError(`the guard on "${value.name}"`, symbols);
  }
  const guards = graph.guards.map(({ value, data }) => ({ value: now.get(value)!, data }));
  const outputs = graph.outputs.map((value) => now.get(value)!);
  return new Graph({ inputs, outputs, constants: graph.constants, nodes, guards });
}

function define(now: Map<Value, Value>, value: Value, { shape, dtype }: Spec): Value {
  const made: Value = { name: value.name, dtype, shape, dims: shape };
  now.set(value, made);
  return made;
}

function unknownError(what: string, symbols: Sizes): RuntimeError {
  const sizes = Object.entries(symbols)
    .map(([symbol, n]) => `${symbol} = ${n}`)
    .join(", ");
  return new RuntimeError(
    "compile",
    `${what} belongs to the sizes that the graph was traced with; expected none for ${sizes}; compile the module itself`,
  );
}

type Attr = Record<string | number, unknown>;

function attrsOf(
  { op, attrs, symbolic, outputs }: GraphNode,
  read: readonly (Value | null)[],
  symbols: Sizes,
): unknown {
  if (symbolic === undefined || symbolic.length === 0) return attrs;
  let copy = attrs;
  const put = ({ path }: SymbolicAttr, n: number): void => {
    copy = withNumber(copy, path, n);
  };
  for (const attr of symbolic) {
    if (attr.size === null) continue;
    const size = sizeOf(attr.size, symbols);
    if (size === null || !Number.isInteger(size))
      throw unknownError(`an attribute of ${op.name}, which makes "${outputs[0]!.name}",`, symbols);
    put(attr, attr.inverse ? 1 / size : size);
  }
  const rest = symbolic.find(({ size }) => size === null);
  if (rest !== undefined) {
    const sizes = valueAt(copy, rest.path.slice(0, -1)) as Shape;
    const others = sizes.filter((_, d) => d !== rest.path.at(-1));
    put(rest, numel(read[0]!.shape) / numel(others));
  }
  return copy;
}

function valueAt(attrs: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce((at, key) => (at as Attr)[key], attrs);
}

/** A copy with another number at a place; what lies beside the path is shared. */
function withNumber(attrs: unknown, [key, ...rest]: readonly (string | number)[], n: number): unknown {
  if (key === undefined) return n;
  const at = attrs as Attr;
  const inner = withNumber(at[key], rest, n);
  return Array.isArray(attrs) ? attrs.map((v, i) => (i === key ? inner : v)) : { ...at, [key]: inner };
}
