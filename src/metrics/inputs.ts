import { checkDType, checkInteger, checkNumber, checkOneOf } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { argmax } from "../functional/extrema.js";
import { topk } from "../functional/sort.js";
import { noGrad } from "../scoping.js";
import { formatShape, numel, sameShape } from "../shape.js";
import { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";

// What metrics read of outputs and targets. Classes are in dimension 1 of scores [N, C, …], as in cross-entropy.

export interface ClassOptions {
  /** Targets of this class do not count. Default null: all count. */
  readonly ignoreIndex?: number | null;
}

export interface TaskOptions extends ClassOptions {
  /**
   * "multiclass" (default): outputs are scores [N, C, …] or classes [N, …] of int32, targets classes [N, …].
   * "binary": outputs are scores or 0 and 1, targets 0 and 1, all of one shape.
   */
  readonly task?: "multiclass" | "binary";
  /** Binary scores above it stand for 1. Default 0.5, for probabilities; 0 suits logits. */
  readonly threshold?: number;
}

export const TASK_OPTIONS = ["task", "threshold", "ignoreIndex"];

/** How a metric reads its inputs; checked. */
export interface Reading {
  readonly task: "multiclass" | "binary" | "multilabel";
  readonly threshold: number;
  readonly ignoreIndex: number | null;
}

export function readTask(
  op: string,
  options: Omit<TaskOptions, "task"> & { readonly task?: Reading["task"] },
  tasks: readonly Reading["task"][] = ["multiclass", "binary"],
): Reading {
  const task = checkOneOf(op, "task", options.task ?? "multiclass", tasks);
  if (task === "multiclass" && options.threshold !== undefined) {
    throw new ArgumentError(op, `threshold is ${options.threshold} with task "multiclass"; expected it with "binary"`);
  }
  const { ignoreIndex = null } = options;
  if (ignoreIndex !== null) checkInteger(op, "ignoreIndex", ignoreIndex, -(2 ** 31));
  return { task, threshold: checkNumber(op, "threshold", options.threshold ?? 0.5), ignoreIndex };
}

export function checkTensors(op: string, outputs: unknown, targets: unknown): void {
  for (const [what, t] of [
    ["outputs", outputs],
    ["targets", targets],
  ] as const) {
    if (!(t instanceof Tensor)) throw new ArgumentError(op, `${what} are no Tensor; expected one`);
    t.assertAlive(op);
  }
}

/** Both are tensors of one shape. */
export function checkAlike(op: string, outputs: Tensor, targets: Tensor): void {
  checkTensors(op, outputs, targets);
  if (sameShape(outputs.shape, targets.shape)) return;
  throw new ShapeError(
    op,
    `outputs have shape ${formatShape(outputs.shape)}; expected ${formatShape(targets.shape)}, as the targets have`,
  );
}

/** The classes in a tensor, which may be float32: integers from 0 to classes − 1, or `ignoreIndex`. */
export function classesIn(
  op: string,
  what: string,
  t: Tensor,
  classes: number,
  ignoreIndex: number | null,
): ArrayLike<number> {
  const list = t.data();
  for (let i = 0; i < list.length; i++) {
    const v = list[i]!;
    if (v === ignoreIndex || (Number.isInteger(v) && v >= 0 && v < classes)) continue;
    throw new ArgumentError(op, `${what} hold class ${v}; expected 0 to ${classes === Infinity ? "n" : classes - 1}`);
  }
  return list;
}

/** The number of classes in scores [N, C, …] for targets [N, …]; null if the outputs are classes themselves. */
export function classCount(op: string, outputs: Tensor, targets: Tensor): number | null {
  checkTensors(op, outputs, targets);
  if (outputs.dtype !== "float32") {
    checkDType(op, "outputs", outputs, "int32", "float32");
    checkAlike(op, outputs, targets);
    return null;
  }
  const without: Shape = [...outputs.shape.slice(0, 1), ...outputs.shape.slice(2)];
  if (outputs.ndim < 2 || !sameShape(without, targets.shape)) {
    throw new ShapeError(
      op,
      `outputs have shape ${formatShape(outputs.shape)}, targets ${formatShape(targets.shape)}; expected scores [N, C, …] ` +
        'and classes [N, …], or task "binary"',
    );
  }
  return outputs.size(1);
}

/** The k best classes for each target, target by target: of equal scores the first, NaN above all. */
export function bestClasses(op: string, outputs: Tensor, k: number): Int32Array {
  const [n, classes, ...rest] = outputs.shape as readonly [number, number, ...number[]];
  if (k > classes) throw new ArgumentError(op, `topK is ${k} with ${classes} classes; expected at most as many`);
  const positions = numel(rest);
  const out = new Int32Array(n * positions * k);
  if (out.length === 0) return out;
  const best = noGrad(() => (k === 1 ? argmax(outputs, { dim: 1 }) : topk(outputs, { k, dim: 1 })[1]));
  const found = best.data();
  best.dispose();
  // From [N, k, …] to [N, …, k].
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < k; j++) {
      for (let p = 0; p < positions; p++) out[(i * positions + p) * k + j] = found[(i * k + j) * positions + p]!;
    }
  }
  return out;
}

/** Predicted and true classes, without the ignored ones. */
export interface ClassPairs {
  readonly predicted: Int32Array;
  readonly actual: Int32Array;
  /** How many classes the scores had; null if classes were given. */
  readonly classes: number | null;
}

/** What classes a batch is about. `numClasses` bounds them where scores do not. */
export function classPairs(
  op: string,
  outputs: Tensor,
  targets: Tensor,
  reading: Reading,
  numClasses: number | null = null,
): ClassPairs {
  const { task, threshold, ignoreIndex } = reading;
  if (task === "multiclass") {
    const scored = classCount(op, outputs, targets);
    if (scored !== null && numClasses !== null && scored !== numClasses) {
      throw new ShapeError(
        op,
        `outputs have ${scored} classes (${formatShape(outputs.shape)}); expected ${numClasses}`,
      );
    }
    const bound = scored ?? numClasses ?? Infinity;
    const actual = classesIn(op, "targets", targets, bound, ignoreIndex);
    const predicted = scored === null ? classesIn(op, "outputs", outputs, bound, null) : bestClasses(op, outputs, 1);
    return { ...withoutIgnored(predicted, actual, ignoreIndex), classes: scored };
  }
  checkAlike(op, outputs, targets);
  const actual = classesIn(op, "targets", targets, 2, ignoreIndex);
  const predicted =
    outputs.dtype === "float32"
      ? Int32Array.from(outputs.data(), (score) => (score > threshold ? 1 : 0))
      : classesIn(op, "outputs", outputs, 2, null);
  return { ...withoutIgnored(predicted, actual, ignoreIndex), classes: 2 };
}

function withoutIgnored(
  predicted: ArrayLike<number>,
  actual: ArrayLike<number>,
  ignoreIndex: number | null,
): { predicted: Int32Array; actual: Int32Array } {
  const kept: number[] = [];
  for (let i = 0; i < actual.length; i++) if (actual[i] !== ignoreIndex) kept.push(i);
  return { predicted: Int32Array.from(kept, (i) => predicted[i]!), actual: Int32Array.from(kept, (i) => actual[i]!) };
}

/** a / b, and 0 where there is nothing to divide by. */
export function ratio(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}
