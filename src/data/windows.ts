import { checkInteger, checkOptions } from "../check.js";
import { makeTensor } from "../creation.js";
import { DTypeError, ShapeError } from "../errors.js";
import { formatShape } from "../shape.js";
import { adopt, type Tensor } from "../tensor.js";
import type { Dataset } from "./dataset.js";

export interface SlidingWindowsOptions {
  /** Steps of an input. */
  readonly window: number;
  /** Steps of a target, which begins where its input ends. Default 1. */
  readonly horizon?: number;
  /** Steps from one window to the next. Default 1. */
  readonly stride?: number;
  /** Columns of the series that are to be predicted. Default: all. */
  readonly targetColumns?: readonly number[];
}

/**
 * Windows over a time series, each with what follows it: a series float32 [T, C] gives inputs [window, C] and targets
 * [horizon, targetColumns]; a series [T] gives inputs [window] and targets [horizon]. There are ⌊(T − window − horizon) / stride⌋ + 1
 * samples, none if the series is shorter. The series is copied.
 */
export class SlidingWindows implements Dataset<[input: Tensor, target: Tensor]> {
  readonly length: number;
  private readonly window: number;
  private readonly horizon: number;
  private readonly stride: number;
  private readonly values: Float32Array;
  /** Columns of the series; null if it has only one dimension. */
  private readonly columns: number | null;
  private readonly targetColumns: readonly number[];

  constructor(series: Tensor, options: SlidingWindowsOptions) {
    const op = "SlidingWindows";
    checkOptions(op, options, ["window", "horizon", "stride", "targetColumns"]);
    this.window = checkInteger(op, "window", options.window, 1);
    this.horizon = checkInteger(op, "horizon", options.horizon ?? 1, 1);
    this.stride = checkInteger(op, "stride", options.stride ?? 1, 1);
    if (series.ndim !== 1 && series.ndim !== 2) {
      throw new ShapeError(op, `series is ${formatShape(series.shape)}; expected [T] or [T, C]`);
    }
    if (series.dtype !== "float32") {
      throw new DTypeError(op, `series ${formatShape(series.shape)} is ${series.dtype}; expected float32`);
    }
    this.columns = series.ndim === 1 ? null : series.size(1);
    const width = this.columns ?? 1;
    const chosen = options.targetColumns ?? Array.from({ length: width }, (_, c) => c);
    this.targetColumns = chosen.map((c, i) => checkInteger(op, `target column ${i}`, c, 0, width - 1));
    this.values = series.data() as Float32Array;
    const room = series.size(0) - this.window - this.horizon;
    this.length = room < 0 ? 0 : Math.floor(room / this.stride) + 1;
  }

  get(index: number): [input: Tensor, target: Tensor] {
    const { input, target } = this.cut(Int32Array.of(index));
    const { window, horizon, columns } = this;
    const shapeOf = (steps: number, width: number): number[] => (columns === null ? [steps] : [steps, width]);
    return [
      adopt(makeTensor(input, { shape: shapeOf(window, columns ?? 1) })),
      adopt(makeTensor(target, { shape: shapeOf(horizon, this.targetColumns.length) })),
    ];
  }

  getBatch(indices: Int32Array): [inputs: Tensor, targets: Tensor] {
    const { input, target } = this.cut(indices);
    const { window, horizon, columns } = this;
    const n = indices.length;
    const shapeOf = (steps: number, width: number): number[] => (columns === null ? [n, steps] : [n, steps, width]);
    return [
      adopt(makeTensor(input, { shape: shapeOf(window, columns ?? 1) })),
      adopt(makeTensor(target, { shape: shapeOf(horizon, this.targetColumns.length) })),
    ];
  }

  private cut(indices: Int32Array): { input: Float32Array; target: Float32Array } {
    const { window, horizon, stride, values, targetColumns } = this;
    const width = this.columns ?? 1;
    const input = new Float32Array(indices.length * window * width);
    const target = new Float32Array(indices.length * horizon * targetColumns.length);
    let at = 0;
    indices.forEach((index, row) => {
      checkInteger("SlidingWindows", "index", index, 0, this.length - 1);
      const start = index * stride;
      input.set(values.subarray(start * width, (start + window) * width), row * window * width);
      for (let t = start + window; t < start + window + horizon; t++) {
        for (const c of targetColumns) target[at++] = values[t * width + c]!;
      }
    });
    return { input, target };
  }
}
