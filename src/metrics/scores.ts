import { checkInteger, checkNumber, checkOneOf, checkOptions } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { formatShape, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import {
  checkAlike,
  classesIn,
  classPairs,
  type Reading,
  ratio,
  readTask,
  TASK_OPTIONS,
  type TaskOptions,
} from "./inputs.js";
import type { Metric } from "./metric.js";

const AVERAGES = ["micro", "macro", "weighted", "none"] as const;

/** How the scores of the classes become one. */
export type Average = (typeof AVERAGES)[number];

/** A number, or one for each class if nothing is averaged. */
export type Averaged<A extends Average> = A extends "none" ? number[] : number;

export interface ScoreOptions<A extends Average = Average> extends Omit<TaskOptions, "task"> {
  /**
   * "multiclass" (default) and "binary", which scores class 1 alone, as in `Accuracy`; "multilabel": outputs [N, L, …] are scores or 0
   * and 1 for each label, targets 0 and 1 of the same shape, and labels are what classes are otherwise.
   */
  readonly task?: Reading["task"];
  /**
   * "macro" (default): the mean over the classes that occur in targets or predictions; "weighted": each with its number of targets;
   * "micro": counts of all classes together; "none": one score for each class.
   */
  readonly average?: A;
  /** Number of classes. Default: taken from the first scores; it must be given if outputs are classes. */
  readonly numClasses?: number | null;
}

/** Counts of one class: predicted and true, predicted but not true, true but not predicted. */
export interface Counts {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
}

/** Base of the scores that depend on the counts of each class. A score without anything to divide by is 0. */
export abstract class CountedScore<A extends Average = "macro"> implements Metric<Averaged<A>> {
  private readonly reading: Reading;
  private readonly average: Average;
  private readonly fixed: number | null;
  private tp = new Float64Array();
  private fp = new Float64Array();
  private fn = new Float64Array();

  constructor(options: ScoreOptions<A> = {}) {
    const op = new.target.name;
    checkOptions(op, options, [...TASK_OPTIONS, "average", "numClasses"]);
    this.reading = readTask(op, options, ["multiclass", "binary", "multilabel"]);
    this.average = checkOneOf<Average>(op, "average", options.average ?? "macro", AVERAGES);
    const { numClasses = null } = options;
    this.fixed = numClasses === null ? null : checkInteger(op, "numClasses", numClasses, 2);
    if (this.reading.task === "binary" && numClasses !== null && numClasses !== 2) {
      throw new ArgumentError(op, `numClasses is ${numClasses} with task "binary"; expected 2 or none`);
    }
  }

  /** The score of one class. */
  protected abstract score(counts: Counts): number;

  update(outputs: Tensor, targets: Tensor): void {
    if (this.reading.task === "multilabel") this.updateLabels(outputs, targets);
    else this.updateClasses(outputs, targets);
  }

  compute(): Averaged<A> {
    // The type says what the option has chosen.
    return this.averaged() as Averaged<A>;
  }

  reset(): void {
    this.tp = new Float64Array();
    this.fp = new Float64Array();
    this.fn = new Float64Array();
  }

  private averaged(): number | number[] {
    const all = Array.from(this.tp, (tp, c): Counts => ({ tp, fp: this.fp[c]!, fn: this.fn[c]! }));
    const counts = this.reading.task === "binary" ? all.slice(1) : all;
    if (this.average === "none") return counts.map((c) => this.score(c));
    if (this.average === "micro") {
      const total = (key: keyof Counts): number => counts.reduce((s, c) => s + c[key], 0);
      return this.score({ tp: total("tp"), fp: total("fp"), fn: total("fn") });
    }
    const weightOf = ({ tp, fp, fn }: Counts): number => {
      if (this.average === "weighted") return tp + fn;
      return tp + fp + fn > 0 ? 1 : 0;
    };
    const weights = counts.map(weightOf);
    return ratio(
      counts.reduce((s, c, i) => s + weights[i]! * this.score(c), 0),
      weights.reduce((a, b) => a + b, 0),
    );
  }

  private updateClasses(outputs: Tensor, targets: Tensor): void {
    const op = this.constructor.name;
    const known = this.known();
    const { predicted, actual, classes } = classPairs(op, outputs, targets, this.reading, known);
    const count = classes ?? known;
    if (count === null) throw new ArgumentError(op, "outputs are classes and numClasses is not given; expected it");
    this.makeRoom(count);
    actual.forEach((c, i) => {
      const p = predicted[i]!;
      if (p === c) this.tp[c]!++;
      else {
        this.fp[p]!++;
        this.fn[c]!++;
      }
    });
  }

  private updateLabels(outputs: Tensor, targets: Tensor): void {
    const op = this.constructor.name;
    const { threshold, ignoreIndex } = this.reading;
    checkAlike(op, outputs, targets);
    const known = this.known();
    const labels = outputs.shape[1];
    if (labels === undefined || (known !== null && labels !== known)) {
      throw new ShapeError(
        op,
        `outputs have shape ${formatShape(outputs.shape)}; expected [N, ${known ?? "labels"}, …]`,
      );
    }
    const inner = numel(outputs.shape.slice(2));
    const actual = classesIn(op, "targets", targets, 2, ignoreIndex);
    const scores = outputs.dtype === "float32" ? outputs.data() : classesIn(op, "outputs", outputs, 2, null);
    const limit = outputs.dtype === "float32" ? threshold : 0.5;
    this.makeRoom(labels);
    for (let i = 0; i < actual.length; i++) {
      if (actual[i] === ignoreIndex) continue;
      const label = Math.floor(i / inner) % labels;
      const positive = scores[i]! > limit;
      if (positive) (actual[i] === 1 ? this.tp : this.fp)[label]!++;
      else if (actual[i] === 1) this.fn[label]!++;
    }
  }

  /** How many classes there are, as far as that is known. */
  private known(): number | null {
    return this.fixed ?? (this.tp.length === 0 ? null : this.tp.length);
  }

  private makeRoom(classes: number): void {
    if (this.tp.length === classes) return;
    this.tp = new Float64Array(classes);
    this.fp = new Float64Array(classes);
    this.fn = new Float64Array(classes);
  }
}

/** Of what was predicted to be a class, the share that is: tp / (tp + fp). */
export class Precision<A extends Average = "macro"> extends CountedScore<A> {
  protected score({ tp, fp }: Counts): number {
    return ratio(tp, tp + fp);
  }
}

/** Of what is in a class, the share that was found: tp / (tp + fn). Its macro average is the balanced accuracy. */
export class Recall<A extends Average = "macro"> extends CountedScore<A> {
  protected score({ tp, fn }: Counts): number {
    return ratio(tp, tp + fn);
  }
}

/** (1 + β²)·tp / ((1 + β²)·tp + β²·fn + fp): the harmonic mean of precision and recall, recall counting β times as much. */
export class FBetaScore<A extends Average = "macro"> extends CountedScore<A> {
  private readonly squared: number;

  constructor(beta: number, options: ScoreOptions<A> = {}) {
    super(options);
    this.squared = checkNumber(new.target.name, "beta", beta, 0, Number.MAX_VALUE) ** 2;
  }

  protected score({ tp, fp, fn }: Counts): number {
    return ratio((1 + this.squared) * tp, (1 + this.squared) * tp + this.squared * fn + fp);
  }
}

/** The harmonic mean of precision and recall: 2·tp / (2·tp + fp + fn). */
export class F1Score<A extends Average = "macro"> extends FBetaScore<A> {
  constructor(options: ScoreOptions<A> = {}) {
    super(1, options);
  }
}

/** Intersection over union of predicted and true places: tp / (tp + fp + fn), by default the mean over the classes (mIoU). */
export class JaccardIndex<A extends Average = "macro"> extends CountedScore<A> {
  protected score({ tp, fp, fn }: Counts): number {
    return ratio(tp, tp + fp + fn);
  }
}

/** Twice the intersection over the sum of the sizes: 2·tp / (2·tp + fp + fn), by default the mean over the classes. */
export class Dice<A extends Average = "macro"> extends CountedScore<A> {
  protected score({ tp, fp, fn }: Counts): number {
    return ratio(2 * tp, 2 * tp + fp + fn);
  }
}
