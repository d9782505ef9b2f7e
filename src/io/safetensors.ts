// The safetensors format: eight bytes that tell the length of a JSON header, the header, and the tensors' bytes, which fill the rest
// without a gap. https://github.com/huggingface/safetensors
import { checkOneOf, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { Tensor } from "../tensor.js";
import { bytesOf, type Shape } from "../types.js";
import { brainFloatsOf, halvesOf, STORED_AS } from "./encodings.js";
import { type Entry, type Header, LENGTH_BYTES, METADATA, readHeader } from "./safetensors_header.js";
import { type StoredTensor, tensorsOf } from "./stored.js";

/** What a file holds. */
export interface Safetensors {
  /** By name, in the order of the header. They live until disposed or collected. */
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A tensor in a file, before it is loaded. */
export interface StoredInfo {
  /** The format's name of the element type, as "F32" or "BF16". */
  readonly type: string;
  readonly shape: Shape;
  /** Bytes in the file. */
  readonly bytes: number;
}

export interface SerializeOptions {
  /** How float32 is written: as it is, or rounded to half precision ("F16") or to its upper half ("BF16"). Default "F32". */
  readonly floats?: "F32" | "F16" | "BF16";
}

/** The header is padded so that the data begin on a multiple of this many bytes. */
const HEADER_ALIGN = 8;

/**
 * Reads a file's bytes. F32, I32 and BOOL are taken as they are; F16, BF16, F64 and the formats of eight bits (F8_E4M3, F8_E5M2, F8_E8M0) become
 * float32; I64, U64 and U32 (in the range of int32 only), I16, U16, I8 and U8 become int32.
 * Errors: FormatError for anything that does not follow the format; then no tensor has been made.
 */
export function parse(bytes: Uint8Array): Safetensors {
  const view = open(bytes);
  return { tensors: view.tensors(), metadata: view.metadata };
}

/**
 * Reads a file's header and checks it; tensors are loaded one by one when asked for, from views of the bytes. For files that are mapped
 * or of which only a part is wanted. Errors: as `parse`.
 */
export function open(bytes: Uint8Array): SafetensorsView {
  if (!(bytes instanceof Uint8Array)) {
    throw new ArgumentError("safetensors", `bytes are a ${typeof bytes}; expected a Uint8Array`);
  }
  return new SafetensorsView(bytes.length, (from, to) => bytes.subarray(from, to));
}

/** A file of which the header has been read. */
export class SafetensorsView {
  private readonly header: Header;

  /** Of a file of `size` bytes, of which `read` gives some; `safetensors.open` and, in Node, `openSafetensors` make one. */
  constructor(
    size: number,
    private readonly read: (from: number, to: number) => Uint8Array,
  ) {
    this.header = readHeader(size, read);
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.header.metadata;
  }

  /** Names in the order of the header. */
  get names(): string[] {
    return [...this.header.entries.keys()];
  }

  /** Element type, shape and size of a tensor. Errors: ArgumentError for a name that the file does not have. */
  info(name: string): StoredInfo {
    const { type, shape, begin, end } = this.entry(name);
    return { type, shape, bytes: end - begin };
  }

  /** A tensor's bytes as they lie in the file, not copied where the file is in memory. Errors: as `info`. */
  bytes(name: string): Uint8Array {
    const { begin, end } = this.entry(name);
    const { dataStart } = this.header;
    return this.read(dataStart + begin, dataStart + end);
  }

  /** Loads one tensor; it lives until disposed or collected. Errors: as `info`; FormatError for a value out of range. */
  tensor(name: string): Tensor {
    return tensorsOf("safetensors", [this.stored(this.entry(name))]).get(name)!;
  }

  /** Loads all, or those of the names. Errors: as `tensor`; then none has been made. */
  tensors(names: Iterable<string> = this.names): Map<string, Tensor> {
    const entries = Array.from(names, (name) => this.entry(name));
    return tensorsOf("safetensors", this.storedAll(entries));
  }

  private *storedAll(entries: readonly Entry[]): IterableIterator<StoredTensor> {
    for (const entry of entries) yield this.stored(entry);
  }

  private stored({ name, encoding, shape }: Entry): StoredTensor {
    return { name, encoding, shape, bytes: this.bytes(name) };
  }

  private entry(name: string): Entry {
    const entry = this.header.entries.get(name);
    if (entry !== undefined) return entry;
    throw new ArgumentError(
      "safetensors",
      `file holds no tensor "${name}"; expected one of its ${this.names.length} names`,
    );
  }
}

/**
 * The bytes of a file with these tensors, by name in the order of the map, and text as metadata. The same tensors give the same bytes.
 * Options: floats, how float32 is written. Errors: ArgumentError for the reserved name `__metadata__` and for metadata that are no text.
 */
export function serialize(
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
  options: SerializeOptions = {},
): Uint8Array {
  checkOptions("safetensors", options, ["floats"]);
  const floats = checkOneOf("safetensors", "floats", options.floats ?? "F32", ["F32", "F16", "BF16"]);
  const list: [string, Tensor][] = [...(tensors instanceof Map ? tensors : Object.entries(tensors))];
  for (const [name, t] of list) {
    if (name === METADATA)
      throw new ArgumentError(
        "safetensors",
        `a tensor is called ${METADATA}, which is reserved for metadata; expected another name`,
      );
    if (!(t instanceof Tensor)) throw new ArgumentError("safetensors", `"${name}" is no tensor; expected a Tensor`);
    t.assertAlive("safetensors");
  }
  const width = (t: Tensor): number => (t.dtype === "float32" && floats !== "F32" ? 2 : bytesOf(t.dtype));
  const offsets = layOut(list, width);
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) header.set(METADATA, checkText(metadata));
  for (const [name, t] of list) {
    const begin = offsets.get(name)!;
    const end = begin + t.numel * width(t);
    const dtype = t.dtype === "float32" ? floats : STORED_AS[t.dtype];
    header.set(name, { dtype, shape: t.shape, data_offsets: [begin, end] });
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / HEADER_ALIGN) * HEADER_ALIGN;
  const dataStart = LENGTH_BYTES + headerBytes;
  const dataBytes = list.reduce((sum, [, t]) => sum + t.numel * width(t), 0);
  const out = new Uint8Array(dataStart + dataBytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true);
  out.fill(" ".charCodeAt(0), LENGTH_BYTES, dataStart);
  out.set(json, LENGTH_BYTES);
  for (const [name, t] of list) out.set(encode(t, floats), dataStart + offsets.get(name)!);
  return out;
}

/** A tensor's bytes in the file. */
function encode(t: Tensor, floats: "F32" | "F16" | "BF16"): Uint8Array {
  const data = t.data();
  if (!(data instanceof Float32Array) || floats === "F32") return new Uint8Array(data.buffer);
  return new Uint8Array((floats === "F16" ? halvesOf(data) : brainFloatsOf(data)).buffer);
}

/** Where each tensor's bytes begin: in the given order, but those of smaller elements last, so that every value is aligned. */
function layOut(list: readonly (readonly [string, Tensor])[], widthOf: (t: Tensor) => number): Map<string, number> {
  const offsets = new Map<string, number>();
  let at = 0;
  for (const width of [4, 2, 1]) {
    for (const [name, t] of list) {
      if (widthOf(t) !== width) continue;
      offsets.set(name, at);
      at += t.numel * width;
    }
  }
  return offsets;
}

function checkText(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== "string") {
      throw new ArgumentError("safetensors", `metadata "${key}" is a ${typeof text}; expected a string`);
    }
  }
  return metadata;
}
