import { formatShape } from "../shape.js";
import type { Summary, SummaryRow } from "./summary.js";

/** What the table of a summary shows. */
export interface SummaryTableOptions {
  /** Levels of modules below the model that get a line; what lies deeper is counted in the line above it. Default: all. */
  readonly depth?: number;
}

const HEADER = ["module", "output shape", "parameters", "multiply-adds", "receptive field", "activations"];

/** One line a module, indented below the one it belongs to, and the totals. */
export function summaryTable({ rows, totals }: Summary, depth: number): string {
  const shown = rows.filter((row) => row.depth <= depth);
  const lines = shown.map((row, i) => [
    branch(shown, i) + (row.path === "" ? row.type : `${row.name}: ${row.type}`),
    row.calls === 0 ? "not run" : row.outputShapes.map(formatShape).join(", "),
    ...counts(row, row.depth === depth),
  ]);
  const widths = HEADER.map((title, c) => Math.max(title.length, ...lines.map((line) => line[c]!.length)));
  const text = (cells: readonly string[]): string =>
    cells
      .map((cell, c) => (c < 2 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
      .join("  ")
      .trimEnd();
  const rule = "─".repeat(widths.reduce((sum, w) => sum + w + 2, -2));
  const facts = [
    ["Parameters", grouped(totals.parameters)],
    ["  trainable", grouped(totals.trainable)],
    ["  frozen", grouped(totals.parameters - totals.trainable)],
    ["Multiply-adds", short(totals.multiplyAdds, ["", " K", " M", " G", " T"])],
    ["Inputs", bytes(totals.inputBytes)],
    ["Activations", bytes(totals.activationBytes)],
    ["Parameters and buffers", bytes(totals.parameterBytes)],
  ].map(([name, value]) => `${name!.padEnd(24)}${value}`);
  return [text(HEADER), rule, ...lines.map(text), rule, ...facts].join("\n");
}

function counts(row: SummaryRow, folded: boolean): string[] {
  const { parameters, multiplyAdds, activationBytes } = folded ? row.below : row;
  return [
    parameters === 0 ? "–" : grouped(parameters),
    multiplyAdds === 0 ? "–" : grouped(multiplyAdds),
    row.receptiveField === null ? "" : row.receptiveField.join(" × "),
    activationBytes === 0 ? "–" : bytes(activationBytes),
  ];
}

/** The lines of the tree left of a row. */
function branch(rows: readonly SummaryRow[], at: number): string {
  const { depth } = rows[at]!;
  let text = "";
  for (let level = 1; level <= depth; level++) {
    // Whether another row follows on this level before one on a higher level does.
    const next = rows.slice(at + 1).find((row) => row.depth <= level);
    const more = next?.depth === level;
    if (level === depth) text += more ? "├─ " : "└─ ";
    else text += more ? "│  " : "   ";
  }
  return text;
}

function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

function bytes(n: number): string {
  return short(n, [" B", " KB", " MB", " GB", " TB"]);
}

/** Three digits or so, and the power of a thousand. */
function short(n: number, units: readonly string[]): string {
  let value = n;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(2)}${units[unit]}`;
}
