import type { Splits } from "./threaded.js";
import { broadcasts } from "./threaded_broadcast.js";
import { products } from "./threaded_products.js";
import { ranges } from "./threaded_ranges.js";

// How each kernel is cut; see Roles. The first number of a row is the nanoseconds of an element, measured on one core at about 4 GHz with
// operands in the second-level cache. It only decides from which size on a call is worth cutting.

/** What one pass over memory takes, and what dearer functions do. */
const COPY = 0.2;
const DIVIDE = 0.4;
const EXP = 1;
const TANH = 1.5;
const SEARCH = 2;

const MAP = ["4", "4", "N"] as const;
const ZIP = ["4", "4", "4", "N"] as const;
const MAP1 = ["4", "4", "N", "="] as const;
const MAP2 = ["4", "4", "N", "=", "="] as const;
const MAP3 = ["4", "4", "N", "=", "=", "="] as const;
const ZIP2 = ["4", "4", "4", "N", "=", "="] as const;

const elements: Splits = {
  neg_f32: [COPY, MAP],
  abs_f32: [COPY, MAP],
  abs_i32: [COPY, MAP],
  sign_f32: [COPY, MAP],
  sign_i32: [COPY, MAP],
  square_f32: [COPY, MAP],
  relu_f32: [COPY, MAP],
  floor_f32: [COPY, MAP],
  ceil_f32: [COPY, MAP],
  round_f32: [COPY, MAP],
  sqrt_f32: [DIVIDE, MAP],
  rsqrt_f32: [DIVIDE, MAP],
  reciprocal_f32: [DIVIDE, MAP],
  exp_f32: [EXP, MAP],
  expm1_f32: [EXP, MAP],
  log_f32: [EXP, MAP],
  log1p_f32: [EXP, MAP],
  sigmoid_f32: [EXP, MAP],
  tanh_f32: [TANH, MAP],
  erf_f32: [TANH, MAP],
  gelu_f32: [TANH, MAP],
  sin_f32: [TANH, MAP],
  cos_f32: [TANH, MAP],
  affine_f32: [COPY, MAP2],
  clamp_f32: [COPY, MAP2],
  pow_scalar_f32: [SEARCH, MAP1],
  self_gate_f32: [TANH, MAP2],
  elu_f32: [EXP, MAP3],
  softplus_f32: [TANH, MAP2],
  pow_f32: [SEARCH, ZIP],
  relu_grad_f32: [COPY, ZIP],
  abs_grad_f32: [COPY, ZIP],
  square_grad_f32: [COPY, ZIP],
  sqrt_grad_f32: [DIVIDE, ZIP],
  rsqrt_grad_f32: [COPY, ZIP],
  reciprocal_grad_f32: [COPY, ZIP],
  tanh_grad_f32: [COPY, ZIP],
  sigmoid_grad_f32: [COPY, ZIP],
  erf_grad_f32: [EXP, ZIP],
  gelu_grad_f32: [TANH, ZIP],
  clamp_grad_f32: [COPY, ZIP2],
  self_gate_grad_f32: [TANH, ZIP2],
  elu_grad_f32: [EXP, ["4", "4", "4", "N", "=", "=", "="]],
  softplus_grad_f32: [EXP, ZIP2],
  leak_f32: [COPY, ["4", "4", "4", "N", "="]],
  leak_slopes_f32: [COPY, ["4", "4", "4", "4", "N"]],
  squared_difference_f32: [COPY, ZIP],
  squared_difference_grad_f32: [COPY, ["4", "4", "4", "4", "N"]],
  bce_f32: [2 * EXP, ZIP],
  bce_grad_f32: [DIVIDE, ["4", "4", "4", "4", "N"]],
  bce_with_logits_f32: [2 * EXP, ZIP],
  bce_with_logits_grad_f32: [EXP, ["4", "4", "4", "4", "N"]],
  huber_f32: [COPY, ZIP2],
  huber_grad_f32: [COPY, ["4", "4", "4", "4", "N", "=", "="]],
  logical_not_bool: [COPY, ["1", "1", "N"]],
  fill_32: [COPY, ["4", "=", "N"]],
  fill_8: [COPY / 4, ["1", "=", "N"]],
  cast_i32_f32: [COPY, MAP],
  cast_bool_f32: [COPY, ["4", "1", "N"]],
  cast_f32_bool: [COPY, ["1", "4", "N"]],
  cast_bool_i32: [COPY, ["4", "1", "N"]],
  cast_i32_bool: [COPY, ["1", "4", "N"]],
};

