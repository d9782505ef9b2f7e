import { makeTensor, type TensorData } from "../creation.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { copyStrided } from "../layout.js";
import { formatShape, numel, sameShape } from "../shape.js";
import { adopt, Tensor } from "../tensor.js";
import { bytesOf, type Ptr, type Shape } from "../types.js";

/** The typed arrays that a sample may hold. */
export type NumberArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint16Array
  | Uint32Array;

/** What `collate` makes of samples of type S. */
export type Collated<S> = S extends Tensor | number | boolean | NumberArray
  ? Tensor
  : S extends string
    ? string[]
    : S extends object
      ? { [N in keyof S]: Collated<S[N]> }
      : never;

/**
 * Makes one batch of samples of the same form. Tensors of shape […] are stacked to [N, …]; numbers become a float32 tensor [N],
 * booleans a bool one; typed arrays of length L become [N, L], of float32 or int32; strings stay a list; arrays and plain objects are
 * collated place by place.
 * Errors: ShapeError for samples of different shapes; ArgumentError for samples of different form, or of one that has no batch.
 */
export function collate<S>(samples: readonly S[]): Collated<S> {
  if (samples.length === 0) throw new ArgumentError("collate", "got no sample; expected at least one");
  // The branches follow the cases of the type, which the compiler cannot see.
  return collateAny(samples, "sample") as Collated<S>;
}

function collateAny(samples: readonly unknown[], where: string): unknown {
  const first = samples[0];
  const all = <T>(is: (v: unknown) => v is T, what: string): T[] =>
    samples.map((v, i) => {
      if (!is(v)) throw new ArgumentError("collate", `${where} is ${kindOf(v)} in sample ${i}; expected ${what}`);
      return v;
    });
  if (first instanceof Tensor) return stack(all(isTensor, "a tensor"), where);
  if (typeof first === "number") return fresh(all(isNumber, "a number"));
  if (typeof first === "boolean") return fresh(all(isBoolean, "a boolean"));
  if (typeof first === "string") return all(isString, "a string");
  if (isNumberArray(first)) return stackArrays(all(isNumberArray, "a typed array"), where);
  if (Array.isArray(first)) {
    const lists = all(isArray, "an array");
    const odd = lists.findIndex((list) => list.length !== first.length);
    if (odd >= 0) {
      throw new ArgumentError(
        "collate",
        `${where} has ${lists[odd]!.length} entries in sample ${odd}; expected ${first.length}`,
      );
    }
    return first.map((_, k) =>
      collateAny(
        lists.map((list) => list[k]),
        `${where}[${k}]`,
      ),
    );
  }
  if (isRecord(first)) {
    const records = all(isRecord, "a plain object");
    return Object.fromEntries(
      Object.keys(first).map((key) => [
        key,
        collateAny(
          records.map((r) => r[key]),
          `${where}.${key}`,
        ),
      ]),
    );
  }
  throw new ArgumentError(
    "collate",
    `${where} is ${kindOf(first)}, which has no batch; expected a collate function for it`,
  );
}

/** A new tensor in the innermost scope. */
function fresh(data: TensorData, shape?: Shape): Tensor {
  return adopt(makeTensor(data, shape === undefined ? {} : { shape }));
}

function stack(tensors: readonly Tensor[], where: string): Tensor {
  const first = tensors[0]!;
  tensors.forEach((t, i) => {
    t.assertAlive("collate");
    if (!sameShape(t.shape, first.shape) || t.dtype !== first.dtype) {
      throw new ShapeError(
        "collate",
        `${where} is ${t.dtype} ${formatShape(t.shape)} in sample ${i}; expected ${first.dtype} ${formatShape(first.shape)}`,
      );
    }
  });
  const out = Tensor.allocate([tensors.length, ...first.shape], first.dtype, "collate");
  tensors.forEach((t, row) => {
    copyToRow(out, row, t.ptr, t.strides);
  });
  return adopt(out);
}

function stackArrays(arrays: readonly NumberArray[], where: string): Tensor {
  const first = arrays[0]!;
  arrays.forEach((a, i) => {
    if (a.length !== first.length || a.constructor !== first.constructor) {
      throw new ShapeError(
        "collate",
        `${where} is ${kindOf(a)} of length ${a.length} in sample ${i}; expected ${kindOf(first)} of length ${first.length}`,
      );
    }
  });
  const floating = first instanceof Float32Array || first instanceof Float64Array;
  const joined = new (floating ? Float32Array : Float64Array)(arrays.length * first.length);
  arrays.forEach((a, row) => {
    joined.set(a, row * first.length);
  });
  const shape = [arrays.length, first.length];
  return adopt(makeTensor(joined, { shape, dtype: floating ? "float32" : "int32" }));
}

/** A new tensor of the rows x[i] for each index, in the innermost scope. */
export function gatherRows(x: Tensor, indices: Int32Array): Tensor {
  x.assertAlive("getBatch");
  const [rows = 0, ...shape] = x.shape;
  const bad = indices.find((i) => i < 0 || i >= rows);
  if (bad !== undefined) {
    throw new ArgumentError("getBatch", `index is ${bad}; expected 0 to ${rows - 1} for ${formatShape(x.shape)}`);
  }
  const out = Tensor.allocate([indices.length, ...shape], x.dtype, "getBatch");
  const [step = 0, ...strides] = x.strides;
  const bytes = bytesOf(x.dtype);
  indices.forEach((index, row) => {
    copyToRow(out, row, (x.ptr + index * step * bytes) as Ptr, strides);
  });
  return adopt(out);
}

/** Copies elements in any layout to out[row]. */
function copyToRow(out: Tensor, row: number, from: Ptr, strides: readonly number[]): void {
  const shape = out.shape.slice(1);
  const to = (out.ptr + row * numel(shape) * bytesOf(out.dtype)) as Ptr;
  copyStrided({ ptr: to, strides: out.strides.slice(1) }, { ptr: from, strides }, shape, out.dtype);
}

const isTensor = (v: unknown): v is Tensor => v instanceof Tensor;
const isNumber = (v: unknown): v is number => typeof v === "number";
const isBoolean = (v: unknown): v is boolean => typeof v === "boolean";
const isString = (v: unknown): v is string => typeof v === "string";
const isArray = (v: unknown): v is unknown[] => Array.isArray(v);

function isNumberArray(v: unknown): v is NumberArray {
  return ArrayBuffer.isView(v) && !(v instanceof DataView || v instanceof BigInt64Array || v instanceof BigUint64Array);
}

function isRecord(v: unknown): v is Record<string, unknown> {
  return typeof v === "object" && v !== null && Object.getPrototypeOf(v) === Object.prototype;
}

function kindOf(v: unknown): string {
  if (typeof v === "object" && v !== null) return `a ${v.constructor?.name ?? "object"}`;
  return v === null || v === undefined ? String(v) : `a ${typeof v}`;
}
