// Runs a case on one back end, in one way.
import { type Backend, noGrad, onnx, setBackend, type Tensor, UnsupportedOperatorError } from "quadlane";
import { compareTensors, type Finding } from "../conformance/compare.js";
import { type OnnxCase, readTensors } from "./cases.js";

/** How a model is run. */
export interface Way {
  readonly name: string;
  run(model: onnx.OnnxModel, inputs: readonly Tensor[]): readonly Tensor[];
}

export const WAYS: readonly Way[] = [
  {
    name: "module",
    run: (model, inputs) => {
      const y = model.forward(...inputs);
      return Array.isArray(y) ? y : [y];
    },
  },
];

export interface Outcome {
  /** The operator, or "several" for a graph of more. */
  readonly op: string;
  readonly findings: readonly Finding[];
}

export function runCase(entry: OnnxCase, backend: Backend, way: Way): Outcome {
  setBackend(backend);
  let op = "unreadable";
  let model: onnx.OnnxModel | null = null;
  try {
    model = onnx.loadFile(entry.model);
    const [first = "none", ...more] = model.operators.keys();
    op = more.length === 0 ? first : "several";
    if (entry.sets.length === 0) return { op, findings: [{ what: "files", text: "there is no data set" }] };
    const loaded = model;
    return { op, findings: entry.sets.flatMap((set) => runSet(loaded, set, way, entry.atol)) };
  } catch (error) {
    if (error instanceof UnsupportedOperatorError) op = error.operators[0]?.opType ?? op;
    return { op, findings: [{ what: op, text: error instanceof Error ? error.message : String(error) }] };
  } finally {
    model?.dispose();
  }
}

function runSet(model: onnx.OnnxModel, set: string, way: Way, atol: number): Finding[] {
  const inputs = readTensors(set, "input");
  const wanted = readTensors(set, "output");
  try {
    return noGrad(() => {
      const got = way.run(
        model,
        inputs.map((v) => v.tensor),
      );
      return wanted.flatMap((want, i) => findingsOf(got[i], want, atol));
    });
  } finally {
    for (const { tensor } of [...inputs, ...wanted]) tensor.dispose();
  }
}

function findingsOf(got: Tensor | undefined, want: onnx.NamedTensor, atol: number): Finding[] {
  const what = `output "${want.name}"`;
  if (got === undefined) return [{ what, text: "is missing" }];
  if (got.dtype !== want.tensor.dtype) return [{ what, text: `is ${got.dtype}; expected ${want.tensor.dtype}` }];
  const plain = (t: Tensor) => ({ shape: t.shape, dtype: t.dtype, data: t.data() });
  const finding = compareTensors(what, plain(got), plain(want.tensor), { rtol: 1e-3, atol });
  return finding === null ? [] : [finding];
}
