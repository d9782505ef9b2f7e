import type { Dim } from "../graph/graph.js";
import { formatDim } from "../graph/text.js";
import { elementTypeOf } from "./elements.js";
import type { Elem } from "./handler.js";
import {
  type AttributeProto,
  attributeProto,
  type Dimension,
  type GraphProto,
  type NodeProto,
  nodeProto,
  type ValueInfoProto,
  valueInfoProto,
} from "./messages.js";

/** An attribute: an integer or several, a text or several, a float, a graph. */
export type AttributeValue =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly graph: GraphProto };

export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** Numbers of AttributeProto.AttributeType. */
const TYPES = { float: 1, int: 2, string: 3, graph: 5, ints: 7, strings: 8 } as const;

const encoder = new TextEncoder();

function attributeOf(name: string, value: AttributeValue): AttributeProto {
  const base = { ...attributeProto.absent, name };
  if (typeof value === "number") return { ...base, i: value, type: TYPES.int };
  if (typeof value === "string") return { ...base, s: encoder.encode(value), type: TYPES.string };
  if ("float" in value) return { ...base, f: value.float, type: TYPES.float };
  if ("graph" in value) return { ...base, g: value.graph, type: TYPES.graph };
  const words = value.filter((v) => typeof v === "string");
  if (words.length > 0) return { ...base, strings: words.map((s) => encoder.encode(s)), type: TYPES.strings };
  return { ...base, ints: [value.filter((v) => typeof v === "number")], type: TYPES.ints };
}

/** A node of ONNX's own domain; attributes that are undefined are left out. */
export function nodeOfType(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Attributes,
): NodeProto {
  const attribute = Object.entries(attributes).flatMap(([name, value]) =>
    value === undefined ? [] : [attributeOf(name, value)],
  );
  return { ...nodeProto.absent, opType, name: output[0]!, input, output, attribute };
}

/** The declaration of an input or output; a size that is no number is a parameter of that text. */
export function valueInfo(name: string, elem: Elem, dims: readonly Dim[]): ValueInfoProto {
  const dim = dims.map((size): Dimension => {
    if (typeof size === "number") return { dimValue: size, dimParam: "" };
    return { dimValue: null, dimParam: size === null ? "" : formatDim(size) };
  });
  const tensorType = { elemType: elementTypeOf(elem)!.code, shape: { dim } };
  return { ...valueInfoProto.absent, name, type: { tensorType } };
}
