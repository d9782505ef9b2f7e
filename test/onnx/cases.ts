// The layout of ONNX's back-end tests: a folder with model.onnx and, for each data set, files input_K.pb and output_K.pb.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { onnx } from "quadlane";

export interface OnnxCase {
  readonly name: string;
  readonly model: string;
  /** Folders of data sets. */
  readonly sets: readonly string[];
  /** Real networks, in a folder "models", add up more rounding than single operators do. */
  readonly atol: number;
}

/** Every case below a folder, in alphabetical order. */
export function listCases(dir: string): OnnxCase[] {
  if (!existsSync(dir) || !statSync(dir).isDirectory()) return [];
  const model = join(dir, "model.onnx");
  const entries = readdirSync(dir).sort();
  if (!existsSync(model)) return entries.flatMap((entry) => listCases(join(dir, entry)));
  const sets = entries.filter((entry) => entry.startsWith("test_data_set_")).map((entry) => join(dir, entry));
  return [{ name: basename(dir), model, sets, atol: basename(dirname(dir)) === "models" ? 1e-4 : 1e-6 }];
}

/** The tensors of a data set, in order; `kind` is "input" or "output". */
export function readTensors(set: string, kind: "input" | "output"): onnx.NamedTensor[] {
  const out: onnx.NamedTensor[] = [];
  for (let k = 0; existsSync(join(set, `${kind}_${k}.pb`)); k++) {
    out.push(onnx.parseTensor(readFileSync(join(set, `${kind}_${k}.pb`))));
  }
  return out;
}
