import { FormatError } from "../errors.js";
import { encodings } from "../io/encodings.js";
import { arena } from "../runtime/arena.js";
import { formatShape, numel } from "../shape.js";
import { adoptUnscoped, Tensor } from "../tensor.js";
import type { DataArray, Shape } from "../types.js";
import { type ElementType, elementType, elementTypeOf } from "./elements.js";
import type { Arg, Elem } from "./handler.js";
import { type TensorProto, tensorProto } from "./messages.js";
import { countPacked, decodeMessage, numbersIn, type Packed, unpack } from "./protobuf.js";

/** The bytes of a file beside the model: `length` of them from `offset` on, or all that follow. */
export type ExternalData = (
  location: string,
  range: { readonly offset: number; readonly length?: number },
) => Uint8Array;

/** What is beyond int32 and still means "as far as it goes": ends of slices are given as the largest int64, or close to it. */
const UNBOUNDED = 2 ** 62;
/** More dimensions than any operator has a use for. */
const MAX_RANK = 64;
const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/** A tensor as a file of its own holds it. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
  /** The element type in the file. */
  readonly elem: Elem;
}

/**
 * Reads the bytes of one tensor (a TensorProto), as ONNX's test data are stored. It lives until `dispose()` or garbage collection.
 * Errors: FormatError for what is no such tensor, or of a type that the library cannot hold.
 */
export function parseTensor(bytes: Uint8Array): NamedTensor {
  const proto = decodeMessage(tensorProto, bytes, "tensor");
  const { tensor, elem } = decodeTensor(proto, proto.name);
  return { name: proto.name, tensor: adoptUnscoped(tensor), elem };
}

/**
 * The values of a TensorProto: raw bytes, typed fields or external data. float16, bfloat16 and float64 become float32, integers int32.
 * The tensor belongs to nobody: see `adopt`.
 * Errors: FormatError if the values are not as many as the shape says, for integers beyond int32, and for types without values here.
 * In scalars and vectors, which hold shapes and bounds, integers of magnitude 2^62 and more stand for "no bound" and become int32's.
 */
export function decodeTensor(proto: TensorProto, name: string, external?: ExternalData): Arg {
  const type = elementType(proto.dataType);
  if (type === undefined) fail(name, `has the element type ${proto.dataType}, which is not supported`);
  if (countPacked(proto.dims, "int") > MAX_RANK) fail(name, `has more than ${MAX_RANK} dimensions`);
  const shape = numbersIn(proto.dims, "int");
  const count = numel(shape);
  const bad = shape.find((n) => n < 0 || n > INT32_MAX);
  if (bad !== undefined || count > INT32_MAX)
    fail(name, `has the shape ${formatShape(shape)}; expected sizes from 0 to 2^31 - 1 in all`);
  const raw = proto.dataLocation === 1 ? externalBytes(proto, name, external) : proto.rawData;
  const found = raw === null ? countPacked(proto[type.field], type.kind) : raw.length / type.bytes;
  if (found !== count) fail(name, `holds ${found} values of ${type.elem}; expected ${count} for ${formatShape(shape)}`);
  const tensor = Tensor.allocate(shape, type.dtype, "onnx");
  try {
    const to = arena.view(tensor.ptr, count, type.dtype);
    if (raw !== null) decodeRaw(type, raw, to, shape, name);
    else decodeTyped(type, proto[type.field], to, shape, name);
  } catch (error) {
    tensor.dispose();
    throw error;
  }
  return { tensor, elem: type.elem };
}

function fail(name: string, what: string): never {
  throw new FormatError("onnx", `tensor "${name}" ${what}`);
}

function externalBytes(proto: TensorProto, name: string, external: ExternalData | undefined): Uint8Array {
  const entries = new Map(proto.externalData.map((e) => [e.key, e.value]));
  const location = entries.get("location");
  if (location === undefined) fail(name, "is external and names no location");
  if (external === undefined) {
    fail(name, `lies in the file "${location}"; expected the option externalData, or onnx.loadFile, to read it`);
  }
  const offset = countIn(entries, "offset", name) ?? 0;
  const length = countIn(entries, "length", name);
  const bytes = external(location, length === undefined ? { offset } : { offset, length });
  if (length !== undefined && bytes.length !== length) {
    fail(name, `has ${bytes.length} bytes in the file "${location}"; expected ${length}`);
  }
  return bytes;
}

