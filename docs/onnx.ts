// The page of ONNX operators, from the tables that the reader of models looks into.
import type { OperatorTable } from "../src/onnx/handler.js";
import { operators } from "../src/onnx/ops/index.js";

/** The oldest operator set that models are read of. */
const OLDEST = 6;

const ABOUT: Readonly<Record<string, string>> = {
  "": `ONNX's own operators, of operator sets ${OLDEST} to 24.`,
  "com.microsoft": "What ONNX Runtime's optimiser and exporters of transformers write.",
};

/** Operator sets from which on a row holds: "6–12" and "13–". */
function sets(versions: readonly number[]): string[] {
  return versions.map((since, i) => {
    const next = versions[i + 1];
    return next === undefined ? `${since}–` : next - 1 === since ? `${since}` : `${since}–${next - 1}`;
  });
}

function rows(table: OperatorTable, oldest: number): string[] {
  return Object.entries(table)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, versions]) => {
      const known = versions.filter((_, i) => (versions[i + 1]?.since ?? Infinity) > oldest);
      const ranges = sets(known.map((v) => Math.max(v.since, oldest)));
      return known.map(({ attributes }, i) => {
        const words = [...attributes].sort().map((word) => `\`${word}\``);
        return `| ${i === 0 ? `\`${name}\`` : ""} | ${ranges[i]} | ${words.join(", ")} |`;
      });
    });
}

/** The whole page. */
export function onnxPage(): string {
  const lines = [
    "# ONNX operators",
    "",
    "What `onnx.load` runs, with the operator sets and attributes of each. Whatever a model needs beyond that is told in one error, and by",
    "`quadlane check`. Tensors are float32, int32 and bool: other types are converted. Strings are not read; sequences and optional values may lie",
    "between nodes, not at a model's ends. Generated from the tables of operators by `npm run docs`.",
  ];
  for (const [domain, table] of operators) {
    const title = domain === "" ? "ai.onnx" : domain;
    lines.push("", `## ${title}`, "", ABOUT[domain]!, "", "| operator | operator sets | attributes |", "|---|---|---|");
    lines.push(...rows(table, domain === "" ? OLDEST : 1));
  }
  return `${lines.join("\n")}\n`;
}
