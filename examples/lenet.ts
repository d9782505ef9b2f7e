// Trains LeNet-5, saves and reloads it, and compares the back ends: `npm start`, `npm start -- --help`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  loadSafetensors,
  manualSeed,
  memory,
  models,
  QuadlaneError,
  runtime,
  saveSafetensors,
  setBackend,
} from "quadlane";
import { compareBackends } from "./lenet/comparison.js";
import { loadSplit } from "./lenet/datasets.js";
import { type Options, parseOptions, USAGE, UsageError } from "./lenet/options.js";
import { predict, train } from "./lenet/training.js";

/** Returns the exit code: 0 if everything agreed, 1 if something did not or could not be read, 2 for a wrong command line. */
function main(args: readonly string[]): number {
  try {
    const options = parseOptions(args);
    if (options !== null) return run(options);
    console.log(USAGE);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n\n${USAGE}`);
      return 2;
    }
    if (!(error instanceof QuadlaneError)) throw error;
    console.error(error.message);
    return 1;
  }
}

function run({ data, epochs, batch, lr, backend, seed, short }: Options): number {
  setBackend(backend);
  const { binary, why } = runtime();
  console.log(`back end ${backend}, ${binary === null ? "no binary" : `${binary} binary`}: ${why}`);

  const start = performance.now();
  const split = loadSplit(data, seed, short ? 1 / 6 : 1);
  console.log(
    `${split.name}: ${split.train.length} images to train on, ${split.test.length} to test, ${seconds(start)} s`,
  );

  manualSeed(seed);
  const model = new models.LeNet5();
  const trainingStart = performance.now();
  const loss = train(model, split.train, { epochs, batch, lr });
  console.log(`trained in ${seconds(trainingStart)} s; final loss ${loss} (${bitsOf(loss)})`);

  const predictions = predict(model, split.test);
  const right = predictions.filter((label, i) => label === split.test.labels[i]).length;
  console.log(`test accuracy ${((100 * right) / split.test.length).toFixed(2)} %`);
  const least = short ? 80 : data === null ? 98 : 85;
  const learned = 100 * right >= least * split.test.length;
  if (!learned) console.log(`LESS THAN ${least} %`);

  const reloaded = reload(model);
  const same = predict(reloaded, split.test).every((label, i) => label === predictions[i]);
  console.log(`saved, loaded again: the predictions ${same ? "agree" : "DO NOT AGREE"}`);

  const agree = binary === null || compareBackends(split.train, seed);
  const { peakBytes, capacityBytes } = memory();
  console.log(`\nmemory: ${mebibytes(peakBytes)} MiB at most in use, ${mebibytes(capacityBytes)} MiB taken`);
  return learned && same && agree ? 0 : 1;
}

/** A new model with the weights of another, by way of a file. */
function reload(model: models.LeNet5): models.LeNet5 {
  const folder = mkdtempSync(join(tmpdir(), "quadlane-"));
  try {
    const path = join(folder, "lenet.safetensors");
    saveSafetensors(path, model.stateDict());
    const copy = new models.LeNet5();
    copy.loadStateDict(loadSafetensors(path).tensors);
    return copy;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Bit pattern of a float32. */
function bitsOf(value: number): string {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return `0x${view.getUint32(0).toString(16).padStart(8, "0")}`;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

process.exitCode = main(process.argv.slice(2));
