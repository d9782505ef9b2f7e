import { K } from "../backend/index.js";
import { checkDType, checkRank, checkTuple } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { formatShape, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape, Sizes, Spec } from "../types.js";
import {
  type ConvAttrs,
  type ConvOptions,
  channelSum,
  checkBias,
  checkChannels,
  contextOf,
  conv,
  convAttrs,
  convFlops,
  convWeightGrad,
  runInputGrad,
} from "./conv.js";
import { apply, defineOp } from "./op.js";

// Transposed convolution: the gradient of a convolution in its input, as a layer of its own, with a bias. Its attributes are those of the
// convolution that leads back from its output to its input. The output padding, which says which of the sizes that lead to the same
// input is meant, is what that convolution has less padding behind; it may come out negative.

export interface ConvTransposeOptions extends ConvOptions {
  /** What the convolution that leads back would have as padding: cuts off the output on both sides. Default 0. */
  readonly padding?: Sizes;
  /** Added to the output's size at its end; less than stride or dilation. Default 0. */
  readonly outputPadding?: Sizes;
}

/** Attributes from what the user wrote, checked. `op` is the class name that messages start with. */
export function convTransposeAttrs(op: string, kernel: Shape, options: ConvTransposeOptions): ConvAttrs {
  const rank = kernel.length;
  const padding = checkTuple(op, "padding", options.padding ?? 0, rank, 0);
  return withOutputPadding(op, convAttrs(op, kernel, { ...options, padding }), options.outputPadding ?? 0);
}

/** The same attributes for another output padding. */
export function withOutputPadding(op: string, attrs: ConvAttrs, outputPadding: Sizes): ConvAttrs {
  const { stride, padding, dilation } = attrs;
  const extra = checkTuple(op, "outputPadding", outputPadding, stride.length, 0);
  extra.forEach((n, d) => {
    if (n >= Math.max(stride[d]!, dilation[d]!)) {
      throw new ArgumentError(
        op,
        `outputPadding is ${n}; expected less than stride ${stride[d]} or dilation ${dilation[d]} (dim ${d})`,
      );
    }
  });
  return { ...attrs, padding: padding.map(([before], d) => [before, before - extra[d]!] as const) };
}

/** The output padding that gives `outputSize`: the spatial sizes, or the whole shape. */
export function outputPaddingFor(op: string, x: Shape, kernel: Shape, attrs: ConvAttrs, outputSize: Shape): number[] {
  const rank = kernel.length;
  checkRank(op, "input", x, rank + 1, rank + 2);
  if (outputSize.length !== rank && outputSize.length !== x.length) {
    throw new ArgumentError(op, `outputSize is ${formatShape(outputSize)}; expected ${rank} sizes, or ${x.length}`);
  }
  const least = sizesOf(x, kernel, withOutputPadding(op, attrs, 0));
  return outputSize.slice(-rank).map((n, d) => {
    const extra = n - least[d]!;
    if (!(Number.isInteger(extra) && extra >= 0 && extra < attrs.stride[d]!)) {
      throw new ArgumentError(
        op,
        `outputSize is ${formatShape(outputSize)}; expected from ${formatShape(least)} to ` +
          `${formatShape(least.map((m, i) => m + attrs.stride[i]! - 1))} (input ${formatShape(x)})`,
      );
    }
    return extra;
  });
}

/** (Q − 1)·stride − padding + dilation·(K − 1) + 1 in each dimension. */
function sizesOf(x: Shape, kernel: Shape, { stride, padding, dilation }: ConvAttrs): number[] {
  return kernel.map((k, d) => {
    const n = x[x.length - kernel.length + d]!;
    return (n - 1) * stride[d]! - padding[d]![0] - padding[d]![1] + dilation[d]! * (k - 1) + 1;
  });
}

function inferTransposed(x: Spec, weight: Spec, bias: Spec | null, attrs: ConvAttrs): Spec[] {
  const rank = attrs.stride.length;
  const op = `ConvTranspose${rank}d`;
  checkDType(op, "input", x, "float32");
  checkDType(op, "weight", weight, "float32");
  const outChannels = checkChannels(op, x.shape, weight.shape, attrs, true);
  if (bias !== null) checkBias(op, x.shape, weight.shape, bias, attrs, outChannels);
  const kernel = weight.shape.slice(2);
  const out = sizesOf(x.shape, kernel, attrs);
  if ([...kernel, ...x.shape.slice(-rank)].includes(0) || out.some((n) => n < 1)) {
    const context = contextOf(x.shape, weight.shape, attrs);
    throw new ShapeError(op, `output would be ${formatShape(out)}; expected sizes ≥ 1 (${context})`);
  }
  return [{ shape: [...x.shape.slice(0, -rank - 1), outChannels, ...out], dtype: "float32" }];
}

/** y = convᵀ(x, w) + b. x [N, C, Q…] or [C, Q…], w [C, O/G, K…], b [O] or null → y [N, O, I…] or [O, I…]. */
export const convTransposeOp = defineOp<
  readonly [x: Tensor, weight: Tensor, bias: Tensor | null],
  readonly [Tensor],
  ConvAttrs
>({
  name: "conv_transpose",
  infer: ([x, weight, bias], attrs) => inferTransposed(x, weight, bias, attrs),
  forward: ([y], [x, weight, bias], attrs) => {
    runInputGrad(y, x, weight, attrs);
    if (bias === null) return;
    const size = numel(y.shape.slice(-attrs.stride.length));
    const step = bias.numel * size;
    K.add_f32(
      y.ptr,
      y.ptr,
      bias.ptr,
      1,
      step === 0 ? 0 : y.numel / step,
      bias.numel,
      size,
      0,
      step,
      size,
      1,
      0,
      0,
      1,
      0,
    );
  },
  flops: ([x, weight]) => convFlops(weight, x),
  saves: { inputs: [0, 1] },
  backward: ([g], [x, weight, bias], _, attrs) => [
    () => conv(g, weight, null, attrs),
    () => convWeightGrad(x, g, weight.shape, attrs),
    bias && (() => channelSum(g, attrs.stride.length)),
  ],
});

export function convTranspose(x: Tensor, weight: Tensor, bias: Tensor | null, attrs: ConvAttrs): Tensor {
  return apply(convTransposeOp, [x, weight, bias], attrs)[0];
}
