// The file with the results: one section an engine. A run writes anew the sections of the engines it has measured, and leaves the others.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";

const HEAD = `# Results

Written by \`npm run bench -- --results\`; see [README.md](README.md) for what is measured and how. One section an engine. Absolute
figures move with the machine and with what else it does; within a line everybody was measured in turns.
`;

export interface Section {
  /** Version of the Node that ran everybody. */
  readonly node: string;
  /** What is said of the libraries. */
  readonly about: readonly string[];
  /** The tables. */
  readonly summary: string;
}

/** The text of a file of results in which some sections are new; `before` is what it was. */
export function merged(before: string, sections: readonly Section[], machine: string, date: Date): string {
  const parts = new Map<string, string>();
  for (const part of before.split(/^(?=## )/m).slice(1)) parts.set(part.slice(0, part.indexOf("\n")), part.trimEnd());
  for (const { node, about, summary } of sections) {
    const title = `## Node ${node}`;
    const facts = [date.toISOString().slice(0, 10), machine, ...about].map((line) => `- ${line}`).join("\n");
    parts.set(title, `${title}\n\n${facts}\n\n${summary.trimEnd()}`);
  }
  return `${[HEAD.trimEnd(), ...parts.values()].join("\n\n")}\n`;
}

/** Processor, cores and memory. */
export function machine(): string {
  const [first] = cpus();
  return `${first?.model.trim() ?? "unknown processor"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB`;
}

export function writeResults(file: string, sections: readonly Section[]): void {
  const before = existsSync(file) ? readFileSync(file, "utf8") : "";
  writeFileSync(file, merged(before, sections, machine(), new Date()));
}
