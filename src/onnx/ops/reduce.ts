import * as F from "../../functional/index.js";
import { cast, constant } from "../../ops/copy.js";
import type { Tensor } from "../../tensor.js";
import { as, axisOf, type Inputs, listAt, needed, numbersAt } from "../arguments.js";
import { dtypeOf, elementTypeOf, isReal } from "../elements.js";
import type { Arg, Elem, Handler, NodeView, OperatorTable } from "../handler.js";
import { truncated, whole, wrapped } from "../integers.js";

/** What to reduce: distinct axes from the front, and whether they stay as size 1. */
interface Reduction {
  readonly dim: readonly number[];
  readonly keepdim: boolean;
}

type Reducer = (x: Tensor, reduction: Reduction, elem: Elem) => Tensor;

/** The axes come as an attribute or as the second input; none means all, or, if the node says so, not a single one. */
function reduction(node: NodeView, inputs: Inputs, rank: number): Reduction {
  const axes = node.has("axes") ? node.ints("axes") : (listAt(inputs, 1) ?? []);
  const keepdim = node.int("keepdims", 1) !== 0;
  if (axes.length > 0) return { dim: axes.map((axis) => axisOf(node, axis, rank)), keepdim };
  const all = Array.from({ length: rank }, (_, d) => d);
  return { dim: node.int("noop_with_empty_axes", 0) !== 0 ? [] : all, keepdim };
}

function reducing(reduce: Reducer): Handler {
  return (node, inputs) => {
    const x = needed(node, inputs, 0);
    return [
      as(x, cast(wrapped(reduce(x.tensor, reduction(node, inputs, x.tensor.ndim), x.elem), x.elem), x.tensor.dtype)),
    ];
  };
}

function sum(x: Tensor, over: Reduction): Tensor {
  return over.dim.length === 0 ? x : F.sum(x, over);
}

function count(x: Tensor, { dim }: Reduction): number {
  return dim.reduce((n, d) => n * x.shape[d]!, 1);
}

function mean(x: Tensor, over: Reduction, elem: Elem): Tensor {
  const n = count(x, over);
  return isReal(elem) ? F.mul(sum(x, over), 1 / n) : truncated(sum(x, over), whole(n));
}

/** One dimension after the other, the last first. */
function product(x: Tensor, { dim, keepdim }: Reduction): Tensor {
  return [...dim].sort((a, b) => b - a).reduce((y, d) => F.prod(y, { dim: d, keepdim }), x);
}

/** The largest or smallest; of nothing it is what every other value beats. */
function extreme(choose: (x: Tensor, over: Reduction) => Tensor, sign: 1 | -1): Reducer {
  return (x, over, elem) => {
    if (over.dim.length === 0) return x;
    if (count(x, over) > 0) return choose(x, over);
    const { min, max } = elementTypeOf(elem)!;
    const clipped = (v: number): number => (isReal(elem) ? v : Math.min(Math.max(v, -(2 ** 31)), 2 ** 31 - 1));
    const shape = x.shape.flatMap((n, d) => (!over.dim.includes(d) ? [n] : over.keepdim ? [1] : []));
    return constant(shape, clipped(sign > 0 ? min : max), dtypeOf(elem));
  };
}

function euclidean(x: Tensor, over: Reduction, elem: Elem): Tensor {
  if (isReal(elem)) return over.dim.length === 0 ? F.abs(x) : F.norm(x, over);
  return F.sqrt(F.sum(F.square(x), over));
}

const REDUCERS: Readonly<Record<string, Reducer>> = {
  ReduceSum: sum,
  ReduceMean: mean,
  ReduceProd: product,
  ReduceMax: extreme((x, over) => F.amax(x, over), 1),
  ReduceMin: extreme((x, over) => F.amin(x, over), -1),
  ReduceL1: (x, over) => sum(F.abs(x), over),
  ReduceL2: euclidean,
  ReduceSumSquare: (x, over) => sum(F.mul(x, x), over),
  ReduceLogSum: (x, over) => F.log(sum(x, over)),
  ReduceLogSumExp: (x, over) => (over.dim.length === 0 ? x : F.logsumexp(x, over)),
};

/** The position of the largest or smallest element; the last of equals if the node says so. */
function position(choose: (x: Tensor, options: { dim: number; keepdim: boolean }) => Tensor): Handler {
  return (node, inputs) => {
    const { tensor } = needed(node, inputs, 0);
    const options = { dim: axisOf(node, node.int("axis", 0), tensor.ndim), keepdim: node.int("keepdims", 1) !== 0 };
    const last = node.int("select_last_index", 0) !== 0;
    const found = choose(last ? F.flip(tensor, { dims: options.dim }) : tensor, options);
    return [{ tensor: last ? F.sub(tensor.shape[options.dim]! - 1, found) : found, elem: "int64" }];
  };
}

function runCumSum(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const axis = numbersAt(inputs, 1)?.[0];
  if (axis === undefined) throw node.fail("input 1 is missing; expected an axis");
  const dim = axisOf(node, axis, x.tensor.ndim);
  const reverse = node.int("reverse", 0) !== 0;
  const directed = (t: Tensor): Tensor => (reverse ? F.flip(t, { dims: dim }) : t);
  const from = directed(x.tensor);
  const exclusive = node.int("exclusive", 0) !== 0 && from.size(dim) > 0;
  return [as(x, wrapped(directed(F.cumsum(exclusive ? delayed(from, dim) : from, { dim })), x.elem))];
}

/** Moved on by one, with 0 in front. */
function delayed(x: Tensor, dim: number): Tensor {
  const first = constant(
    x.shape.map((n, d) => (d === dim ? 1 : n)),
    0,
    x.dtype,
  );
  return F.cat([first, F.narrow(x, { dim, start: 0, length: x.size(dim) - 1 })], { dim });
}

function runTopK(node: NodeView, inputs: Inputs): [Arg, Arg] {
  const x = needed(node, inputs, 0);
  const k = node.has("k") ? node.int("k") : numbersAt(inputs, 1)?.[0];
  if (k === undefined) throw node.fail("k is missing");
  const options = { k, dim: axisOf(node, node.int("axis", -1), x.tensor.ndim), largest: node.int("largest", 1) !== 0 };
  const [values, indices] = F.topk(x.tensor, options);
  return [as(x, values), { tensor: indices, elem: "int64" }];
}

/** `axes` was an attribute at first, and became an input with operator set 13 (sums) or 18 (all others). */
function versions(name: string, run: Handler): OperatorTable[string] {
  return [
    { since: 6, attributes: ["axes", "keepdims"], run },
    { since: name === "ReduceSum" ? 13 : 18, attributes: ["keepdims", "noop_with_empty_axes"], run },
  ];
}

const POSITION = ["axis", "keepdims", "select_last_index"];

/** Reductions, running sums and ranks. */
export const reductions: OperatorTable = {
  ...Object.fromEntries(Object.entries(REDUCERS).map(([name, reduce]) => [name, versions(name, reducing(reduce))])),
  ArgMax: [{ since: 6, attributes: POSITION, run: position((x, options) => F.argmax(x, options)) }],
  ArgMin: [{ since: 6, attributes: POSITION, run: position((x, options) => F.argmin(x, options)) }],
  CumSum: [{ since: 11, attributes: ["exclusive", "reverse"], run: runCumSum }],
  TopK: [
    { since: 6, attributes: ["axis", "k"], run: runTopK },
    { since: 10, attributes: ["axis", "largest", "sorted"], run: runTopK },
  ],
};
