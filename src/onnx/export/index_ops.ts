import { embeddingOp, oneHotOp } from "../../ops/embedding.js";
import { gatherOp, scatterAddOp, scatterExtremeOp, scatterOp } from "../../ops/gather.js";
import { linearIndexOp } from "../../ops/lookup.js";
import { countTrueOp, nonzeroOp } from "../../ops/mask.js";
import { indexAddOp, indexCopyOp, indexFillOp, indexSelectOp } from "../../ops/rows.js";
import { contiguousStrides } from "../../shape.js";
import { type Rule, rule, type Site } from "../export_rule.js";
import { cast, filled, reduce, reshape, slice, unsqueeze } from "../export_shapes.js";
import { fixedSizes } from "../export_sizes.js";
import type { Name, Writer } from "../export_writer.js";

interface Along {
  readonly dim: number;
}

/** ONNX's operators on elements want a dimension. */
function withDimension(
  to: Writer,
  rank: number,
  operands: readonly Name[],
  run: (operands: readonly Name[]) => Name,
): Name {
  if (rank > 0) return run(operands);
  return reshape(to, run(operands.map((x) => reshape(to, x, [1]))), []);
}

function gather(to: Writer, { x: [x, index], attrs: { dim }, value }: Site<Along>): Name {
  return withDimension(to, value(0).shape.length, [x!, to.index(index!)], (operands) =>
    to.op("GatherElements", operands, { axis: dim }),
  );
}

function scatter(
  to: Writer,
  { x: [x, index, src = null], attrs: { dim, value: v }, value }: Site<Along & { value: number }>,
): Name {
  const source = src ?? filled(to, v, value(0).dtype, index!);
  return withDimension(to, value(0).shape.length, [x!, to.index(index!), source], (operands) =>
    to.op("ScatterElements", operands, { axis: dim }),
  );
}

function scatterAdd(to: Writer, { x: [x, index, src], attrs: { dim }, value }: Site<Along>): Name {
  return withDimension(to, value(0).shape.length, [x!, to.index(index!), src!], (operands) =>
    to.op("ScatterElements", operands, { axis: dim, reduction: "add" }),
  );
}

/** Before operator set 18 no scatter takes extremes: every place looks at all sources and takes those that point at it. */
function scatterExtreme(
  to: Writer,
  { x: [x, index, src], attrs: { dim, largest }, value }: Site<Along & { largest: boolean }>,
): Name {
  const rank = value(0).shape.length;
  return withDimension(to, rank, [x!, to.index(index!), src!], ([target, places, source]) => {
    const [min, max] = ["ReduceMin", "ReduceMax"];
    if (to.opset >= 18) {
      const reduction = largest ? "max" : "min";
      return to.op("ScatterElements", [target!, places!, source!], { axis: dim, reduction });
    }
    const [n] = fixedSizes("the dimension", [value(0).dims[dim] ?? 1]) as [number];
    const wide = Math.max(rank, 1);
    // [.., n, .., m] with the sources' dimension behind the others.
    const behind = (t: Name): Name => {
      const perm = [...Array.from({ length: wide }, (_, d) => d).filter((d) => d !== dim), dim];
      return unsqueeze(to, to.op("Transpose", [t], { perm }), [dim]);
    };
    const row = Array.from({ length: wide + 1 }, (_, d) => (d === dim ? n : 1));
    const count = to.literal(
      "int64",
      row,
      Array.from({ length: n }, (_, i) => i),
    );
    const hits = to.op("Equal", [cast(to, behind(places!), "int64"), count]);
    const rest = to.scalar(largest ? -Infinity : Infinity);
    const all = reduce(to, largest ? max! : min!, to.op("Where", [hits, behind(source!), rest]), [wide], false);
    return to.op(largest ? "Max" : "Min", [target!, all]);
  });
}

