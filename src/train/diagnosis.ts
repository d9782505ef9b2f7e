import { checkNumber, checkOptions } from "../check.js";
import { checkModule, type Module } from "../nn/module.js";
import type { Parameter } from "../nn/parameter.js";
import type { Tensor } from "../tensor.js";

/** Where a warning begins. */
export interface GradientThresholds {
  /** A layer's gradient vanishes if its norm is below this part of the largest layer's norm. Default 1e-4. */
  readonly vanishing?: number;
  /** A layer's gradient explodes if it is not finite, or its norm is above this multiple of the weights' norm or of 1, whichever is larger. Default 100. */
  readonly exploding?: number;
}

/** The gradient of one layer: of the parameters that a module holds itself and that require one. */
export interface LayerGradient {
  /** Dotted name of the module; "" for the model itself. */
  readonly layer: string;
  /** Name of the class. */
  readonly type: string;
  /** L2 norm of all its gradients taken as one vector; a parameter without a gradient counts 0. */
  readonly gradNorm: number;
  /** L2 norm of its parameters. */
  readonly weightNorm: number;
  /** gradNorm / weightNorm; 0 if both are 0. */
  readonly ratio: number;
  /** Whether no parameter of it has a gradient. */
  readonly missing: boolean;
}

export type GradientWarningKind = "missing" | "vanishing" | "exploding" | "dead" | "saturated";

/** Something that a training is likely to suffer from. */
export interface GradientWarning {
  readonly kind: GradientWarningKind;
  readonly layer: string;
  /** One sentence with the layer and the numbers. */
  readonly message: string;
}

/** What `diagnoseGradients` found. Printed as a string it is a table with the warnings below. */
export class GradientDiagnosis {
  constructor(
    /** In the order of `namedModules`. */
    readonly layers: readonly LayerGradient[],
    /** L2 norm of all gradients. */
    readonly totalNorm: number,
    readonly warnings: readonly GradientWarning[],
  ) {}

  toString(): string {
    const rows = [
      ["layer", "gradient", "weights", "ratio"],
      ...this.layers.map(({ layer, type, gradNorm, weightNorm, ratio }) => [
        titleOf(layer, type),
        ...[gradNorm, weightNorm, ratio].map((x) => x.toExponential(2)),
      ]),
      ["all", this.totalNorm.toExponential(2), "", ""],
    ];
    const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => row[c]!.length)));
    const lines = rows.map((row) =>
      row
        .map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
        .join("  ")
        .trimEnd(),
    );
    return [...lines, ...this.warnings.map(({ kind, message }) => `${kind}: ${message}`)].join("\n");
  }
}

/**
 * Measures the gradients that a backward pass has left in a model's parameters, layer by layer, in float64, and warns of layers whose
 * gradient is missing, vanishes or explodes. Frozen parameters are left out. Nothing is changed.
 * Errors: ArgumentError for something that is no module, or a threshold below 0.
 */
export function diagnoseGradients(model: Module, options: GradientThresholds = {}): GradientDiagnosis {
  checkModule("diagnoseGradients", "model", model);
  checkOptions("diagnoseGradients", options, ["vanishing", "exploding"]);
  const thresholds = checkThresholds("diagnoseGradients", options);
  const layers = trainableLayers(model).map(({ layer, type, parameters }): LayerGradient => {
    const gradNorm = Math.hypot(...parameters.map((p) => (p.grad === null ? 0 : norm(p.grad))));
    const weightNorm = Math.hypot(...parameters.map(norm));
    const ratio = gradNorm === 0 ? 0 : gradNorm / weightNorm;
    return { layer, type, gradNorm, weightNorm, ratio, missing: parameters.every((p) => p.grad === null) };
  });
  const totalNorm = Math.hypot(...layers.map((l) => l.gradNorm));
  return new GradientDiagnosis(layers, totalNorm, warningsOf(layers, thresholds));
}

/** The thresholds with defaults, checked. */
export function checkThresholds(op: string, options: GradientThresholds): Required<GradientThresholds> {
  return {
    vanishing: checkNumber(op, "vanishing", options.vanishing ?? 1e-4, 0),
    exploding: checkNumber(op, "exploding", options.exploding ?? 100, 0),
  };
}

/** A module with parameters of its own that are being trained. */
export interface TrainableLayer {
  readonly layer: string;
  readonly type: string;
  readonly parameters: readonly Parameter[];
}

export function trainableLayers(model: Module): TrainableLayer[] {
  const byLayer = new Map<string, Parameter[]>();
  for (const [name, p] of model.namedParameters()) {
    if (!p.requiresGrad) continue;
    const layer = name.slice(0, Math.max(0, name.lastIndexOf(".")));
    const list = byLayer.get(layer);
    if (list === undefined) byLayer.set(layer, [p]);
    else list.push(p);
  }
  const modules = new Map(model.namedModules());
  return Array.from(byLayer, ([layer, parameters]) => {
    return { layer, type: modules.get(layer)?.constructor.name ?? "", parameters };
  });
}

/** How a layer is called in messages. */
export function titleOf(layer: string, type: string): string {
  return layer === "" ? type : `${layer} (${type})`;
}

/** L2 norm, in float64: gradients near the end of float32 have squares beyond it. */
function norm(t: Tensor): number {
  let sum = 0;
  for (const v of t.data()) sum += v * v;
  return Math.sqrt(sum);
}

function warningsOf(layers: readonly LayerGradient[], thresholds: Required<GradientThresholds>): GradientWarning[] {
  const finite = layers.map((l) => l.gradNorm).filter(Number.isFinite);
  const largest = Math.max(0, ...finite);
  return layers.flatMap((l): GradientWarning[] => {
    const { layer, gradNorm, weightNorm } = l;
    const name = titleOf(layer, l.type);
    if (l.missing) return [{ kind: "missing", layer, message: `${name} has no gradient` }];
    if (!Number.isFinite(gradNorm)) {
      return [{ kind: "exploding", layer, message: `the gradient of ${name} is not finite` }];
    }
    const bound = thresholds.exploding * Math.max(weightNorm, 1);
    if (gradNorm > bound) {
      const message = `the gradient of ${name} has norm ${short(gradNorm)}, above ${short(bound)}`;
      return [{ kind: "exploding", layer, message }];
    }
    if (gradNorm < thresholds.vanishing * largest || largest === 0) {
      const message = `the gradient of ${name} has norm ${short(gradNorm)}, the largest layer's is ${short(largest)}`;
      return [{ kind: "vanishing", layer, message }];
    }
    return [];
  });
}

function short(x: number): string {
  return String(Number(x.toPrecision(3)));
}
