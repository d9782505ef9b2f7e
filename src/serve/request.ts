// What is asked of a pool, checked before it waits: a bad request never meets the others.
import { checkNames } from "../check.js";
import { QuadlaneError } from "../errors.js";
import type { Named } from "../graph/session_feeds.js";
import { formatShape, numel } from "../shape.js";
import { arrayType, type DataArray, type Shape } from "../types.js";
import { ServeError } from "./errors.js";
import type { Port, ServedValue } from "./model.js";

/** A value for an input: with its shape, or alone if the input leaves at most one size open. */
export type ServedFeed = DataArray | ServedValue;

export interface Limits {
  /** Elements of one input. */
  readonly maxElements: number;
  /** Rows of a request; null if requests are not put together. */
  readonly maxRows: number | null;
}

export interface CheckedRequest {
  /** In the order of the inputs. */
  readonly values: readonly ServedValue[];
  /** The common first size, where requests are put together; else 1. */
  readonly rows: number;
  /** Equal for requests that may be put together. */
  readonly key: string;
}

/** Errors: ServeError BAD_REQUEST for missing or unknown inputs, other dtypes or shapes than the model takes, or too many elements. */
export function checkRequest(inputs: readonly Port[], feeds: Named<ServedFeed>, limits: Limits): CheckedRequest {
  const names = inputs.map(({ name }) => name);
  try {
    checkNames("ModelPool", "input", feeds, names, true);
  } catch (error) {
    throw error instanceof QuadlaneError ? bad(error.message.slice(error.op.length + 2)) : error;
  }
  const values = inputs.map((input) => checkValue(input, feeds[input.name], limits.maxElements));
  const { maxRows } = limits;
  if (maxRows === null) return { values, rows: 1, key: "" };
  const rows = values[0]!.shape[0]!;
  if (!(rows >= 1 && rows <= maxRows)) {
    throw bad(`input "${names[0]}" has ${rows} rows; expected 1 to ${maxRows} in a request`);
  }
  const other = values.findIndex(({ shape }) => shape[0] !== rows);
  if (other > 0) {
    throw bad(
      `input "${names[other]}" has ${values[other]!.shape[0]} rows, and "${names[0]}" ${rows}; expected as many`,
    );
  }
  return { values, rows, key: values.map(({ shape }) => shape.slice(1).join("x")).join(" ") };
}

function checkValue({ name, dtype, shape }: Port, feed: unknown, maxElements: number): ServedValue {
  const what = `input "${name}"`;
  const alone = ArrayBuffer.isView(feed) || typeof feed !== "object" || feed === null;
  const data: unknown = alone ? feed : Reflect.get(feed, "data");
  const type = arrayType(dtype);
  if (!(data instanceof type)) {
    const kind = typeof data === "object" && data !== null ? data.constructor?.name : String(data);
    throw bad(`${what} is ${kind}; expected a ${type.name} (${dtype})`);
  }
  if (data.length > maxElements) throw bad(`${what} has ${data.length} elements; expected ${maxElements} at most`);
  const given: unknown = alone ? shapeFor(what, shape, data.length) : Reflect.get(feed, "shape");
  if (!isShape(given)) throw bad(`${what} has shape ${String(given)}; expected an array of sizes`);
  if (shape !== null && !(given.length === shape.length && shape.every((n, d) => n === null || n === given[d]))) {
    throw bad(`${what} has shape ${formatShape(given)}; expected ${formatPort(shape)}`);
  }
  if (numel(given) !== data.length) {
    throw bad(`${what} has ${data.length} values; expected ${numel(given)} for ${formatShape(given)}`);
  }
  return { data, shape: given };
}

/** The shape of an array that comes without: one open size is what is left. */
function shapeFor(what: string, shape: Port["shape"], length: number): Shape {
  const open = shape?.filter((n) => n === null).length ?? 2;
  if (shape === null || open > 1) throw bad(`${what} comes without a shape; expected { data, shape }`);
  const rest = numel(shape.map((n) => n ?? 1));
  const left = open === 1 ? length / rest : 1;
  if (!Number.isInteger(left) || left * rest !== length) {
    throw bad(
      `${what} has ${length} values; expected ${open === 1 ? "a multiple of " : ""}${rest} for ${formatPort(shape)}`,
    );
  }
  return shape.map((n) => n ?? left);
}

function isShape(value: unknown): value is Shape {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function formatPort(shape: readonly (number | null)[]): string {
  return `[${shape.map((n) => n ?? "?").join(", ")}]`;
}

function bad(message: string): ServeError {
  return new ServeError("BAD_REQUEST", message);
}