/** A vector of indices at the shape of what they point at. */
function spread(to: Writer, index: Name, rank: number, dim: number, like: Name): Name {
  const behind = Array.from({ length: rank - dim - 1 }, (_, i) => i + 1);
  return to.op("Expand", [unsqueeze(to, to.index(index), behind), to.op("Shape", [like])]);
}

function indexUpdate(reduction: string | undefined) {
  return (to: Writer, { x: [x, index, src], attrs: { dim }, value }: Site<Along>): Name => {
    const places = spread(to, index!, value(0).shape.length, dim, src!);
    return to.op("ScatterElements", [x!, places, src!], { axis: dim, reduction });
  };
}

function indexFill(
  to: Writer,
  { x: [x, index], attrs: { dim, value: v }, value }: Site<Along & { value: number }>,
): Name {
  const { shape, dims, dtype } = value(0);
  const sizes = to.sizes(dims.map((size, d) => (d === dim ? value(1).dims[0]! : size)));
  const behind = Array.from({ length: shape.length - dim - 1 }, (_, i) => i + 1);
  const places = to.op("Expand", [unsqueeze(to, to.index(index!), behind), sizes]);
  const source = to.op("Expand", [to.scalar(v, dtype), sizes]);
  return to.op("ScatterElements", [x!, places, source], { axis: dim });
}

/** Σ index · step, a negative index counting from the end. */
function linearIndex(to: Writer, { x, attrs: { sizes }, out }: Site<{ readonly sizes: readonly number[] }>): Name {
  const steps = contiguousStrides(sizes);
  const number = (n: number): Name => to.scalar(n, "int32");
  const terms = x.map((index, k) => {
    const wrapped = to.op("Add", [index, number(sizes[k]!)]);
    const place = to.op("Where", [to.op("Less", [index, number(0)]), wrapped, index]);
    return steps[k] === 1 ? place : to.op("Mul", [place, number(steps[k]!)]);
  });
  return reshape(
    to,
    terms.reduce((a, b) => to.op("Add", [a, b])),
    out.shape.length === 1 && typeof out.dims[0] === "number" ? out.dims : [-1],
  );
}

function oneHot(to: Writer, { x: [index], attrs: { classes } }: Site<{ classes: number }>): Name {
  const depth = to.literal("int64", [], [classes]);
  return to.narrow(to.op("OneHot", [to.int64(index!), depth, to.ints([0, 1])], { axis: -1 }));
}

/** Of a scalar, nothing or one row of no coordinates. */
function nonzero(to: Writer, { first, value }: Site<unknown>): Name {
  const rank = value(0).shape.length;
  const found = to.op("NonZero", [rank === 0 ? reshape(to, first, [1]) : first]);
  const rows = to.op("Transpose", [found], { perm: [1, 0] });
  return to.narrow(rank === 0 ? slice(to, rows, [{ axis: 1, start: 0, end: 0 }]) : rows);
}

export const indexing: readonly Rule[] = [
  rule(gatherOp, gather),
  rule(scatterOp, scatter),
  rule(scatterAddOp, scatterAdd),
  rule(scatterExtremeOp, scatterExtreme),
  rule(indexSelectOp, (to, { x: [x, index], attrs: { dim } }) =>
    to.op("Gather", [x!, to.index(index!)], { axis: dim }),
  ),
  rule(embeddingOp, (to, { x: [index, weight] }) => to.op("Gather", [weight!, to.index(index!)], { axis: 0 })),
  rule(indexCopyOp, indexUpdate(undefined)),
  rule(indexAddOp, indexUpdate("add")),
  rule(indexFillOp, indexFill),
  rule(linearIndexOp, linearIndex),
  rule(oneHotOp, oneHot),
  rule(nonzeroOp, nonzero),
  rule(countTrueOp, (to, { first, value }) =>
    reduce(
      to,
      "ReduceSum",
      cast(to, first, "int32"),
      value(0).shape.map((_, d) => d),
      false,
    ),
  ),
];
