import { checkOneOf, checkOptions } from "./check.js";
import { ArgumentError, DTypeError, ShapeError } from "./errors.js";
import { arena } from "./runtime/arena.js";
import { formatShape, numel, resolveShape } from "./shape.js";
import { adoptUnscoped, newDataArray, Tensor } from "./tensor.js";
import type { DataArray, DType, NestedArray, Shape } from "./types.js";

export const DTYPES: readonly DType[] = ["float32", "int32", "bool"];

/** What `tensor()` takes: one number or boolean, nested arrays of them, or a typed array. */
export type TensorData = NestedArray | ArrayLike<number> | BigInt64Array;

export interface TensorOptions {
  /** Default: the shape of the nested arrays, or one dimension for a typed array. One size may be -1. */
  readonly shape?: Shape;
  /** Default: bool for booleans, int32 for integer typed arrays, float32 for everything else. */
  readonly dtype?: DType;
  /** Default false. */
  readonly requiresGrad?: boolean;
}

const TENSOR_OPTIONS = ["shape", "dtype", "requiresGrad"];

/**
 * A tensor with a copy of the given values. It lives until `dispose()` or garbage collection, in or out of a scope.
 * Errors: ShapeError for ragged arrays or a shape with another element count; ArgumentError for a value that the dtype cannot hold.
 */
export function tensor(data: TensorData, options: TensorOptions = {}): Tensor {
  checkOptions("tensor", options, TENSOR_OPTIONS);
  return adoptUnscoped(makeTensor(data, options));
}

/** `tensor`, but owned by nobody yet. */
export function makeTensor(data: TensorData, options: TensorOptions = {}): Tensor {
  const natural: number[] = [];
  const values = flatten(data, natural);
  const dtype =
    options.dtype === undefined ? dtypeOf(data, values) : checkOneOf("tensor", "dtype", options.dtype, DTYPES);
  const shape = options.shape === undefined ? natural : resolveShape("tensor", options.shape, values.length);
  if (options.requiresGrad && dtype !== "float32") {
    throw new DTypeError("tensor", `requiresGrad with dtype ${dtype}; expected float32`);
  }
  const array = convert(values, dtype);
  const out = Tensor.allocate(shape, dtype, "tensor");
  arena.view(out.ptr, out.numel, dtype).set(array);
  if (options.requiresGrad) out.requiresGrad_();
  return out;
}

type Flat = ArrayLike<number | boolean> | BigInt64Array;

function flatten(data: TensorData, shape: number[]): Flat {
  if (typeof data === "number" || typeof data === "boolean") return [data];
  if (!Array.isArray(data)) {
    const flat = data as Flat;
    if (!ArrayBuffer.isView(data) || data instanceof DataView) {
      throw new ArgumentError("tensor", `data is a ${typeof data}; expected a number, nested arrays or a typed array`);
    }
    shape.push(flat.length);
    return flat;
  }
  for (let level: unknown = data; Array.isArray(level); level = level[0]) shape.push(level.length);
  const out: (number | boolean)[] = new Array(numel(shape));
  let at = 0;
  const walk = (node: unknown, dim: number): void => {
    if (dim === shape.length) {
      if (typeof node !== "number" && typeof node !== "boolean") {
        throw new ShapeError(
          "tensor",
          `nested arrays are ragged; expected the shape ${formatShape(shape)} of the first elements`,
        );
      }
      out[at++] = node;
      return;
    }
    if (!Array.isArray(node) || node.length !== shape[dim]) {
      throw new ShapeError(
        "tensor",
        `nested arrays are ragged; expected the shape ${formatShape(shape)} of the first elements`,
      );
    }
    for (const child of node) walk(child, dim + 1);
  };
  walk(data, 0);
  return out;
}

function dtypeOf(data: TensorData, values: Flat): DType {
  if (Array.isArray(data) || typeof data !== "object") {
    return values.length > 0 && Array.from(values as ArrayLike<unknown>).every((v) => typeof v === "boolean")
      ? "bool"
      : "float32";
  }
  return data instanceof Float32Array || data instanceof Float64Array ? "float32" : "int32";
}

/** Values in the form the arena holds; refuses what the dtype cannot represent. */
function convert(values: Flat, dtype: DType): DataArray {
  if (values instanceof Float32Array && dtype === "float32") return values;
  if (values instanceof Int32Array && dtype === "int32") return values;
  const out = newDataArray(dtype, values.length);
  for (let i = 0; i < values.length; i++) {
    const v = Number(values[i]);
    if (dtype === "int32" && (!Number.isInteger(v) || v < -(2 ** 31) || v > 2 ** 31 - 1)) {
      throw new ArgumentError(
        "tensor",
        `value ${String(values[i])} at ${i} is no int32; expected an integer from -2^31 to 2^31 - 1`,
      );
    }
    if (dtype === "bool" && v !== 0 && v !== 1) {
      throw new ArgumentError("tensor", `value ${String(values[i])} at ${i} is no bool; expected true, false, 0 or 1`);
    }
    out[i] = v;
  }
  return out;
}
