import type { Shape } from "../types.js";
import { wordOf } from "./arguments.js";
import type { NodeView } from "./handler.js";

/** The attributes that say how windows slide. */
export const WINDOW_ATTRIBUTES = ["auto_pad", "dilations", "kernel_shape", "pads", "strides"];

export type Side = readonly [before: number, after: number];

/** Windows over the spatial dimensions of [N, C, spatial…]. */
export interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly Side[];
}

export const AUTO_PADS = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"] as const;

/** Pairs from ONNX's order: all the sides in front, then all those behind. */
export function sidesOf(node: NodeView, rank: number): Side[] {
  const pads = listOf(node, "pads", 2 * rank, 0, 0);
  return Array.from({ length: rank }, (_, d) => [pads[d]!, pads[rank + d]!]);
}

/** An attribute with an entry for each dimension. */
export function listOf(
  node: NodeView,
  name: string,
  count: number,
  byDefault: number,
  least: number,
): readonly number[] {
  const values = node.ints(name, new Array<number>(count).fill(byDefault));
  if (values.length !== count || values.some((v) => v < least)) {
    throw node.fail(`${name} is [${values.join(", ")}]; expected ${count} integers, each at least ${least}`);
  }
  return values;
}

/**
 * The windows of a node over an input, its padding worked out: SAME_UPPER and SAME_LOWER give ⌈n / stride⌉ outputs, the odd element of
 * padding behind or in front.
 */
export function windowOf(node: NodeView, input: Shape, kernel: readonly number[]): Window {
  const rank = kernel.length;
  if (rank < 1 || rank > 3 || input.length !== rank + 2) {
    throw node.fail(
      `input [${input.join(", ")}] and kernel [${kernel.join(", ")}]; expected [N, C, …] with one to three sizes, and as many in the kernel`,
    );
  }
  const stride = listOf(node, "strides", rank, 1, 1);
  const dilation = listOf(node, "dilations", rank, 1, 1);
  const auto = wordOf(node, "auto_pad", "NOTSET", AUTO_PADS);
  const padding =
    auto === "NOTSET"
      ? sidesOf(node, rank)
      : kernel.map((k, d): Side => {
          if (auto === "VALID") return [0, 0];
          const n = input[d + 2]!;
          const total = Math.max(0, (Math.ceil(n / stride[d]!) - 1) * stride[d]! + dilation[d]! * (k - 1) + 1 - n);
          return halves(total, auto === "SAME_UPPER");
        });
  return { kernel, stride, dilation, padding };
}

/** A total in two halves; the odd one is behind if `upper`, else in front. */
export function halves(total: number, upper: boolean): Side {
  const less = Math.trunc(total / 2);
  return upper ? [less, total - less] : [total - less, less];
}

/** How many windows there are in each dimension: as in PyTorch, none begins in the padding behind when rounding up. */
export function windowCounts(
  node: NodeView,
  input: Shape,
  { kernel, stride, dilation, padding }: Window,
  ceil: boolean,
): number[] {
  return kernel.map((k, d) => {
    const [before, after] = padding[d]!;
    const n = input[d + 2]!;
    const room = (n + before + after - dilation[d]! * (k - 1) - 1) / stride[d]!;
    const count = (ceil ? Math.ceil(room) : Math.floor(room)) + 1;
    if (count < 1) throw node.fail(`input [${input.join(", ")}] is too small for the kernel [${kernel.join(", ")}]`);
    return ceil && (count - 1) * stride[d]! >= n + before ? count - 1 : count;
  });
}
