// Rows of results, and the table that is printed at the end.

export interface Row {
  readonly work: string;
  readonly impl: string;
  readonly threads: number;
  /** Median milliseconds of one run; null if the work could not be measured. */
  readonly ms: number | null;
  readonly gflops: number | null;
  /** Of works that are bound by memory. */
  readonly gbs?: number;
  readonly runs: number;
  /** Why there is no time. */
  readonly reason?: string;
}

/** One line about one row, printed as soon as it is known. */
export function rowLine(row: Row): string {
  const head = `${row.work.padEnd(20)} ${row.impl.padEnd(17)}`;
  if (row.ms === null) return `${head} – ${row.reason}`;
  return `${head} ${milliseconds(row.ms).padStart(10)} ms ${rateOf(row).padStart(16)} ${row.runs} runs`;
}

function rateOf({ gflops, gbs }: Row): string {
  const format = (rate: number, unit: string): string => `${rate.toFixed(rate < 10 ? 2 : 1)} ${unit}`;
  if (gflops !== null) return format(gflops, "GFLOP/s");
  return gbs === undefined ? "" : format(gbs, "GB/s");
}

/** For each work: the subject's time and rate, its share of the ceiling, and how many times as fast as each other it is. */
export function summary(rows: readonly Row[], subject: string, others: readonly string[]): string {
  const ceiling = rows.find((row) => row.work === "ceiling")?.gflops ?? null;
  const lines = [["work", `${subject} ms`, "rate", "of ceiling", ...others.map((name) => `× ${name}`)]];
  const notes: string[] = [];
  for (const work of new Set(rows.map((row) => row.work))) {
    if (work === "ceiling") continue;
    const ofWork = rows.filter((row) => row.work === work);
    const own = ofWork.find((row) => row.impl === subject);
    const ratios = others.map((name) => {
      const other = ofWork.find((row) => row.impl === name);
      if (other?.reason !== undefined) notes.push(`${work}, ${name}: ${other.reason}`);
      return own?.ms && other?.ms ? (other.ms / own.ms).toFixed(2) : "–";
    });
    if (own?.reason !== undefined) notes.push(`${work}, ${subject}: ${own.reason}`);
    const rate = own?.gflops ?? null;
    lines.push([
      work,
      own?.ms ? milliseconds(own.ms) : "–",
      own === undefined ? "–" : rateOf(own),
      rate === null || ceiling === null ? "–" : `${((100 * rate) / ceiling).toFixed(0)} %`,
      ...ratios,
    ]);
  }
  const head = ceiling === null ? "" : `ceiling: ${ceiling.toFixed(1)} GFLOP/s, register-only multiply-adds\n`;
  const foot = notes.length === 0 ? "" : `\n\nnot measured (–):\n${notes.map((note) => `  ${note}`).join("\n")}`;
  if (lines.length === 1) return head;
  return `${head}× is how many times as fast as the other ${subject} is.\n\n${aligned(lines)}${foot}`;
}

function milliseconds(ms: number): string {
  return ms < 1 ? ms.toFixed(4) : ms < 100 ? ms.toFixed(3) : ms.toFixed(1);
}

/** A Markdown table whose columns line up; the first is text, the others are numbers. */
function aligned(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const [head, ...body] = lines.map((line) => {
    const cells = line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)));
    return `| ${cells.join(" | ")} |`;
  });
  const rule = `|${widths.map((w, i) => (i === 0 ? "-".repeat(w + 2) : `${"-".repeat(w + 1)}:`)).join("|")}|`;
  return [head, rule, ...body].join("\n");
}
