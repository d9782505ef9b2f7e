import { functional as F, type Tensor } from "../../src/node.js";
import type { Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";
import { gatherOracle } from "./copy.js";

export const cases = [
  opCase<{ upscaleFactor: number }>({
    name: "pixelShuffle",
    ops: [],
    run: ([x], options) => F.pixelShuffle(x as Tensor, options),
    oracle: ([x], { upscaleFactor: r }) => {
      const [c, h, w] = x!.shape.slice(-3) as [number, number, number];
      return gatherOracle(x!, [...x!.shape.slice(0, -3), c / r ** 2, h * r, w * r], (index) => {
        const [k, i, j] = index.slice(-3) as [number, number, number];
        const from = k * r * r + (i % r) * r + (j % r);
        return [...index.slice(0, -3), from, Math.floor(i / r), Math.floor(j / r)];
      });
    },
    samples: [
      { name: "factor 2", inputs: [{ shape: [2, 8, 3, 2] }], options: { upscaleFactor: 2 } },
      { name: "factor 3, one image", inputs: [{ shape: [9, 2, 2] }], options: { upscaleFactor: 3 } },
      { name: "factor 1", inputs: [{ shape: [1, 2, 2, 2] }], options: { upscaleFactor: 1 } },
    ],
    errors: [
      {
        name: "channels that do not fit",
        inputs: [{ shape: [1, 10, 4, 4] }],
        options: { upscaleFactor: 3 },
        message: ["PixelShuffle", "10", "9"],
      },
      {
        name: "a matrix",
        inputs: [{ shape: [4, 4] }],
        options: { upscaleFactor: 2 },
        message: ["PixelShuffle", "rank"],
      },
    ],
  }),
  opCase<{ downscaleFactor: number }>({
    name: "pixelUnshuffle",
    ops: [],
    run: ([x], options) => F.pixelUnshuffle(x as Tensor, options),
    oracle: ([x], { downscaleFactor: r }) => {
      const [c, h, w] = x!.shape.slice(-3) as [number, number, number];
      return gatherOracle(x!, [...x!.shape.slice(0, -3), c * r ** 2, h / r, w / r], (index) => {
        const [k, i, j] = index.slice(-3) as [number, number, number];
        const within = k % (r * r);
        return [...index.slice(0, -3), Math.floor(k / (r * r)), i * r + Math.floor(within / r), j * r + (within % r)];
      });
    },
    samples: [{ name: "factor 2", inputs: [{ shape: [2, 3, 4, 6] }], options: { downscaleFactor: 2 } }],
    errors: [
      {
        name: "height that does not fit",
        inputs: [{ shape: [1, 5, 4] }],
        options: { downscaleFactor: 2 },
        message: ["PixelUnshuffle", "5", "2"],
      },
    ],
  }),
  opCase<{ groups: number }>({
    name: "channelShuffle",
    ops: [],
    run: ([x], options) => F.channelShuffle(x as Tensor, options),
    oracle: ([x], { groups }) =>
      gatherOracle(x as Nd, x!.shape, ([n, k, ...space]) => [
        n!,
        (k! % groups) * (x!.shape[1]! / groups) + Math.floor(k! / groups),
        ...space,
      ]),
    samples: [
      { name: "images", inputs: [{ shape: [2, 6, 2, 3] }], options: { groups: 3 } },
      { name: "vectors", inputs: [{ shape: [2, 4] }], options: { groups: 2 } },
    ],
    errors: [
      {
        name: "channels that do not fit",
        inputs: [{ shape: [1, 5, 2] }],
        options: { groups: 2 },
        message: ["ChannelShuffle", "2", "5"],
      },
    ],
  }),
];
