import { makeTensor } from "../../creation.js";
import * as F from "../../functional/index.js";
import { affine, mul } from "../../ops/arithmetic.js";
import { constant, reshape, select } from "../../ops/copy.js";
import { stack } from "../../ops/rearrange.js";
import { indexSelect } from "../../ops/rows.js";
import { adopt, type Tensor } from "../../tensor.js";
import { as, type Inputs, needed, numbersAt, tensorAt, wordOf } from "../arguments.js";
import type { Arg, Handler, NodeView, OperatorTable } from "../handler.js";

/** Corners, the smaller first: [y1, x1, y2, x2]. */
type Box = readonly [number, number, number, number];

function boxOf(values: ArrayLike<number>, at: number, centred: boolean): Box {
  const [a, b, c, d] = [values[at]!, values[at + 1]!, values[at + 2]!, values[at + 3]!];
  if (centred) return [b - d / 2, a - c / 2, b + d / 2, a + c / 2];
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
}

/** The share that two boxes have in common of what they cover together. */
function overlap(a: Box, b: Box): number {
  const height = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const width = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (height <= 0 || width <= 0) return 0;
  const area = ([y1, x1, y2, x2]: Box): number => (y2 - y1) * (x2 - x1);
  return (height * width) / (area(a) + area(b) - height * width);
}

/**
 * Takes boxes by descending score, for each class by itself, and leaves out those that overlap one that was taken. The choice depends on the
 * values, and is made on the host.
 */
function runNonMaxSuppression(node: NodeView, inputs: Inputs): [Arg] {
  const [boxes, scores] = [tensorAt(node, inputs, 0), tensorAt(node, inputs, 1)];
  const [batch, count] = boxes.shape as [number, number, number];
  const classes = scores.shape[1]!;
  if (
    boxes.ndim !== 3 ||
    boxes.size(2) !== 4 ||
    scores.ndim !== 3 ||
    scores.size(0) !== batch ||
    scores.size(2) !== count
  ) {
    throw node.fail(
      `boxes [${boxes.shape.join(", ")}], scores [${scores.shape.join(", ")}]; expected [N, boxes, 4] and [N, classes, boxes]`,
    );
  }
  const most = numbersAt(inputs, 2)?.[0] ?? 0;
  const limit = numbersAt(inputs, 3)?.[0] ?? 0;
  const least = numbersAt(inputs, 4)?.[0] ?? -Infinity;
  const centred = node.int("center_point_box", 0) !== 0;
  const [corners, values] = [boxes.data(), scores.data()];
  const chosen: number[] = [];
  for (let row = 0; row < batch * classes; row++) {
    const image = Math.floor(row / classes);
    const score = (i: number): number => values[row * count + i]!;
    const order = Array.from({ length: count }, (_, i) => i).filter((i) => score(i) > least);
    order.sort((i, j) => score(j) - score(i));
    const taken: Box[] = [];
    for (const i of order) {
      if (taken.length >= most) break;
      const box = boxOf(corners, (image * count + i) * 4, centred);
      if (taken.some((other) => overlap(box, other) > limit)) continue;
      taken.push(box);
      chosen.push(image, row % classes, i);
    }
  }
  const tensor = adopt(makeTensor(Int32Array.from(chosen), { shape: [chosen.length / 3, 3] }));
  return [{ tensor, elem: "int64" }];
}

/** One sample along one dimension: two neighbours and their weights. */
type Pair = readonly (readonly [place: number, weight: number])[];

/** The samples of each of `outputs` bins between two ends, on n elements; beyond one element outside there is nothing. */
function samplesOf(start: number, size: number, outputs: number, ratio: number, n: number): Pair[][] {
  const bin = size / outputs;
  const count = ratio > 0 ? ratio : Math.max(1, Math.ceil(bin));
  return Array.from({ length: outputs }, (_, o) =>
    Array.from({ length: count }, (_, i): Pair => {
      const place = start + (o + (i + 0.5) / count) * bin;
      if (place < -1 || place > n) {
        return [
          [0, 0],
          [0, 0],
        ];
      }
      const within = Math.min(Math.max(place, 0), n - 1);
      const low = Math.floor(within);
      return [
        [low, 1 - (within - low)],
        [Math.min(low + 1, n - 1), within - low],
      ];
    }),
  );
}

