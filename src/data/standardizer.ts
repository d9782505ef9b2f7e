import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { makeTensor } from "../creation.js";
import { ArgumentError, DTypeError, RuntimeError, ShapeError } from "../errors.js";
import { add, div, mul, sub } from "../functional/arithmetic.js";
import { formatShape } from "../shape.js";
import { adopt, type Tensor } from "../tensor.js";

/** What a standardizer has found, ready for JSON. */
export interface StandardizerState {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface InverseOptions {
  /** The columns that the tensor's last dimension holds. Default: all. */
  readonly columns?: readonly number[];
}

/**
 * Shifts and scales each column of a table or series to mean 0 and standard deviation 1: (x − mean) / std, std over N. A column of one
 * value only is not scaled. Fit it on the training rows alone, and use it for all: so nothing of the test rows is known beforehand.
 */
export class Standardizer {
  private found: StandardizerState | null = null;

  /** Finds the statistics of rows float32 [N, C], N ≥ 1; or of one column [N]. Errors: ArgumentError for a value that is not finite. */
  fit(rows: Tensor): this {
    checkFloat("fit", rows);
    const [n = 0, width = 1] = rows.shape;
    if (rows.ndim < 1 || rows.ndim > 2 || rows.numel === 0) {
      throw new ShapeError("Standardizer", `rows are ${formatShape(rows.shape)}; expected [N, C] or [N], N and C ≥ 1`);
    }
    const values = rows.data();
    const bad = values.findIndex((v) => !Number.isFinite(v));
    if (bad >= 0) {
      const where = `row ${Math.floor(bad / width)}, column ${bad % width}`;
      throw new ArgumentError("Standardizer", `the value of ${where} is ${values[bad]}; expected finite numbers`);
    }
    const column = (c: number, of: (v: number) => number): number => {
      let sum = 0;
      for (let i = c; i < values.length; i += width) sum += of(values[i]!);
      return sum / n;
    };
    const mean = Array.from({ length: width }, (_, c) => column(c, (v) => v));
    // Rounding of the mean must not make a spread of its own.
    const constant = mean.map((_, c) => column(c, (v) => (v === values[c] ? 0 : 1)) === 0);
    const std = mean.map((m, c) => (constant[c] ? 1 : Math.sqrt(column(c, (v) => (v - m) ** 2))));
    this.found = { mean, std };
    return this;
  }

  /** Mean of each column. Errors: RuntimeError before `fit`. */
  get mean(): readonly number[] {
    return this.stateDict().mean;
  }

  /** Standard deviation of each column; 1 where there is one value only. */
  get std(): readonly number[] {
    return this.stateDict().std;
  }

  /** (x − mean) / std, for x float32 [..., C]; any shape if there is one column. */
  transform(x: Tensor): Tensor {
    const [mean, std] = this.operands("transform", x, {});
    return div(sub(x, mean), std);
  }

  /** x · std + mean, for x float32 [..., C]: what `transform` was given; or for some columns only, such as a forecast of one. */
  inverse(x: Tensor, options: InverseOptions = {}): Tensor {
    checkOptions("Standardizer", options, ["columns"]);
    const [mean, std] = this.operands("inverse", x, options);
    return add(mul(x, std), mean);
  }

  /** What was found. Errors: RuntimeError before `fit`. */
  stateDict(): StandardizerState {
    if (this.found === null) throw new RuntimeError("Standardizer", "there are no statistics yet; call fit() first");
    return this.found;
  }

  /** Takes what another one has found. Errors: ArgumentError for other than finite means and positive deviations of one number. */
  loadStateDict(state: StandardizerState): this {
    const { mean, std } = state;
    if (mean.length === 0 || mean.length !== std.length) {
      throw new ArgumentError("Standardizer", `state has ${mean.length} means and ${std.length} deviations`);
    }
    const most = Number.MAX_VALUE;
    this.found = {
      mean: mean.map((v, c) => checkNumber("Standardizer", `mean ${c}`, v, -most, most)),
      std: std.map((v, c) => checkNumber("Standardizer", `deviation ${c}`, v, Number.MIN_VALUE, most)),
    };
    return this;
  }

  private operands(method: string, x: Tensor, { columns }: InverseOptions): [mean: Tensor, std: Tensor] {
    checkFloat(method, x);
    const { mean, std } = this.stateDict();
    const all = mean.length;
    const chosen = columns?.map((c, i) => checkInteger("Standardizer", `column ${i}`, c, 0, all - 1));
    const width = chosen?.length ?? all;
    if (width !== 1 && x.shape.at(-1) !== width) {
      throw new ShapeError(
        "Standardizer",
        `${method} got ${formatShape(x.shape)}; expected a last dimension of ${width}`,
      );
    }
    const pick = (values: readonly number[]): Tensor => {
      const list = Float32Array.from(chosen?.map((c) => values[c]!) ?? values);
      return adopt(makeTensor(list, { shape: [width] }));
    };
    return [pick(mean), pick(std)];
  }
}

function checkFloat(method: string, x: Tensor): void {
  if (x.dtype === "float32") return;
  throw new DTypeError("Standardizer", `${method} got ${x.dtype} ${formatShape(x.shape)}; expected float32`);
}
