// The tables of docs/platforms.md.
import { NOTHING, OURS } from "./cold.js";
import type { Extent, Row } from "./run.js";

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const ruler = head.map((_, i) => (i === 0 ? "---" : "--:"));
  return [line(head), line(ruler), ...rows.map(line)].join("\n");
}

/** What ran where. */
export function matrixTable(rows: readonly Row[]): string {
  return table(
    [
      "engine",
      "version",
      "binary",
      "threads",
      "tests passed",
      "gemm/256 GFLOPS",
      "cold start ms: quadlane",
      "best other",
    ],
    rows.map(({ engine, version, runtime, threaded, passed, failed, gflops, cold }) => {
      const ms = (name: string): number | null => cold.find((c) => c.participant === name)?.ms ?? null;
      const best = cold
        .filter((c) => c.ms !== null && c.participant !== NOTHING.name && c.participant !== OURS.name)
        .sort((a, b) => a.ms! - b.ms!)[0];
      return [
        engine.name,
        version ?? "not there",
        runtime?.binary ?? "–",
        threaded === null ? "–" : String(threaded.threads),
        `${passed} of ${passed + failed}`,
        gflops === null ? "–" : gflops.toFixed(1),
        ms(OURS.name)?.toFixed(0) ?? "–",
        best === undefined ? "–" : `${best.ms!.toFixed(0)} (${best.participant})`,
      ];
    }),
  );
}

/** Cold starts of all, and why some cannot. */
export function coldTable(rows: readonly Row[]): string {
  const reasons: string[] = [];
  const note = (reason: string): string => {
    if (!reasons.includes(reason)) reasons.push(reason);
    return `– ${reasons.indexOf(reason) + 1}`;
  };
  const measured = rows.filter(({ cold }) => cold.length > 0);
  const cells = measured.map(({ engine, cold }) => [
    engine.name,
    ...cold.map(({ ms, reason }) => (ms === null ? note(reason ?? "not measured") : ms.toFixed(0))),
  ]);
  const notes = reasons.map((reason, i) => `${i + 1}. ${reason}`);
  const names = measured[0]?.cold.map(({ participant }) => participant) ?? [];
  return [table(["engine", ...names], cells), "", ...notes].join("\n");
}

/** The whole page. */
export function platformsPage(rows: readonly Row[], { step, runs }: Extent, machine: string): string {
  const threadless = rows.filter(({ threaded }) => threaded?.threads === 1);
  const samples = step === 1 ? "" : `, the first sample of each op and every ${step}-th after it`;
  return `# Platforms

\`npm run matrix -- --write\` wrote this page: the packed package on each engine, the real one. Every row runs the tests of ops that need no files
(values against float64, gradients against differences, both back ends against each other${samples}), trains LeNet-5 on generated digits, compares a
session with its module, and asks for two threads.

${matrixTable(rows)}

Measured on ${machine}.

## How to use it

${rows.map(({ engine }) => `- **${engine.name}.** ${engine.use}`).join("\n")}

Why there is one thread: ${threadless.map(({ engine, threaded }) => `${engine.name}: ${threaded!.whyThreads}`).join("; ")}.

## Cold starts

Milliseconds from a fresh start to the first logits of a LeNet-5, all with the same weights; medians of ${runs}. On Node, Deno and Bun a start
is a process; on workerd a process with one Worker, and its first request; in Chromium a page in a new profile. \`nothing\` does no work:
it is what the engine itself takes. Packages are loaded as npm installs them, on workerd and in pages as bundles (of esbuild where
this library's page has none).

${coldTable(rows)}
`;
}
