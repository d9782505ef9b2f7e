import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { tensor } from "../creation.js";
import { ArgumentError, FormatError } from "../errors.js";
import type { Tensor } from "../tensor.js";

/** Where a table's cells come from. */
export interface TableOrigin {
  /** The line of each row in its file, from 1 on. */
  readonly lines: ArrayLike<number>;
  /** What stands for a missing value. */
  readonly missing: readonly string[];
}

export interface NumbersOptions {
  /** What a missing value becomes: NaN, a number, or an error. Default "error". */
  readonly missing?: "error" | "nan" | number;
}

/** The distinct values of a column. */
export interface Categories {
  /** They, in order: by size if all are numbers, else by character codes. */
  readonly classes: readonly string[];
  /** For each row its place in `classes`. */
  readonly codes: Int32Array;
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const MAX_FLOAT32 = 3.4028234663852886e38;

/** Rows of text in named columns, as `data.parseCsv` reads them. */
export class Table {
  /** Number of rows. */
  readonly length: number;
  private readonly missing: ReadonlySet<string>;

  /** `cells` holds the texts of one column after the other. */
  constructor(
    /** Names of the columns. */
    readonly names: readonly string[],
    private readonly cells: readonly (readonly string[])[],
    private readonly origin: TableOrigin,
  ) {
    this.length = origin.lines.length;
    this.missing = new Set(origin.missing);
  }

  /** The texts of a column. Errors: ArgumentError for an unknown name. */
  column(name: string): readonly string[] {
    return this.cells[this.indexOf(name)]!;
  }

  /** One row, by the columns' names. */
  row(index: number): Record<string, string> {
    checkInteger("Table", "index", index, 0, this.length - 1);
    return Object.fromEntries(this.names.map((name, c) => [name, this.cells[c]![index]!]));
  }

  /**
   * The numbers of a column. Spaces around them are left out.
   * Errors: FormatError with line and column for what is no number, is beyond float32, or is missing.
   */
  values(name: string, options: NumbersOptions = {}): Float32Array {
    checkOptions("Table", options, ["missing"]);
    const { missing = "error" } = options;
    if (missing !== "error" && missing !== "nan") checkNumber("Table", "missing", missing);
    const out = new Float32Array(this.length);
    this.column(name).forEach((text, row) => {
      const trimmed = text.trim();
      if (this.missing.has(trimmed)) {
        if (missing === "error") throw this.malformed(row, name, "the value is missing");
        out[row] = missing === "nan" ? NaN : missing;
        return;
      }
      const value = Number(trimmed);
      if (!NUMBER.test(trimmed)) throw this.malformed(row, name, `${JSON.stringify(text)} is no number`);
      if (Math.abs(value) > MAX_FLOAT32) throw this.malformed(row, name, `${trimmed} is too large for a float32`);
      out[row] = value;
    });
    return out;
  }

  /**
   * The numbers of some columns, by default all: a float32 tensor [rows, columns] that lives until it is disposed. Errors: as `values`.
   */
  numbers(names: readonly string[] = this.names, options: NumbersOptions = {}): Tensor {
    const columns = names.map((name) => this.values(name, options));
    const out = new Float32Array(this.length * columns.length);
    columns.forEach((values, c) => {
      for (let r = 0; r < values.length; r++) out[r * columns.length + c] = values[r]!;
    });
    return tensor(out, { shape: [this.length, columns.length] });
  }

  /** The distinct values of a column, and for each row which it is. Errors: FormatError for a missing value. */
  categories(name: string): Categories {
    const column = this.column(name);
    const lacking = column.findIndex((text) => this.missing.has(text));
    if (lacking >= 0) throw this.malformed(lacking, name, "the value is missing");
    const classes = [...new Set(column)];
    if (classes.every((c) => NUMBER.test(c))) classes.sort((a, b) => Number(a) - Number(b));
    else classes.sort();
    const codeOf = new Map(classes.map((c, i) => [c, i]));
    return { classes, codes: Int32Array.from(column, (text) => codeOf.get(text)!) };
  }

  /** The rows of these indices. */
  select(indices: ArrayLike<number>): Table {
    const rows = Array.from(indices, (i) => checkInteger("Table", "index", i, 0, this.length - 1));
    return new Table(
      this.names,
      this.cells.map((column) => rows.map((r) => column[r]!)),
      { ...this.origin, lines: rows.map((r) => this.origin.lines[r]!) },
    );
  }

  /** The rows that have a value in each of some columns, by default in all. */
  dropMissing(names: readonly string[] = this.names): Table {
    const columns = names.map((name) => this.column(name));
    const rows = Array.from({ length: this.length }, (_, r) => r);
    return this.select(rows.filter((r) => !columns.some((column) => this.missing.has(column[r]!.trim()))));
  }

  private indexOf(name: string): number {
    const at = this.names.indexOf(name);
    if (at >= 0) return at;
    throw new ArgumentError("Table", `there is no column "${name}"; expected one of ${this.names.join(", ")}`);
  }

  private malformed(row: number, name: string, problem: string): FormatError {
    const column = this.names.indexOf(name) + 1;
    return new FormatError("CSV", `line ${this.origin.lines[row]}, column ${column} ("${name}"): ${problem}`);
  }
}
