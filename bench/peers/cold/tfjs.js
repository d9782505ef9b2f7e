// TensorFlow.js in the measurement of cold starts, whatever its back end.
import * as tf from "@tensorflow/tfjs";
import { modelInputs } from "../../../build/tools/bench/inputs.js";
import { lenet } from "../../../build/tools/bench/models.js";
import { build, permuted } from "../tfjs-model.js";

export async function logits(backend) {
  if (!(await tf.setBackend(backend))) throw new Error(`the ${backend} back end does not start`);
  const { forward } = build(lenet);
  return tf.tidy(() => forward(permuted(modelInputs(lenet, 1).x, [0, 2, 3, 1])).dataSync());
}
