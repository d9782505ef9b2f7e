import { K } from "../backend/index.js";
import { ArgumentError } from "../errors.js";
import { materialize } from "../layout.js";
import type { Metric } from "../metrics/metric.js";
import { clipGradNorm_, clipGradValue_ } from "../nn/gradients.js";
import type { Module } from "../nn/module.js";
import { copyInto } from "../ops/copy.js";
import type { Optimizer } from "../optim/optimizer.js";
import { defaultGenerator, type Generator } from "../random.js";
import { noGrad, scope } from "../scoping.js";
import type { Tensor } from "../tensor.js";
import type { Logs } from "./callback.js";
import { moduleGenerators } from "./checkpoint.js";
import { type Draws, nonFiniteGradient, nonFiniteLoss } from "./non_finite.js";
import { type Evaluated, evaluate, Means, ratesOf } from "./step.js";
import { needsClosure, type Settings, type TrainingStep } from "./trainer_options.js";
import type { TrainerState } from "./trainer_state.js";

/** Rounding of the weights of batches. */
const WEIGHT_EPS = 1e-9;

/** Makes optimizer steps out of batches. */
export class Stepper<M extends Module, B> {
  private readonly optimizer: Optimizer;
  private readonly generators: readonly Generator[];
  /** Batches since the last optimizer step, and the sum of their weights. */
  private pending = 0;
  private weight = 0;
  /** Samples that a step is to have: a batch's weight is its share of them. */
  private unit = 0;
  private means = new Means();
  /** The last batch's loss, for messages. */
  private loss = Number.NaN;

  constructor(
    private readonly model: M,
    private readonly settings: Settings<M, B>,
    private readonly step: TrainingStep<M, B>,
    private readonly state: TrainerState,
    /** Nothing but training can give the metrics outputs. */
    private readonly mustMeasure: boolean,
  ) {
    this.optimizer = settings.optimizer;
    const held = [...moduleGenerators(model)].map(([, g]) => g);
    this.generators = [...new Set([defaultGenerator, ...held, ...Object.values(settings.generators ?? {})])];
  }

  /** True while batches wait for an optimizer step. */
  get waiting(): boolean {
    return this.pending > 0;
  }

  /** Takes a batch; its temporaries are freed. Returns the step's numbers if it completed an optimizer step. */
  take(batch: B): Logs | null {
    const evaluated = needsClosure(this.optimizer) ? this.stepWithClosure(batch) : this.addGradients(batch);
    this.means.add(evaluated.logs, evaluated.size);
    this.state.means.add(evaluated.logs, evaluated.size);
    if (needsClosure(this.optimizer)) return this.finished(evaluated.norm);
    return this.pending === this.settings.accumulate ? this.apply(batch) : null;
  }

  /** Makes the optimizer step that waits for further batches. */
  apply(batch?: B): Logs {
    // Fewer batches, or smaller ones, than a step is to have: their weights do not sum up to 1.
    if (Math.abs(this.weight - 1) > WEIGHT_EPS) {
      for (const g of this.gradients()) noGrad(() => copyInto(g, g.mul(1 / this.weight)));
    }
    const norm = this.finishGradients(batch);
    this.state.emit("onGradients");
    scope(() => this.optimizer.step());
    return this.finished(norm);
  }

  private addGradients(batch: B): Taken {
    const { accumulate } = this.settings;
    if (this.pending === 0) {
      this.clear();
      this.weight = 0;
      this.unit = 0;
    }
    return scope(() => {
      const evaluated = this.evaluate(batch);
      if (this.unit === 0) this.unit = accumulate * evaluated.size;
      const weight = evaluated.size / this.unit;
      (weight === 1 ? evaluated.loss : evaluated.loss.mul(weight)).backward();
      this.weight += weight;
      this.pending++;
      this.measure(evaluated);
      return { logs: evaluated.logs, size: evaluated.size, norm: Number.NaN };
    });
  }

