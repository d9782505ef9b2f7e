// Builds ONNX files for tests.

import { elementTypeOf } from "../../src/onnx/elements.js";
import type { Elem } from "../../src/onnx/handler.js";
import {
  type AttributeProto,
  attributeProto,
  type FunctionProto,
  functionProto,
  type GraphProto,
  graphProto,
  type ModelProto,
  modelProto,
  type NodeProto,
  nodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "../../src/onnx/messages.js";
import { encodeMessage } from "../../src/onnx/protobuf.js";
import { encodeTensor } from "../../src/onnx/tensors.js";
import type { Tensor } from "../../src/tensor.js";

type AttributeValue = number | string | readonly number[] | TensorProto | GraphProto | Partial<AttributeProto>;

/** A whole number is an int, an integer list ints; `{ f }` and `{ floats }` say otherwise. */
function attributeOf(name: string, value: AttributeValue): AttributeProto {
  const typed = (type: number, given: Partial<AttributeProto>) => ({ ...attributeProto.absent, name, type, ...given });
  if (typeof value === "number") return Number.isInteger(value) ? typed(2, { i: value }) : typed(1, { f: value });
  if (typeof value === "string") return typed(3, { s: new TextEncoder().encode(value) });
  if (Array.isArray(value)) return typed(7, { ints: [[...value]] });
  if ("dataType" in value) return typed(4, { t: value });
  if ("node" in value) return typed(5, { g: value });
  return typed("f" in value ? 1 : 0, value as Partial<AttributeProto>);
}

export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  more: Partial<NodeProto> = {},
): NodeProto {
  const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
  return { ...nodeProto.absent, opType, input, output, attribute, ...more };
}

/** A declared value; sizes are numbers or names. */
export function value(
  name: string,
  shape: readonly (number | string)[] | null = null,
  elem: Elem = "float32",
): ValueInfoProto {
  const dim = shape?.map((n) =>
    typeof n === "number" ? { dimValue: n, dimParam: "" } : { dimValue: null, dimParam: n },
  );
  const tensorType = { elemType: elementTypeOf(elem)!.code, shape: dim === undefined ? null : { dim } };
  return { name, type: { tensorType }, docString: "" };
}

/** A tensor under a name. */
export function initializer(
  name: string,
  tensor: Tensor,
  elem: Elem = tensor.dtype === "int32" ? "int64" : tensor.dtype,
): TensorProto {
  return encodeTensor({ tensor, elem }, name);
}

export function graph(given: Partial<GraphProto>): GraphProto {
  return { ...graphProto.absent, ...given };
}

export function func(given: Partial<FunctionProto>): FunctionProto {
  return { ...functionProto.absent, ...given };
}

/** The bytes of a model of operator set 17. */
export function modelBytes(given: Partial<GraphProto>, more: Partial<ModelProto> = {}): Uint8Array {
  const opsetImport = [{ domain: "", version: 17 }];
  return encodeMessage(modelProto, { ...modelProto.absent, irVersion: 8, opsetImport, graph: graph(given), ...more });
}
