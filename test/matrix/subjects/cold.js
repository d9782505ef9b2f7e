// This library in the measurement of cold starts: a LeNet with the weights of the benchmarks, as a program.
import { Program } from "quadlane/program";
import { modelInputs } from "../../../build/tools/bench/inputs.js";
import { lenet } from "../../../build/tools/bench/models.js";

/** The logits of one image. `kernels` is where they come from if the package does not find them itself. */
export async function first({ kernels, model }) {
  const program = await Program.load(await model(), kernels === undefined ? {} : { kernels });
  const { x } = modelInputs(lenet, 1);
  return program.run({ input: x.data }).output;
}