const REDUCE = ["4i", "4ni", "N", "n", "i"] as const;
const FIND = ["4i", "4ni", "scratch", "N", "n", "i"] as const;
const ALONG = ["4ni", "4ni", "N", "n", "i"] as const;
const SOFTMAX = ["4ni", "4ni", "scratch", "N", "n", "i"] as const;
const SOFTMAX_GRAD = ["4ni", "4ni", "4ni", "scratch", "N", "n", "i"] as const;

/** Kernels that walk the middle dimension of [outer, n, inner] are cut along the outer one, others by rows or samples. */
const rows: Splits = {
  sum_f32: [COPY, REDUCE],
  sum_i32: [COPY, REDUCE],
  prod_f32: [COPY, REDUCE],
  prod_i32: [COPY, REDUCE],
  prod_grad_f32: [2, ["4ni", "4i", "4ni", "N", "n", "i"]],
  max_f32: [COPY, REDUCE],
  min_f32: [COPY, REDUCE],
  max_i32: [COPY, REDUCE],
  min_i32: [COPY, REDUCE],
  argmax_f32: [DIVIDE, FIND],
  argmax_i32: [DIVIDE, FIND],
  argmin_f32: [DIVIDE, FIND],
  argmin_i32: [DIVIDE, FIND],
  sum_abs_f32: [COPY, REDUCE],
  sum_squares_f32: [COPY, REDUCE],
  max_abs_f32: [COPY, REDUCE],
  min_abs_f32: [COPY, REDUCE],
  var_f32: [DIVIDE, ["4i", "4ni", "scratch", "N", "n", "i", "="]],
  logsumexp_f32: [EXP, FIND],
  all_bool: [COPY, ["1i", "1ni", "N", "n", "i"]],
  any_bool: [COPY, ["1i", "1ni", "N", "n", "i"]],
  cumsum_f32: [2, ["4ni", "4ni", "N", "n", "i", "="]],
  cumsum_i32: [1, ["4ni", "4ni", "N", "n", "i", "="]],
  cumprod_f32: [2, ALONG],
  cumprod_grad_f32: [3, ["4ni", "4ni", "4ni", "N", "n", "i"]],
  softmax_f32: [2 * EXP, SOFTMAX],
  log_softmax_f32: [2 * EXP, SOFTMAX],
  softmax_grad_f32: [DIVIDE, SOFTMAX_GRAD],
  log_softmax_grad_f32: [2 * EXP, SOFTMAX_GRAD],
  nll_grad_f32: [COPY, ["4ni", "4i", "4i", "=", "N", "n", "i", "="]],
  rms_norm_f32: [DIVIDE, ["4n", "4", "4n", "=", "N", "n", "=", "="]],
  group_norm_f32: [EXP, ["4cs", "4e", "4e", "4cs", "=", "=", "scratch", "N", "c", "s", "e", "="]],
  local_response_norm_f32: [5, ["4cs", "4cs", "4cs", "N", "c", "s", "=", "=", "=", "="]],
  local_response_norm_grad_f32: [5, ["4cs", "4cs", "4cs", "4cs", "4cs", "scratch", "N", "c", "s", "=", "=", "="]],
  rotary_f32: [EXP, ["8nh", "8nh", "=", "=", "N", "n", "h", "=", "="]],
  resample_f32: [EXP, ["4mi", "4ni", "=", "=", "=", "N", "n", "m", "i"]],
  argsort_f32: [10 * SEARCH, ["4n", "4n", "N", "n", "=", "scratch"]],
  argsort_i32: [10 * SEARCH, ["4n", "4n", "N", "n", "=", "scratch"]],
  topk_f32: [SEARCH, ["4k", "4n", "N", "n", "k", "=", "scratch"]],
  median_f32: [COPY, ["4", "4n", "4n", "N", "n"]],
  band_32: [COPY, ["4nm", "4nm", "N", "n", "m", "=", "="]],
  pad_32: [COPY, ["4mi", "4ni", "N", "n", "m", "i", "=", "="]],
  pad_grad_f32: [DIVIDE, ["4ni", "4mi", "N", "n", "m", "i", "=", "="]],
};

