import { functional as F, type Tensor } from "../../src/node.js";
import type { Nd } from "../support/nd.js";
import { type OpCase, opCase, type Sample } from "../support/op-case.js";
import { type DimOptions, REDUCE_SAMPLES, reduceOracle } from "./reduce.js";

/** Position of the extremum as PyTorch finds it: the first NaN, else the first of equals. */
function find(values: readonly number[], sign: 1 | -1): number {
  const nan = values.findIndex(Number.isNaN);
  if (nan >= 0) return nan;
  return values.reduce((best, v, i) => (sign * v > sign * values[best]! ? i : best), 0);
}

const NAN: Sample<DimOptions>[] = [
  {
    name: "NaN in rows",
    inputs: [
      { shape: [3, 9], values: Array.from({ length: 27 }, (_, i) => (i % 9 === 5 || i === 2 ? NaN : (i * 7) % 11)) },
    ],
    options: { dim: 1 },
    forwardOnly: true,
  },
  {
    name: "NaN in columns",
    inputs: [{ shape: [5, 6], values: Array.from({ length: 30 }, (_, i) => (i % 7 === 3 ? NaN : (i * 7) % 11)) }],
    options: { dim: 0 },
    forwardOnly: true,
  },
  {
    name: "infinities alone",
    inputs: [{ shape: [2, 5], values: [...Array(5).fill(-Infinity), ...Array(5).fill(Infinity)] }],
    options: { dim: 1 },
    forwardOnly: true,
  },
];

const INT32: Sample<DimOptions>[] = [
  {
    name: "int32 rows with equals",
    inputs: [{ shape: [3, 21], dtype: "int32", low: -3, high: 3 }],
    options: { dim: 1 },
  },
  {
    name: "int32 columns with equals",
    inputs: [{ shape: [7, 6], dtype: "int32", low: -3, high: 3 }],
    options: { dim: 0 },
  },
];

const NOTHING = { name: "nothing to choose from", inputs: [{ shape: [3, 0] }], options: { dim: 1 } };

function shared(name: "amax" | "amin", sign: 1 | -1): OpCase<never> {
  return opCase<DimOptions>({
    name,
    ops: [name],
    run: ([x], options) => F[name](x as Tensor, options),
    oracle: ([x], options) => reduceOracle(x!, options, (v) => v[find(v, sign)]!),
    samples: [
      ...REDUCE_SAMPLES,
      ...NAN,
      ...INT32,
      { name: "of nothing", inputs: [{ shape: [0, 3] }], options: { dim: 1 } },
    ],
    errors: [{ ...NOTHING, message: [name, "[3, 0]"] }],
    bench: [
      { name: "1M", inputs: [{ shape: [1 << 20] }], options: {}, bytes: 4 << 20 },
      { name: "columns of 1024x1024", inputs: [{ shape: [1024, 1024] }], options: { dim: 0 }, bytes: 4 << 20 },
    ],
  });
}

/** Samples along one dimension at most. */
const ONE_DIM = REDUCE_SAMPLES.filter((s) => !Array.isArray(s.options!.dim)) as Sample<{
  dim?: number;
  keepdim?: boolean;
}>[];

function position(name: "argmax" | "argmin", sign: 1 | -1): OpCase<never> {
  return opCase<{ dim?: number; keepdim?: boolean }>({
    name,
    ops: [name],
    run: ([x], options) => F[name](x as Tensor, options),
    oracle: ([x], options) => reduceOracle(x!, options, (v) => find(v, sign)),
    samples: [...ONE_DIM, ...(NAN as typeof ONE_DIM), ...(INT32 as typeof ONE_DIM)].map((s) => ({
      ...s,
      forwardOnly: true,
    })),
    errors: [{ ...NOTHING, message: [name, "[3, 0]"] }],
    bench: [
      { name: "rows of 1024x1000", inputs: [{ shape: [1024, 1000] }], options: { dim: 1 }, bytes: 4 << 20 },
      { name: "columns of 1024x1024", inputs: [{ shape: [1024, 1024] }], options: { dim: 0 }, bytes: 4 << 20 },
    ],
  });
}

function along(name: "max" | "min", sign: 1 | -1): OpCase<never> {
  return opCase<{ dim: number; keepdim?: boolean }>({
    name,
    ops: [name],
    run: ([x], options) => F[name](x as Tensor, options),
    oracle: ([x], options): readonly Nd[] => [
      reduceOracle(x!, options, (v) => v[find(v, sign)]!),
      reduceOracle(x!, options, (v) => find(v, sign)),
    ],
    samples: [...ONE_DIM.filter((s) => s.options!.dim !== undefined), ...NAN, ...INT32] as Sample<{ dim: number }>[],
    errors: [{ ...NOTHING, message: [name, "[3, 0]"] }],
    bench: [{ name: "rows of 1024x1000", inputs: [{ shape: [1024, 1000] }], options: { dim: 1 }, bytes: 4 << 20 }],
  });
}

export const cases = [
  shared("amax", 1),
  shared("amin", -1),
  position("argmax", 1),
  position("argmin", -1),
  along("max", 1),
  along("min", -1),
];
