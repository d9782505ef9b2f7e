import { arena } from "../runtime/arena.js";
import type { Kernels } from "./index.js";
import type { Cutter, Splits, Way } from "./threaded.js";

// Convolutions number their own units, whatever way they go, and compute those that are asked for.

/** Nanoseconds of a multiply-add: what Winograd's products save is not asked. */
const MADD = 0.05;

type Forward = Kernels["conv_f32"];
type InputGrad = Kernels["conv_input_grad_f32"];

const forward: Way<Forward> = {
  // biome-ignore format: one line for each kind of argument
  roles: [
    "=", "=", "=", "=", "=", "=", "=", "scratch",
    "=", "=", "=", "=", "=", "=", "begin", "end",
  ],
  grain: 1,
};

const inputGrad: Way<InputGrad> = {
  roles: ["=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "begin", "end"],
  grain: 1,
};

/** Multiply-adds: outputs, each of the taps of its channel. The geometry begins with the sizes of input, kernel and output. */
function madds(geometry: number, n: number, groups: number, cg: number, og: number): number {
  const sizes = arena.i32;
  let all = n * groups * cg * og;
  for (let i = 3; i < 9; i++) all *= sizes[(geometry >>> 2) + i]!;
  return all;
}

export const convolutions: Splits = {
  conv_f32: {
    work: (_y, _x, _w, _packed, _bias, _residual, geometry, _scratch, n, groups, cg, og) =>
      MADD * madds(geometry, n, groups, cg, og),
    choose: () => forward,
  } satisfies Cutter<Forward>,
  conv_input_grad_f32: {
    work: (_dx, _dy, _w, _packed, geometry, _scratch, n, groups, cg, og) => MADD * madds(geometry, n, groups, cg, og),
    choose: () => inputGrad,
  } satisfies Cutter<InputGrad>,
};
