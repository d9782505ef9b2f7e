import { ArgumentError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { adopt, Tensor } from "../tensor.js";
import type { DataArray, DType, Shape } from "../types.js";

/** A value as it passes from one thread to another. */
export type Parcel =
  | { readonly kind: "tensor"; readonly dtype: DType; readonly shape: Shape; readonly values: DataArray }
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "list"; readonly items: readonly Parcel[] }
  | { readonly kind: "record"; readonly entries: readonly (readonly [string, Parcel])[] };

/**
 * Packs tensors, primitive values and typed arrays, in arrays and plain objects. The buffers that go along are added to `buffers`.
 * Errors: ArgumentError for any other object.
 */
export function pack(value: unknown, buffers: ArrayBuffer[], where = "batch"): Parcel {
  if (value instanceof Tensor) {
    const values = value.data();
    buffers.push(values.buffer as ArrayBuffer);
    return { kind: "tensor", dtype: value.dtype, shape: [...value.shape], values };
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    // A view would take along the whole buffer that it looks at.
    const copy = (value as DataArray).slice();
    buffers.push(copy.buffer as ArrayBuffer);
    return { kind: "value", value: copy };
  }
  if (Array.isArray(value)) {
    return { kind: "list", items: value.map((v, i) => pack(v, buffers, `${where}[${i}]`)) };
  }
  if (typeof value === "object" && value !== null) {
    if (Object.getPrototypeOf(value) !== Object.prototype) throw unsent(where, `a ${value.constructor?.name}`);
    const entries = Object.entries(value).map(([k, v]) => [k, pack(v, buffers, `${where}.${k}`)] as const);
    return { kind: "record", entries };
  }
  if (typeof value === "function" || typeof value === "symbol") throw unsent(where, `a ${typeof value}`);
  return { kind: "value", value };
}

function unsent(where: string, what: string): ArgumentError {
  return new ArgumentError(
    "DataLoader",
    `${where} is ${what}, which does not pass between threads; expected tensors, typed arrays and plain values`,
  );
}

/** Unpacks; tensors belong to the innermost scope. */
export function unpack(parcel: Parcel): unknown {
  switch (parcel.kind) {
    case "tensor": {
      const out = Tensor.allocate(parcel.shape, parcel.dtype, "DataLoader");
      arena.view(out.ptr, out.numel, out.dtype).set(parcel.values);
      return adopt(out);
    }
    case "list":
      return parcel.items.map(unpack);
    case "record":
      return Object.fromEntries(parcel.entries.map(([name, p]) => [name, unpack(p)]));
    case "value":
      return parcel.value;
  }
}
