import { writeAtomically } from "../io/atomic.node.js";
import { onFile } from "../io/file_errors.node.js";
import { type SaveArguments, save } from "./export.js";

/**
 * Writes a module or a graph to an ONNX file; see `save`. The file appears whole or not at all.
 * Errors: those of `save`, before anything is written; FileError for a file that cannot be written.
 */
export function saveFile(path: string, ...args: SaveArguments): void {
  const bytes = save(...args);
  onFile("onnx", "write", path, () => writeAtomically(path, bytes));
}
