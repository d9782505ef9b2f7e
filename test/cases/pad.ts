import type { PadOptions } from "../../src/functional/pad.js";
import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase, type Sample } from "../support/op-case.js";

/** The element of n that place i stands for, or -1 for the constant. */
function sourceOf(i: number, n: number, mode: PadOptions["mode"]): number {
  if (i >= 0 && i < n) return i;
  if (mode === "reflect") return i < 0 ? -i : 2 * n - 2 - i;
  if (mode === "replicate") return i < 0 ? 0 : n - 1;
  return mode === "circular" ? (i + n) % n : -1;
}

function padOracle(x: Nd, { pad, mode, value = 0 }: PadOptions): Nd {
  const rank = x.shape.length;
  if (mode === "circular" && pad.some((p) => p < 0)) {
    // What is cut off does not go round.
    const cut = padOracle(x, { pad: pad.map((p) => Math.min(p, 0)) });
    return padOracle(cut, { pad: pad.map((p) => Math.max(p, 0)), mode });
  }
  const before = x.shape.map((_, d) => pad[2 * (rank - 1 - d)] ?? 0);
  const y = new Nd(x.shape.map((n, d) => n + before[d]! + (pad[2 * (rank - 1 - d) + 1] ?? 0)));
  forIndex(y.shape, (index, at) => {
    const from = index.map((i, d) => sourceOf(i - before[d]!, x.shape[d]!, mode));
    y.data[at] = from.includes(-1) ? value : x.get(...from);
  });
  return y;
}

const sample = (name: string, x: InputSpec, options: PadOptions): Sample<PadOptions> => ({
  name,
  inputs: [x],
  options,
});

const error = (name: string, x: InputSpec, options: PadOptions, ...message: string[]) => ({
  name,
  inputs: [x],
  options,
  message,
});

export const cases = [
  opCase<PadOptions>({
    name: "pad",
    ops: ["pad_constant", "pad_repeat", "pad_repeat_grad"],
    run: ([x], options) => F.pad(x as Tensor, options),
    oracle: ([x], options) => padOracle(x!, options),
    samples: [
      sample("zeros around the last dimension", { shape: [2, 3] }, { pad: [1, 2] }),
      sample("a constant around three dimensions", { shape: [2, 3, 4, 5] }, { pad: [1, 0, 0, 2, 3, 1], value: 2.5 }),
      sample("cut off on one side", { shape: [2, 4, 5] }, { pad: [-1, 2, 0, -3] }),
      sample("cut down to nothing", { shape: [2, 3] }, { pad: [-1, -2] }),
      sample("of nothing", { shape: [2, 0] }, { pad: [2, 1], value: -1 }),
      sample("nothing to do", { shape: [2, 3] }, { pad: [0, 0], mode: "reflect" }),
      sample("int32", { shape: [2, 3], dtype: "int32" }, { pad: [1, 1], value: 7 }),
      sample("bool", { shape: [5], dtype: "bool" }, { pad: [1, 3], value: 1 }),
      sample("reflect, one dimension", { shape: [1, 2, 5] }, { pad: [4, 3], mode: "reflect" }),
      sample("reflect, two dimensions", { shape: [2, 3, 4] }, { pad: [1, 3, 2, 0], mode: "reflect" }),
      sample("reflect, one element", { shape: [2, 1] }, { pad: [0, 0], mode: "reflect" }),
      sample("replicate, two dimensions", { shape: [2, 3, 4] }, { pad: [5, 1, 0, 4], mode: "replicate" }),
      sample("replicate, three dimensions", { shape: [1, 2, 2, 3, 2] }, { pad: [1, 1, 2, 0, 0, 3], mode: "replicate" }),
      sample("replicate, cut off on one side", { shape: [2, 5] }, { pad: [-2, 3], mode: "replicate" }),
      sample("circular, two dimensions", { shape: [2, 3, 4] }, { pad: [4, 2, 3, 1], mode: "circular" }),
      sample("circular, cut off on the far side", { shape: [2, 5] }, { pad: [2, -1], mode: "circular" }),
      sample("circular, int32", { shape: [3, 17], dtype: "int32" }, { pad: [2, 17], mode: "circular" }),
      {
        ...sample("NaN and infinity", { shape: [3], values: [NaN, 1, Infinity] }, { pad: [1, 1], mode: "circular" }),
        forwardOnly: true,
      },
    ],
    errors: [
      error("an odd count", { shape: [2, 3] }, { pad: [1] }, "pad", "[1]"),
      error("more pairs than dimensions", { shape: [3] }, { pad: [1, 1, 1, 1] }, "pad", "[3]"),
      error("a fraction", { shape: [3] }, { pad: [0.5, 1] }, "pad", "0.5"),
      error("more cut off than there is", { shape: [2, 3] }, { pad: [-2, -2] }, "pad", "[2, 3]"),
      error("reflect too wide", { shape: [2, 4] }, { pad: [4, 0], mode: "reflect" }, "pad", "[4, 0]", "3"),
      error(
        "reflect too wide in an outer dimension",
        { shape: [2, 4] },
        { pad: [1, 1, 2, 0], mode: "reflect" },
        "dim 0",
      ),
      error("circular too wide", { shape: [2, 4] }, { pad: [0, 5], mode: "circular" }, "pad", "5", "4"),
      error("replicate of nothing", { shape: [0] }, { pad: [1, 0], mode: "replicate" }, "pad", "[0]"),
      error("bool repeated", { shape: [4], dtype: "bool" }, { pad: [1, 1], mode: "reflect" }, "pad", "bool"),
      error(
        "a mode that does not exist",
        { shape: [3] },
        { pad: [1, 1], mode: "mirror" as "reflect" },
        "pad",
        "mirror",
      ),
      error("a value without use", { shape: [3] }, { pad: [1, 1], mode: "reflect", value: 1 }, "pad", "value"),
    ],
    bench: [
      {
        name: "reflect 64 × 56²",
        inputs: [{ shape: [64, 56, 56] }],
        options: { pad: [1, 1, 1, 1], mode: "reflect" },
        bytes: 8 * 64 * 58 * 58,
      },
    ],
  }),
];
