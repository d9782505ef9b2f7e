import * as F from "../../functional/index.js";
import { affine, sub } from "../../ops/arithmetic.js";
import { cast } from "../../ops/copy.js";
import { noGrad } from "../../scoping.js";
import type { Tensor } from "../../tensor.js";
import { elemAttribute, type Inputs, needed } from "../arguments.js";
import { dtypeOf } from "../elements.js";
import type { Arg, Elem, NodeView, OperatorTable } from "../handler.js";
import { wrapped } from "../integers.js";

/** What the narrow floats can hold: bits of the fraction that float32 has beyond theirs, smallest normal and largest number. */
const NARROW: Readonly<
  Partial<Record<Elem, { readonly surplus: number; readonly least: number; readonly most: number }>>
> = {
  float16: { surplus: 13, least: 2 ** -14, most: 65504 },
  bfloat16: { surplus: 16, least: 2 ** -126, most: (2 - 2 ** -7) * 2 ** 127 },
};

/**
 * Rounds to what a float of 16 bits can hold, to even: adding and taking away a multiple of x leaves its upper bits (Dekker, 1971).
 * The gradient passes as if nothing were rounded.
 */
function narrowed(x: Tensor, elem: Elem): Tensor {
  const type = NARROW[elem];
  if (type === undefined) return x;
  const error = noGrad(() => {
    // Scaled down first, so that the multiple of a large number is finite.
    const scale = elem === "bfloat16" ? 2 ** -20 : 1;
    const small = F.where(F.gt(F.abs(x), 2 ** 100), affine(x, scale, 0), x);
    const multiple = affine(small, 2 ** type.surplus + 1, 0);
    const upper = sub(multiple, sub(multiple, small));
    const normal = F.where(F.gt(F.abs(x), 2 ** 100), affine(upper, 1 / scale, 0), upper);
    // Numbers below the least have steps of one size. Scaled by it in two factors, since its reciprocal can overflow.
    const exponent = 23 - type.surplus - Math.log2(type.least);
    const [p, q] = [2 ** Math.floor(exponent / 2), 2 ** Math.ceil(exponent / 2)];
    const subnormal = affine(affine(F.round(affine(affine(x, p, 0), q, 0)), 1 / p, 0), 1 / q, 0);
    const rounded = F.where(F.lt(F.abs(x), type.least), subnormal, normal);
    const beyond = F.where(F.gt(F.abs(rounded), type.most), F.mul(F.sign(x), Infinity), rounded);
    return F.where(F.isfinite(x), sub(beyond, x), 0);
  });
  return F.add(x, error);
}

/** A value as another element type: floats lose their fraction, integers wrap around, what is not 0 is true. */
export function converted(x: Arg, elem: Elem): Arg {
  if (x.elem === elem) return x;
  const tensor = cast(x.tensor, dtypeOf(elem));
  return { tensor: tensor.dtype === "int32" ? wrapped(tensor, elem) : narrowed(tensor, elem), elem };
}

function runCast(node: NodeView, inputs: Inputs): [Arg] {
  return [converted(needed(node, inputs, 0), elemAttribute(node, "to", "string"))];
}

function runCastLike(node: NodeView, inputs: Inputs): [Arg] {
  return [converted(needed(node, inputs, 0), needed(node, inputs, 1).elem)];
}

/** Conversions between element types. */
export const casts: OperatorTable = {
  Cast: [{ since: 6, attributes: ["to", "saturate", "round_mode"], run: runCast }],
  CastLike: [{ since: 15, attributes: ["saturate", "round_mode"], run: runCastLike }],
};
