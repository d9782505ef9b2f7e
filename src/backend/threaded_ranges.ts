import { arena } from "../runtime/arena.js";
import type { Kernels } from "./index.js";
import type { Cutter, Roles, Splits } from "./threaded.js";

// Kernels that number their own units and compute those from `begin` to `end`, their last two arguments.

/** Nanoseconds of a multiply-add, and of an exponential; what Winograd's products save is not asked. */
const MADD = 0.05;
const EXP = 1;
/** Of an element of an optimizer's step, which reads and writes it and its state. */
const STEP = 0.5;

/** How to cut a kernel that takes a range: `grain` units stay together. */
function range<N extends keyof Splits>(
  grain: number,
  roles: Roles<Kernels[N]>,
  work: (...args: Parameters<Kernels[N]>) => number,
): Cutter<Kernels[N]> {
  const way = { roles, grain };
  return { work, choose: () => way };
}

/** Of trailing arguments, the length of the range. */
function length(args: readonly number[]): number {
  return args[args.length - 1]! - args[args.length - 2]!;
}

/** Multiply-adds: outputs, each of the taps of its channel. The geometry begins with the sizes of input, kernel and output. */
function madds(geometry: number, n: number, groups: number, cg: number, og: number): number {
  const sizes = arena.i32;
  let all = n * groups * cg * og;
  for (let i = 3; i < 9; i++) all *= sizes[(geometry >>> 2) + i]!;
  return all;
}

/** Channels: lanes may run along them. */
const CHANNELS = 4;

/** Elements: a cache line. */
const ELEMENTS = 16;

/** A kernel of a convolution becomes 36 numbers. */
const packWork = (_packed: number, _w: number, _way: number, cg: number, og: number): number => 36 * EXP * cg * og;

const stepWork = (...args: number[]): number => STEP * length(args);

