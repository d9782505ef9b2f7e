import { RuntimeError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import type { Dim, GraphNode, GraphParts, SymbolicAttr, SymbolicSize, Value } from "./graph.js";

/** A size as text: 2N + 1; "?" for one that is not affine. */
export function formatDim(dim: Dim): string {
  if (dim === null) return "?";
  return typeof dim === "number" ? String(dim) : formatSize(dim);
}

function formatSize({ factors, constant }: SymbolicSize): string {
  let text = "";
  const add = (n: number, symbol: string): void => {
    const size = Math.abs(n);
    const term = symbol === "" ? String(size) : size === 1 ? symbol : `${size}${symbol}`;
    text += text === "" ? `${n < 0 ? "-" : ""}${term}` : ` ${n < 0 ? "-" : "+"} ${term}`;
  };
  for (const [symbol, factor] of Object.entries(factors)) if (factor !== 0) add(factor, symbol);
  if (constant !== 0 || text === "") add(constant, "");
  return text;
}

/** dtype and sizes: float32[N, 10]. */
export function formatType({ dtype, dims }: Value): string {
  return `${dtype}[${dims.map(formatDim).join(", ")}]`;
}

/** A constant of one element by its value, everything else by its name. */
export function formatOperand(value: Value | null, constants: ReadonlyMap<Value, Tensor>): string {
  if (value === null) return "null";
  const tensor = constants.get(value);
  return tensor !== undefined && isLiteral(value, tensor) ? formatNumber(tensor.item()) : `%${value.name}`;
}

/** Whether a constant is shown as its value: a scalar that no state dict knows. */
function isLiteral(value: Value, tensor: Tensor): boolean {
  return value.shape.length === 0 && tensor.numel === 1 && /^constant(_\d+)?$/.test(value.name);
}

/** What an attribute is when it says nothing. */
const SILENT: readonly unknown[] = [undefined, null, false, "none"];

/** The attributes that matter: not those at rest, nor `op`, which only messages read. */
export function formatAttrs({ attrs, symbolic = [] }: GraphNode): string {
  if (typeof attrs !== "object" || attrs === null) return "";
  const parts = Object.entries(attrs)
    .filter(([key, value]) => key !== "op" && !SILENT.includes(value))
    .map(([key, value]) => `${key}: ${formatAttr(value, below(symbolic, key))}`);
  return parts.length === 0 ? "" : ` {${parts.join(", ")}}`;
}

function below(symbolic: readonly SymbolicAttr[], key: string | number): SymbolicAttr[] {
  return symbolic.filter(({ path }) => path[0] === key).map((s) => ({ ...s, path: s.path.slice(1) }));
}

function formatAttr(value: unknown, symbolic: readonly SymbolicAttr[]): string {
  const own = symbolic.find(({ path }) => path.length === 0);
  if (own !== undefined) return `${own.inverse ? "1/" : ""}${formatDim(own.size)}`;
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "string") return `"${value}"`;
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const list = Array.from(value as ArrayLike<unknown>);
    const shown = list.slice(0, 16).map((v, i) => formatAttr(v, below(symbolic, i)));
    return `[${shown.join(", ")}${list.length > 16 ? `, … ${list.length - 16} more` : ""}]`;
  }
  if (typeof value === "object" && value !== null) {
    const parts = Object.entries(value).map(([key, v]) => `${key}: ${formatAttr(v, below(symbolic, key))}`);
    return `{${parts.join(", ")}}`;
  }
  return String(value);
}

function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

/** See `Graph.toString`. */
export function textOf({ inputs, outputs, constants, nodes, guards }: GraphParts): string {
  const lines = inputs.map((value) => `  input %${value.name}: ${formatType(value)}`);
  for (const [value, tensor] of constants) {
    if (!isLiteral(value, tensor)) lines.push(`  const %${value.name}: ${formatType(value)}`);
  }
  for (const node of nodes) lines.push(`  ${lineOf(node, constants)}`);
  for (const { value, data } of guards) lines.push(`  guard %${value.name} = ${formatAttr(data, [])}`);
  lines.push(`  return ${outputs.map((value) => `%${value.name}`).join(", ")}`);
  return `graph {\n${lines.join("\n")}\n}`;
}

function lineOf(node: GraphNode, constants: ReadonlyMap<Value, Tensor>): string {
  if (node.outputs.length === 0) throw new RuntimeError("Graph", `${node.op.name} makes nothing; expected an output`);
  const made = node.outputs.map((value) => `%${value.name}: ${formatType(value)}`).join(", ");
  const operands = node.inputs.map((value) => formatOperand(value, constants));
  while (operands.at(-1) === "null") operands.pop();
  const place = node.module === "" ? "" : `  # ${node.module}`;
  return `${made} = ${node.op.name}(${operands.join(", ")})${formatAttrs(node)}${place}`;
}
