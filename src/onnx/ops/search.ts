import { makeTensor } from "../../creation.js";
import * as F from "../../functional/index.js";
import { cast } from "../../ops/copy.js";
import { numel } from "../../shape.js";
import { adopt, type Tensor } from "../../tensor.js";
import { as, axisOf, type Inputs, needed, tensorAt } from "../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";

function runNonZero(node: NodeView, inputs: Inputs): [Arg] {
  const found = F.nonzero(cast(tensorAt(node, inputs, 0), "bool"));
  return [{ tensor: F.transpose(found, { dim0: 0, dim1: 1 }), elem: "int64" }];
}

/** What is different among slices: where each first stands, which of them every slice is, and how often each occurs. */
interface Distinct {
  readonly first: number[];
  readonly inverse: number[];
  readonly counts: number[];
}

/** Slices [n, width] are equal if all their elements are. */
function distinct(values: ArrayLike<number>, n: number, width: number): Distinct {
  const known = new Map<string, number>();
  const out: Distinct = { first: [], inverse: [], counts: [] };
  for (let i = 0; i < n; i++) {
    const key = Array.from({ length: width }, (_, k) => values[i * width + k]).join();
    let at = known.get(key);
    if (at === undefined) {
      at = out.first.length;
      known.set(key, at);
      out.first.push(i);
      out.counts.push(0);
    }
    out.inverse.push(at);
    out.counts[at]!++;
  }
  return out;
}

/** The same, its slices in ascending order; the first elements that differ decide. */
function ordered(found: Distinct, values: ArrayLike<number>, width: number): Distinct {
  const compare = (a: number, b: number): number => {
    for (let k = 0; k < width; k++) {
      const d = values[found.first[a]! * width + k]! - values[found.first[b]! * width + k]!;
      if (d !== 0) return d;
    }
    return 0;
  };
  const order = Array.from(found.first.keys()).sort(compare);
  const rank = new Map(order.map((from, to) => [from, to]));
  return {
    first: order.map((i) => found.first[i]!),
    inverse: found.inverse.map((i) => rank.get(i)!),
    counts: order.map((i) => found.counts[i]!),
  };
}

/** Compared on the host: how many there are decides the shape of the result. */
function runUnique(node: NodeView, inputs: Inputs): Arg[] {
  const x = needed(node, inputs, 0);
  const from = node.has("axis") ? x.tensor : F.reshape(x.tensor, { shape: [-1] });
  const dim = axisOf(node, node.int("axis", 0), from.ndim);
  const rows = F.moveaxis(from, { source: dim, destination: 0 });
  const width = numel(rows.shape.slice(1));
  const values = rows.data();
  const found = distinct(values, rows.shape[0]!, width);
  const result = node.int("sorted", 1) !== 0 ? ordered(found, values, width) : found;
  const [first, inverse, counts] = [result.first, result.inverse, result.counts].map(
    (list): Tensor => adopt(makeTensor(Int32Array.from(list))),
  );
  const more = [first!, inverse!, counts!].map((tensor): Arg => ({ tensor, elem: "int64" }));
  return [as(x, F.indexSelect(from, first!, { dim })), ...more];
}

/** Operators whose results are as large as the values say. */
export const searches: OperatorTable = {
  NonZero: [{ since: 9, attributes: [], run: runNonZero }],
  Unique: [{ since: 11, attributes: ["axis", "sorted"], run: runUnique }],
};
