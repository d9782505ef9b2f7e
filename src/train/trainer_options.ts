import { checkInteger, checkNumber, checkOneOf, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Metric } from "../metrics/metric.js";
import { checkModule, Module } from "../nn/module.js";
import { LBFGS } from "../optim/lbfgs.js";
import { ChainedScheduler, LRScheduler, ReduceLROnPlateau, type Scheduler } from "../optim/lr_scheduler/index.js";
import { Newton } from "../optim/newton.js";
import { Optimizer } from "../optim/optimizer.js";
import { Generator } from "../random.js";
import type { Tensor } from "../tensor.js";
import type { Callback } from "./callback.js";
import type { StepOutcome } from "./step.js";

/** A function of outputs and targets, or a loss module. */
export type Loss =
  | ((outputs: Tensor, targets: Tensor) => Tensor)
  | { forward(outputs: Tensor, targets: Tensor): Tensor };

/** Computes the loss of a batch. What it returns beside the loss is logged; `outputs` and `targets` go to the metrics. */
export type TrainingStep<M extends Module, B> = (model: M, batch: B) => Tensor | StepOutcome;

export interface TrainerOptions<M extends Module, B> {
  readonly optimizer: Optimizer;
  /** Loss of a batch [x, y]: loss(model.forward(x), y). It should be a mean over the batch. Either this or `step` is needed. */
  readonly loss?: Loss;
  /** Takes the place of loss(model.forward(x), y), for batches of any kind. */
  readonly step?: TrainingStep<M, B>;
  /** The same for validation. Default: as in training. */
  readonly validationStep?: TrainingStep<M, B>;
  readonly scheduler?: LRScheduler | ReduceLROnPlateau | ChainedScheduler;
  /** When the schedule makes a step. Default "epoch". */
  readonly schedulerInterval?: "epoch" | "step";
  /** Name of the number that ReduceLROnPlateau is given. Default "valLoss" with validation, else "loss". */
  readonly monitor?: string;
  /** Measured over the batches of an epoch as "name", and over those of a validation as "valName". */
  readonly metrics?: Readonly<Record<string, Metric>>;
  /** Batches whose gradients are averaged for one optimizer step, each with the weight of its size. Default 1. */
  readonly accumulate?: number;
  /** Make gradients shorter so that their norm is at most this. Default: no. */
  readonly clipNorm?: number;
  /** Clamp gradients to ± this, after clipNorm. Default: no. */
  readonly clipValue?: number;
  readonly callbacks?: readonly Callback[];
  /** Steps between two entries of `history.steps`; 0 for none. Default 1. */
  readonly logEvery?: number;
  /**
   * Steps between two validations; without it they are at the ends of epochs. The metrics of an epoch are then those of its batches since
   * the last validation.
   */
  readonly validateEvery?: number;
  /** Generators that checkpoints are to hold beside the default one and those of the modules. */
  readonly generators?: Readonly<Record<string, Generator>>;
}

const KNOWN = [
  "optimizer",
  "loss",
  "step",
  "validationStep",
  "scheduler",
  "schedulerInterval",
  "monitor",
  "metrics",
  "accumulate",
  "clipNorm",
  "clipValue",
  "callbacks",
  "logEvery",
  "validateEvery",
  "generators",
];

/** Names that the Trainer logs itself. */
const RESERVED = ["loss", "lr", "gradNorm", "outputs", "targets"];

/** Options with the defaults filled in. */
export interface Settings<M extends Module, B> extends TrainerOptions<M, B> {
  readonly schedulerInterval: "epoch" | "step";
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly accumulate: number;
  readonly callbacks: readonly Callback[];
  readonly logEvery: number;
}

