import { defaultDevice, init, jit } from "@jax-js/jax";
import { modelInputs } from "../../../build/tools/bench/inputs.js";
import { lenet } from "../../../build/tools/bench/models.js";
import { build, toArray } from "../jax-model.js";

export async function first() {
  await init("wasm");
  defaultDevice("wasm");
  const { weights, forward } = build(lenet);
  return jit(forward)(weights, toArray(modelInputs(lenet, 1).x)).data();
}