// biome-ignore format: one line for each kind of argument
export const ranges: Splits = {
  conv_f32: range<"conv_f32">(
    1,
    ["=", "=", "=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "=", "begin", "end"],
    (_y, _x, _w, _packed, _bias, _residual, geometry, _scratch, n, groups, cg, og) => MADD * madds(geometry, n, groups, cg, og),
  ),
  conv_input_grad_f32: range<"conv_input_grad_f32">(
    1,
    ["=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "begin", "end"],
    (_dx, _dy, _w, _packed, geometry, _scratch, n, groups, cg, og) => MADD * madds(geometry, n, groups, cg, og),
  ),

  conv_weight_grad_f32: range<"conv_weight_grad_f32">(
    1,
    ["=", "=", "=", "=", "scratch", "=", "=", "=", "=", "begin", "end"],
    (_dw, _dy, _x, geometry, _scratch, n, groups, cg, og) => MADD * madds(geometry, n, groups, cg, og),
  ),
  conv_pack_f32: range<"conv_pack_f32">(1, ["=", "=", "=", "=", "=", "begin", "end"], packWork),
  conv_input_grad_pack_f32: range<"conv_input_grad_pack_f32">(1, ["=", "=", "=", "=", "=", "begin", "end"], packWork),

  attention_f32: range<"attention_f32">(
    1,
    ["=", "scratch", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=",
     "=", "=", "=", "=", "=", "=", "=", "=", "begin", "end"],
    (_table, _scratch, l, s, e, ev, ...rest) => length(rest) * l * s * (MADD * (e + ev) + EXP),
  ),
  attention_grad_f32: range<"attention_grad_f32">(
    1,
    ["=", "scratch", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=",
     "=", "=", "=", "=", "=", "=", "=", "=", "begin", "end"],
    (_table, _scratch, l, s, e, ev, ...rest) => length(rest) * l * s * (MADD * (3 * e + 2 * ev) + EXP),
  ),

  batch_norm_f32: range<"batch_norm_f32">(
    CHANNELS,
    ["=", "=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "begin", "end"],
    (_y, _mean, _variance, _x, _weight, _bias, _scratch, n, c, s) => EXP * n * c * s,
  ),
  batch_norm_eval_f32: range<"batch_norm_eval_f32">(
    CHANNELS,
    ["=", "=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "begin", "end"],
    (_y, _x, _weight, _bias, _mean, _variance, _scratch, n, c, s) => 0.3 * EXP * n * c * s,
  ),
  batch_norm_grad_f32: range<"batch_norm_grad_f32">(
    CHANNELS,
    ["=", "=", "=", "=", "=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "=", "begin", "end"],
    (_dx, _dweight, _dbias, _g, _x, _weight, _bias, _mean, _variance, _scratch, n, c, s) => EXP * n * c * s,
  ),

  rnn_f32: range<"rnn_f32">(
    1,
    ["=", "=", "=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "=", "begin", "end"],
    (_y, _h, _before, _weight, _packed, _h0, _sizes, _scratch, rows, _steps, _n, hidden) => MADD * rows * hidden * hidden,
  ),
  rnn_grad_f32: range<"rnn_grad_f32">(
    1,
    ["=", "=", "=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "=", "begin", "end"],
    (_dx, _dh, _dy, _dhn, _y, _weight, _sizes, _scratch, rows, _steps, _n, hidden) => MADD * rows * hidden * hidden,
  ),
  gru_f32: range<"gru_f32">(
    1,
    ["=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "begin", "end"],
    (_y, _h, _gates, _candidate, _before, _weight, _packed, _bias, _h0, _sizes, _scratch, rows, _steps, _n, hidden) =>
      3 * MADD * rows * hidden * hidden,
  ),
  gru_grad_f32: range<"gru_grad_f32">(
    1,
    ["=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "begin", "end"],
    (_dx, _du, _dh, _dy, _dhn, _gates, _candidate, _before, _weight, _sizes, _scratch, rows, _steps, _n, hidden) =>
      3 * MADD * rows * hidden * hidden,
  ),
  gru_classic_f32: range<"gru_classic_f32">(
    1,
    ["=", "=", "=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "begin", "end"],
    (_y, _h, _gates, _before, _weight, _h0, _sizes, _scratch, rows, _steps, _n, hidden) =>
      3 * MADD * rows * hidden * hidden,
  ),
  gru_classic_grad_f32: range<"gru_classic_grad_f32">(
    1,
    ["=", "=", "=", "=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "begin", "end"],
    (_dx, _dh, _dy, _dhn, _gates, _before, _weight, _sizes, _scratch, rows, _steps, _n, hidden) =>
      3 * MADD * rows * hidden * hidden,
  ),
  lstm_f32: range<"lstm_f32">(
    1,
    ["=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "=", "begin", "end"],
    (_y, _h, _c, _gates, _hBefore, _cBefore, _full, _weight, _packed, _projection, _h0, _c0, _sizes, _scratch,
     rows, _steps, _n, hidden, proj) => 4 * MADD * rows * hidden * (proj || hidden),
  ),
  lstm_grad_f32: range<"lstm_grad_f32">(
    1,
    ["=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "=", "begin", "end"],
    (_dx, _dh, _dc, _dproj, _dy, _dhn, _dcn, _gates, _cBefore, _weight, _projection, _sizes, _scratch,
     rows, _steps, _n, hidden, proj) => 4 * MADD * rows * hidden * (proj || hidden),
  ),

  adam_f32: range<"adam_f32">(
    ELEMENTS, ["=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "begin", "end"], stepWork,
  ),
  adamax_f32: range<"adamax_f32">(ELEMENTS, ["=", "=", "=", "=", "=", "=", "=", "=", "begin", "end"], stepWork),
  rmsprop_f32: range<"rmsprop_f32">(ELEMENTS, ["=", "=", "=", "=", "=", "=", "=", "=", "begin", "end"], stepWork),
  adagrad_f32: range<"adagrad_f32">(ELEMENTS, ["=", "=", "=", "=", "=", "=", "begin", "end"], stepWork),
  adadelta_f32: range<"adadelta_f32">(ELEMENTS, ["=", "=", "=", "=", "=", "=", "=", "begin", "end"], stepWork),
  sgd_f32: range<"sgd_f32">(ELEMENTS, ["=", "=", "=", "=", "=", "=", "=", "=", "begin", "end"], stepWork),
  asgd_f32: range<"asgd_f32">(ELEMENTS, ["=", "=", "=", "=", "=", "=", "=", "begin", "end"], stepWork),
  rprop_f32: range<"rprop_f32">(ELEMENTS, ["=", "=", "=", "=", "=", "=", "=", "begin", "end"], stepWork),
};
