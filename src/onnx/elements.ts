import type { DType } from "../types.js";
import type { Elem } from "./handler.js";
import type { TensorProto } from "./messages.js";
import type { ElementKind } from "./protobuf.js";

/** Where a tensor of an element type keeps its values if they are not raw bytes. */
type DataField = "floatData" | "int32Data" | "int64Data" | "doubleData" | "uint64Data";

/** How an element type of ONNX is stored, and as what it is computed with. */
export interface ElementType {
  readonly elem: Elem;
  /** Its number in TensorProto.DataType. */
  readonly code: number;
  readonly dtype: DType;
  /** Bytes of one raw element. */
  readonly bytes: number;
  readonly field: DataField & keyof TensorProto;
  readonly kind: ElementKind;
  /** Bounds of an integer type that are narrower than int32, or that the values are checked against. */
  readonly min: number;
  readonly max: number;
}

function integer(elem: Elem, code: number, bytes: number, signed: boolean, field: DataField): ElementType {
  const bits = 8 * bytes - (signed ? 1 : 0);
  const kind = field === "uint64Data" ? "uint" : "int";
  return { elem, code, dtype: "int32", bytes, field, kind, min: signed ? -(2 ** bits) : 0, max: 2 ** bits - 1 };
}

function real(elem: Elem, code: number, bytes: number, field: DataField, kind: ElementKind): ElementType {
  return { elem, code, dtype: "float32", bytes, field, kind, min: -Infinity, max: Infinity };
}

const TYPES: readonly ElementType[] = [
  real("float32", 1, 4, "floatData", "float"),
  integer("uint8", 2, 1, false, "int32Data"),
  integer("int8", 3, 1, true, "int32Data"),
  integer("uint16", 4, 2, false, "int32Data"),
  integer("int16", 5, 2, true, "int32Data"),
  integer("int32", 6, 4, true, "int32Data"),
  integer("int64", 7, 8, true, "int64Data"),
  { elem: "bool", code: 9, dtype: "bool", bytes: 1, field: "int32Data", kind: "int", min: 0, max: 1 },
  real("float16", 10, 2, "int32Data", "int"),
  real("float64", 11, 8, "doubleData", "double"),
  integer("uint32", 12, 4, false, "uint64Data"),
  integer("uint64", 13, 8, false, "uint64Data"),
  real("bfloat16", 16, 2, "int32Data", "int"),
];

const byCode = new Map(TYPES.map((t) => [t.code, t]));
const byName = new Map(TYPES.map((t) => [t.elem, t]));

/** The element type of a number in TensorProto.DataType; undefined for those that the library has no values for, such as strings. */
export function elementType(code: number): ElementType | undefined {
  return byCode.get(code);
}

/** How an element type that flows through a graph is stored. */
export function elementTypeOf(elem: Elem): ElementType | undefined {
  return byName.get(elem);
}

/** The library's dtype for an element type. */
export function dtypeOf(elem: Elem): DType {
  return byName.get(elem)?.dtype ?? "float32";
}

/** True for float32, float64, float16 and bfloat16. */
export function isReal(elem: Elem): boolean {
  return dtypeOf(elem) === "float32" && elem !== "string";
}

/** The element type of a tensor that is made without one: int32 tensors count shapes and indices, which ONNX has in int64. */
export function elemOf(dtype: DType): Elem {
  return dtype === "int32" ? "int64" : dtype;
}
