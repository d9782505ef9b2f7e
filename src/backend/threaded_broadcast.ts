import type { Kernels } from "./index.js";
import type { Cutter, Splits, Way } from "./threaded.js";

// Kernels that walk four dimensions through element strides. Where the result lies in order it can be cut only along the first dimension
// that is not 1; a copy between strides along any.

/** Nanoseconds of an element, see threaded_splits.ts. */
const PASS = 0.25;
const STRIDED = 0.5;

/** Elements along the innermost dimension that stay together. */
const GRAIN = 4;

type Binary = Kernels["add_f32"];
type Where = Kernels["where_32"];
type MaskedFill = Kernels["masked_fill_32"];
type Copy = Kernels["copy_32"];

/** The first dimension that can be cut. */
function firstOf(n0: number, n1: number, n2: number): 0 | 1 | 2 | 3 {
  return n0 > 1 ? 0 : n1 > 1 ? 1 : n2 > 1 ? 2 : 3;
}

/** y of Y bytes an element, a and b of X bytes. */
function binary<Y extends 1 | 4, X extends 1 | 4>(y: Y, x: X): Cutter<Binary> {
  const ways: readonly Way<Binary>[] = [
    {
      roles: [`${y}bcd`, `${x}x`, `${x}y`, "N", "b", "c", "d", "x", "=", "=", "=", "y", "=", "=", "="],
      grain: 1,
    },
    {
      roles: [`${y}cd`, `${x}x`, `${x}y`, "=", "N", "c", "d", "=", "x", "=", "=", "=", "y", "=", "="],
      grain: 1,
    },
    {
      roles: [`${y}d`, `${x}x`, `${x}y`, "=", "=", "N", "d", "=", "=", "x", "=", "=", "=", "y", "="],
      grain: 1,
    },
    {
      roles: [`${y}`, `${x}x`, `${x}y`, "=", "=", "=", "N", "=", "=", "=", "x", "=", "=", "=", "y"],
      grain: GRAIN,
    },
  ];
  return {
    work: (_y, _a, _b, n0, n1, n2, n3) => PASS * n0 * n1 * n2 * n3,
    choose: (_y, _a, _b, n0, n1, n2) => ways[firstOf(n0, n1, n2)]!,
  };
}

const where: readonly Way<Where>[] = [
  {
    // biome-ignore format: one line for each kind of argument
    roles: [
      "4bcd", "1x", "4y", "4z", "N", "b", "c", "d",
      "x", "=", "=", "=", "y", "=", "=", "=", "z", "=", "=", "=",
    ],
    grain: 1,
  },
  {
    // biome-ignore format: one line for each kind of argument
    roles: [
      "4cd", "1x", "4y", "4z", "=", "N", "c", "d",
      "=", "x", "=", "=", "=", "y", "=", "=", "=", "z", "=", "=",
    ],
    grain: 1,
  },
  {
    // biome-ignore format: one line for each kind of argument
    roles: [
      "4d", "1x", "4y", "4z", "=", "=", "N", "d",
      "=", "=", "x", "=", "=", "=", "y", "=", "=", "=", "z", "=",
    ],
    grain: 1,
  },
  {
    // biome-ignore format: one line for each kind of argument
    roles: [
      "4", "1x", "4y", "4z", "=", "=", "=", "N",
      "=", "=", "=", "x", "=", "=", "=", "y", "=", "=", "=", "z",
    ],
    grain: GRAIN,
  },
];

const maskedFill: readonly Way<MaskedFill>[] = [
  { roles: ["4bcd", "4x", "1y", "N", "b", "c", "d", "x", "=", "=", "=", "y", "=", "=", "=", "="], grain: 1 },
  { roles: ["4cd", "4x", "1y", "=", "N", "c", "d", "=", "x", "=", "=", "=", "y", "=", "=", "="], grain: 1 },
  { roles: ["4d", "4x", "1y", "=", "=", "N", "d", "=", "=", "x", "=", "=", "=", "y", "=", "="], grain: 1 },
  { roles: ["4", "4x", "1y", "=", "=", "=", "N", "=", "=", "=", "x", "=", "=", "=", "y", "="], grain: GRAIN },
];

/** Elements of b bytes. */
function copy<B extends 1 | 4>(b: B): Cutter<Copy> {
  const ways: readonly Way<Copy>[] = [
    { roles: [`${b}y`, `${b}x`, "N", "=", "=", "=", "y", "=", "=", "=", "x", "=", "=", "="], grain: 1 },
    { roles: [`${b}y`, `${b}x`, "=", "N", "=", "=", "=", "y", "=", "=", "=", "x", "=", "="], grain: 1 },
    { roles: [`${b}y`, `${b}x`, "=", "=", "N", "=", "=", "=", "y", "=", "=", "=", "x", "="], grain: 4 },
    { roles: [`${b}y`, `${b}x`, "=", "=", "=", "N", "=", "=", "=", "y", "=", "=", "=", "x"], grain: GRAIN },
  ];
  return {
    work: (_y, _x, n0, n1, n2, n3) => STRIDED * n0 * n1 * n2 * n3,
    choose: (_y, _x, n0, n1, n2, n3) => {
      // An outer dimension, unless it is much too short to be shared out evenly.
      const sizes = [n0, n1, n2, n3];
      const long = sizes.findIndex((n) => n >= 8);
      return ways[long >= 0 ? long : sizes.indexOf(Math.max(...sizes))]!;
    },
  };
}

const float = binary(4, 4);
const compare = binary(1, 4);
const logical = binary(1, 1);

export const broadcasts: Splits = {
  add_f32: float,
  sub_f32: float,
  mul_f32: float,
  div_f32: float,
  minimum_f32: float,
  maximum_f32: float,
  maximum_share_f32: float,
  add_i32: float,
  sub_i32: float,
  mul_i32: float,
  minimum_i32: float,
  maximum_i32: float,
  eq_f32: compare,
  eq_i32: compare,
  ne_f32: compare,
  ne_i32: compare,
  lt_f32: compare,
  lt_i32: compare,
  le_f32: compare,
  le_i32: compare,
  logical_and_bool: logical,
  logical_or_bool: logical,
  where_32: {
    work: (_y, _c, _a, _b, n0, n1, n2, n3) => STRIDED * n0 * n1 * n2 * n3,
    choose: (_y, _c, _a, _b, n0, n1, n2) => where[firstOf(n0, n1, n2)]!,
  },
  masked_fill_32: {
    work: (_y, _x, _mask, n0, n1, n2, n3) => STRIDED * n0 * n1 * n2 * n3,
    choose: (_y, _x, _mask, n0, n1, n2) => maskedFill[firstOf(n0, n1, n2)]!,
  },
  copy_32: copy(4),
  copy_8: copy(1),
};
