import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, FormatError } from "../errors.js";
import { Table } from "./table.js";

export interface CsvOptions {
  /** The character between two fields. Default ",". */
  readonly separator?: string;
  /** The character around fields that hold separators, quotes or line ends; doubled within them. Default '"'. */
  readonly quote?: string;
  /** The first line names the columns. Default true. */
  readonly header?: boolean;
  /** Names of the columns, in place of the header's; without a header they are "0", "1", … by default. */
  readonly columns?: readonly string[];
  /** Lines before the header to leave out. Default 0. */
  readonly skipLines?: number;
  /** What stands for a missing value. Default: "", "NA", "NaN", "nan", "null". */
  readonly missing?: readonly string[];
}

const OPTIONS = ["separator", "quote", "header", "columns", "skipLines", "missing"];
const MISSING = ["", "NA", "NaN", "nan", "null"];

/**
 * Reads a table of comma-separated values (RFC 4180): fields may be quoted, lines end with LF, CRLF or CR, and every row has as many
 * fields as the first. Empty lines and a byte order mark are left out.
 * Errors: FormatError with line and column for a quote that does not end or stands where none may, for rows of another length, and for
 * columns of the same name.
 */
export function parseCsv(text: string, options: CsvOptions = {}): Table {
  checkOptions("parseCsv", options, OPTIONS);
  if (typeof text !== "string") throw new ArgumentError("parseCsv", `text is a ${typeof text}; expected a string`);
  const { header = true, missing = MISSING } = options;
  const scanner = new Scanner(
    text,
    checkCharacter("separator", options.separator ?? ","),
    checkCharacter("quote", options.quote ?? '"'),
  );
  scanner.skip(checkInteger("parseCsv", "skipLines", options.skipLines ?? 0, 0));
  const first = scanner.next();
  let names = header ? first : first?.map((_, i) => String(i));
  if (options.columns !== undefined) {
    if (names !== null && names !== undefined && names.length !== options.columns.length) {
      throw new FormatError(
        "CSV",
        `line ${scanner.rowLine} has ${names.length} fields; expected ${options.columns.length}, one for each of columns`,
      );
    }
    names = [...options.columns];
  }
  if (names === null || names === undefined) throw new FormatError("CSV", "text is empty; expected at least one line");
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i);
  if (twice >= 0) {
    throw new FormatError("CSV", `line ${scanner.rowLine}, column ${twice + 1}: "${names[twice]}" is there twice`);
  }
  const cells: string[][] = names.map(() => []);
  const lines: number[] = [];
  for (let row = header ? scanner.next() : first; row !== null && row !== undefined; row = scanner.next()) {
    if (row.length !== names.length) {
      throw new FormatError("CSV", `line ${scanner.rowLine} has ${row.length} fields; expected ${names.length}`);
    }
    for (let c = 0; c < row.length; c++) cells[c]!.push(row[c]!);
    lines.push(scanner.rowLine);
  }
  return new Table(names, cells, { lines, missing });
}

function checkCharacter(what: string, value: unknown): string {
  if (typeof value !== "string" || value.length !== 1 || value === "\n" || value === "\r") {
    throw new ArgumentError(
      "parseCsv",
      `${what} is ${JSON.stringify(value)}; expected one character other than a line end`,
    );
  }
  return value;
}

/** Goes through the text row by row. */
class Scanner {
  private at: number;
  private line = 1;
  /** The line that the last row began in, from 1 on. */
  rowLine = 1;

  constructor(
    private readonly text: string,
    private readonly separator: string,
    private readonly quote: string,
  ) {
    if (separator === quote) throw new ArgumentError("parseCsv", "separator and quote are the same character");
    this.at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  }

  skip(lines: number): void {
    for (let i = 0; i < lines && this.at < this.text.length; i++) {
      while (this.at < this.text.length && !this.atLineEnd()) this.at++;
      this.endLine();
    }
  }

  /** The fields of the next line that is not empty; null at the end. */
  next(): string[] | null {
    while (this.at < this.text.length && this.atLineEnd()) this.endLine();
    if (this.at >= this.text.length) return null;
    this.rowLine = this.line;
    const fields: string[] = [];
    for (;;) {
      fields.push(this.text[this.at] === this.quote ? this.quoted(fields.length + 1) : this.plain(fields.length + 1));
      if (this.text[this.at] !== this.separator) break;
      this.at++;
    }
    this.endLine();
    return fields;
  }

  private atLineEnd(): boolean {
    const c = this.text[this.at];
    return c === "\n" || c === "\r";
  }

  private endLine(): void {
    if (this.at >= this.text.length) return;
    this.at += this.text.startsWith("\r\n", this.at) ? 2 : 1;
    this.line++;
  }

  private plain(column: number): string {
    const start = this.at;
    for (; this.at < this.text.length && !this.atLineEnd(); this.at++) {
      const c = this.text[this.at];
      if (c === this.separator) break;
      if (c === this.quote) {
        throw this.malformed(column, `a ${this.quote} within a field that does not begin with one`);
      }
    }
    return this.text.slice(start, this.at);
  }

  private quoted(column: number): string {
    const { text, quote } = this;
    const began = this.line;
    let out = "";
    for (;;) {
      const start = this.at + 1;
      const end = text.indexOf(quote, start);
      if (end < 0) {
        this.line = began;
        throw this.malformed(column, `the ${quote} that opens the field is not closed`);
      }
      for (let i = start; i < end; i++) {
        if (text[i] === "\n" || (text[i] === "\r" && text[i + 1] !== "\n")) this.line++;
      }
      out += text.slice(start, end);
      this.at = end + 1;
      if (text[this.at] !== quote) break;
      out += quote;
    }
    if (this.at < text.length && text[this.at] !== this.separator && !this.atLineEnd()) {
      throw this.malformed(column, `"${text[this.at]}" follows the closing ${quote}; expected "${this.separator}"`);
    }
    return out;
  }

  private malformed(column: number, problem: string): FormatError {
    return new FormatError("CSV", `line ${this.line}, column ${column}: ${problem}`);
  }
}
