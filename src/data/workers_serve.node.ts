// The script of a loader's worker thread in Node.
import { workerData } from "node:worker_threads";
import { nodeFiles } from "../backend/files.node.js";
import { setBackend } from "../backend/index.js";
import { installBytes, runtime } from "../init.js";
import { Scope } from "../runtime/scope.js";
import type { Dataset } from "./dataset.js";
import { claiming, fetchSamples } from "./fetch.js";
import { sampleGenerators } from "./seeds.js";
import { makeBatch } from "./sources.js";
import { pack } from "./transfer.js";
import { makeDataset } from "./worker_dataset.js";
import type { WorkerJob, WorkerReply } from "./workers.js";
import { ENDED, REPLIES, type WorkerStart } from "./workers.node.js";

const { url, options, port, words, binary, backend } = workerData as WorkerStart;
const signal = new Int32Array(words);

function wake(): void {
  Atomics.add(signal, REPLIES, 1);
  Atomics.notify(signal, REPLIES);
}

function send(reply: WorkerReply, buffers: ArrayBuffer[] = []): void {
  port.postMessage(reply, buffers);
  wake();
}

function refuse(error: unknown, at: string, id: number | null): void {
  const known = error instanceof Error;
  send({ id, error: known ? error.message : String(error), at, stack: known ? error.stack : undefined });
}

process.on("exit", () => {
  Atomics.store(signal, ENDED, 1);
  wake();
});
process.on("uncaughtException", (error) => {
  refuse(error, "outside of a sample", null);
  process.exit(1);
});

function serve(dataset: Dataset<unknown>, job: WorkerJob): void {
  const { id, indices, seed, epoch, position, collate } = job;
  const scope = new Scope();
  let at = `at the batch of samples ${indices.join(", ")}`;
  const failed = (index: number): void => {
    at = `at sample ${index}`;
  };
  try {
    const generators = seed === null ? null : sampleGenerators(seed, epoch, position, indices.length);
    const made = collate
      ? makeBatch(dataset, indices, generators, undefined, scope, failed)
      : claiming(scope, (claim) => fetchSamples(dataset, indices, generators, claim, failed));
    const buffers: ArrayBuffer[] = [];
    send({ id, parcel: pack(made, buffers) }, buffers);
  } catch (error) {
    refuse(error, at, id);
  } finally {
    scope.close();
  }
}

async function main(): Promise<void> {
  // A module that imports this package loads the kernels that suit it; those of the main thread come after.
  await import(url);
  if (binary !== null && runtime().binary !== binary) installBytes(nodeFiles.kernels(binary));
  setBackend(backend);
  const dataset = await makeDataset(url, options);
  port.on("message", (job: WorkerJob) => serve(dataset, job));
}

main().catch((error: unknown) => {
  refuse(error, "to make the data set", null);
  process.exit(1);
});
