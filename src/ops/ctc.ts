import { K } from "../backend/index.js";
import { checkDType, checkInteger, checkRank } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Spec } from "../types.js";
import { reshape } from "./copy.js";
import { apply, defineOp, notDifferentiable } from "./op.js";
import { unsqueeze } from "./view.js";

type CTCInputs = readonly [logProbs: Tensor, targets: Tensor, inputLengths: Tensor, targetLengths: Tensor];

interface CTCAttrs {
  /** Length of the longest target. */
  readonly longest: number;
  readonly blank: number;
  readonly zeroInfinity: boolean;
}

/** Rows of work space, each with two elements to spare on either side. */
function workSpace(rows: number, longest: number): number {
  return 4 * rows * (2 * longest + 5);
}

/** How far apart targets begin; 0 if each follows the previous one. */
function strideOf(targets: Tensor): number {
  return targets.shape[1] ?? 0;
}

/** The loss of each sequence, and for the gradient its α, [N, T, 2·longest + 1]; see assembly/ctc.ts. Targets have been checked. */
export const ctcOp = defineOp<CTCInputs, readonly [loss: Tensor, alpha: Tensor], CTCAttrs>({
  name: "ctc",
  infer: ([logProbs], { longest }) => {
    const [steps, batch] = logProbs.shape as [number, number];
    return [
      { shape: [batch], dtype: "float32" },
      { shape: [batch, steps, 2 * longest + 1], dtype: "float32" },
    ];
  },
  forward: ([loss, alpha], [x, targets, inputLengths, targetLengths], { longest, blank, zeroInfinity }) => {
    const [steps, batch, classes] = x.shape as [number, number, number];
    K.ctc_f32(
      loss.ptr,
      alpha.ptr,
      x.ptr,
      targets.ptr,
      inputLengths.ptr,
      targetLengths.ptr,
      arena.scratch(workSpace(2, longest)),
      batch,
      steps,
      classes,
      longest,
      strideOf(targets),
      blank,
      zeroInfinity ? 1 : 0,
    );
  },
  saves: { inputs: [0, 1, 2, 3], outs: [1] },
  backward: ([g], inputs, [, alpha], attrs) => [
    () => apply(ctcGradOp, [g!, alpha, ...inputs], attrs)[0],
    null,
    null,
    null,
  ],
});

export const ctcGradOp = defineOp<readonly [g: Tensor, alpha: Tensor, ...CTCInputs], readonly [Tensor], CTCAttrs>({
  name: "ctc_grad",
  infer: ([, , logProbs]) => [logProbs],
  forward: ([dx], [g, alpha, x, targets, inputLengths, targetLengths], { longest, blank, zeroInfinity }) => {
    const [steps, batch, classes] = x.shape as [number, number, number];
    K.ctc_grad_f32(
      dx.ptr,
      g.ptr,
      alpha.ptr,
      x.ptr,
      targets.ptr,
      inputLengths.ptr,
      targetLengths.ptr,
      arena.scratch(workSpace(4, longest)),
      batch,
      steps,
      classes,
      longest,
      strideOf(targets),
      blank,
      zeroInfinity ? 1 : 0,
    );
  },
  backward: notDifferentiable("second derivatives over all paths are not needed yet"),
});

const OP = "CTCLoss";

function checkShapes(logProbs: Spec, targets: Spec, lengths: readonly [string, Spec][]): void {
  checkDType(OP, "logProbs", logProbs, "float32");
  checkDType(OP, "targets", targets, "int32");
  checkRank(OP, "logProbs", logProbs.shape, 2, 3);
  const batched = logProbs.shape.length === 3;
  const batch = batched ? logProbs.shape[1]! : 1;
  if (batched) checkRank(OP, "targets", targets.shape, 1, 2);
  else checkRank(OP, "targets of one sequence", targets.shape, 1);
  if (targets.shape.length === 2 && targets.shape[0] !== batch) {
    throw new ShapeError(
      OP,
      `targets have shape ${formatShape(targets.shape)}; expected [${batch}, longest] for logProbs ${formatShape(logProbs.shape)}`,
    );
  }
  for (const [name, spec] of lengths) {
    checkDType(OP, name, spec, "int32");
    const fits = spec.shape.length === 1 ? spec.shape[0] === batch : !batched && spec.shape.length === 0;
    if (!fits) {
      throw new ShapeError(
        OP,
        `${name} has shape ${formatShape(spec.shape)}; expected [${batch}] for logProbs ${formatShape(logProbs.shape)}`,
      );
    }
  }
}

function checkLengths(name: string, lengths: ArrayLike<number>, most: number): void {
  for (let n = 0; n < lengths.length; n++) {
    if (lengths[n]! >= 0 && lengths[n]! <= most) continue;
    throw new ArgumentError(OP, `${name} of sequence ${n} is ${lengths[n]}; expected 0 to ${most}`);
  }
}

/** Refuses labels that are no class, or the blank; what stands behind a target's end does not matter. */
function checkLabels(targets: Tensor, lengths: ArrayLike<number>, classes: number, blank: number): void {
  const labels = targets.data();
  let from = 0;
  for (let n = 0; n < lengths.length; n++) {
    for (let i = 0; i < lengths[n]!; i++) {
      const label = labels[from + i]!;
      if (label >= 0 && label < classes && label !== blank) continue;
      throw new ArgumentError(
        OP,
        `label ${i} of target ${n} is ${label}; expected 0 to ${classes - 1} for ${classes} classes, but not the blank ${blank}`,
      );
    }
    from += strideOf(targets) || lengths[n]!;
  }
}

/**
 * −ln of the probability of each target under logProbs [T, N, C], or [T, C] for one sequence; the result is [N] or []. Targets are
 * [N, S] or, one after the other, [Σ targetLengths].
 */
export function ctc(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Tensor,
  targetLengths: Tensor,
  options: { readonly blank: number; readonly zeroInfinity: boolean },
): Tensor {
  checkShapes(logProbs, targets, [
    ["inputLengths", inputLengths],
    ["targetLengths", targetLengths],
  ]);
  const classes = logProbs.size(-1);
  const blank = checkInteger(OP, "blank", options.blank, 0, classes - 1);
  const lengths = Array.from(targetLengths.data());
  const total = lengths.reduce((s, n) => s + n, 0);
  checkLengths("inputLengths", inputLengths.data(), logProbs.size(0));
  checkLengths("targetLengths", lengths, targets.size(-1));
  if (targets.ndim === 1 && total !== targets.numel) {
    throw new ShapeError(
      OP,
      `targets have shape ${formatShape(targets.shape)}; expected [${total}], the sum of targetLengths`,
    );
  }
  checkLabels(targets, lengths, classes, blank);
  const batched = logProbs.ndim === 3;
  const x = batched ? logProbs : unsqueeze(logProbs, 1);
  const [steps, sizes] = batched
    ? [inputLengths, targetLengths]
    : [reshape(inputLengths, [1]), reshape(targetLengths, [1])];
  const longest = Math.max(0, ...lengths);
  const [loss, alpha] = apply(ctcOp, [x, targets, steps, sizes], {
    longest,
    blank,
    zeroInfinity: options.zeroInfinity,
  });
  // The tape holds what it needs.
  alpha.dispose();
  return batched ? loss : reshape(loss, []);
}
