import * as F from "../../functional/index.js";
import { constant, narrow, reshape } from "../../ops/copy.js";
import type { Tensor } from "../../tensor.js";
import { as, axisOf, elemAttribute, sizesArg } from "../arguments.js";
import type { Arg, NodeView, OperatorTable, Sequence, Value, ValueHandler, ValueOperator } from "../handler.js";
import { argAt, isSequence, isTensor, itemsAt, kindOf, numberAt, type Values } from "../values.js";

// Sequences live between nodes only: their lengths and the places in them are read on the host.

/** The place of an item that is there; by default the last one's. */
function itemPlace(node: NodeView, inputs: Values, input: number, items: readonly Arg[]): number {
  const given = numberAt(node, inputs, input) ?? -1;
  const at = given < 0 ? given + items.length : given;
  if (at < 0 || at >= items.length) throw node.fail(`position is ${given}; expected one of ${items.length} items`);
  return at;
}

const at: ValueHandler = (node, inputs) => {
  const items = itemsAt(node, inputs, 0);
  return [items[itemPlace(node, inputs, 1, items)]];
};

const erase: ValueHandler = (node, inputs) => {
  const items = itemsAt(node, inputs, 0);
  return [{ items: items.toSpliced(itemPlace(node, inputs, 1, items), 1) }];
};

const insert: ValueHandler = (node, inputs) => {
  const items = itemsAt(node, inputs, 0);
  const given = numberAt(node, inputs, 2) ?? items.length;
  const before = given < 0 ? given + items.length : given;
  if (before < 0 || before > items.length) {
    throw node.fail(`position is ${given}; expected one from ${-items.length} to ${items.length}`);
  }
  return [{ items: items.toSpliced(before, 0, argAt(node, inputs, 1)) }];
};

const construct: ValueHandler = (node, inputs) => [{ items: inputs.map((_, i) => argAt(node, inputs, i)) }];

/** The type of items that are not there is checked, and of no further use. */
const empty: ValueHandler = (node) => {
  elemAttribute(node, "dtype", "float32");
  return [{ items: [] }];
};

const length: ValueHandler = (node, inputs) => {
  const { tensor, elem } = sizesArg([itemsAt(node, inputs, 0).length]);
  return [{ tensor: reshape(tensor, []), elem }];
};

/** Parts of given sizes, of one size, or, if nothing is given, of one index each, which may lose that dimension. */
const split: ValueHandler = (node, inputs) => {
  const x = argAt(node, inputs, 0);
  const dim = axisOf(node, node.int("axis", 0), x.tensor.ndim);
  const n = x.tensor.size(dim);
  const given = inputs[1] ? argAt(node, inputs, 1).tensor : null;
  const parts = partsOf(node, n, given);
  let start = 0;
  const items = parts.map((size) => {
    const part = narrow(x.tensor, dim, start, size);
    start += size;
    return as(x, given === null && node.int("keepdims", 1) === 0 ? F.squeeze(part, { dim }) : part);
  });
  return [{ items }];
};

function partsOf(node: NodeView, n: number, given: Tensor | null): number[] {
  const sizes = given === null ? [1] : Array.from(given.data());
  if (given !== null && given.ndim > 0) {
    const sum = sizes.reduce((a, b) => a + b, 0);
    if (sum === n && sizes.every((size) => size >= 0)) return sizes;
    throw node.fail(`the parts are [${sizes.join(", ")}]; expected sizes of ${n} in all`);
  }
  const size = sizes[0]!;
  if (size < 1) throw node.fail(`the parts are of ${size}; expected at least 1`);
  return Array.from({ length: Math.ceil(n / size) }, (_, i) => Math.min(size, n - i * size));
}

const concat: ValueHandler = (node, inputs) => {
  const items = itemsAt(node, inputs, 0);
  const [first] = items;
  if (first === undefined) throw node.fail("the sequence is empty; expected at least one item");
  const tensors = items.map(({ tensor }) => tensor);
  const stacked = node.int("new_axis", 0) !== 0;
  const dim = axisOf(node, node.int("axis"), first.tensor.ndim + Number(stacked));
  return [as(first, stacked ? F.stack(tensors, { dim }) : F.cat(tensors, { dim }))];
};

/** The body for one item of each sequence after the other; tensors are the same every time. */
const map: ValueHandler = (node, inputs) => {
  const count = itemsAt(node, inputs, 0).length;
  const steps = Array.from({ length: count }, (_, i) =>
    node.run(
      "body",
      inputs.map((value, k) => {
        if (value === null || !isSequence(value)) return argAt(node, inputs, k);
        const item = value.items[i];
        if (item === undefined) throw node.fail(`input ${k} has ${value.items.length} items; expected ${count}`);
        return item;
      }),
    ),
  );
  return Array.from(
    { length: node.outputs },
    (_, k): Sequence => ({
      items: steps.map((outs) => argAt(node, outs, k, "the body's output")),
    }),
  );
};

/** The value itself; without one, that nothing is there. */
const optional: ValueHandler = (_, inputs) => [inputs[0] ?? { absent: true }];

const isThere = (value: Value | null | undefined): value is Value => !!value && (isTensor(value) || isSequence(value));

const hasElement: ValueHandler = (_, inputs) => [
  { tensor: constant([], isThere(inputs[0]) ? 1 : 0, "bool"), elem: "bool" },
];

const getElement: ValueHandler = (node, inputs) => {
  const [value] = inputs;
  if (isThere(value)) return [value];
  throw node.fail(`input 0 is ${kindOf(value)}; expected a value`);
};

const version = (since: number, runValues: ValueHandler, attributes: readonly string[] = []): ValueOperator[] => [
  { since, attributes, runValues },
];

/** Sequences of tensors, and optional values. */
export const sequences: OperatorTable = {
  SequenceConstruct: version(11, construct),
  SequenceEmpty: version(11, empty, ["dtype"]),
  SequenceAt: version(11, at),
  SequenceErase: version(11, erase),
  SequenceInsert: version(11, insert),
  SequenceLength: version(11, length),
  SequenceMap: version(17, map, ["body"]),
  SplitToSequence: version(11, split, ["axis", "keepdims"]),
  ConcatFromSequence: version(11, concat, ["axis", "new_axis"]),
  Optional: version(15, optional, ["type"]),
  OptionalHasElement: version(15, hasElement),
  OptionalGetElement: version(15, getElement),
};
