// ONNX Runtime in the measurement of cold starts, whatever its package.
import { modelInputs } from "../../../build/tools/bench/inputs.js";
import { lenet } from "../../../build/tools/bench/models.js";

/** `model` gives the bytes of the file. */
export async function logits(ort, provider, model) {
  const session = await ort.InferenceSession.create(await model(), {
    executionProviders: [provider],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const { shape, data } = modelInputs(lenet, 1).x;
  const results = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", data, shape) });
  return results[session.outputNames[0]].data;
}
