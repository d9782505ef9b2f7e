import { type ConvAttrs, prepare, spatialSizes } from "../backend/convolution.js";
import { K } from "../backend/index.js";
import { checkDType, checkRank, checkTuple } from "../check.js";
import { ShapeError } from "../errors.js";
import { formatShape, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Ptr, Shape, Sizes, Spec } from "../types.js";

import { apply, defineOp } from "./op.js";

// Windows as columns, and their adjoint. What `unfold` makes is what a convolution multiplies its weights with.

type One = readonly [Tensor];

/** A convolution's windows: kernel, stride, padding and dilation, one entry for each of two dimensions. */
export interface UnfoldAttrs extends ConvAttrs {
  readonly kernel: readonly number[];
  /** Size of the image. */
  readonly size: Shape;
}

export interface UnfoldOptions {
  readonly kernelSize: Sizes;
  /** Step between the elements of a window. Default 1. */
  readonly dilation?: Sizes;
  /** Zeros on both sides. Default 0. */
  readonly padding?: Sizes;
  /** Step between windows. Default 1. */
  readonly stride?: Sizes;
}

/** Attributes from what the user wrote, checked, but for the size. */
export function unfoldAttrs(op: string, options: UnfoldOptions): Omit<UnfoldAttrs, "size"> {
  return {
    kernel: checkTuple(op, "kernelSize", options.kernelSize, 2, 1),
    dilation: checkTuple(op, "dilation", options.dilation ?? 1, 2, 1),
    padding: checkTuple(op, "padding", options.padding ?? 0, 2, 0).map((p) => [p, p] as const),
    stride: checkTuple(op, "stride", options.stride ?? 1, 2, 1),
    groups: 1,
  };
}

/** Windows in each dimension. */
function windowsOf(op: string, { kernel, stride, padding, dilation, size }: UnfoldAttrs): number[] {
  return kernel.map((k, d) => {
    const reach = dilation[d]! * (k - 1) + 1;
    const padded = size[d]! + padding[d]![0] + padding[d]![1];
    if (reach > padded) {
      throw new ShapeError(
        op,
        `kernel ${formatShape(kernel)} with dilation ${formatShape(dilation)} does not fit into the padded image; ` +
          `expected at most ${padded} in dim ${d}, got ${reach} (image ${formatShape(size)})`,
      );
    }
    return Math.floor((padded - reach) / stride[d]!) + 1;
  });
}

function geometryOf(attrs: UnfoldAttrs): Ptr {
  const windows = windowsOf("Unfold", attrs);
  return prepare(spatialSizes(attrs.size, [1, 1, ...attrs.kernel], windows, attrs), 0);
}

function unfolded(x: Spec, attrs: UnfoldAttrs): Spec {
  checkDType("Unfold", "input", x, "float32");
  const windows = windowsOf("Unfold", attrs);
  const channels = x.shape[x.shape.length - 3]! * numel(attrs.kernel);
  return { shape: [...x.shape.slice(0, -3), channels, numel(windows)], dtype: "float32" };
}

function folded(columns: Spec, attrs: UnfoldAttrs): Spec {
  checkDType("Fold", "input", columns, "float32");
  checkRank("Fold", "input", columns.shape, 2, 3);
  const windows = windowsOf("Fold", attrs);
  const [rows, length] = columns.shape.slice(-2) as [number, number];
  const taps = numel(attrs.kernel);
  if (rows % taps !== 0 || length !== numel(windows)) {
    throw new ShapeError(
      "Fold",
      `input has shape ${formatShape(columns.shape)}; expected a multiple of ${taps} (kernel ${formatShape(attrs.kernel)}) ` +
        `rows of ${numel(windows)} windows (${windows.join(" × ")} in an image ${formatShape(attrs.size)})`,
    );
  }
  return { shape: [...columns.shape.slice(0, -2), rows / taps, ...attrs.size], dtype: "float32" };
}

/** y[n, c·K + k, l] = the k-th element of window l in channel c, 0 in the padding. */
export const unfoldOp = defineOp<One, One, UnfoldAttrs>({
  name: "unfold",
  infer: ([x], attrs) => [unfolded(x, attrs)],
  forward: ([y], [x], attrs) => K.unfold_f32(y.ptr, x.ptr, geometryOf(attrs), numel(x.shape.slice(0, -2))),
  saves: { inputs: [] },
  backward: ([g], _, __, attrs) => [() => fold(g, attrs)],
});

/** Adds windows up where `unfold` had read them. */
export const foldOp = defineOp<One, One, UnfoldAttrs>({
  name: "fold",
  infer: ([columns], attrs) => [folded(columns, attrs)],
  forward: ([y], [columns], attrs) => K.fold_f32(y.ptr, columns.ptr, geometryOf(attrs), numel(y.shape.slice(0, -2))),
  saves: { inputs: [] },
  backward: ([g], _, __, attrs) => [() => apply(unfoldOp, [g], attrs)[0]],
});

export function unfold(x: Tensor, attrs: Omit<UnfoldAttrs, "size">): Tensor {
  checkRank("Unfold", "input", x.shape, 3, 4);
  return apply(unfoldOp, [x], { ...attrs, size: x.shape.slice(-2) })[0];
}

export function fold(columns: Tensor, attrs: UnfoldAttrs): Tensor {
  return apply(foldOp, [columns], attrs)[0];
}