const PUT = ["4ni", "=", "4mi", "N", "m", "n", "i"] as const;
const SCATTER = ["4ni", "4mi", "4mi", "N", "m", "n", "i"] as const;

const indexing: Splits = {
  gather_32: [EXP, ["4mi", "4ni", "4mi", "N", "m", "n", "i"]],
  gather_8: [EXP, ["1mi", "1ni", "4mi", "N", "m", "n", "i"]],
  scatter_add_f32: [EXP, SCATTER],
  scatter_max_f32: [EXP, SCATTER],
  scatter_min_f32: [EXP, SCATTER],
  index_select_32: {
    work: (_y, _x, _index, outer, m, _n, inner) => DIVIDE * outer * m * inner,
    choose: (_y, _x, _index, outer) =>
      outer > 1
        ? { roles: ["4mi", "4ni", "=", "N", "m", "n", "i"], grain: 1 }
        : { roles: ["4i", "=", "4", "=", "N", "=", "i"], grain: 1 },
  },
  index_copy_32: [DIVIDE, PUT],
  index_add_f32: [DIVIDE, PUT],
};

const SAMPLES = ["4cq", "4chw", "8q", "N", "c", "h", "w", "q", "=", "=", "="] as const;
const WINDOWS = ["d", "h", "w", "a", "b", "c", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "="] as const;

/** Planes and samples. */
const images: Splits = {
  maxpool_f32: [EXP, ["4abc", "4dhw", "N", ...WINDOWS]],
  maxpool_index_i32: [EXP, ["4abc", "4dhw", "4abc", "N", ...WINDOWS]],
  maxpool_gather_f32: [EXP, ["4abc", "4dhw", "4dhw", "4abc", "N", ...WINDOWS]],
  maxpool_grad_f32: [EXP, ["4dhw", "4abc", "4dhw", "4abc", "N", ...WINDOWS]],
  maxunpool_f32: [DIVIDE, ["4m", "4n", "4n", "N", "n", "m"]],
  maxunpool_grad_f32: [DIVIDE, ["4n", "4m", "4n", "N", "n", "m"]],
  avgpool_f32: [
    EXP,
    ["4abc", "4dhw", "N", "d", "h", "w", "a", "b", "c", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "="],
  ],
  avgpool_grad_f32: [
    EXP,
    ["4dhw", "4abc", "N", "d", "h", "w", "a", "b", "c", "=", "=", "=", "=", "=", "=", "=", "=", "=", "=", "="],
  ],
  grid_sample_f32: [SEARCH, SAMPLES],
  grid_sample_input_grad_f32: [SEARCH, ["4chw", "4cq", "8q", "N", "c", "h", "w", "q", "=", "=", "="]],
  grid_sample_places_grad_f32: [SEARCH, ["8q", "4cq", "4chw", "8q", "N", "c", "h", "w", "q", "=", "=", "="]],
};

const DRAW = ["4", "N", "=", "=", "low", "high", "=", "="] as const;

/** Random numbers. */
const draws: Splits = {
  uniform_f32: [EXP, DRAW],
  normal_f32: [5, DRAW],
  randint_i32: [EXP, DRAW],
  bernoulli_f32: [EXP, ["4", "4", "N", "=", "=", "low", "high"]],
  dropout_f32: [EXP, ["4", "4", "N", "=", "=", "low", "high", "=", "="]],
};

/** Everything that is cut. */
export const splits: Splits = {
  ...elements,
  ...rows,
  ...indexing,
  ...images,
  ...broadcasts,
  ...products,
  ...ranges,
  ...draws,
};
