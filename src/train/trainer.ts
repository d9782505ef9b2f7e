import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, RuntimeError } from "../errors.js";
import { cat } from "../functional/copy.js";
import { modesOf } from "../nn/mode.js";
import type { Module } from "../nn/module.js";
import { ReduceLROnPlateau } from "../optim/lr_scheduler/index.js";
import { setScopesAside } from "../runtime/scope.js";
import { noGrad } from "../scoping.js";
import type { Tensor } from "../tensor.js";
import { Batches, checkLoader, type Loader, lengthOf } from "./batches.js";
import type { Logs } from "./callback.js";
import { monitored } from "./early_stopping.js";
import { computed, inEvaluation } from "./evaluation.js";
import type { History } from "./history.js";
import { Pacer } from "./pace.js";
import { contentOf, resumeFrom } from "./resume.js";
import { defaultStep, evaluate, inputOf, Means, outputOf, ratesOf } from "./step.js";
import { measure, Stepper, unmeasured } from "./stepper.js";
import { checkTrainerOptions, type Settings, type TrainerOptions, type TrainingStep } from "./trainer_options.js";
import { TrainerState } from "./trainer_state.js";

export interface FitOptions<B> {
  /** Batches to validate on, at the end of each epoch or every `validateEvery` steps. */
  readonly validation?: Loader<B>;
  /** Epochs to train in all, those before a resume included. Either this or maxSteps is needed. */
  readonly epochs?: number;
  /** Optimizer steps to make at most, those before a resume included. */
  readonly maxSteps?: number;
  /** Go on from a checkpoint of a Trainer: its bytes; in Node also the path of a file, or of a folder for the latest in it. */
  readonly resume?: string | Uint8Array | null;
}

/** One run of `fit`. */
interface Run<M extends Module, B> {
  readonly loader: Loader<B>;
  readonly validation: Loader<B> | undefined;
  readonly state: TrainerState;
  readonly stepper: Stepper<M, B>;
  readonly pacer: Pacer;
}

/**
 * Trains a model: batches, gradients, clipping, optimizer steps, schedules, validation, metrics, logs, checkpoints.
 *
 *     const trainer = new Trainer(model, { optimizer, loss: functional.crossEntropy, metrics: { accuracy } });
 *     const history = await trainer.fit(loader, { epochs: 5, validation });
 *
 * It logs "loss", "gradNorm" (as it was before clipping) and "lr" ("lr1" … for further groups) for each step; the means and the metrics
 * for each epoch; "valLoss" and the like for validations. A loss or gradient that is not finite ends it; see `NonFiniteError`.
 */
export class Trainer<M extends Module = Module, B = readonly [Tensor, Tensor]> {
  private readonly settings: Settings<M, B>;
  private readonly trainingStep: TrainingStep<M, B>;
  private readonly validationStep: TrainingStep<M, B>;
  private running: TrainerState | null = null;

  constructor(
    readonly model: M,
    options: TrainerOptions<M, B>,
  ) {
    this.settings = checkTrainerOptions(model, options);
    this.trainingStep = options.step ?? defaultStep(options.loss!);
    this.validationStep = options.validationStep ?? this.trainingStep;
  }

