import { arange, makeTensor } from "../../creation.js";
import * as F from "../../functional/index.js";
import { cast, constant } from "../../ops/copy.js";
import * as random from "../../ops/random.js";
import { defaultGenerator, Generator } from "../../random.js";
import { adopt, type Tensor } from "../../tensor.js";
import type { Shape } from "../../types.js";
import { as, asElem, elemAttribute, type Inputs, listAt, needed, tensorAt } from "../arguments.js";
import { isReal } from "../elements.js";
import type { Arg, Elem, Handler, NodeView, OperatorTable } from "../handler.js";

/** The value is an attribute of one of several types. */
function runConstant(node: NodeView): [Arg] {
  const value = node.tensor("value");
  if (value !== null) return [value];
  const made = (values: readonly number[], elem: Elem, shape: Shape): [Arg] => {
    const array = elem === "int64" ? Int32Array.from(values) : Float32Array.from(values);
    return [{ tensor: adopt(makeTensor(array, { shape })), elem }];
  };
  if (node.has("value_float")) return made([node.float("value_float")], "float32", []);
  if (node.has("value_int")) return made([node.int("value_int")], "int64", []);
  if (node.has("value_floats"))
    return made(node.floats("value_floats"), "float32", [node.floats("value_floats").length]);
  if (node.has("value_ints")) return made(node.ints("value_ints"), "int64", [node.ints("value_ints").length]);
  throw node.fail("it has no value that the library can hold");
}

function runConstantOfShape(node: NodeView, inputs: Inputs): [Arg] {
  const shape = listAt(inputs, 0) ?? [];
  const value = node.tensor("value");
  if (value === null) return [{ tensor: constant(shape, 0), elem: "float32" }];
  return [as(value, constant(shape, value.tensor.item(), value.tensor.dtype))];
}

/** start, start + delta, … before limit. */
function runRange(node: NodeView, inputs: Inputs): [Arg] {
  const first = needed(node, inputs, 0);
  const [start, limit, delta] = [0, 1, 2].map((place) => tensorAt(node, inputs, place).item());
  const count = Math.max(0, Math.ceil((limit! - start!) / delta!));
  const steps = arange(count, { dtype: first.tensor.dtype });
  return [as(first, F.add(F.mul(steps, tensorAt(node, inputs, 2)), first.tensor))];
}

function runEyeLike(node: NodeView, inputs: Inputs): [Arg] {
  const like = needed(node, inputs, 0);
  const [rows, columns] = like.tensor.shape;
  const line = (n: number, shape: Shape): Tensor => F.reshape(arange(n, { dtype: "int32" }), { shape });
  const onDiagonal = F.eq(F.sub(line(columns!, [1, -1]), line(rows!, [-1, 1])), node.int("k", 0));
  return [asElem(onDiagonal, elemAttribute(node, "dtype", like.elem))];
}

/** True in the triangle that stays. */
function runTrilu(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const [rows, columns] = [x.tensor.size(-2), x.tensor.size(-1)];
  const distance = F.sub(
    F.reshape(arange(columns, { dtype: "int32" }), { shape: [1, columns] }),
    F.reshape(arange(rows, { dtype: "int32" }), { shape: [rows, 1] }),
  );
  const k = inputs[1]?.tensor ?? 0;
  const offset = typeof k === "number" ? k : F.reshape(k, { shape: [] });
  const kept = node.int("upper", 1) !== 0 ? F.ge(distance, offset) : F.le(distance, offset);
  return [as(x, cast(F.where(kept, x.tensor, constant([], 0, x.tensor.dtype)), x.tensor.dtype))];
}

type Draw = (shape: Shape, node: NodeView, generator: Generator) => Tensor;

const normal: Draw = (shape, node, generator) =>
  random.normal(shape, node.float("mean", 0), node.float("scale", 1), generator);

const uniform: Draw = (shape, node, generator) =>
  random.uniform(shape, node.float("low", 0), node.float("high", 1), generator);

/** A node with a seed draws the same in every run. */
function drawing(draw: Draw, like: boolean): Handler {
  return (node, inputs) => {
    const seed = node.has("seed") ? new Generator(Math.trunc(node.float("seed"))) : defaultGenerator;
    const model = like ? needed(node, inputs, 0) : null;
    const shape = model === null ? node.ints("shape") : model.tensor.shape;
    const byDefault = model !== null && isReal(model.elem) ? model.elem : "float32";
    return [asElem(draw(shape, node, seed), elemAttribute(node, "dtype", byDefault))];
  };
}

const VALUES = ["value", "value_float", "value_floats", "value_int", "value_ints"];

/** Operators that make tensors. */
export const creators: OperatorTable = {
  Constant: [{ since: 1, attributes: VALUES, run: runConstant }],
  ConstantOfShape: [{ since: 9, attributes: ["value"], run: runConstantOfShape }],
  Range: [{ since: 11, attributes: [], run: runRange }],
  EyeLike: [{ since: 9, attributes: ["dtype", "k"], run: runEyeLike }],
  Trilu: [{ since: 14, attributes: ["upper"], run: runTrilu }],
  RandomNormal: [{ since: 1, attributes: ["dtype", "mean", "scale", "seed", "shape"], run: drawing(normal, false) }],
  RandomNormalLike: [{ since: 1, attributes: ["dtype", "mean", "scale", "seed"], run: drawing(normal, true) }],
  RandomUniform: [{ since: 1, attributes: ["dtype", "high", "low", "seed", "shape"], run: drawing(uniform, false) }],
  RandomUniformLike: [{ since: 1, attributes: ["dtype", "high", "low", "seed"], run: drawing(uniform, true) }],
};
