import { checkInteger, checkNumber, checkOneOf, checkOptions } from "./check.js";
import { ArgumentError, DTypeError, ShapeError } from "./errors.js";
import { fill } from "./ops/copy.js";
import { arena } from "./runtime/arena.js";
import { checkSize, formatShape, numel, resolveShape } from "./shape.js";
import { adopt, adoptUnscoped, Tensor } from "./tensor.js";
import { type DataArray, type DType, type NestedArray, newDataArray, type Shape } from "./types.js";

const DTYPES: readonly DType[] = ["float32", "int32", "bool"];

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

export interface CreationOptions {
  readonly dtype?: DType;
  /** Default false. */
  readonly requiresGrad?: boolean;
}

const CREATION_OPTIONS = ["dtype", "requiresGrad"];

// Unlike `tensor()`, the functions below give tensors that belong to the innermost scope, as ops do.

/** A tensor of zeros; float32 unless told otherwise. */
export function zeros(shape: Shape, options: CreationOptions = {}): Tensor {
  return filled("zeros", shape, 0, "float32", options);
}

/** A tensor of ones; float32 unless told otherwise. */
export function ones(shape: Shape, options: CreationOptions = {}): Tensor {
  return filled("ones", shape, 1, "float32", options);
}

/** A tensor with one value everywhere; bool for a boolean, otherwise float32 unless told otherwise. */
export function full(shape: Shape, value: number | boolean, options: CreationOptions = {}): Tensor {
  return filled("full", shape, Number(value), typeof value === "boolean" ? "bool" : "float32", options);
}

/** Zeros with the shape and, unless told otherwise, the dtype of another tensor. */
export function zerosLike(like: Tensor, options: CreationOptions = {}): Tensor {
  return filled("zerosLike", like.shape, 0, like.dtype, options);
}

/** Ones with the shape and, unless told otherwise, the dtype of another tensor. */
export function onesLike(like: Tensor, options: CreationOptions = {}): Tensor {
  return filled("onesLike", like.shape, 1, like.dtype, options);
}

/** The identity: ones on the diagonal of an [n, m] matrix; m is n by default. */
export function eye(n: number, m?: number | CreationOptions, options: CreationOptions = {}): Tensor {
  if (typeof m === "object") return eye(n, undefined, m);
  checkInteger("eye", "n", n, 0);
  const columns = m === undefined ? n : checkInteger("eye", "m", m, 0);
  const out = filled("eye", [n, columns], 0, "float32", options);
  const view = arena.view(out.ptr, out.numel, out.dtype);
  for (let i = 0; i < Math.min(n, columns); i++) view[i * columns + i] = 1;
  return out;
}

/**
 * start, start + step, … below end (above it for a negative step): ⌈(end − start)/step⌉ values. start is 0 and step 1 by default;
 * int32 if all three are integers, otherwise float32, unless told otherwise.
 */
export function arange(end: number, options?: CreationOptions): Tensor;
export function arange(start: number, end: number, options?: CreationOptions): Tensor;
export function arange(start: number, end: number, step: number, options?: CreationOptions): Tensor;
export function arange(...args: (number | CreationOptions | undefined)[]): Tensor {
  const options = typeof args.at(-1) === "object" ? (args.pop() as CreationOptions) : {};
  const given = args.filter((a) => a !== undefined).map((a, i) => checkNumber("arange", `argument ${i}`, a));
  const [start, end, step] = given.length === 1 ? [0, given[0]!, 1] : [given[0]!, given[1]!, given[2] ?? 1];
  if (step === 0 || !Number.isFinite((end - start) / step) || (end - start) / step < 0) {
    throw new ArgumentError("arange", `range is ${start} to ${end} by ${step}; expected a step from start towards end`);
  }
  const natural = [start, end, step].every(Number.isInteger) ? "int32" : "float32";
  return generated("arange", Math.ceil((end - start) / step), (i) => start + i * step, natural, options);
}

/** `steps` values at equal distances, from start to end, both included. */
export function linspace(start: number, end: number, steps: number, options: CreationOptions = {}): Tensor {
  checkNumber("linspace", "start", start);
  checkNumber("linspace", "end", end);
  checkInteger("linspace", "steps", steps, 0);
  const step = steps > 1 ? (end - start) / (steps - 1) : 0;
  // Counted from the nearer end, so that both ends are exact.
  const value = (i: number): number => (2 * i < steps ? start + i * step : end - (steps - 1 - i) * step);
  return generated("linspace", steps, value, "float32", options);
}

/** Throws unless `shape` is an array of sizes. */
export function checkShape(op: string, shape: Shape): void {
  if (!Array.isArray(shape)) throw new ArgumentError(op, `shape is ${String(shape)}; expected an array of sizes`);
  for (const n of shape) checkSize(op, n, shape);
}

/** A new tensor for `options`, uninitialised and owned by nobody, after every check. */
function blank(op: string, shape: Shape, natural: DType, options: CreationOptions): Tensor {
  checkOptions(op, options, CREATION_OPTIONS);
  checkShape(op, shape);
  const dtype = options.dtype === undefined ? natural : checkOneOf(op, "dtype", options.dtype, DTYPES);
  if (options.requiresGrad && dtype !== "float32") {
    throw new DTypeError(op, `requiresGrad for a tensor of ${dtype}; expected float32`);
  }
  const out = Tensor.allocate(shape.slice(), dtype, op);
  return options.requiresGrad ? out.requiresGrad_() : out;
}

function filled(op: string, shape: Shape, value: number, natural: DType, options: CreationOptions): Tensor {
  const dtype = options.dtype ?? natural;
  if (dtype === "int32") checkInteger(op, "value", value, -(2 ** 31));
  if (dtype === "bool") checkInteger(op, "value", value, 0, 1);
  const out = blank(op, shape, natural, options);
  fill(out, value);
  return adopt(out);
}

function generated(
  op: string,
  count: number,
  value: (i: number) => number,
  natural: DType,
  options: CreationOptions,
): Tensor {
  const out = blank(op, [count], natural, options);
  const view = arena.view(out.ptr, count, out.dtype);
  for (let i = 0; i < count; i++) view[i] = value(i);
  return adopt(out);
}