  /**
   * Trains for a number of epochs or steps. It lets other work of the thread run between steps, at least every 50 ms if a step is not
   * longer; everything that a step makes is freed. The modules' training modes are restored at the end. A pass that `maxSteps` ends is
   * validated, but is no epoch; one that `stop` ends is not validated either.
   * Errors: NonFiniteError; what callbacks throw; for a checkpoint that does not fit, and nothing has changed then.
   */
  async fit(loader: Loader<B>, options: FitOptions<B> = {}): Promise<History> {
    const op = "fit";
    checkOptions(op, options, ["validation", "epochs", "maxSteps", "resume"]);
    checkLoader(op, "loader", loader);
    const { validation, epochs, maxSteps, resume } = options;
    if (validation !== undefined) checkLoader(op, "validation", validation);
    if (epochs === undefined && maxSteps === undefined) {
      throw new ArgumentError(op, "got neither epochs nor maxSteps; expected at least one");
    }
    if (epochs !== undefined) checkInteger(op, "epochs", epochs, 0);
    if (maxSteps !== undefined) checkInteger(op, "maxSteps", maxSteps, 0);
    if (this.settings.validateEvery !== undefined && validation === undefined) {
      throw new ArgumentError(op, "validateEvery is set; expected a validation loader");
    }
    if (this.running !== null) throw new RuntimeError(op, "this Trainer is training already; await the first call");

    const { model, settings } = this;
    const state: TrainerState = new TrainerState({
      model,
      optimizer: settings.optimizer,
      batches: lengthOf(loader),
      maxEpochs: epochs,
      maxSteps,
      callbacks: settings.callbacks,
      content: () => contentOf(model, settings, state, loader, validation),
    });
    const stepper = new Stepper(
      model,
      settings,
      this.trainingStep,
      state,
      validation === undefined && Object.keys(settings.metrics).length > 0,
    );
    const run: Run<M, B> = { loader, validation, state, stepper, pacer: new Pacer() };
    if (resume !== undefined && resume !== null) {
      const bytes = typeof resume === "string" ? this.readCheckpoint(resume) : resume;
      resumeFrom(bytes, model, settings, state, loader, validation);
    }
    const restoreModes = modesOf(model);
    this.running = state;
    let failure: { readonly error: unknown } | null = null;
    try {
      state.emit("onTrainBegin");
      this.resetMetrics();
      while (!state.done) await this.pass(run);
    } catch (error) {
      failure = { error };
    }
    restoreModes();
    this.running = null;
    const late = state.end(failure);
    failure ??= late;
    if (failure !== null) throw failure.error;
    return state.history;
  }

  /** Ends a running `fit` after the present step: what a handler of SIGINT or a button calls. */
  stop(reason = "stop() was called"): void {
    this.running?.stop(reason);
  }

  /** Means of the loss and other numbers, and metrics, over a loader's batches, as "valLoss" …; in evaluation mode, without gradients. */
  async validate(loader: Loader<B>): Promise<Logs> {
    checkLoader("validate", "loader", loader);
    const { model } = this;
    const { metrics } = this.settings;
    const means = new Means();
    this.resetMetrics();
    await inEvaluation(this.model, loader, (batch) => {
      const evaluated = evaluate(this.validationStep, model, batch);
      means.add(evaluated.logs, evaluated.size);
      if (!measure(metrics, evaluated) && Object.keys(metrics).length > 0) {
        throw unmeasured();
      }
    });
    const logs = { ...means.logs, ...computed(metrics) };
    this.resetMetrics();
    return Object.fromEntries(
      Object.entries(logs).map(([k, v]) => [`val${k.charAt(0).toUpperCase()}${k.slice(1)}`, v]),
    );
  }

  /** The model's outputs for all batches x or [x, …] of a loader, joined along the first dimension; in evaluation mode, without gradients. */
  async predict(loader: Loader<unknown>): Promise<Tensor> {
    checkLoader("predict", "loader", loader);
    const outputs: Tensor[] = [];
    try {
      await inEvaluation(this.model, loader, (batch) => {
        outputs.push(outputOf(this.model, inputOf(batch)).clone().keep());
      });
      if (outputs.length === 0) throw new ArgumentError("predict", "the loader gave no batch; expected at least one");
      return noGrad(() => cat(outputs));
    } finally {
      for (const t of outputs) t.dispose();
    }
  }

  /** The bytes of a checkpoint. */
  protected readCheckpoint(path: string): Uint8Array {
    throw new ArgumentError("fit", `resume is the path "${path}", and there are no files here; expected bytes`);
  }

