import { ArgumentError } from "../errors.js";
import type { GradientWarning } from "./diagnosis.js";
import type { History } from "./history.js";
import type { ReportChart } from "./report_charts.js";
import { REPORT_SCRIPT, REPORT_STYLE } from "./report_client.js";

/** A confusion matrix: matrix[t][p] samples of class t were taken for class p. */
export interface ConfusionTable {
  readonly labels: readonly string[];
  readonly matrix: readonly (readonly number[])[];
}

/** Everything on the page, in its order. */
export interface ReportContent {
  readonly title: string;
  readonly notes: string | null;
  /** Why the training ended before its time; null if it did not. */
  readonly error: string | null;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly history: Pick<History, "steps" | "epochs">;
  readonly charts: readonly ReportChart[];
  readonly warnings: readonly (GradientWarning & { readonly step: number })[];
  readonly confusion: ConfusionTable | null;
  readonly summary: string | null;
}

/** The charting library, as text. */
export interface ChartLibrary {
  readonly script: string;
  readonly style: string;
  readonly license: string;
}

/** The page as one HTML file that loads nothing. All text is escaped. */
export function reportPage(content: ReportContent, library: ChartLibrary): string {
  const { title, notes, error, charts } = content;
  const data = JSON.stringify(charts).replace(/</g, "\\u003c");
  const comment = library.license.replaceAll("*/", "* /");
  // A script ends at the first closing tag, wherever it stands.
  const code = [`/*\n${comment}\n*/`, library.script, REPORT_SCRIPT].join("\n").replace(/<\/(script)/gi, "<\\/$1");
  const body = [
    `<h1>${escapeHtml(title)}</h1>`,
    error === null ? "" : `<p class="error" role="alert">Training ended early: ${escapeHtml(error)}</p>`,
    notes === null ? "" : `<p class="notes">${escapeHtml(notes)}</p>`,
    section("Results", resultTable(content.history)),
    section("Hyper-parameters", parameterTable(content.parameters)),
    section("Warnings", warningList(content.warnings)),
    section("Charts", charts.map(figure).join("\n")),
    section("Confusion matrix", content.confusion === null ? "" : confusionTable(content.confusion)),
    section("Model", content.summary === null ? "" : `<pre tabindex="0">${escapeHtml(content.summary)}</pre>`),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>
${library.style}
${REPORT_STYLE}
</style>
</head>
<body>
<main>
${body.filter((part) => part !== "").join("\n")}
</main>
<script type="application/json" id="charts">${data}</script>
<script>
${code}
</script>
</body>
</html>
`;
}

/** Throws unless there is a row and a column of counts for each label. */
export function checkConfusion({ labels, matrix }: ConfusionTable): void {
  const n = labels.length;
  const fits = matrix.length === n && matrix.every((row) => row.length === n);
  if (!fits) {
    const sizes = `${matrix.length} rows of ${[...new Set(matrix.map((row) => row.length))].join(" and ")}`;
    throw new ArgumentError("writeReport", `confusion has ${sizes} counts for ${n} labels; expected ${n} rows of ${n}`);
  }
  for (const count of matrix.flat()) {
    if (typeof count !== "number" || !(count >= 0)) {
      throw new ArgumentError("writeReport", `confusion holds ${String(count)}; expected counts from 0 on`);
    }
  }
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (c) => entities[c]!);
}

function section(title: string, content: string): string {
  return content === "" ? "" : `<section>\n<h2>${title}</h2>\n${content}\n</section>`;
}

function figure({ title, log, series }: ReportChart, i: number): string {
  const label = `Line chart over steps: ${series.map((s) => s.label).join(", ")}`;
  const axis = log ? ' <span class="axis">(logarithmic)</span>' : "";
  return (
    `<figure><figcaption>${escapeHtml(title)}${axis}</figcaption>` +
    `<div class="chart" role="img" aria-label="${escapeHtml(label)}" data-chart="${i}"></div></figure>`
  );
}

/** The last, least and largest value of each name: what the charts say, in numbers. */
function resultTable({ steps, epochs }: ReportContent["history"]): string {
  const columns = new Map<string, number[]>();
  for (const { logs } of [...steps, ...epochs]) for (const name of Object.keys(logs)) columns.set(name, []);
  for (const [name, values] of columns) {
    const from = epochs.some((e) => name in e.logs) ? epochs : steps;
    for (const { logs } of from) if (logs[name] !== undefined) values.push(logs[name]);
  }
  if (columns.size === 0) return "";
  const rows = Array.from(columns, ([name, values]) => {
    const finite = values.filter(Number.isFinite);
    const least = finite.reduce((a, b) => Math.min(a, b), Infinity);
    const largest = finite.reduce((a, b) => Math.max(a, b), -Infinity);
    const cells = [values.at(-1)!, least, largest].map((v) => `<td>${format(v)}</td>`).join("");
    return `<tr><th scope="row">${escapeHtml(name)}</th>${cells}</tr>`;
  });
  const last = [...steps, ...epochs].reduce((a, b) => (b.step >= a.step ? b : a));
  const caption = `After ${last.step} steps, ${last.epoch} epochs, ${format(last.time)} s`;
  const head = ["", "last", "least", "largest"].map((h) => `<th scope="col">${h}</th>`).join("");
  return table(caption, head, rows);
}

function parameterTable(parameters: ReportContent["parameters"]): string {
  const rows = Object.entries(parameters).map(([name, value]) => {
    const text = typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
    return `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(text)}</td></tr>`;
  });
  return rows.length === 0 ? "" : table("", `<th scope="col">name</th><th scope="col">value</th>`, rows);
}

function warningList(warnings: ReportContent["warnings"]): string {
  const items = warnings.map((w) => `<li><b>${w.kind}</b>, step ${w.step}: ${escapeHtml(w.message)}</li>`);
  return items.length === 0 ? "" : `<ul>${items.join("")}</ul>`;
}

/** Shaded by the share of the row, so that rare classes show their errors too. */
function confusionTable({ labels, matrix }: ConfusionTable): string {
  const names = labels.map((label) => escapeHtml(String(label)));
  const head = ["true \\ predicted", ...names].map((name) => `<th scope="col">${name}</th>`).join("");
  const rows = matrix.map((row, t) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    const cells = row.map((n, p) => {
      const share = total === 0 ? 0 : n / total;
      const classes = [p === t ? "hit" : "miss", ...(share > 0.5 ? ["strong"] : [])].join(" ");
      const percent = `${(100 * share).toFixed(1)} %`;
      return `<td class="${classes}" style="--share:${share.toFixed(3)}" title="${percent} of ${names[t]} as ${names[p]}">${n}</td>`;
    });
    return `<tr><th scope="row">${names[t]}</th>${cells.join("")}</tr>`;
  });
  const all = matrix.flat().reduce((sum, n) => sum + n, 0);
  const right = matrix.reduce((sum, row, i) => sum + row[i]!, 0);
  const caption = `${right} of ${all} on the diagonal; a row is a true class, shaded by its share of the row`;
  return `<div class="scroll" tabindex="0">${table(caption, head, rows, "confusion")}</div>`;
}

function table(caption: string, head: string, rows: readonly string[], className = ""): string {
  const title = caption === "" ? "" : `<caption>${caption}</caption>`;
  const attribute = className === "" ? "" : ` class="${className}"`;
  return `<table${attribute}>${title}<thead><tr>${head}</tr></thead><tbody>\n${rows.join("\n")}\n</tbody></table>`;
}

function format(v: number): string {
  if (!Number.isFinite(v)) return Number.isNaN(v) ? "NaN" : v > 0 ? "∞" : "−∞";
  return String(Number(v.toPrecision(5)));
}
