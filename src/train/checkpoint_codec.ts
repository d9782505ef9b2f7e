// Trees of plain values and tensors as JSON beside a list of tensors. What JSON cannot hold gets an object with one key of its own:
// {"$tensor": name}, {"$number": "NaN"}, and {"$text": name} for long text, which lies in an int32 tensor so that headers stay short.
import { tensor } from "../creation.js";
import { ArgumentError, FormatError } from "../errors.js";
import { unscoped } from "../runtime/scope.js";
import { Tensor } from "../tensor.js";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const LONG_TEXT = 4096;
const NUMBERS = ["NaN", "Infinity", "-Infinity", "-0"];

/** What a tree is written to. */
export interface Encoded {
  readonly tensors: Map<string, Tensor>;
  /** Those of the tensors that were made for it; to be disposed of when they are written. */
  readonly made: Tensor[];
}

/** JSON for a tree; its tensors are added to `into` under names that begin with `path`. Errors: ArgumentError for anything else in it. */
export function encode(value: unknown, path: string, into: Encoded): Json {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "number") {
    if (Object.is(value, -0)) return { $number: "-0" };
    return Number.isFinite(value) ? value : { $number: String(value) };
  }
  if (typeof value === "string") {
    if (value.length < LONG_TEXT) return value;
    const packed = packText(value);
    into.made.push(packed);
    return { $text: put(packed, path, into) };
  }
  if (value instanceof Tensor) {
    value.assertAlive("checkpoint");
    return { $tensor: put(value, path, into) };
  }
  if (Array.isArray(value)) return value.map((v: unknown, i) => encode(v, `${path}.${i}`, into));
  if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    const odd = entries.find(([key]) => key.startsWith("$"));
    if (odd !== undefined)
      throw new ArgumentError("checkpoint", `${path} has the key "${odd[0]}"; expected none with $`);
    return Object.fromEntries(entries.map(([key, v]) => [key, encode(v, `${path}.${key}`, into)]));
  }
  const kind = typeof value === "object" ? `a ${value.constructor?.name ?? "object"}` : `a ${typeof value}`;
  throw new ArgumentError(
    "checkpoint",
    `${path} is ${kind}; expected numbers, text, booleans, null and tensors, in arrays and plain objects`,
  );
}

/** Adds a tensor under its path; keys with dots in them can make two paths alike, and the later one gets a number. */
function put(t: Tensor, path: string, { tensors }: Encoded): string {
  let name = path;
  for (let i = 2; tensors.has(name); i++) name = `${path}#${i}`;
  tensors.set(name, t);
  return name;
}

/** The tree that `encode` has written. Errors: FormatError for a tensor or number that is none. */
export function decode(json: Json, tensors: ReadonlyMap<string, Tensor>): unknown {
  if (json === null || typeof json !== "object") return json;
  if (isList(json)) return json.map((v) => decode(v, tensors));
  const { $tensor, $number, $text } = json;
  const named = (name: Json): Tensor => {
    const t = typeof name === "string" ? tensors.get(name) : undefined;
    if (t === undefined)
      throw new FormatError("checkpoint", `state names the tensor ${String(name)}, which is not there`);
    return t;
  };
  if ($tensor !== undefined) return named($tensor);
  if ($text !== undefined) return unpackText(named($text));
  if ($number !== undefined) {
    if (typeof $number === "string" && NUMBERS.includes($number)) return Number($number);
    throw new FormatError(
      "checkpoint",
      `state has the number ${String($number)}; expected one of ${NUMBERS.join(", ")}`,
    );
  }
  return Object.fromEntries(Object.entries(json).map(([key, v]) => [key, decode(v, tensors)]));
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

/** [1 + ⌈bytes/4⌉]: how many bytes of UTF-8 there are, and then they. */
function packText(text: string): Tensor {
  const utf8 = new TextEncoder().encode(text);
  const words = new Int32Array(1 + Math.ceil(utf8.length / 4));
  words[0] = utf8.length;
  new Uint8Array(words.buffer).set(utf8, 4);
  return unscoped(() => tensor(words));
}

function unpackText(t: Tensor): string {
  const words = t.data();
  const length = words[0] ?? -1;
  if (t.dtype !== "int32" || length < 0 || length > 4 * (words.length - 1)) {
    throw new FormatError("checkpoint", "a text is not what it should be");
  }
  return new TextDecoder().decode(new Uint8Array(words.buffer, words.byteOffset + 4, length));
}
