import { closeSync, fstatSync, openSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, FormatError } from "../errors.js";
import { Tensor } from "../tensor.js";
import { bytesOf } from "../types.js";
import { writeAtomically } from "./atomic.node.js";
import { onFile, readBytes, readRange } from "./file_errors.node.js";
import { parse, type Safetensors, SafetensorsView, type SerializeOptions, serialize } from "./safetensors.js";

type Tensors = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

/**
 * Writes tensors to a safetensors file; see `safetensors.serialize`. The file appears whole or not at all: the bytes go to a file
 * beside it, which then takes its name.
 */
export function saveSafetensors(
  path: string,
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
  options: SerializeOptions = {},
): void {
  writeAtomically(path, serialize(tensors, metadata, options));
}

/** Reads a safetensors file; see `safetensors.parse`. Errors: FileError for a file that cannot be read. */
export function loadSafetensors(path: string): Safetensors {
  return parse(readBytes("safetensors", path));
}

/** An open safetensors file, of which tensors are read one by one. */
export interface SafetensorsFile {
  readonly view: SafetensorsView;
  /** Closes the file; what has been loaded stays. */
  close(): void;
}

/** Opens a safetensors file and reads its header; see `safetensors.open`. Close it when done. */
export function openSafetensors(path: string): SafetensorsFile {
  let handle: number | null = onFile("safetensors", "open", path, () => openSync(path, "r"));
  const close = (): void => {
    if (handle !== null) closeSync(handle);
    handle = null;
  };
  const read = (from: number, to: number): Uint8Array => {
    if (handle === null) throw new ArgumentError("safetensors", `${path} has been closed; expected an open file`);
    const bytes = readRange(handle, from, to);
    if (bytes.length === to - from) return bytes;
    throw new FormatError("safetensors", `${path} has become shorter while it was read`);
  };
  try {
    return { view: new SafetensorsView(fstatSync(handle).size, read), close };
  } catch (error) {
    close();
    throw error;
  }
}

/** How `saveShardedSafetensors` writes. */
export interface ShardOptions extends SerializeOptions {
  /** Most bytes of tensors in a file; a larger tensor has a file of its own. Default 5e9. */
  readonly maxShardBytes?: number;
}

const DEFAULT_SHARD_BYTES = 5e9;

/**
 * Writes tensors to several files `<name>-00001-of-00003.safetensors` and an index `<name>.safetensors.index.json` beside them, which is
 * written last. `path` is that of the index without `.safetensors.index.json`. Returns the index's path.
 * Errors: as `saveSafetensors`.
 */
export function saveShardedSafetensors(
  path: string,
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
  options: ShardOptions = {},
): string {
  checkOptions("safetensors", options, ["floats", "maxShardBytes"]);
  const { maxShardBytes = DEFAULT_SHARD_BYTES, ...rest } = options;
  const limit = checkInteger("safetensors", "maxShardBytes", maxShardBytes, 1);
  const shards = cut([...(tensors instanceof Map ? tensors : Object.entries(tensors))], limit);
  const map: Record<string, string> = {};
  let size = 0;
  for (const [i, shard] of shards.entries()) {
    const name = `${basename(path)}-${numbered(i + 1)}-of-${numbered(shards.length)}.safetensors`;
    saveSafetensors(join(dirname(path), name), shard, metadata, rest);
    for (const [key, t] of shard) {
      map[key] = name;
      size += t.numel * bytesOf(t.dtype);
    }
  }
  const index = `${path}.safetensors.index.json`;
  const text = JSON.stringify({ metadata: { total_size: size }, weight_map: map }, null, 2);
  writeAtomically(index, new TextEncoder().encode(`${text}\n`));
  return index;
}

function numbered(n: number): string {
  return String(n).padStart(5, "0");
}

function cut(list: readonly [string, Tensor][], limit: number): Map<string, Tensor>[] {
  const shards: Map<string, Tensor>[] = [new Map()];
  let size = 0;
  for (const [name, t] of list) {
    if (!(t instanceof Tensor)) throw new ArgumentError("safetensors", `"${name}" is no tensor; expected a Tensor`);
    const bytes = t.numel * bytesOf(t.dtype);
    if (size > 0 && size + bytes > limit) {
      shards.push(new Map());
      size = 0;
    }
    shards.at(-1)!.set(name, t);
    size += bytes;
  }
  return shards;
}

/**
 * Reads the files that an index names, `<name>.safetensors.index.json`, which lie beside it.
 * Errors: FormatError for an index that is none, for a file that lies elsewhere, and for files that hold other tensors than the index says;
 * then no tensor has been made.
 */
export function loadShardedSafetensors(indexPath: string): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  try {
    for (const [file, names] of filesOf(indexPath)) {
      const loaded = loadSafetensors(join(dirname(indexPath), file)).tensors;
      for (const [name, t] of loaded) tensors.set(name, t);
      const missing = [...names].filter((name) => !loaded.has(name));
      if (missing.length > 0 || loaded.size > names.size) {
        const extra = [...loaded.keys()].filter((name) => !names.has(name));
        throw new FormatError(
          "safetensors",
          `${file} does not fit the index: missing ${missing.join(", ") || "none"}; not in the index ${extra.join(", ") || "none"}`,
        );
      }
    }
  } catch (error) {
    for (const t of tensors.values()) t.dispose();
    throw error;
  }
  return tensors;
}

/** The names of the tensors of each file. */
function filesOf(indexPath: string): Map<string, Set<string>> {
  let index: unknown;
  try {
    index = JSON.parse(new TextDecoder().decode(readBytes("safetensors", indexPath)));
  } catch (cause) {
    if (cause instanceof SyntaxError)
      throw new FormatError("safetensors", `${indexPath} is no JSON (${cause.message})`);
    throw cause;
  }
  const map: unknown = index !== null && typeof index === "object" ? Reflect.get(index, "weight_map") : undefined;
  if (map === null || typeof map !== "object" || Array.isArray(map)) {
    throw new FormatError(
      "safetensors",
      `${indexPath} has no weight_map; expected names of tensors and of their files`,
    );
  }
  const files = new Map<string, Set<string>>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== "string" || !/^[^/\\]+$/.test(file) || file === "." || file === "..") {
      throw new FormatError(
        "safetensors",
        `index puts "${name}" into ${JSON.stringify(file)}; expected a file beside it`,
      );
    }
    if (!files.has(file)) files.set(file, new Set());
    files.get(file)!.add(name);
  }
  return files;
}
