declare const ptrBrand: unique symbol;

/** A byte address in the arena. Only the arena makes one, so a count or an offset cannot be passed for it by accident. */
export type Ptr = number & { readonly [ptrBrand]: true };

/** Element types. `bool` is one byte (0 or 1); the other two are four bytes, little-endian. */
export type DType = "float32" | "int32" | "bool";

/** Sizes per dimension, outermost first. A scalar has the shape `[]`. */
export type Shape = readonly number[];

/** One size for all spatial dimensions, or one for each. */
export type Sizes = number | readonly number[];

/** What is known about a tensor without its values: enough to check a call and to plan memory. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** The typed arrays that hold the three dtypes outside the arena. */
export type DataArray = Float32Array | Int32Array | Uint8Array;

/** Nested arrays of numbers or booleans, as `tensor()` takes and `tolist()` gives them. */
export type NestedArray = number | boolean | readonly NestedArray[];

/** Bytes of one element. */
export function bytesOf(dtype: DType): number {
  return dtype === "bool" ? 1 : 4;
}

/** The kind of typed array that holds `dtype`. */
export function arrayType(dtype: DType): Float32ArrayConstructor | Int32ArrayConstructor | Uint8ArrayConstructor {
  if (dtype === "float32") return Float32Array;
  return dtype === "int32" ? Int32Array : Uint8Array;
}

/** A new typed array of that kind. */
export function newDataArray(dtype: DType, count: number): DataArray {
  return new (arrayType(dtype))(count);
}