function countIn(entries: ReadonlyMap<string, string>, key: string, name: string): number | undefined {
  const text = entries.get(key);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    fail(name, `has the external ${key} "${text}"; expected a count`);
  return value;
}

/** Safetensors' names of the types that its decoders read as ONNX has them. */
const DECODERS: Readonly<Record<string, string>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  float64: "F64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};

function decodeRaw(type: ElementType, raw: Uint8Array, to: DataArray, shape: Shape, name: string): void {
  const decoder = encodings.get(DECODERS[type.elem] ?? "");
  if (decoder !== undefined) {
    const problem = decoder.decode(raw, to);
    if (problem !== null) fail(name, problem);
    return;
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const signed = type.min < 0;
  for (let i = 0; i < to.length; i++) {
    const at = i * type.bytes;
    const low = type.bytes === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
    const high = type.bytes < 8 ? 0 : signed ? view.getInt32(at + 4, true) : view.getUint32(at + 4, true);
    to[i] = narrowed(high * 2 ** 32 + low, i, shape, name);
  }
}

function decodeTyped(type: ElementType, values: Packed, to: DataArray, shape: Shape, name: string): void {
  if (type.elem === "float16" || type.elem === "bfloat16") {
    const halves = new Uint16Array(to.length);
    unpack(values, type.kind, (v, i) => {
      halves[i] = v;
    });
    decodeRaw(type, new Uint8Array(halves.buffer), to, shape, name);
    return;
  }
  unpack(values, type.kind, (v, i) => {
    if (v < type.min || v > type.max) fail(name, `holds ${v} at ${i}; expected ${type.elem}`);
    to[i] = type.dtype === "int32" ? narrowed(v, i, shape, name) : v;
  });
}

/** An integer of 64 bits as int32. */
function narrowed(value: number, at: number, shape: Shape, name: string): number {
  if (value >= INT32_MIN && value <= INT32_MAX) return value;
  if (shape.length <= 1 && Math.abs(value) >= UNBOUNDED) return value < 0 ? INT32_MIN : INT32_MAX;
  return fail(name, `holds ${value} at ${at}; expected integers from -2^31 to 2^31 - 1`);
}

/** A tensor as a message, in raw bytes of its element type. Errors: FormatError for the types of 16 bits, which only files have. */
export function encodeTensor({ tensor, elem }: Arg, name: string): TensorProto {
  const type = elementTypeOf(elem);
  if (type === undefined || (type.dtype === "float32" && type.bytes === 2))
    fail(name, `is ${elem}, which is not written`);
  return encodeValues(type, tensor.shape, tensor.data(), name);
}

/** Takes the raw bytes of a tensor to where they are stored, and tells where that is; null leaves them in the message. */
export type Outside = (raw: Uint8Array) => { readonly location: string; readonly offset: number } | null;

/** A tensor whose values lie elsewhere, if `outside` takes them. */
export function placed(proto: TensorProto, outside: Outside): TensorProto {
  const place = proto.rawData === null ? null : outside(proto.rawData);
  if (place === null) return proto;
  const entries = { ...place, length: proto.rawData!.length };
  const externalData = Object.entries(entries).map(([key, value]) => ({ key, value: String(value) }));
  return { ...proto, rawData: null, dataLocation: 1, externalData };
}

/** Values as a message, in raw bytes. */
export function encodeValues(type: ElementType, shape: Shape, data: ArrayLike<number>, name: string): TensorProto {
  const raw = rawBytes(type, data);
  return { ...tensorProto.absent, dims: [[...shape]], dataType: type.code, name, rawData: raw };
}

/** Little-endian, as typed arrays lie in memory wherever the library runs. */
function rawBytes(type: ElementType, data: ArrayLike<number>): Uint8Array {
  const own = type.elem === "float32" ? Float32Array : type.elem === "int32" ? Int32Array : null;
  if (own !== null && data instanceof own) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const raw = new Uint8Array(data.length * type.bytes);
  const view = new DataView(raw.buffer);
  for (let i = 0; i < data.length; i++) {
    const at = i * type.bytes;
    const v = data[i]!;
    if (type.dtype === "float32") type.bytes === 8 ? view.setFloat64(at, v, true) : view.setFloat32(at, v, true);
    else if (type.bytes === 8) view.setBigInt64(at, BigInt(v), true);
    else if (type.bytes === 4) view.setInt32(at, v, true);
    else if (type.bytes === 2) view.setInt16(at, v, true);
    else view.setInt8(at, v);
  }
  return raw;
}
