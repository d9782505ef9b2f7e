import { ArgumentError } from "../errors.js";
import { Tensor } from "../tensor.js";

/**
 * The tensors of a nested value under their names: those given, in order, or the keys that lead to them, which for one tensor is the
 * word alone. `word` is "input" or "output".
 * Errors: ArgumentError for no tensor, another number of names than of tensors, repeated names, or an instance of a class that may hide tensors.
 */
export function namedTensors(word: string, value: unknown, given?: readonly string[]): ReadonlyMap<string, Tensor> {
  const found: [string, Tensor][] = [];
  visit(word, value, "", (path, t) => found.push([path, t]));
  if (found.length === 0) throw new ArgumentError("trace", `there is no tensor in the ${word}s; expected one or more`);
  if (given !== undefined && given.length !== found.length) {
    throw new ArgumentError("trace", `${given.length} ${word} names for ${found.length} tensors; expected as many`);
  }
  const named = new Map<string, Tensor>();
  for (const [i, [path, t]] of found.entries()) {
    const name = given?.[i] ?? defaultName(word, path, found.length === 1);
    if (named.has(name)) throw new ArgumentError("trace", `two ${word}s are called "${name}"; expected one`);
    named.set(name, t);
  }
  return named;
}

/** "input_0", "output_1.h"; an object's keys alone if the path begins with one. */
function defaultName(word: string, path: string, single: boolean): string {
  if (/^\d/.test(path)) return single ? word : `${word}_${path}`;
  return path === "" ? word : path;
}

type Visit = (path: string, t: Tensor) => void;

function visit(word: string, value: unknown, path: string, fn: Visit): void {
  const inside = (key: string | number): string => (path === "" ? String(key) : `${path}.${key}`);
  if (value instanceof Tensor) fn(path, value);
  else if (Array.isArray(value)) for (const [i, v] of value.entries()) visit(word, v, inside(i), fn);
  else if (isPlain(value)) for (const [key, v] of Object.entries(value)) visit(word, v, inside(key), fn);
  else if (typeof value === "object" && value !== null) {
    const kind = value.constructor.name;
    throw new ArgumentError(
      "trace",
      `${word} ${path} is a ${kind}; expected tensors, in arrays or plain objects at most`.replace("  ", " "),
    );
  }
}

/** A copy of a nested value with other tensors. */
export function mapTensors(value: unknown, fn: (t: Tensor) => Tensor): unknown {
  if (value instanceof Tensor) return fn(value);
  if (Array.isArray(value)) return value.map((v) => mapTensors(v, fn));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, mapTensors(v, fn)]));
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