/** Samples regions of images to one size, each region with places of its own, which follow from the values of the regions. */
function roiAlign(byDefault: "half_pixel" | "output_half_pixel"): Handler {
  return (node, inputs) => {
    const x = needed(node, inputs, 0);
    const [, channels, height, width] = x.tensor.shape as [number, number, number, number];
    const rois = numbersAt(inputs, 1) ?? [];
    const images = numbersAt(inputs, 2) ?? [];
    if (x.tensor.ndim !== 4 || rois.length !== 4 * images.length) {
      throw node.fail(
        `input [${x.tensor.shape.join(", ")}] with ${rois.length / 4} regions and ${images.length} batch indices`,
      );
    }
    const [rows, columns] = [node.int("output_height", 1), node.int("output_width", 1)];
    const ratio = node.int("sampling_ratio", 0);
    const scale = node.float("spatial_scale", 1);
    const mean = wordOf(node, "mode", "avg", ["avg", "max"]) === "avg";
    const words = ["half_pixel", "output_half_pixel"] as const;
    const half = wordOf(node, "coordinate_transformation_mode", byDefault, words) === "half_pixel";
    const shape = [images.length, channels, rows, columns];
    if (images.length === 0) return [as(x, constant(shape, 0))];
    const results = images.map((image, r) => {
      const [x1, y1, x2, y2] = rois.slice(4 * r, 4 * r + 4).map((v) => v * scale - (half ? 0.5 : 0)) as [
        number,
        number,
        number,
        number,
      ];
      const size = (from: number, to: number): number => (half ? to - from : Math.max(to - from, 1));
      const down = samplesOf(y1, size(y1, y2), rows, ratio, height);
      const across = samplesOf(x1, size(x1, x2), columns, ratio, width);
      const places: number[] = [];
      const weights: number[] = [];
      for (const row of down) {
        for (const column of across) {
          for (const [y, wy] of row.flat()) {
            for (const [at, wx] of column.flat()) {
              places.push(y * width + at);
              weights.push(wy * wx);
            }
          }
        }
      }
      return pooled(
        reshape(select(x.tensor, 0, image), [channels, height * width]),
        places,
        weights,
        [rows, columns],
        mean,
      );
    });
    return [as(x, stack(results, 0))];
  };
}

/** x [C, S]: the weighed elements of each bin, the same number for all of them; four of them are one sample. */
function pooled(
  x: Tensor,
  places: number[],
  weights: number[],
  size: readonly [number, number],
  mean: boolean,
): Tensor {
  const shape = [...size, places.length / (size[0] * size[1])] as const;
  const read = indexSelect(x, adopt(makeTensor(Int32Array.from(places))), 1);
  const weighed = mul(reshape(read, [x.size(0), ...shape]), adopt(makeTensor(new Float32Array(weights), { shape })));
  return mean ? affine(F.sum(weighed, { dim: -1 }), 4 / shape[2], 0) : F.amax(weighed, { dim: -1 });
}

/** The elements of bin i of `count` between two ends that lie on n elements. */
function binOf(i: number, count: number, from: number, to: number, n: number): number[] {
  const size = Math.max(to - from + 1, 1);
  const start = Math.max(0, from + Math.floor((i * size) / count));
  const end = Math.min(n, from + Math.ceil(((i + 1) * size) / count));
  return Array.from({ length: Math.max(0, end - start) }, (_, k) => start + k);
}

/** The largest element of each bin of each region [image, x1, y1, x2, y2], whose ends are rounded and inclusive; 0 where a bin is empty. */
function runMaxRoiPool(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const [, channels, height, width] = x.tensor.shape as [number, number, number, number];
  const rois = numbersAt(inputs, 1) ?? [];
  const [rows, columns] = node.ints("pooled_shape") as [number, number];
  const scale = node.float("spatial_scale", 1);
  if (x.tensor.ndim !== 4 || rois.length % 5 !== 0) {
    throw node.fail(
      `input [${x.tensor.shape.join(", ")}] with ${rois.length} values of regions; expected [N, C, H, W] and [regions, 5]`,
    );
  }
  if (rois.length === 0) return [as(x, constant([0, channels, rows, columns], 0))];
  const results = Array.from({ length: rois.length / 5 }, (_, r) => {
    const [image, ...ends] = rois.slice(5 * r, 5 * r + 5) as [number, number, number, number, number];
    const [x1, y1, x2, y2] = ends.map((v) => Math.round(v * scale)) as [number, number, number, number];
    const bins = Array.from({ length: rows * columns }, (_, bin) => {
      const across = binOf(bin % columns, columns, x1, x2, width);
      return binOf(Math.floor(bin / columns), rows, y1, y2, height).flatMap((y) => across.map((at) => y * width + at));
    });
    const most = bins.reduce((m, { length }) => Math.max(m, length), 1);
    // Bins of one size: the smaller ones name an element again.
    const places = bins.flatMap((bin) => Array.from({ length: most }, (_, k) => bin[k] ?? bin[0] ?? 0));
    const weights = bins.flatMap((bin) => new Array<number>(most).fill(bin.length === 0 ? 0 : 1));
    const plane = reshape(select(x.tensor, 0, image), [channels, height * width]);
    return pooled(plane, places, weights, [rows, columns], false);
  });
  return [as(x, stack(results, 0))];
}

const ROI = ["mode", "output_height", "output_width", "sampling_ratio", "spatial_scale"];

/** What detectors need besides. */
export const detection: OperatorTable = {
  MaxRoiPool: [{ since: 1, attributes: ["pooled_shape", "spatial_scale"], run: runMaxRoiPool }],
  NonMaxSuppression: [{ since: 10, attributes: ["center_point_box"], run: runNonMaxSuppression }],
  RoiAlign: [
    { since: 10, attributes: ROI, run: roiAlign("output_half_pixel") },
    { since: 16, attributes: [...ROI, "coordinate_transformation_mode"], run: roiAlign("half_pixel") },
  ],
};
