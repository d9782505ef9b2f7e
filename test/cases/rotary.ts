import { functional as F, type Tensor } from "../../src/node.js";
import type { Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";

/** Each pair as a complex number, times e^{i·t·base^(−2p/dim)}. */
function rotary(x: Nd, { base = 10000, offset = 0, interleaved = true }: F.RotaryOptions = {}): Nd {
  const y = x.map(() => 0);
  const [length, dim] = x.shape.slice(-2) as [number, number];
  for (let at = 0; at < x.data.length; at++) {
    const c = at % dim;
    const t = offset + (Math.floor(at / dim) % length);
    const first = interleaved ? c % 2 === 0 : c < dim / 2;
    const p = interleaved ? Math.floor(c / 2) : c % (dim / 2);
    const angle = t * base ** ((-2 * p) / dim);
    const other = x.data[at + (first ? 1 : -1) * (interleaved ? 1 : dim / 2)]!;
    y.data[at] = x.data[at]! * Math.cos(angle) + (first ? -1 : 1) * other * Math.sin(angle);
  }
  return y;
}

const SHAPES = [
  [1, 2],
  [3, 4],
  [2, 5, 6],
  [2, 2, 3, 8],
  [3, 10],
  [2, 34],
  [0, 4],
  [3, 0],
];

export const cases = [
  opCase<F.RotaryOptions | undefined>({
    name: "rotaryEmbedding",
    ops: ["rotaryEmbedding"],
    run: ([x], options) => F.rotaryEmbedding(x as Tensor, options),
    oracle: ([x], options) => rotary(x!, options),
    samples: [
      ...SHAPES.flatMap((shape) => [
        { name: `[${shape.join(", ")}], neighbours`, inputs: [{ shape }] },
        { name: `[${shape.join(", ")}], halves`, inputs: [{ shape }], options: { interleaved: false } },
      ]),
      { name: "another base, later positions", inputs: [{ shape: [4, 6] }], options: { base: 100, offset: 7 } },
      {
        name: "NaN and infinity",
        inputs: [{ shape: [2, 4], values: [NaN, 1, 2, 3, 4, 5, 6, Infinity] }],
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "an odd number of features",
        inputs: [{ shape: [3, 5] }],
        message: ["rotaryEmbedding", "[3, 5]", "even"],
      },
      { name: "no rows", inputs: [{ shape: [4] }], message: ["rotaryEmbedding", "[4]"] },
      { name: "int32", inputs: [{ shape: [3, 4], dtype: "int32" }], message: ["rotaryEmbedding", "int32"] },
      { name: "a base of 0", inputs: [{ shape: [3, 4] }], options: { base: 0 }, message: ["base", "0"] },
    ],
    bench: [
      { name: "8 heads, 512 × 64", inputs: [{ shape: [8, 512, 64] }], options: undefined, bytes: 8 * 512 * 64 * 8 },
    ],
  }),
];
