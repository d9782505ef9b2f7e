// What the runner prints.
import type { Finding } from "./compare.js";

interface Tally {
  passed: number;
  failed: number;
}

/** Counts results by family and back end, and words them. */
export class Report {
  private readonly families = new Map<string, Map<string, Tally>>();

  /** Notes a result. Returns the line to print for a failure, null for a pass. */
  add(family: string, name: string, backend: string, findings: readonly Finding[]): string | null {
    const row = this.families.get(family) ?? new Map<string, Tally>();
    this.families.set(family, row);
    const tally = row.get(backend) ?? { passed: 0, failed: 0 };
    row.set(backend, tally);
    const [first, ...rest] = findings;
    if (first === undefined) {
      tally.passed++;
      return null;
    }
    tally.failed++;
    const more = rest.length === 0 ? "" : ` (and ${rest.length} more)`;
    return `FAIL ${name} [${backend}] ${first.what}: ${first.text}${more}`.replace(/\s*\n\s*/g, " ");
  }

  get passed(): number {
    return this.total("passed");
  }

  get failed(): number {
    return this.total("failed");
  }

  /** Passes per family and back end. */
  table(backends: readonly string[]): string {
    const rows = [["family", ...backends]];
    for (const [family, row] of this.families) {
      const cells = backends.map((backend) => {
        const { passed, failed } = row.get(backend) ?? { passed: 0, failed: 0 };
        return `${passed}/${passed + failed}`;
      });
      rows.push([family, ...cells]);
    }
    const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
    return rows
      .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "))
      .join("\n");
  }

  /** The last line. */
  summary(): string {
    return `${this.passed} passed, ${this.failed} failed`;
  }

  private total(key: keyof Tally): number {
    let sum = 0;
    for (const row of this.families.values()) for (const tally of row.values()) sum += tally[key];
    return sum;
  }
}