  /** A step of an optimizer that asks for loss and gradients itself. The first answer counts as the batch's. */
  private stepWithClosure(batch: B): Taken {
    let first: Taken | null = null;
    scope(() =>
      this.optimizer.step(() => {
        this.clear();
        const evaluated = first === null ? this.evaluate(batch) : evaluate(this.step, this.model, batch);
        evaluated.loss.backward();
        if (first !== null) {
          // A line search may try a point where the loss is not finite; it goes back from there itself.
          if (Number.isFinite(evaluated.logs.loss)) this.finishGradients(batch);
          return evaluated.logs.loss;
        }
        const norm = this.finishGradients(batch);
        this.measure(evaluated);
        first = { logs: evaluated.logs, size: evaluated.size, norm };
        this.state.emit("onGradients");
        return evaluated.logs.loss;
      }),
    );
    return first!;
  }

  /** Errors: NonFiniteError for a loss that is not finite. */
  private evaluate(batch: B): Evaluated {
    const draws: Draws = this.generators.map((g) => [g, g.getState()]);
    const evaluated = evaluate(this.step, this.model, batch);
    this.loss = evaluated.logs.loss!;
    if (Number.isFinite(this.loss)) return evaluated;
    const rerun = (): void => void this.step(this.model, batch);
    throw nonFiniteLoss(this.suspect(batch), rerun, draws);
  }

  /** Checks and clips the gradients; returns their norm as it was. Errors: NonFiniteError. */
  private finishGradients(batch: B | undefined): number {
    const { clipNorm, clipValue } = this.settings;
    const norm = Math.sqrt(this.gradients().reduce((sum, g) => sum + squareOf(g), 0));
    if (!Number.isFinite(norm)) {
      const error = nonFiniteGradient(this.suspect(batch));
      if (error !== null) throw error;
    }
    const params = this.optimizer.paramGroups.flatMap((g) => g.params);
    if (clipNorm !== undefined && norm > clipNorm) scope(() => void clipGradNorm_(params, clipNorm));
    if (clipValue !== undefined) clipGradValue_(params, clipValue);
    return norm;
  }

  private measure(evaluated: Evaluated): void {
    if (measure(this.settings.metrics, evaluated)) this.state.measured = true;
    else if (this.mustMeasure) throw unmeasured();
  }

  private finished(gradNorm: number): Logs {
    const logs = { ...this.means.logs, gradNorm, ...ratesOf(this.optimizer) };
    this.means.reset();
    this.pending = 0;
    this.state.step++;
    return logs;
  }

  private clear(): void {
    this.model.zeroGrad();
    this.optimizer.zeroGrad();
  }

  private gradients(): Tensor[] {
    return this.optimizer.paramGroups.flatMap((g) => g.params).flatMap((p) => (p.grad === null ? [] : [p.grad]));
  }

  private suspect(batch: B | undefined) {
    const { model, optimizer, loss } = this;
    return { model, optimizer, step: this.state.step + 1, loss, batch };
  }
}

/** What outlives the tensors of a batch. */
interface Taken extends Pick<Evaluated, "logs" | "size"> {
  /** Of the gradients; NaN if they are not complete. */
  readonly norm: number;
}

/** Σ g² in float64: not finite if an element is not, and only then. */
function squareOf(g: Tensor): number {
  const flat = g.isContiguous ? g : materialize(g);
  const sum = K.dot_f32(flat.ptr, flat.ptr, flat.numel);
  if (flat !== g) flat.dispose();
  return sum;
}

/** The error for metrics that get nothing to compare. */
export function unmeasured(): ArgumentError {
  return new ArgumentError("Trainer", "the step gave no outputs and targets, which the metrics need");
}

/** Shows a batch's outputs to the metrics; false if the step gave none. */
export function measure(metrics: Readonly<Record<string, Metric>>, { outputs, targets }: Evaluated): boolean {
  if (outputs === null || targets === null) return false;
  noGrad(() => {
    for (const metric of Object.values(metrics)) metric.update(outputs, targets);
  });
  return true;
}
