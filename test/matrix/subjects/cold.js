// This library in the measurement of cold starts: a LeNet with the weights of the benchmarks, compiled. Where compiled programs are to be
// measured instead, this file is the only one to change.
import { compile, init, tensor } from "quadlane";
import { modelInputs } from "../../../build/tools/bench/inputs.js";
import { lenet } from "../../../build/tools/bench/models.js";
import { build } from "../../../build/tools/bench/quadlane/modules.js";

/** The logits of one image. `kernels` is where the binaries come from if the package does not find them itself. */
export async function first({ kernels }) {
  await init(kernels);
  const { x } = modelInputs(lenet, 1);
  const image = tensor(x.data, { shape: x.shape });
  const session = compile(build(lenet).eval(), image);
  return session.run({ input: image }).output.data();
}
