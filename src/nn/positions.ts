import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { rotaryAngles } from "../functional/angles.js";
import * as F from "../functional/positions.js";
import { dropout } from "../functional/random.js";
import { add } from "../ops/arithmetic.js";
import { narrow, reshape } from "../ops/copy.js";
import { checkProbability } from "../ops/random.js";
import { rotate } from "../ops/rotary.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { normal_ } from "./init.js";
import { Module } from "./module.js";
import { Buffer, type Parameter, uninitialised } from "./parameter.js";

export interface PositionalOptions {
  /** Probability to drop an element of the sum. Default 0. */
  readonly dropout?: number;
  /** The input is [N, L, dim]; else [L, N, dim]. Without a batch it is [L, dim] in both. Default false. */
  readonly batchFirst?: boolean;
}

export interface PositionOptions {
  /** Position of the first row of the input: the number of those before it, when generating step by step. Default 0. */
  readonly offset?: number;
}

/** x plus a table of positions, then dropout. */
abstract class AddedPositions extends Module {
  readonly dropout: number;
  readonly batchFirst: boolean;

  constructor(
    readonly dim: number,
    readonly maxLength: number,
    options: PositionalOptions,
  ) {
    super();
    const name = new.target.name;
    checkInteger(name, "dim", dim, 1);
    checkInteger(name, "maxLength", maxLength, 1);
    this.dropout = checkProbability(name, options.dropout ?? 0);
    this.batchFirst = options.batchFirst ?? false;
  }

  /** Rows of positions [maxLength, dim]. */
  protected abstract rows(): Tensor;

  forward(x: Tensor, options: PositionOptions = {}): Tensor {
    const name = this.constructor.name;
    checkOptions(name, options, ["offset"]);
    const { dim, maxLength, batchFirst } = this;
    if ((x.ndim !== 2 && x.ndim !== 3) || x.shape.at(-1) !== dim) {
      const expected = batchFirst ? "[N, L," : "[L, N,";
      throw new ShapeError(
        name,
        `input has shape ${formatShape(x.shape)}; expected [L, ${dim}] or ${expected} ${dim}]`,
      );
    }
    const length = x.size(x.ndim === 3 && !batchFirst ? 0 : -2);
    const positions = rowsFrom(name, this.rows(), options.offset ?? 0, length, maxLength);
    const stretched = x.ndim === 3 && !batchFirst ? reshape(positions, [length, 1, dim]) : positions;
    return dropout(add(x, stretched), { p: this.dropout, training: this.training });
  }
}

/** `length` rows of a table from `offset` on. */
function rowsFrom(op: string, table: Tensor, offset: number, length: number, maxLength: number): Tensor {
  checkInteger(op, "offset", offset, 0);
  if (offset + length > maxLength) {
    throw new ArgumentError(
      op,
      `positions ${offset} to ${offset + length} are asked for; expected at most ${maxLength} (maxLength)`,
    );
  }
  return narrow(table, 0, offset, length);
}

export interface SinusoidalModuleOptions extends PositionalOptions {
  /** Number of positions in the table. Default 5000. */
  readonly maxLength?: number;
}

/** y = dropout(x + PE), the fixed waves of `functional.sinusoidalPositionalEncoding`. No state. */
export class SinusoidalPositionalEncoding extends AddedPositions {
  private readonly table: Buffer;

  constructor(dim: number, options: SinusoidalModuleOptions = {}) {
    checkOptions("SinusoidalPositionalEncoding", options, ["maxLength", "dropout", "batchFirst"]);
    super(dim, options.maxLength ?? 5000, options);
    const { maxLength: length } = this;
    this.table = new Buffer(F.sinusoidalPositionalEncoding({ length, dim }), { persistent: false });
  }

  protected override rows(): Tensor {
    return this.table;
  }
}

/** y = dropout(x + weight), a learned vector for each position. State: weight [maxLength, dim], which begins as N(0, 0.02²). */
export class LearnedPositionalEncoding extends AddedPositions {
  readonly weight: Parameter;

  constructor(maxLength: number, dim: number, options: PositionalOptions = {}) {
    checkOptions("LearnedPositionalEncoding", options, ["dropout", "batchFirst"]);
    super(dim, maxLength, options);
    this.weight = uninitialised([maxLength, dim], "LearnedPositionalEncoding");
    this.resetParameters();
  }

  /** Draws the table anew. */
  resetParameters(): void {
    normal_(this.weight, 0, 0.02);
  }

  protected override rows(): Tensor {
    return this.weight;
  }
}

export interface RotaryModuleOptions extends Omit<F.RotaryOptions, "offset"> {
  /** Number of positions in the tables. Default 4096. */
  readonly maxLength?: number;
}

/** `functional.rotaryEmbedding` with tables that are made once. Shape: [.., L, dim], as queries and keys of heads. No state. */
export class RotaryEmbedding extends Module {
  readonly maxLength: number;
  readonly interleaved: boolean;
  private readonly cos: Buffer;
  private readonly sin: Buffer;

  constructor(
    readonly dim: number,
    options: RotaryModuleOptions = {},
  ) {
    super();
    checkOptions("RotaryEmbedding", options, ["base", "interleaved", "maxLength"]);
    const { base, maxLength = 4096, interleaved = true } = options;
    this.maxLength = checkInteger("RotaryEmbedding", "maxLength", maxLength, 1);
    this.interleaved = interleaved;
    const [cos, sin] = rotaryAngles(maxLength, dim, base === undefined ? {} : { base });
    this.cos = new Buffer(cos, { persistent: false });
    this.sin = new Buffer(sin, { persistent: false });
  }

  forward(x: Tensor, options: PositionOptions = {}): Tensor {
    const { cos, sin, maxLength, interleaved, dim } = this;
    checkOptions("RotaryEmbedding", options, ["offset"]);
    if (x.ndim < 2 || x.shape.at(-1) !== dim) {
      throw new ShapeError("RotaryEmbedding", `input has shape ${formatShape(x.shape)}; expected [.., L, ${dim}]`);
    }
    const rows = (table: Tensor): Tensor =>
      rowsFrom("RotaryEmbedding", table, options.offset ?? 0, x.size(-2), maxLength);
    return rotate(x, rows(cos), rows(sin), interleaved);
  }
}
