import { basename, dirname, join } from "node:path";
import { ArgumentError } from "../errors.js";
import { Graph } from "../graph/graph_class.js";
import type { TraceInputs } from "../graph/trace.js";
import { AtomicFile, writeAtomically } from "../io/atomic.node.js";
import { onFile } from "../io/file_errors.node.js";
import type { Module } from "../nn/module.js";
import { type SaveModuleOptions, type SaveOptions, saveWith } from "./export.js";
import type { Outside } from "./tensors.js";

/** Smaller constants stay in the model: runtimes read sizes and axes there. */
const LEAST_BYTES = 1024;
/** Tensors begin at pages, so that readers can map the file. */
const PAGE = 4096;

interface FileOptions {
  /**
   * Constants of 1 KiB and more go into a file beside the model, of this name or, for true, the model's name and ".data". Models above
   * 2 GB need that. Default false: all in one file.
   */
  readonly externalData?: boolean | string;
}

export interface SaveFileOptions extends SaveOptions, FileOptions {}

export interface SaveModuleFileOptions extends SaveModuleOptions, FileOptions {}

/** What `saveFile` takes behind the path: a graph, or a module with examples. */
export type SaveFileArguments =
  | readonly [graph: Graph, options?: SaveFileOptions]
  | readonly [model: Module, inputs: TraceInputs, options?: SaveModuleFileOptions];

function isOfGraph(args: SaveFileArguments): args is readonly [graph: Graph, options?: SaveFileOptions] {
  return args[0] instanceof Graph;
}

/**
 * Writes a module or a graph to an ONNX file; see `save`. The file appears whole or not at all; so does one with external data, just before.
 * Errors: those of `save`, before anything is written; ArgumentError for a name of external data that leads elsewhere; FileError for
 * a file that cannot be written.
 */
export function saveFile(path: string, ...args: SaveFileArguments): void {
  if (isOfGraph(args)) {
    const [graph, { externalData, ...options } = {}] = args;
    write(path, externalData, (outside) => saveWith(outside, [graph, options]));
  } else {
    const [model, inputs, { externalData, ...options } = {}] = args;
    write(path, externalData, (outside) => saveWith(outside, [model, inputs, options]));
  }
}

function write(
  path: string,
  external: boolean | string = false,
  encode: (outside: Outside | null) => Uint8Array,
): void {
  if (external !== false) {
    writeInTwo(path, externalName(path, external), encode);
    return;
  }
  const bytes = encode(null);
  onFile("onnx", "write", path, () => writeAtomically(path, bytes));
}

/** The name of the file beside the model. */
function externalName(path: string, given: string | true): string {
  const own = basename(path);
  const name = given === true ? `${own}.data` : given;
  if (typeof name === "string" && basename(name) === name && ![own, "", ".", ".."].includes(name)) return name;
  throw new ArgumentError(
    "onnx.saveFile",
    `externalData is ${JSON.stringify(given)}; expected true, or the name of another file in the model's folder`,
  );
}

/** The constants go to their file one after the other, while the model is encoded. */
function writeInTwo(path: string, location: string, encode: (outside: Outside) => Uint8Array): void {
  const beside = join(dirname(path), location);
  const onBeside = <R>(fn: () => R): R => onFile("onnx", "write", beside, fn);
  const data = onBeside(() => new AtomicFile(beside));
  let end = 0;
  try {
    const bytes = encode((raw) => {
      if (raw.length < LEAST_BYTES) return null;
      const offset = Math.ceil(end / PAGE) * PAGE;
      onBeside(() => {
        data.append(new Uint8Array(offset - end));
        data.append(raw);
      });
      end = offset + raw.length;
      return { location, offset };
    });
    onBeside(() => data.commit());
    onFile("onnx", "write", path, () => writeAtomically(path, bytes));
  } catch (error) {
    data.abandon();
    throw error;
  }
}
