// Rows of results, and the tables that are printed at the end.

export interface Row {
  readonly work: string;
  readonly impl: string;
  readonly threads: number;
  /** Milliseconds of one run, the median or the best; null if the work could not be measured. */
  readonly ms: number | null;
  readonly gflops: number | null;
  /** Of works that are bound by memory. */
  readonly gbs?: number;
  /** GFLOP/s of multiply-adds on registers alone, in turns with this work. */
  readonly ceiling?: number | null;
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

/**
 * For each work: the subject's time and rate, its share of the ceiling, and how many times as fast as each other it is. Works that
 * compare it with one of its variants only have tables of their own.
 */
export function summary(
  rows: readonly Row[],
  subject: string,
  others: readonly string[],
  variants: Readonly<Record<string, string>> = {},
): string {
  const measured = rows.filter((row) => row.work !== "ceiling");
  const versus = new Map<string, Row[]>();
  const plain: Row[][] = [];
  for (const [work, ofWork] of byWork(measured)) {
    const variant = ofWork.find((row) => row.impl in variants && !others.includes(row.impl));
    if (variant === undefined) plain.push(ofWork);
    else versus.set(work, ofWork);
  }
  const parts = [
    plain.length === 0
      ? ""
      : `The ceiling is what multiply-adds on registers alone reached in turns with the work, in GFLOP/s.`,
    plain.length === 0 ? "" : `× is how many times as fast as the other ${subject} is.`,
    plain.length === 0 ? "" : peerTable(plain, subject, others),
    ...Object.entries(variants).map(([variant, about]) => {
      const works = [...versus.values()].filter((ofWork) => ofWork.some((row) => row.impl === variant));
      return works.length === 0 ? "" : `${variant}: ${about}\n\n${variantTable(works, subject, variant)}`;
    }),
    reasons(measured),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function byWork(rows: readonly Row[]): ReadonlyMap<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.work) ?? [];
    group.push(row);
    groups.set(row.work, group);
  }
  return groups;
}

function peerTable(works: readonly (readonly Row[])[], subject: string, others: readonly string[]): string {
  const head = ["work", `${subject} ms`, "rate", "ceiling", "of it", ...others.map((name) => `× ${name}`)];
  const lines = works.map((rows) => {
    const own = rows.find((row) => row.impl === subject);
    const ratios = others.map((name) => {
      const other = rows.find((row) => row.impl === name);
      return own?.ms && other?.ms ? (other.ms / own.ms).toFixed(2) : "–";
    });
    const rate = own?.gflops ?? null;
    const ceiling = own?.ceiling ?? null;
    return [
      rows[0]!.work,
      own?.ms ? milliseconds(own.ms) : "–",
      own === undefined ? "–" : rateOf(own),
      ceiling === null ? "–" : ceiling.toFixed(1),
      rate === null || ceiling === null ? "–" : `${((100 * rate) / ceiling).toFixed(0)} %`,
      ...ratios,
    ];
  });
  return aligned([head, ...lines]);
}

function variantTable(works: readonly (readonly Row[])[], subject: string, variant: string): string {
  const head = ["work", `${subject} ms`, `${variant} ms`, "times as fast"];
  const lines = works.map((rows) => {
    const own = rows.find((row) => row.impl === subject)?.ms;
    const other = rows.find((row) => row.impl === variant)?.ms;
    const cells = [own, other].map((ms) => (ms ? milliseconds(ms) : "–"));
    return [rows[0]!.work, ...cells, own && other ? (own / other).toFixed(2) : "–"];
  });
  return aligned([head, ...lines]);
}

/** Why there are dashes: one line a participant and reason. */
function reasons(rows: readonly Row[]): string {
  const works = new Map<string, string[]>();
  for (const { work, impl, reason } of rows) {
    if (reason === undefined) continue;
    const key = `${impl}: ${reason}`;
    works.set(key, [...(works.get(key) ?? []), work]);
  }
  if (works.size === 0) return "";
  const lines = Array.from(works, ([reason, names]) => `- ${reason} (${names.join(", ")})`);
  return `Not measured (–):\n\n${lines.join("\n")}`;
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
