import { type Backend, data, Generator, getBackend, manualSeed, models, optim, setBackend } from "quadlane";
import { trainStep } from "./training.js";

const STEPS = 50;
const BATCH = 64;
/**
 * Where rounding errors stay small. Plain descent, because Adam divides every gradient by its own size: a unit that is on in one course
 * and off in the other, for its input is 0 but for rounding, would then make a difference of whole steps.
 */
const LEARNING_RATE = 0.01;
const MOMENTUM = 0.9;
/** Largest relative difference between the losses of the two back ends. */
const TOLERANCE = 1e-3;

interface Course {
  readonly losses: readonly number[];
  /** Median time of a step. */
  readonly milliseconds: number;
}

/** Runs the same training on both back ends, prints them side by side, and tells whether they agree. */
export function compareBackends(dataset: data.ImageDataset, seed: number): boolean {
  const js = course("js", dataset, seed);
  const wasm = course("wasm", dataset, seed);
  const differences = js.losses.map((loss, i) => Math.abs(loss - wasm.losses[i]!) / Math.abs(loss));
  const worst = Math.max(...differences);
  const agree = worst <= TOLERANCE;
  console.log(`\nthe same ${STEPS} training steps, batch ${BATCH}, learning rate ${LEARNING_RATE}`);
  printRow("", "js", "wasm", "");
  printRow(
    "ms per step",
    js.milliseconds.toFixed(2),
    wasm.milliseconds.toFixed(2),
    `${(js.milliseconds / wasm.milliseconds).toFixed(1)} × faster`,
  );
  for (const step of [1, 10, STEPS]) {
    const [a, b] = [js.losses[step - 1]!, wasm.losses[step - 1]!];
    printRow(
      `loss of step ${step}`,
      a.toFixed(7),
      b.toFixed(7),
      `differs by ${differences[step - 1]!.toExponential(1)}`,
    );
  }
  const verdict = agree ? "they agree" : "THEY DO NOT AGREE";
  console.log(`largest relative difference ${worst.toExponential(1)}, limit ${TOLERANCE.toExponential(0)}: ${verdict}`);
  return agree;
}

function printRow(name: string, js: string, wasm: string, note: string): void {
  console.log(`  ${name.padEnd(14)}${js.padStart(12)}${wasm.padStart(12)}   ${note}`);
}

/** Trains new weights, the same for each call, on the same batches. */
function course(backend: Backend, dataset: data.ImageDataset, seed: number): Course {
  const before = getBackend();
  setBackend(backend);
  manualSeed(seed);
  const model = new models.LeNet5();
  const optimizer = new optim.SGD(model.parameters(), { lr: LEARNING_RATE, momentum: MOMENTUM });
  const losses: number[] = [];
  const times: number[] = [];
  const loader = new data.DataLoader(dataset, { batchSize: BATCH, shuffle: true, generator: new Generator(seed) });
  while (losses.length < STEPS) {
    for (const [x, y] of loader) {
      const start = performance.now();
      losses.push(trainStep(model, optimizer, x, y)[0]);
      times.push(performance.now() - start);
      if (losses.length === STEPS) break;
    }
  }
  model.dispose();
  setBackend(before);
  return { losses, milliseconds: times.sort((a, b) => a - b)[STEPS >> 1]! };
}
