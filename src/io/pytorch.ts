// Files of torch.save since PyTorch 1.6: a ZIP archive with a pickle, which describes the objects, and one file for each storage.
// The pickle is read by a reader that executes nothing. (PyTorch, torch/serialization.py and torch/_utils.py.)
import { checkOptions } from "../check.js";
import { ArgumentError, FormatError } from "../errors.js";
import { formatShape, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { type Encoding, encodings } from "./encodings.js";
import { type Pickled, type PickleGlobal, unpickle } from "./pickle.js";
import { inOrder, isListOfCounts, type StoredTensor, shapeProblem, tensorsOf } from "./stored.js";
import { isZip, readZip, storedBytes, type ZipEntry } from "./zip.js";

const OP = "pytorch";

export interface PyTorchOptions {
  /** Dotted path of the state dict in what was saved, as "model" or "state_dict"; by default what was saved is the state dict itself. */
  readonly key?: string;
}

/** Elements that all tensors together may have beyond four times what the storages hold: views of one storage can lie on each other. */
const SLACK = 1 << 24;

/** Values that a pickle may hold whatever its size. */
const MOST_WALKED = 100_000;

/** safetensors' name of the elements of a storage class or dtype of torch. */
const TYPES: Readonly<Record<string, string>> = {
  FloatStorage: "F32",
  DoubleStorage: "F64",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
  float32: "F32",
  float: "F32",
  float64: "F64",
  double: "F64",
  float16: "F16",
  half: "F16",
  bfloat16: "BF16",
  int64: "I64",
  long: "I64",
  int32: "I32",
  int: "I32",
  int16: "I16",
  short: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
  uint16: "U16",
  uint32: "U32",
  uint64: "U64",
  float8_e4m3fn: "F8_E4M3",
  float8_e5m2: "F8_E5M2",
  float8_e8m0fnu: "F8_E8M0",
};

/** A class of storages, or a dtype. */
class ElementType {
  constructor(
    readonly name: string,
    /** null for bytes that a tensor gives a type. */
    readonly encoding: Encoding | null,
  ) {}
}

class StorageFile {
  constructor(
    readonly type: ElementType,
    readonly bytes: Uint8Array,
  ) {}
}

class TensorView {
  constructor(
    readonly bytes: Uint8Array,
    readonly encoding: Encoding,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/**
 * The tensors of a `.pt` or `.pth` file's bytes by name: nested dicts and lists give dotted names; numbers, texts and the like are left
 * out. Element types become the library's as in `safetensors.parse`. Nothing in the file is executed.
 * Options: key, where the state dict lies in the saved object. Errors: FormatError for a file that is no such archive, asks for anything but
 * tensors and plain containers, or lies about sizes; then no tensor has been made; ArgumentError for a key that is not there.
 */
export function parse(bytes: Uint8Array, options: PyTorchOptions = {}): Map<string, Tensor> {
  checkOptions(OP, options, ["key"]);
  if (!(bytes instanceof Uint8Array)) throw new ArgumentError(OP, `bytes are a ${typeof bytes}; expected a Uint8Array`);
  if (!isZip(bytes)) {
    throw new FormatError(
      OP,
      "file is no ZIP archive; expected one of torch.save since PyTorch 1.6 (older files: load and save them there)",
    );
  }
  const files = readZip(OP, bytes);
  const pickle = [...files.keys()].find((name) => name === "data.pkl" || name.endsWith("/data.pkl"));
  if (pickle === undefined) throw new FormatError(OP, "archive holds no data.pkl; expected a file of torch.save");
  const folder = pickle.slice(0, -"data.pkl".length);
  checkByteOrder(files.get(`${folder}byteorder`));
  const program = storedBytes(OP, files.get(pickle)!);
  const saved = unpickle(OP, program, reader(files, folder));
  const views = collect(options.key === undefined ? saved : at(saved, options.key), program.length);
  checkAmount(views, files);
  return tensorsOf(OP, storedTensors(views));
}

function checkByteOrder(file: ZipEntry | undefined): void {
  if (file === undefined) return;
  const order = new TextDecoder().decode(storedBytes(OP, file));
  if (order.trim() !== "little") throw new FormatError(OP, `byte order is ${JSON.stringify(order)}; expected "little"`);
}

/** What the pickle may name, and how its persistent ids become storages. */
function reader(files: ReadonlyMap<string, ZipEntry>, folder: string): Parameters<typeof unpickle>[2] {
  const globals = new Map<string, PickleGlobal | { readonly value: Pickled }>([
    ["collections OrderedDict", (args) => dictOf(args)],
    ["torch._utils _rebuild_tensor_v2", (args) => viewOf(args, null)],
    ["torch._utils _rebuild_tensor_v3", (args) => viewOf(args, args[6])],
    ["torch._utils _rebuild_parameter", (args) => parameterOf(args)],
    ["torch Size", (args) => sizeOf(args)],
    ["torch.storage UntypedStorage", { value: new ElementType("UntypedStorage", null) }],
    ["torch UntypedStorage", { value: new ElementType("UntypedStorage", null) }],
  ]);
  for (const [name, element] of Object.entries(TYPES)) {
    globals.set(`torch ${name}`, { value: new ElementType(name, encodings.get(element)!) });
  }
  const storages = new Map<string, StorageFile>();
  return { globals, persistent: (id) => storageOf(id, files, folder, storages) };
}

function dictOf(args: readonly Pickled[]): Pickled {
  const [pairs] = args;
  if (args.length === 0) return new Map();
  if (!Array.isArray(pairs) || pairs.some((pair) => !Array.isArray(pair) || pair.length !== 2)) {
    throw new FormatError(OP, "an OrderedDict is made from no list of pairs");
  }
  return new Map(pairs as [Pickled, Pickled][]);
}

function sizeOf([size]: readonly Pickled[]): Pickled {
  if (Array.isArray(size)) return size;
  throw new FormatError(OP, "a torch.Size is made from no tuple");
}

function parameterOf([tensor]: readonly Pickled[]): Pickled {
  if (tensor instanceof TensorView) return tensor;
  throw new FormatError(OP, "a parameter is made from no tensor");
}

/** ("storage", class, key, location, elements) */
function storageOf(
  id: Pickled,
  files: ReadonlyMap<string, ZipEntry>,
  folder: string,
  known: Map<string, StorageFile>,
): StorageFile {
  const [kind, type, key, , elements] = Array.isArray(id) ? (id as Pickled[]) : [];
  if (
    kind !== "storage" ||
    !(type instanceof ElementType) ||
    typeof key !== "string" ||
    !isListOfCounts([elements], Number.MAX_SAFE_INTEGER)
  ) {
    throw new FormatError(OP, "pickle refers to an object outside of it that is no storage");
  }
  let storage = known.get(key);
  if (storage === undefined) {
    const file = files.get(`${folder}data/${key}`);
    if (file === undefined)
      throw new FormatError(OP, `archive holds no storage ${JSON.stringify(key)}, which a tensor refers to`);
    storage = new StorageFile(type, storedBytes(OP, file));
    known.set(key, storage);
  }
  const need = Number(elements) * (type.encoding?.bytes ?? 1);
  if (storage.type.name !== type.name || storage.bytes.length !== need) {
    throw new FormatError(
      OP,
      `storage ${JSON.stringify(key)} has ${storage.bytes.length} bytes; expected ${need} for ${String(elements)} elements of ${type.name}`,
    );
  }
  return storage;
}

/** (storage, offset, shape, strides, …): all of it must lie in the storage. */
function viewOf([storage, offset, shape, strides]: readonly Pickled[], dtype: Pickled | undefined): TensorView {
  if (!(storage instanceof StorageFile)) throw new FormatError(OP, "a tensor is made from no storage");
  const { encoding } = dtype instanceof ElementType ? dtype : storage.type;
  if (encoding === null) throw new FormatError(OP, "a tensor on bytes has no dtype");
  const problem = shapeProblem(shape);
  if (problem !== null) throw new FormatError(OP, `a tensor ${problem}`);
  const sizes = shape as readonly number[];
  if (
    !isListOfCounts([offset], Number.MAX_SAFE_INTEGER) ||
    !isListOfCounts(strides, Number.MAX_SAFE_INTEGER) ||
    strides.length !== sizes.length
  ) {
    throw new FormatError(
      OP,
      `a tensor ${formatShape(sizes)} has strides ${String(strides)} and offset ${String(offset)}`,
    );
  }
  const elements = Math.floor(storage.bytes.length / encoding.bytes);
  const last = sizes.reduce((sum, n, d) => sum + Math.max(n - 1, 0) * strides[d]!, Number(offset));
  if (numel(sizes) > 0 && last >= elements) {
    throw new FormatError(
      OP,
      `a tensor ${formatShape(sizes)} with strides ${formatShape(strides)} reaches element ${last}; expected below ${elements}, the storage's size`,
    );
  }
  return new TensorView(storage.bytes, encoding, Number(offset), sizes, strides);
}

/** What lies at a dotted path. */
function at(saved: Pickled, path: string): Pickled {
  let found: Pickled = saved;
  for (const part of path.split(".")) {
    const next: Pickled | undefined = found instanceof Map ? (found as Map<Pickled, Pickled>).get(part) : undefined;
    if (next === undefined) {
      const keys = found instanceof Map ? [...found.keys()].map(String).slice(0, 20).join(", ") : "none";
      throw new ArgumentError(OP, `key is "${path}"; expected a dict at "${part}" (keys there: ${keys})`);
    }
    found = next;
  }
  return found;
}

/**
 * All tensors with dotted names. A pickle of few bytes can make containers that lie within themselves, or so often in each other that
 * walking them never ends: each of its bytes makes one value at most, and more values than that are not walked.
 */
function collect(saved: Pickled, bytes: number): Map<string, TensorView> {
  const views = new Map<string, TensorView>();
  const open = new Set<Pickled>();
  let left = Math.max(bytes, MOST_WALKED);
  const walk = (value: Pickled, name: string): void => {
    if (left-- === 0) throw new FormatError(OP, `"${name}" is one of too many values for a pickle of ${bytes} bytes`);
    if (value instanceof TensorView) {
      if (views.has(name)) throw new FormatError(OP, `two tensors are called "${name}"`);
      views.set(name, value);
    } else if (value instanceof Map || Array.isArray(value)) {
      if (open.has(value) || open.size > 100) throw new FormatError(OP, `"${name}" lies within itself, or too deep`);
      open.add(value);
      for (const [key, inner] of value.entries() as IterableIterator<[Pickled, Pickled]>) {
        walk(inner, name === "" ? String(key) : `${name}.${String(key)}`);
      }
      open.delete(value);
    }
  };
  walk(saved, "");
  if (views.size === 0) throw new FormatError(OP, "file holds no tensors, or not at that key");
  return views;
}

function checkAmount(views: ReadonlyMap<string, TensorView>, files: ReadonlyMap<string, ZipEntry>): void {
  let stored = 0;
  for (const { size } of files.values()) stored += size;
  let elements = 0;
  for (const { shape } of views.values()) elements += numel(shape);
  if (elements > stored + SLACK) {
    throw new FormatError(OP, `tensors have ${elements} elements, far more than the file's ${stored} bytes hold`);
  }
}

function* storedTensors(views: ReadonlyMap<string, TensorView>): IterableIterator<StoredTensor> {
  for (const [name, view] of views)
    yield { name, encoding: view.encoding, shape: view.shape, bytes: inOrder(view.bytes, view.encoding.bytes, view) };
}
