// The implementation of `ceiling`: picks the fastest of the loops in bench/assembly/ceiling.ts.
import { readFileSync } from "node:fs";
import { type Job, serve } from "./serve.js";

type Loop = (rounds: number, x: number, y: number) => number;

interface Candidate {
  readonly loop: Loop;
  /** Operations of one round: accumulators × lanes × (multiply + add). */
  readonly flops: number;
}

const ROUNDS = 50_000;
/** Long enough for the engine to replace its first code by optimised code, in the background. */
const WARM_MS = 60;
const TRIAL_MS = 60;

/** The loops of every binary that this engine can run. */
function candidates(): Candidate[] {
  return ["simd", "relaxed"].flatMap((binary) => {
    const bytes = readFileSync(new URL(`../../bench-ceiling.${binary}.wasm`, import.meta.url));
    if (!WebAssembly.validate(bytes)) return [];
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    return Object.entries(exports).map(([name, loop]) => ({
      loop: loop as Loop,
      flops: Number(name.replace("rounds", "")) * 8,
    }));
  });
}

/** Median time of one call, in milliseconds. */
function medianTime({ loop }: Candidate): number {
  const begin = performance.now();
  const times: number[] = [];
  for (let now = begin; now < begin + WARM_MS + TRIAL_MS; ) {
    const start = now;
    loop(ROUNDS, 0.5, 0.5);
    now = performance.now();
    if (start > begin + WARM_MS) times.push(now - start);
  }
  return times.sort((a, b) => a - b)[times.length >> 1] ?? Infinity;
}

serve({
  about: "",
  prepare(work): Job {
    if (work.kind !== "ceiling") throw new Error("only measures registers");
    const rated = candidates().map((c) => ({ ...c, rate: c.flops / medianTime(c) }));
    const { loop, flops } = rated.reduce((a, b) => (b.rate > a.rate ? b : a));
    return { run: () => loop(ROUNDS, 0.5, 0.5), outputs: () => [], flops: flops * ROUNDS };
  },
});
