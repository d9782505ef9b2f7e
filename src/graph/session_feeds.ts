import { checkNames } from "../check.js";
import { DTypeError, ShapeError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { formatShape, numel, sameShape } from "../shape.js";
import { adopt, Tensor } from "../tensor.js";
import { arrayType, type DataArray, type DType, type Shape } from "../types.js";
import type { Value } from "./graph.js";

/** A value for an input: a tensor, or a typed array of the input's dtype (Float32Array, Int32Array, Uint8Array for bool), row-major. */
export type Feed = Tensor | DataArray;

/** Where an output goes: a tensor of its shape, or a typed array of its dtype and number of elements. */
export type Target = Tensor | DataArray;

export type Named<T> = Readonly<Record<string, T>>;

/** Refuses names that nobody has, and a tensor without one; with `all`, missing ones too. */
export function checkNamed(
  op: string,
  what: "input" | "output",
  given: object,
  known: readonly string[],
  all: boolean,
): void {
  checkNames(op, what, given instanceof Tensor ? null : given, known, all);
}

/** Refuses what is no tensor and no typed array of a dtype. */
export function checkKind(op: string, what: string, given: unknown, dtype: DType): asserts given is Feed {
  if (given instanceof Tensor) {
    given.assertAlive(op);
    if (given.dtype !== dtype) throw new DTypeError(op, `${what} is ${given.dtype}; expected ${dtype}`);
    return;
  }
  const type = arrayType(dtype);
  if (given instanceof type) return;
  const kind = typeof given === "object" && given !== null ? given.constructor.name : String(given);
  throw new DTypeError(op, `${what} is ${kind}; expected a tensor or a ${type.name} (${dtype})`);
}

/**
 * The shape that a fed value has: a tensor's own, an array's by its length. `likely` are the shapes to try for an array before the one that
 * the input's dimensions allow.
 */
export function shapeOf(op: string, value: Value, feed: Feed, likely: readonly Shape[]): Shape {
  const { name, dims, shape } = value;
  if (feed instanceof Tensor) {
    if (feed.ndim === shape.length) return feed.shape;
    throw new ShapeError(
      op,
      `input "${name}" has shape ${formatShape(feed.shape)} of rank ${feed.ndim}; expected rank ${shape.length}`,
    );
  }
  const known = [...likely, shape].find((sizes) => numel(sizes) === feed.length);
  if (known !== undefined) return known;
  const open = dims.flatMap((dim, d) => (typeof dim === "number" ? [] : [d]));
  const rest = numel(dims.map((dim) => (typeof dim === "number" ? dim : 1)));
  if (open.length !== 1 || rest === 0 || feed.length % rest !== 0) {
    throw new ShapeError(
      op,
      `input "${name}" has ${feed.length} values; expected ${numel(shape)} for ${formatShape(shape)}; a tensor tells another shape`,
    );
  }
  return shape.map((n, d) => (d === open[0] ? feed.length / rest : n));
}

/** Writes an array into a contiguous tensor of as many elements; of a bool, everything but 0 is true. */
export function arrayInto(to: Tensor, from: DataArray): void {
  const { dtype, ptr } = to;
  if (dtype === "float32") arena.f32.set(from, ptr >>> 2);
  else if (dtype === "int32") arena.i32.set(from, ptr >>> 2);
  else for (let i = 0; i < from.length; i++) arena.u8[ptr + i] = from[i] === 0 ? 0 : 1;
}

/** A fed value as a tensor; a new one belongs to the open scope. */
export function feedTensor(feed: Feed, shape: Shape, dtype: DType): Tensor {
  if (feed instanceof Tensor) return feed;
  const t = Tensor.allocate(shape, dtype, "session");
  arrayInto(t, feed);
  return adopt(t);
}

/** Refuses a target of another size than the output's. */
export function checkTarget(op: string, name: string, target: Target, output: Tensor): void {
  const fits = target instanceof Tensor ? sameShape(target.shape, output.shape) : target.length === output.numel;
  if (fits) return;
  const found = target instanceof Tensor ? `shape ${formatShape(target.shape)}` : `${target.length} elements`;
  throw new ShapeError(
    op,
    `target of output "${name}" has ${found}; expected ${formatShape(output.shape)}, ${output.numel} elements`,
  );
}
