// The hidden weights [width, size] of a recurrent layer, packed ahead for its forward kernels, which pack them themselves without.

import { pack, packedBytes, packedForm } from "./lib/recurrent";

/** A number for the form in which `steps` steps of up to n rows read the weights, 0 if as they are. */
export function recurrent_form(steps: i32, n: i32): i32 {
  return packedForm(steps, n);
}

/** Bytes of the weights in that form. */
export function recurrent_packed_bytes(form: i32, width: i32, size: i32): i32 {
  return <i32>packedBytes(form, width, size);
}

/** packed ← weight in that form. */
export function recurrent_pack_f32(packed: usize, weight: usize, form: i32, width: i32, size: i32): void {
  pack(form, packed, weight, true, width, size);
}
