import * as F from "../../functional/index.js";
import { affine, div, mul, sub } from "../../ops/arithmetic.js";
import type { Tensor } from "../../tensor.js";
import { as, needed } from "../arguments.js";
import type { OperatorTable } from "../handler.js";

/** tan of half the angle whose tangent is t. */
function halved(t: Tensor): Tensor {
  return div(t, affine(F.sqrt(affine(F.square(t), 1, 1)), 1, 1));
}

/** atan t for |t| ≤ √2 − 1, a polynomial (Moshier, Cephes, atanf), within 2e-8. */
function atanNearZero(t: Tensor): Tensor {
  const z = F.square(t);
  const p = [-1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1].reduce(
    (y, c) => affine(mul(y, z), 1, c),
    affine(z, 0, 8.05374449538e-2),
  );
  return mul(t, affine(mul(p, z), 1, 1));
}

/** Halved twice, every angle is near 0. Beyond 1e18 its square overflows, and the angle does not change any more. */
function atan(x: Tensor): Tensor {
  return affine(atanNearZero(halved(halved(F.clamp(x, { min: -1e18, max: 1e18 })))), 4, 0);
}

/** asin x = 2·atan(x / (1 + √(1 − x²))). */
function asin(x: Tensor): Tensor {
  const cosine = F.sqrt(mul(affine(x, -1, 1), affine(x, 1, 1)));
  return affine(atanNearZero(halved(div(x, affine(cosine, 1, 1)))), 4, 0);
}

/** sinh from e^x − 1, which is right near 0. */
function sinh(x: Tensor): Tensor {
  return affine(sub(F.expm1(x), F.expm1(affine(x, -1, 0))), 0.5, 0);
}

function cosh(x: Tensor): Tensor {
  return affine(F.add(F.exp(x), F.exp(affine(x, -1, 0))), 0.5, 0);
}

/** sign x · ln(1 + |x| + x²/(1 + √(1 + x²))). */
function asinh(x: Tensor): Tensor {
  const magnitude = F.abs(x);
  const square = F.square(x);
  const root = affine(F.sqrt(affine(square, 1, 1)), 1, 1);
  return mul(F.sign(x), F.log1p(F.add(magnitude, div(square, root))));
}

/** ln(1 + t + √(2t + t²)) with t = x − 1. */
function acosh(x: Tensor): Tensor {
  const t = affine(x, 1, -1);
  return F.log1p(F.add(t, F.sqrt(mul(t, affine(t, 1, 2)))));
}

function atanh(x: Tensor): Tensor {
  return affine(sub(F.log1p(x), F.log1p(affine(x, -1, 0))), 0.5, 0);
}

const FUNCTIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  Sin: F.sin,
  Cos: F.cos,
  Tan: (x) => div(F.sin(x), F.cos(x)),
  Asin: asin,
  Acos: (x) => affine(asin(x), -1, Math.PI / 2),
  Atan: atan,
  Sinh: sinh,
  Cosh: cosh,
  Tanh: F.tanh,
  Asinh: asinh,
  Acosh: acosh,
  Atanh: atanh,
};

/** Circular and hyperbolic functions of floats. */
export const trigonometry: OperatorTable = Object.fromEntries(
  Object.entries(FUNCTIONS).map(([name, compute]) => [
    name,
    [
      {
        since: 6,
        attributes: [],
        run: (node, inputs) => {
          const x = needed(node, inputs, 0);
          return [as(x, compute(x.tensor))];
        },
      },
    ],
  ]),
);
