import { checkDType, checkOptions } from "../check.js";
import { makeTensor } from "../creation.js";
import { ShapeError } from "../errors.js";
import { crossEntropy } from "../functional/loss.js";
import { reshape } from "../ops/copy.js";
import { noGrad } from "../scoping.js";
import { formatShape, sameShape } from "../shape.js";
import { adopt, type Tensor } from "../tensor.js";
import { type ClassOptions, checkTensors, classesIn, type Reading, readTask } from "./inputs.js";
import type { Metric } from "./metric.js";

/**
 * e to the mean of −ln p(target), p being the softmax of the outputs; NaN before the first target.
 * Shape: outputs are scores [N, T, C] or [N, C], the classes last; targets are classes [N, T] or [N].
 */
export class Perplexity implements Metric {
  private readonly reading: Reading;
  private total = 0;
  private count = 0;

  constructor(options: ClassOptions = {}) {
    checkOptions("Perplexity", options, ["ignoreIndex"]);
    this.reading = readTask("Perplexity", options);
  }

  update(outputs: Tensor, targets: Tensor): void {
    const op = "Perplexity";
    checkTensors(op, outputs, targets);
    checkDType(op, "outputs", outputs, "float32");
    const classes = outputs.shape.at(-1) ?? 0;
    if (outputs.ndim < 2 || !sameShape(outputs.shape.slice(0, -1), targets.shape)) {
      throw new ShapeError(
        op,
        `outputs have shape ${formatShape(outputs.shape)}; expected ${formatShape([...targets.shape])} and the classes last`,
      );
    }
    const actual = classesIn(op, "targets", targets, classes, this.reading.ignoreIndex);
    const kept = Int32Array.from(actual, (c) => (c === this.reading.ignoreIndex ? IGNORED : c));
    const count = kept.filter((c) => c !== IGNORED).length;
    if (count === 0) return;
    const loss = noGrad(() => {
      const scores = reshape(outputs, [kept.length, classes]);
      return crossEntropy(scores, adopt(makeTensor(kept)), { reduction: "sum", ignoreIndex: IGNORED });
    });
    this.total += loss.item();
    this.count += count;
    loss.dispose();
  }

  compute(): number {
    return Math.exp(this.total / this.count);
  }

  reset(): void {
    this.total = 0;
    this.count = 0;
  }
}

/** What the loss leaves out. */
const IGNORED = -100;
