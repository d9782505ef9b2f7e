import { nn, type Tensor } from "../../src/node.js";
import { dtypeOf, generatorOf, seedOf, tensorOf, valuesOf } from "./make.js";
import type { OpCase, Sample } from "./op-case.js";

/** A call of an op as a module of the tensors among its operands. */
export class Call extends nn.Module {
  constructor(
    private readonly row: OpCase<never>,
    private readonly sample: Sample<never>,
  ) {
    super();
  }

  override forward(...tensors: Tensor[]): readonly Tensor[] {
    let at = 0;
    const operands = this.sample.inputs.map((spec) => (spec === null ? null : tensors[at++]!));
    const result = this.row.run(operands, this.sample.options as never);
    return Array.isArray(result) ? result : [result as Tensor];
  }
}

export interface ExportCase {
  readonly model: Call;
  readonly inputs: readonly Tensor[];
}

/** A sample of an op's row as something to write to a file. */
export function exportCase(row: OpCase<never>, sample: Sample<never>): ExportCase {
  const random = generatorOf(seedOf(`${row.name}/${sample.name}`));
  const inputs = sample.inputs.flatMap((spec) =>
    spec === null ? [] : [tensorOf(valuesOf(spec, random), dtypeOf(spec))],
  );
  return { model: new Call(row, sample), inputs };
}

/** Rows of which no sample can be written, and why; gradients are told by their names. */
const UNWRITABLE: Readonly<Record<string, string>> = {
  bernoulli: "it draws",
  ctcLoss: "ONNX has no alignments",
  dropout: "it draws",
  "gather of maxPool2d": "it is a gradient's",
  "gradient of avgPool2d": "it is a gradient",
  "linalg.cholesky": "ONNX has no factorisations",
  "linalg.cholesky of the input itself": "ONNX has no factorisations",
  "linalg.inv": "ONNX has no solver",
  "linalg.lstsq": "ONNX has no solver",
  "linalg.qr": "ONNX has no factorisations",
  "linalg.solve": "ONNX has no solver",
  "linalg.solve of a vector": "ONNX has no solver",
  "linalg.solveTriangular": "ONNX has no solver",
  maximum_share: "it is a gradient's",
  normal: "it draws",
  randint: "it draws",
  "rrelu in training": "it draws",
  uniform: "it draws",
};

/** Samples that differ, by row and name, and why. */
const OTHER: Readonly<Record<string, string>> = {
  "localResponseNorm/no position": "ONNX pools no empty image",
  "unique/NaN": "ONNX does not say which NaN are alike",
};

/** Why nothing of a row can be written; null if it can. */
export function unwritable({ name }: OpCase<never>): string | null {
  return UNWRITABLE[name] ?? (name.includes("_grad") ? "it is a gradient" : null);
}

/** Samples that other runtimes compute otherwise, and why. */
const UNDEFINED: Readonly<Record<string, string>> = {
  "batchNorm in training/a mean far from 0": "rounding",
  "cast/float32 out of int32's range": "ONNX does not say what becomes of it",
  "layerNorm/a mean far from 0": "rounding",
};

/** Whether another runtime is to give the same: ONNX does not say what extremes, orders and pools make of NaN. */
export function isDefined(row: OpCase<never>, sample: Sample<never>): boolean {
  const broken = sample.inputs.some((spec) => Array.from(spec?.values ?? []).some(Number.isNaN));
  return !broken && UNDEFINED[`${row.name}/${sample.name}`] === undefined;
}

/** Whether the file of a sample is to give the same. */
export function isComparable(row: OpCase<never>, sample: Sample<never>): boolean {
  return OTHER[`${row.name}/${sample.name}`] === undefined;
}

/** Options that make a version with few weights of a model in the registry, for two gray images of 28 px, and its input's shape. */
export function smallModel(name: string): {
  readonly options: Record<string, unknown>;
  readonly shape: readonly number[];
} {
  const side = 28;
  const flat = ["perceptron", "linear_regression"].includes(name);
  const shape = flat ? [2, side * side] : [2, 1, side, side];
  if (flat || name === "logistic_regression" || name === "mlp") {
    return { options: { inFeatures: side * side, numClasses: 5 }, shape };
  }
  const images = { numClasses: 5, inChannels: 1 };
  if (name === "lenet5") return { options: images, shape };
  const widths: Record<string, number> = { resnext50_32x4d: 0.25, regnet_y_128gf: 1 / 32 };
  return { options: { ...images, small: true, widthMult: widths[name] ?? 0.125 }, shape };
}
