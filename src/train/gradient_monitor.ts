import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { ReLU, ReLU6, Sigmoid, Tanh } from "../nn/activation.js";
import type { HookHandle, Module } from "../nn/module.js";
import { Tensor } from "../tensor.js";
import type { DataArray } from "../types.js";
import type { Callback, TrainingState } from "./callback.js";
import {
  checkThresholds,
  diagnoseGradients,
  type GradientThresholds,
  type GradientWarning,
  type LayerGradient,
  titleOf,
  trainableLayers,
} from "./diagnosis.js";

export interface GradientMonitorOptions extends GradientThresholds {
  /** Measure at the first step and at every n-th after it. Default 10. */
  readonly every?: number;
  /** Warn of a ReLU if more than this part of its units is dead. Default 0.5. */
  readonly dead?: number;
  /** Warn of a sigmoid or tanh if more than this part of its outputs is saturated. Default 0.5. */
  readonly saturated?: number;
  /** Gets each kind of warning once for each layer. Default: a line on the console. */
  readonly onWarning?: (warning: GradientWarning, step: number) => void;
}

/** A layer's gradient in a record. */
export interface MonitoredGradient extends LayerGradient {
  /** ‖Δw‖ / ‖w‖ of the step that followed; about 1e-3 is usual. Null if that step was not taken, or w is 0. */
  readonly updateRatio: number | null;
}

/** An activation in a record. */
export interface MonitoredActivation {
  readonly layer: string;
  readonly type: string;
  /** "dead" for ReLU and ReLU6, "saturated" for Sigmoid and Tanh. */
  readonly kind: "dead" | "saturated";
  /** Dead units among all units, or saturated outputs among all outputs. */
  readonly fraction: number;
}

/** What was measured at one step. */
export interface GradientRecord {
  /** Optimizer steps taken, this one included. */
  readonly step: number;
  readonly totalNorm: number;
  readonly layers: readonly MonitoredGradient[];
  readonly activations: readonly MonitoredActivation[];
  readonly warnings: readonly GradientWarning[];
}

const NAME = "GradientMonitor";
/** Of a sigmoid: where its slope is below 4 % of the largest. */
const SIGMOID_EDGE = 0.01;
/** Of a tanh: where its slope is below 2 % of the largest. */
const TANH_EDGE = 0.99;

/**
 * Watches gradients and activations of a training: norms of gradients and weights by layer and how far a step moves them, ReLU units that are
 * zero for all samples of a batch, and outputs of sigmoids below 0.01 or above 0.99 and of tanhs beyond ±0.99. Of images and volumes
 * [N, C, …] a unit is a channel, otherwise each output of a sample. Activations are seen if they are modules, in training mode;
 * at steps that are not measured nothing is hooked. Gradients are as the optimizer sees them, after clipping.
 * Errors: ArgumentError for an option out of range.
 */
export class GradientMonitor implements Callback {
  /** One record a measured step. */
  readonly records: GradientRecord[] = [];
  private readonly every: number;
  private readonly thresholds: Required<GradientThresholds>;
  private readonly dead: number;
  private readonly saturated: number;
  private readonly onWarning: (warning: GradientWarning, step: number) => void;
  private readonly told = new Set<string>();
  private probes: Probe[] = [];
  /** Weights before a measured step, by layer. */
  private weights: Map<string, readonly DataArray[]> | null = null;

  constructor(options: GradientMonitorOptions = {}) {
    checkOptions(NAME, options, ["every", "vanishing", "exploding", "dead", "saturated", "onWarning"]);
    this.every = checkInteger(NAME, "every", options.every ?? 10, 1);
    this.thresholds = checkThresholds(NAME, options);
    this.dead = checkNumber(NAME, "dead", options.dead ?? 0.5, 0, 1);
    this.saturated = checkNumber(NAME, "saturated", options.saturated ?? 0.5, 0, 1);
    const { onWarning = ({ kind, message }, step) => console.warn(`step ${step}: ${kind}: ${message}`) } = options;
    if (typeof onWarning !== "function") {
      throw new ArgumentError(NAME, `onWarning is ${String(onWarning)}; expected a function`);
    }
    this.onWarning = onWarning;
  }

  onTrainBegin(state: TrainingState): void {
    this.release();
    this.attach(state);
  }

  onGradients({ model, step }: TrainingState): void {
    if (step % this.every !== 0) return;
    const activations = this.probes.flatMap((probe) => probe.report());
    this.release();
    const { layers, totalNorm, warnings } = diagnoseGradients(model, this.thresholds);
    const all = [...warnings, ...activations.flatMap((a) => this.warningOf(a))];
    const measured = layers.map((l) => ({ ...l, updateRatio: null }));
    this.records.push({ step: step + 1, totalNorm, layers: measured, activations, warnings: all });
    const copies = trainableLayers(model).map(
      ({ layer, parameters }) => [layer, parameters.map((p) => p.data())] as const,
    );
    this.weights = new Map(copies);
    for (const warning of all) this.tell(warning, step + 1);
  }

