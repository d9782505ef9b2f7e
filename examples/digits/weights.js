// The weights that the digit examples start from: trained once, in some seconds, and again after the recipe has changed.
import { mkdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { saveSafetensors } from "quadlane";
import { makeModel, training } from "./recipe.js";

const STEPS = 600;
const SEED = 1;
const path = (file) => fileURLToPath(new URL(file, import.meta.url));

/** A LeNet-5 trained on drawn digits. */
export function trainedModel() {
  const model = makeModel(SEED);
  let loss = Number.NaN;
  for (loss of training(model, { steps: STEPS, seed: SEED, lr: 0.003 }));
  console.log(`trained LeNet-5 for ${STEPS} steps; the loss of the last one was ${loss.toFixed(4)}`);
  return model;
}

/** The path of the weights' file. */
export function weightsFile() {
  const file = path("build/lenet.safetensors");
  const made = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (["recipe.js", "weights.js"].every((source) => statSync(path(source)).mtimeMs < made)) return file;
  mkdirSync(path("build"), { recursive: true });
  saveSafetensors(file, trainedModel().stateDict());
  return file;
}
