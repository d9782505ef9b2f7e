import type { Ptr } from "../../types.js";

// Packed hidden weights; the contract is in assembly/recurrent.ts. These loops read the weights as they are.

export function recurrent_form(_steps: number, _n: number): number {
  return 0;
}

export function recurrent_packed_bytes(_form: number, _width: number, _size: number): number {
  return 0;
}

export function recurrent_pack_f32(_packed: Ptr, _weight: Ptr, _form: number, _width: number, _size: number): void {}
