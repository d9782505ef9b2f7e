// The rows of ops on whatever engine runs this: a bundle of the neutral sources and the rows, without a test framework.
import { init, type KernelSources } from "../../src/index.js";
import { checkRefusal, checkSample } from "../support/check-case.js";
import { loadRows } from "../support/rows.js";

export interface Count {
  readonly passed: number;
  readonly failed: number;
  /** Messages, of the first failures at most. */
  readonly failures: readonly string[];
}

const MOST_FAILURES = 10;

/**
 * Checks all samples and refusals of the rows, or every `step`-th sample of each row, its first one always: values against float64,
 * gradients against differences, wasm against js, what is left in memory.
 */
export async function checkOps(step: number, kernels?: KernelSources): Promise<Count> {
  await init(kernels);
  let passed = 0;
  const failures: string[] = [];
  const attempt = (check: () => void): void => {
    try {
      check();
      passed++;
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  };
  const chosen = <T>(samples: readonly T[] = []): T[] => samples.filter((_, i) => i % step === 0);
  for (const row of await loadRows()) {
    for (const sample of chosen(row.samples)) attempt(() => checkSample(row, sample));
    for (const sample of chosen(row.errors)) attempt(() => checkRefusal(row, sample));
  }
  return { passed, failed: failures.length, failures: failures.slice(0, MOST_FAILURES) };
}
