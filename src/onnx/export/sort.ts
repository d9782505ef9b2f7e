import { argsortOp, medianOp, searchsortedOp, topkOp, uniqueCountOp, uniqueOp } from "../../ops/sort.js";
import { type Rule, rule, type Site } from "../export_rule.js";
import { cast, filled, reduce, reshape, slice, unsqueeze } from "../export_shapes.js";
import { fixedSizes } from "../export_sizes.js";
import type { Name, Writer } from "../export_writer.js";

/** Positions in order of the last dimension. */
function order(to: Writer, x: Name, count: Name, largest: boolean): Name {
  return to.narrow(to.emit("TopK", [x, count], { axis: -1, largest: largest ? 1 : 0, sorted: 1 }, 2)[1]!);
}

function argsort(to: Writer, { first, attrs: { descending }, value }: Site<{ descending: boolean }>): Name {
  const { dims } = value(0);
  if (dims.length > 0) return order(to, first, to.size(dims.at(-1)!), descending);
  return reshape(to, order(to, reshape(to, first, [1]), to.ints([1]), descending), []);
}

/** The lower median, or the first NaN if there is any. */
function median(to: Writer, { x: [x, sorted], value }: Site<void>): Name {
  const axis = value(0).shape.length - 1;
  if (axis < 0) return sorted!;
  const [n] = fixedSizes("the dimension", value(0).dims.slice(-1)) as [number];
  const middle = (n - 1) >> 1;
  const broken = cast(to, to.op("IsNaN", [x!]), "int32");
  const first = to.narrow(to.op("ArgMax", [broken], { axis }));
  const any = cast(to, reduce(to, "ReduceMax", broken, [axis], true), "bool");
  return to.op("Where", [any, first, slice(to, sorted!, [{ axis, start: middle, end: middle + 1 }])]);
}

/** How many of the sequence stand in front of each value. */
function searchsorted(to: Writer, { x: [sorted, x], attrs: { right }, value }: Site<{ right: boolean }>): Name {
  if (value(0).dims.at(-1) === 0) return filled(to, 0, "int32", x!);
  const [sequence, values] = [unsqueeze(to, sorted!, [-2]), unsqueeze(to, x!, [-1])];
  const before = to.op(right ? "LessOrEqual" : "Less", [sequence, values]);
  return reduce(to, "ReduceSum", cast(to, before, "int32"), [-1], false);
}

function unique(to: Writer, { first, value }: Site<unknown>): Name[] {
  const { dtype, dims } = value(0);
  const [values, , inverse, counts] = to.emit(
    "Unique",
    [dtype === "int32" ? to.int64(first) : first],
    { sorted: 1 },
    4,
  );
  const own = dtype === "int32" ? to.narrow(values!) : values!;
  return [own, to.narrow(reshape(to, inverse!, dims, dims)), to.narrow(counts!)];
}

export const sorting: readonly Rule[] = [
  rule(argsortOp, argsort),
  rule(topkOp, (to, { first, attrs: { k, largest } }) => order(to, first, to.ints([k]), largest)),
  rule(medianOp, median),
  rule(searchsortedOp, searchsorted),
  rule(uniqueCountOp, (to, site) => to.narrow(to.op("Size", [unique(to, site)[0]!]))),
  rule(uniqueOp, unique),
];