  onStepEnd(state: TrainingState): void {
    const record = this.records.at(-1);
    if (this.weights !== null && record !== undefined) {
      const moved = updateRatios(state.model, this.weights);
      const layers = record.layers.map((l) => ({ ...l, updateRatio: moved.get(l.layer) ?? null }));
      this.records[this.records.length - 1] = { ...record, layers };
      this.weights = null;
    }
    this.attach(state);
  }

  onTrainEnd(): void {
    this.release();
    this.weights = null;
  }

  private attach({ model, step }: TrainingState): void {
    if (step % this.every !== 0 || this.probes.length > 0) return;
    for (const [layer, module] of model.namedModules()) {
      const dead = module instanceof ReLU || module instanceof ReLU6;
      if (dead) this.probes.push(new DeadUnits(layer, module));
      else if (module instanceof Sigmoid) this.probes.push(new Saturation(layer, module, isSaturatedSigmoid));
      else if (module instanceof Tanh) this.probes.push(new Saturation(layer, module, (y) => Math.abs(y) > TANH_EDGE));
    }
  }

  private release(): void {
    for (const probe of this.probes) probe.remove();
    this.probes = [];
  }

  private warningOf({ layer, type, kind, fraction }: MonitoredActivation): GradientWarning[] {
    if (fraction <= this[kind]) return [];
    const what = kind === "dead" ? "units" : "outputs";
    const message = `${(100 * fraction).toFixed(0)} % of the ${what} of ${titleOf(layer, type)} are ${kind}`;
    return [{ kind, layer, message }];
  }

  private tell(warning: GradientWarning, step: number): void {
    const key = `${warning.kind} ${warning.layer}`;
    if (this.told.has(key)) return;
    this.told.add(key);
    this.onWarning(warning, step);
  }
}

function isSaturatedSigmoid(y: number): boolean {
  return y < SIGMOID_EDGE || y > 1 - SIGMOID_EDGE;
}

/** Looks at the results of one activation until it is removed. */
abstract class Probe {
  private readonly hook: HookHandle;
  private readonly type: string;

  constructor(
    private readonly layer: string,
    module: Module,
    private readonly kind: MonitoredActivation["kind"],
  ) {
    this.type = module.constructor.name;
    this.hook = module.registerForwardHook((m, _, y) => {
      if (m.training && y instanceof Tensor && y.numel > 0) this.look(y);
    });
  }

  protected abstract look(y: Tensor): void;
  /** Null if nothing has been seen. */
  protected abstract fraction(): number | null;

  report(): MonitoredActivation[] {
    const { layer, type, kind } = this;
    const fraction = this.fraction();
    return fraction === null ? [] : [{ layer, type, kind, fraction }];
  }

  remove(): void {
    this.hook.remove();
  }
}

class DeadUnits extends Probe {
  /** 1 for a unit that some sample since the last step woke. */
  private alive: Uint8Array | null = null;

  constructor(layer: string, module: Module) {
    super(layer, module, "dead");
  }

  protected look(y: Tensor): void {
    const perSample = y.numel / (y.ndim === 0 ? 1 : y.shape[0]!);
    const units = y.ndim >= 4 ? y.shape[1]! : perSample;
    // Sequences of another length have other units; those of the last batch count then.
    if (this.alive?.length !== units) this.alive = new Uint8Array(units);
    const perUnit = perSample / units;
    y.data().forEach((v: number, i: number) => {
      if (v !== 0) this.alive![Math.floor((i % perSample) / perUnit)] = 1;
    });
  }

  protected fraction(): number | null {
    const { alive } = this;
    return alive === null ? null : 1 - alive.reduce((sum, one) => sum + one, 0) / alive.length;
  }
}

class Saturation extends Probe {
  private seen = 0;
  private saturated = 0;

  constructor(
    layer: string,
    module: Module,
    private readonly isSaturated: (y: number) => boolean,
  ) {
    super(layer, module, "saturated");
  }

  protected look(y: Tensor): void {
    this.seen += y.numel;
    for (const v of y.data()) if (this.isSaturated(v)) this.saturated++;
  }

  protected fraction(): number | null {
    return this.seen === 0 ? null : this.saturated / this.seen;
  }
}

/** ‖w − w₀‖ / ‖w₀‖ by layer, for layers whose weights were not 0. */
function updateRatios(model: Module, before: ReadonlyMap<string, readonly DataArray[]>): Map<string, number> {
  const ratios = new Map<string, number>();
  for (const { layer, parameters } of trainableLayers(model)) {
    let moved = 0;
    let size = 0;
    for (const [i, p] of parameters.entries()) {
      const old = before.get(layer)?.[i];
      if (old?.length !== p.numel) continue;
      p.data().forEach((w: number, j: number) => {
        moved += (w - old[j]!) ** 2;
        size += old[j]! ** 2;
      });
    }
    if (size > 0) ratios.set(layer, Math.sqrt(moved / size));
  }
  return ratios;
}
