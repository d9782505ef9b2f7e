import { type GridSampling, gridSampleOp } from "../../ops/grid_sample.js";
import { axisTaps, type Resampling, resampleOp, type TableResampling, type Taps } from "../../ops/upsample.js";
import { type Rule, rule, type Site } from "../export_rule.js";
import type { Name, Writer } from "../export_writer.js";
import { alongAxis } from "./pool.js";

/** Elements that are copied: the place of each; null if some are weighted. */
function copied(outputs: readonly Taps[]): number[] | null {
  const places = outputs.map((taps) => (taps.length === 1 && taps[0]![1] === 1 ? taps[0]![0] : -1));
  return places.includes(-1) ? null : places;
}

function matrixOf(outputs: readonly Taps[], n: number): number[][] {
  return outputs.map((taps) => {
    const row = new Array<number>(n).fill(0);
    for (const [place, weight] of taps) row[place] = Math.fround(row[place]! + weight);
    return row;
  });
}

/** Whether Resize finds the same places: what a factor that float32 holds exactly makes of whole sizes. */
function isPlain(attrs: Resampling | TableResampling): attrs is Resampling {
  if ("tables" in attrs || attrs.adjoint || attrs.antialias) return false;
  const { from, to, scales, filter } = attrs;
  const ratios = from.map((n, d) => to[d]! / n);
  const exact = ratios.every((r, d) => Math.fround(r) === r && [null, r].includes(scales[d]!));
  return exact && (filter === "linear" || (filter === "nearest" && ratios.every(Number.isInteger)));
}

/** Dimension by dimension by the tables that the kernels use, unless Resize gives the same. */
function resample(to: Writer, { first, attrs, value }: Site<Resampling | TableResampling>): Name {
  const rank = value(0).shape.length;
  const spatial = attrs.from.length;
  if (isPlain(attrs) && rank === spatial + 2) {
    const scales = [1, 1, ...attrs.from.map((n, d) => attrs.to[d]! / n)];
    const nearest = attrs.filter === "nearest";
    const places = nearest ? "asymmetric" : attrs.alignCorners ? "align_corners" : "half_pixel";
    const rounding = nearest ? { nearest_mode: "floor" } : {};
    return to.op("Resize", [first, null, to.literal("float32", [rank], scales)], {
      mode: nearest ? "nearest" : "linear",
      coordinate_transformation_mode: places,
      ...rounding,
    });
  }
  return axisTaps(attrs).reduce<Name>((x, { n, outputs }, d) => {
    const axis = rank - spatial + d;
    const places = copied(outputs);
    if (places?.every((place, i) => place === i) && places.length === n) return x;
    if (places !== null) return to.op("Gather", [x, to.ints(places)], { axis });
    return alongAxis(to, x, axis, rank, matrixOf(outputs, n));
  }, first);
}

function gridSample(to: Writer, { x, attrs: { nearest, padding, alignCorners } }: Site<GridSampling>): Name {
  const linear = to.opset >= 20 ? "linear" : "bilinear";
  return to.op("GridSample", x, {
    mode: nearest ? "nearest" : linear,
    padding_mode: padding,
    align_corners: alignCorners ? 1 : 0,
  });
}

export const resampling: readonly Rule[] = [rule(resampleOp, resample), rule(gridSampleOp, gridSample)];
