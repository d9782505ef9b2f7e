import { makeTensor } from "../../creation.js";
import { permute, reshape } from "../../ops/copy.js";
import { GRID_PADDINGS, gridSample } from "../../ops/grid_sample.js";
import { matmul } from "../../ops/matmul.js";
import { numel } from "../../shape.js";
import { adopt } from "../../tensor.js";
import { as, type Inputs, needed, numbersAt, tensorAt, wordOf } from "../arguments.js";
import { type GridReading, sampleAnywhere } from "../grid_taps.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";

/** Older versions have the modes' names with "bi". */
const MODES = { bilinear: "linear", linear: "linear", bicubic: "cubic", cubic: "cubic", nearest: "nearest" } as const;

function runGridSample(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const grid = tensorAt(node, inputs, 1);
  const reading: GridReading = {
    mode: MODES[wordOf(node, "mode", "linear", ["linear", "bilinear", "nearest", "cubic", "bicubic"])],
    padding: wordOf(node, "padding_mode", "zeros", GRID_PADDINGS),
    alignCorners: node.int("align_corners", 0) !== 0,
  };
  const rank = x.tensor.ndim - 2;
  if (rank < 1 || grid.ndim !== rank + 2 || grid.size(-1) !== rank || grid.size(0) !== x.tensor.size(0)) {
    throw node.fail(`grid is [${grid.shape.join(", ")}] for an input [${x.tensor.shape.join(", ")}]`);
  }
  if (rank !== 2 || reading.mode === "cubic") return [as(x, sampleAnywhere(x.tensor, grid, reading))];
  return [as(x, gridSample(x.tensor, grid, { ...reading, nearest: reading.mode === "nearest" }))];
}

/** grid[n, i…] = theta[n] · (coordinates of the place, the last dimension first, and 1), which go from −1 to 1 over the image. */
function runAffineGrid(node: NodeView, inputs: Inputs): [Arg] {
  const theta = needed(node, inputs, 0);
  const [batch, , ...sizes] = numbersAt(inputs, 1) as [number, number, ...number[]];
  const align = node.int("align_corners", 0) !== 0;
  const rank = sizes.length;
  if (theta.tensor.ndim !== 3 || theta.tensor.size(1) !== rank || theta.tensor.size(2) !== rank + 1) {
    throw node.fail(
      `theta is [${theta.tensor.shape.join(", ")}]; expected [N, ${rank}, ${rank + 1}] for ${rank} sizes`,
    );
  }
  const base = new Float32Array(numel(sizes) * (rank + 1));
  for (let place = 0; place < numel(sizes); place++) {
    let rest = place;
    for (let d = rank - 1; d >= 0; d--) {
      const n = sizes[d]!;
      const i = rest % n;
      rest = Math.floor(rest / n);
      base[place * (rank + 1) + rank - 1 - d] = align ? (n === 1 ? 0 : (2 * i) / (n - 1) - 1) : (2 * i + 1) / n - 1;
    }
    base[place * (rank + 1) + rank] = 1;
  }
  const places = adopt(makeTensor(base, { shape: [numel(sizes), rank + 1] }));
  return [as(theta, reshape(matmul(places, permute(theta.tensor, [0, 2, 1])), [batch, ...sizes, rank]))];
}

/** Sampling at places that are computed. */
export const grids: OperatorTable = {
  AffineGrid: [{ since: 20, attributes: ["align_corners"], run: runAffineGrid }],
  GridSample: [{ since: 16, attributes: ["align_corners", "mode", "padding_mode"], run: runGridSample }],
};
