import { makeTensor } from "../creation.js";
import * as F from "../functional/index.js";
import { add, mul, sub } from "../ops/arithmetic.js";
import { compare, ltOp, neOp, where } from "../ops/compare.js";
import { cast, constant } from "../ops/copy.js";
import { map, signOp } from "../ops/unary.js";
import { adopt, type Tensor } from "../tensor.js";
import { elementTypeOf } from "./elements.js";
import type { Elem } from "./handler.js";

// Integer arithmetic on int32 tensors, exact over their whole range, made of the library's ops.

/** An int32 scalar. */
export function whole(value: number): Tensor {
  return constant([], value, "int32");
}

/** The quotient rounded towards 0. Division goes through float32; what its rounding leaves of the remainder is divided once more. */
export function truncated(a: Tensor, b: Tensor): Tensor {
  const estimate = (x: Tensor): Tensor => F.div(x, b, { roundingMode: "trunc" });
  const first = estimate(a);
  const q = add(first, estimate(sub(a, mul(first, b))));
  const rest = sub(a, mul(q, b));
  // What is left of a lies on the other side of 0: one step too far.
  const beyond = compare(ltOp, mul(map(signOp, rest), map(signOp, a)), whole(0));
  return where(beyond, sub(q, mul(map(signOp, a), map(signOp, b))), q);
}

/** What `truncated` leaves: it has the sign of a. */
export function remainder(a: Tensor, b: Tensor): Tensor {
  return sub(a, mul(truncated(a, b), b));
}

/** What the quotient rounded down leaves: it has the sign of b. */
export function modulo(a: Tensor, b: Tensor): Tensor {
  const rest = remainder(a, b);
  const moved = compare(ltOp, mul(map(signOp, rest), map(signOp, b)), whole(0));
  return where(moved, add(rest, b), rest);
}

/** The quotient rounded down. */
export function floored(a: Tensor, b: Tensor): Tensor {
  const q = truncated(a, b);
  const rest = sub(a, mul(q, b));
  const moved = compare(ltOp, mul(map(signOp, rest), map(signOp, b)), whole(0));
  return where(moved, sub(q, whole(1)), q);
}

/** Values of an integer type narrower than int32, as they wrap around; others as they are. */
export function wrapped(x: Tensor, elem: Elem): Tensor {
  const type = elementTypeOf(elem);
  if (type === undefined || type.dtype !== "int32" || type.bytes >= 4) return x;
  const size = whole(type.max - type.min + 1);
  if (type.min === 0) return modulo(x, size);
  return add(modulo(sub(x, whole(type.min)), size), whole(type.min));
}

function adoptedInts(values: Int32Array): Tensor {
  return adopt(makeTensor(values));
}

/** 2^i for i from 0 to 31; the last one is the sign bit. */
function powersOfTwo(): Int32Array {
  return Int32Array.from({ length: 32 }, (_, i) => 1 << i);
}

/** The bits of an integer in a new last dimension, lowest first, as bool [..., bits]. */
export function bitsOf(x: Tensor, bits: number): Tensor {
  const powers = adoptedInts(powersOfTwo().subarray(0, Math.min(bits, 31)));
  const low = compare(neOp, modulo(floored(F.unsqueeze(x, { dim: -1 }), powers), whole(2)), whole(0));
  if (bits < 32) return low;
  return F.cat([low, F.unsqueeze(compare(ltOp, x, whole(0)), { dim: -1 })], { dim: -1 });
}

/** The integer that has these bits. */
export function fromBits(bits: Tensor): Tensor {
  const powers = adoptedInts(powersOfTwo().subarray(0, bits.size(-1)));
  return F.sum(mul(cast(bits, "int32"), powers), { dim: -1 });
}
