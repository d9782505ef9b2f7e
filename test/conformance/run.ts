// Runs one case on one back end and says what is wrong with it.
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Backend, memory, scope, setBackend } from "quadlane";
import { Builder } from "./build.js";
import { type Case, CaseError, type Entry, type Family, messageOf } from "./cases.js";
import type { Finding } from "./compare.js";
import { runFunctional, runModule } from "./run-call.js";
import { runOptimizer, runScheduler } from "./run-optimizer.js";
import { runTraining } from "./run-training.js";

/** Nothing found means that the case passes. Whatever it made is freed; a block that is not freed is a finding too. */
export function runEntry(entry: Entry, family: Family, backend: Backend, shared: string | undefined): Finding[] {
  if ("problem" in entry) return [{ what: "case", text: entry.problem }];
  const before = memory().liveBlocks;
  const builder = new Builder(family.tensors, "needsGrad" in entry.case ? entry.case.needsGrad : []);
  const findings: Finding[] = [];
  try {
    setBackend(backend);
    findings.push(
      ...scope(() => expectThrow(entry.case, () => dispatch(entry.case, builder, sharedFor(family, shared)))),
    );
  } catch (error) {
    findings.push({ what: "case", text: messageOf(error) });
  } finally {
    builder.dispose();
  }
  const left = memory().liveBlocks - before;
  if (left !== 0) findings.push({ what: "memory", text: `${left} blocks are live that were not before the case` });
  return findings;
}

function dispatch(c: Case, builder: Builder, shared: string): Finding[] {
  switch (c.kind) {
    case "module":
      return runModule(c, builder);
    case "functional":
      return runFunctional(c, builder);
    case "optimizer":
      return runOptimizer(c, builder);
    case "scheduler":
      return runScheduler(c, builder);
    case "training":
      return runTraining(c, builder, shared);
  }
}

/** For a case with `throws`, an error with these substrings is the only thing that is right. */
function expectThrow(c: Case, run: () => Finding[]): Finding[] {
  if (c.throws === null) return run();
  try {
    run();
  } catch (error) {
    // The case itself could not be run: that must not pass for the error that the library should raise.
    if (error instanceof CaseError || !(error instanceof Error)) throw error;
    const { message } = error;
    const missing = c.throws.filter((part) => !message.includes(part));
    if (missing.length === 0) return [];
    return [{ what: "message", text: `"${message}" lacks ${missing.map((m) => `"${m}"`).join(", ")}` }];
  }
  return [
    { what: "error", text: `nothing was thrown; expected a message with ${c.throws.map((t) => `"${t}"`).join(", ")}` },
  ];
}

/** The folder with `data/`: as asked for, else the parent of the cases' folder, else ../shared. */
function sharedFor(family: Family, asked: string | undefined): string {
  if (asked !== undefined) return asked;
  const parent = dirname(resolve(family.dir));
  return existsSync(join(parent, "data")) ? parent : "../shared";
}