  /** One pass over the loader, or what a checkpoint has left of it. */
  private async pass(run: Run<M, B>): Promise<void> {
    const { state, loader, pacer, stepper } = run;
    this.model.train();
    state.emit("onEpochBegin");
    const batches = new Batches(loader);
    try {
      // A pass whose last batch makes the last step is an epoch: its end is waited for.
      while (!state.exhausted && (!state.done || (state.batch === state.batches && !state.stopped))) {
        const next = batches.next();
        const { done, value } = next instanceof Promise ? await next : next;
        if (done === true) state.exhausted = true;
        else if (state.done) break;
        else state.batch++;
        const logs = done !== true ? stepper.take(value) : stepper.waiting ? stepper.apply() : null;
        if (logs !== null) {
          this.stepped(run, logs);
          const { validateEvery } = this.settings;
          if (validateEvery !== undefined && state.step % validateEvery === 0) await this.validateNow(run);
          state.settle();
        }
        if (pacer.due) await pacer.pause();
      }
    } finally {
      await batches.close();
    }
    if (state.exhausted && state.batch === 0) {
      throw new ArgumentError("fit", "the loader gave no batch; expected at least one");
    }
    if (state.exhausted && !state.stopped) await this.endEpoch(run);
    else if (state.validatedAt !== state.step) await this.validateNow(run);
    state.settle();
    this.resetMetrics();
  }

  /** What follows an optimizer step. */
  private stepped({ state }: Run<M, B>, logs: Logs): void {
    const { logEvery, scheduler, schedulerInterval } = this.settings;
    const { step, epoch, time } = state;
    if (logEvery > 0 && step % logEvery === 0) state.history.steps.push({ step, epoch, time, logs });
    if (scheduler !== undefined && schedulerInterval === "step") this.schedule(logs, "loss");
    state.emit("onStepEnd", logs);
  }

  /** A validation within an epoch; its numbers join those of the step in the history. */
  private async validateNow(run: Run<M, B>): Promise<void> {
    const { state, validation } = run;
    if (validation === undefined || state.stopped) return;
    const logs = await this.validateFor(run, validation);
    const { step, epoch, time, history } = state;
    const last = history.steps.at(-1);
    const same = last?.step === step ? history.steps.pop() : undefined;
    history.steps.push({ step, epoch, time: same?.time ?? time, logs: { ...same?.logs, ...logs } });
  }

  private async validateFor({ state }: Run<M, B>, validation: Loader<B>): Promise<Logs> {
    const bringBack = setScopesAside();
    const logs = await this.validate(validation).finally(bringBack);
    state.validatedAt = state.step;
    state.emit("onValidationEnd", logs);
    return logs;
  }

  private async endEpoch(run: Run<M, B>): Promise<void> {
    const { state, validation } = run;
    const { metrics, scheduler, schedulerInterval, validateEvery, optimizer } = this.settings;
    const trained = { ...state.means.logs, ...(state.measured ? computed(metrics) : {}), ...ratesOf(optimizer) };
    const validated =
      validation !== undefined && validateEvery === undefined ? await this.validateFor(run, validation) : {};
    const logs = { ...trained, ...validated };
    if (scheduler !== undefined && schedulerInterval === "epoch") {
      this.schedule(logs, validation === undefined ? "loss" : "valLoss");
    }
    state.epoch++;
    state.batch = 0;
    state.exhausted = false;
    state.means.reset();
    const { step, epoch, time } = state;
    state.history.epochs.push({ step, epoch, time, logs });
    state.emit("onEpochEnd", logs);
  }

  private resetMetrics(): void {
    for (const metric of Object.values(this.settings.metrics)) metric.reset();
    if (this.running !== null) this.running.measured = false;
  }

  private schedule(logs: Logs, fallback: string): void {
    const { scheduler, monitor } = this.settings;
    if (scheduler instanceof ReduceLROnPlateau) scheduler.step(monitored("Trainer", monitor ?? fallback, logs));
    else scheduler?.step();
  }
}
