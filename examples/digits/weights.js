// What the digit examples ship: trained once, in some seconds, and again after the recipe has changed.
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compile, init, loadSafetensors, saveSafetensors, zeros } from "quadlane";
import { makeModel, training } from "./recipe.js";

const STEPS = 600;
const SEED = 1;
const path = (file) => fileURLToPath(new URL(file, import.meta.url));

/** The path of a safetensors file with the weights of a LeNet-5 trained on drawn digits. */
export function weightsFile() {
  const file = path("build/lenet.safetensors");
  const made = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (["recipe.js", "weights.js"].every((source) => statSync(path(source)).mtimeMs < made)) return file;
  const model = makeModel(SEED);
  let loss = Number.NaN;
  for (loss of training(model, { steps: STEPS, seed: SEED, lr: 0.003 }));
  console.log(`trained LeNet-5 for ${STEPS} steps; the loss of the last one was ${loss.toFixed(4)}`);
  mkdirSync(path("build"), { recursive: true });
  saveSafetensors(file, model.stateDict());
  return file;
}

/** Writes the same network as a program for one image and for the kernels that every engine runs. */
export async function writeProgram(file) {
  const model = makeModel(SEED);
  model.loadStateDict(loadSafetensors(weightsFile()).tensors);
  model.eval();
  await init({ binary: "simd" });
  const image = zeros([1, 1, 28, 28]);
  writeFileSync(file, compile(model, image).toProgram({ input: image }));
}