/** Throws if an option is unknown, of the wrong kind, out of range, or would be ignored. */
export function checkTrainerOptions<M extends Module, B>(model: M, options: TrainerOptions<M, B>): Settings<M, B> {
  const op = "Trainer";
  checkModule(op, "model", model);
  checkOptions(op, options, KNOWN);
  const { optimizer, loss, step, scheduler, metrics = {}, callbacks = [] } = options;
  if (!(optimizer instanceof Optimizer)) {
    throw new ArgumentError(op, `optimizer is ${String(optimizer)}; expected an Optimizer`);
  }
  if ((loss === undefined) === (step === undefined)) {
    throw new ArgumentError(
      op,
      `got ${loss === undefined ? "neither loss nor" : "both loss and"} step; expected one of them`,
    );
  }
  if (loss !== undefined && typeof loss !== "function" && !(loss instanceof Module)) {
    throw new ArgumentError(op, `loss is ${String(loss)}; expected a function or a loss module`);
  }
  checkFunction(op, "step", step);
  checkFunction(op, "validationStep", options.validationStep);
  const schedulerInterval = checkOneOf(op, "schedulerInterval", options.schedulerInterval ?? "epoch", [
    "epoch",
    "step",
  ]);
  checkScheduler(op, options);
  for (const [name, metric] of Object.entries(metrics)) {
    if (RESERVED.includes(name)) {
      throw new ArgumentError(op, `a metric is called ${name}; expected another name than ${RESERVED.join(", ")}`);
    }
    if (typeof metric?.update !== "function" || typeof metric.compute !== "function") {
      throw new ArgumentError(op, `metric "${name}" has no update and compute; expected a Metric`);
    }
  }
  const accumulate = checkInteger(op, "accumulate", options.accumulate ?? 1, 1);
  if (needsClosure(optimizer) && accumulate > 1) {
    throw new ArgumentError(
      op,
      `accumulate is ${accumulate}; expected 1 for an optimizer that evaluates the loss itself`,
    );
  }
  if (options.clipNorm !== undefined) checkNumber(op, "clipNorm", options.clipNorm, 0);
  if (options.clipValue !== undefined) checkNumber(op, "clipValue", options.clipValue, 0);
  if (!Array.isArray(callbacks) || callbacks.some((c) => typeof c !== "object" || c === null)) {
    throw new ArgumentError(op, `callbacks are ${String(callbacks)}; expected a list of callbacks`);
  }
  const logEvery = checkInteger(op, "logEvery", options.logEvery ?? 1, 0);
  if (options.validateEvery !== undefined) checkInteger(op, "validateEvery", options.validateEvery, 1);
  for (const [name, generator] of Object.entries(options.generators ?? {})) {
    if (!(generator instanceof Generator)) throw new ArgumentError(op, `generators.${name} is no Generator`);
  }
  if (scheduler !== undefined && scheduler.optimizer !== optimizer) {
    throw new ArgumentError(op, "scheduler belongs to another optimizer; expected the one of the Trainer");
  }
  return { ...options, schedulerInterval, metrics, accumulate, callbacks, logEvery };
}

function checkScheduler<M extends Module, B>(op: string, options: TrainerOptions<M, B>): void {
  const { scheduler, schedulerInterval, monitor } = options;
  if (scheduler === undefined && schedulerInterval !== undefined) {
    throw new ArgumentError(op, "schedulerInterval is given without a scheduler; expected both or neither");
  }
  const known: readonly (abstract new (...args: never[]) => Scheduler)[] = [
    LRScheduler,
    ReduceLROnPlateau,
    ChainedScheduler,
  ];
  if (scheduler !== undefined && !known.some((type) => scheduler instanceof type)) {
    throw new ArgumentError(op, `scheduler is ${String(scheduler)}; expected one of optim.lrScheduler`);
  }
  if (monitor !== undefined && !(scheduler instanceof ReduceLROnPlateau)) {
    throw new ArgumentError(op, `monitor is "${monitor}"; expected it with ReduceLROnPlateau only`);
  }
}

function checkFunction(op: string, what: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") {
    throw new ArgumentError(op, `${what} is ${String(value)}; expected a function (model, batch) => loss`);
  }
}

/** True for optimizers whose step evaluates the loss several times. */
export function needsClosure(optimizer: Optimizer): boolean {
  return optimizer instanceof LBFGS || optimizer instanceof Newton;
}
