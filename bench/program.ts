// The implementation of this library for cold starts: `quadlane/program` alone runs what quadlane.js has compiled.
import { Program } from "quadlane/program";
import { modelInputs } from "./inputs.js";
import { readProgram } from "./programs.js";
import { type Job, serve } from "./serve.js";
import type { Work } from "./works.js";

function prepare(work: Work): Job {
  if (work.kind !== "infer") throw new Error("runs programs of models only");
  const program = Program.loadSync(readProgram(work));
  const { x } = modelInputs(work.model, work.batch);
  const run = (): Float32Array => program.run({ input: x.data as Float32Array }).output as Float32Array;
  return { run, outputs: () => [run()] };
}

serve({ about: "a program", prepare });
