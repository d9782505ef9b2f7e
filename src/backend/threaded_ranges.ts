import { arena } from "../runtime/arena.js";
import type { Kernels } from "./index.js";
import type { Splits, Way } from "./threaded.js";

// Kernels that number their own units and compute those that are asked for.

/** Nanoseconds of a multiply-add, and of an exponential; what Winograd's products save is not asked. */
const MADD = 0.05;
const EXP = 1;

const conv: Way<Kernels["conv_f32"]> = {
  // biome-ignore format: one line for each kind of argument
  roles: [
    "=", "=", "=", "=", "=", "=", "=", "scratch",
    "=", "=", "=", "=", "=", "=", "begin", "end",
  ],
  grain: 1,
};

const convInputGrad: Way<Kernels["conv_input_grad_f32"]> = {
  roles: ["=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "begin", "end"],
  grain: 1,
};

const attention: Way<Kernels["attention_f32"]> = {
  // biome-ignore format: one line for each kind of argument
  roles: [
    "=", "scratch", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=",
    "=", "=", "=", "=", "=", "=", "=", "=", "begin", "end",
  ],
  grain: 1,
};

const attentionGrad: Way<Kernels["attention_grad_f32"]> = {
  // biome-ignore format: one line for each kind of argument
  roles: [
    "=", "scratch", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=",
    "=", "=", "=", "=", "=", "=", "=", "=", "begin", "end",
  ],
  grain: 1,
};

/** Multiply-adds: outputs, each of the taps of its channel. The geometry begins with the sizes of input, kernel and output. */
function madds(geometry: number, n: number, groups: number, cg: number, og: number): number {
  const sizes = arena.i32;
  let all = n * groups * cg * og;
  for (let i = 3; i < 9; i++) all *= sizes[(geometry >>> 2) + i]!;
  return all;
}

export const ranges: Splits = {
  conv_f32: {
    work: (_y, _x, _w, _packed, _bias, _residual, geometry, _scratch, n, groups, cg, og) =>
      MADD * madds(geometry, n, groups, cg, og),
    choose: () => conv,
  },
  conv_input_grad_f32: {
    work: (_dx, _dy, _w, _packed, geometry, _scratch, n, groups, cg, og) => MADD * madds(geometry, n, groups, cg, og),
    choose: () => convInputGrad,
  },
  attention_f32: {
    work: (_table, _scratch, l, s, e, ev, ...rest) => heads(rest) * l * s * (MADD * (e + ev) + EXP),
    choose: () => attention,
  },
  attention_grad_f32: {
    work: (_table, _scratch, l, s, e, ev, ...rest) => heads(rest) * l * s * (MADD * (3 * e + 2 * ev) + EXP),
    choose: () => attentionGrad,
  },
};

/** The last two arguments are the first and the end of the heads. */
function heads(args: readonly number[]): number {
  return args[args.length - 1]! - args[args.length - 2]!;
}
