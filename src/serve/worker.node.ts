// The script of a pool's worker thread.
import { parentPort, threadId, workerData } from "node:worker_threads";
import { move, transferableSymbol, valueSymbol } from "piscina";
import { ArgumentError, DTypeError, ShapeError } from "../errors.js";
import { batchSizes, type Port, type ServedModel, type ServedValue } from "./model.js";
import { makeModel } from "./models.node.js";
import type { Answer } from "./scheduler.node.js";
import type { ModelSource } from "./source.node.js";

/** What a worker starts from. */
export interface WorkerStart {
  readonly source: ModelSource;
  readonly maxBatch: number;
}

/** What a worker is told: to say what its model takes, or to run it. */
export type Task = "describe" | { readonly id: number; readonly feeds: Record<string, ServedValue> };

export interface Description {
  readonly inputs: readonly Port[];
  /** Rows that batches have, the fewest first; none if requests are not put together. */
  readonly sizes: readonly number[];
}

/** What a worker tells beside its answers: that it is ready, or has begun a task. */
export type Notice = { readonly ready: number } | { readonly begun: number };

function notify(notice: Notice): void {
  parentPort!.postMessage(notice);
}

async function answerTo(model: ServedModel, feeds: Record<string, ServedValue>): Promise<unknown> {
  try {
    const made = Object.entries(await model.run(feeds));
    // Copies: what a model returns may be part of a memory that it goes on using.
    const outputs = made.map(([name, { data, shape }]) => [name, { data: data.slice(), shape: [...shape] }] as const);
    const answer: Answer = { outputs: Object.fromEntries(outputs) };
    return move({ [valueSymbol]: answer, [transferableSymbol]: outputs.map(([, { data }]) => data.buffer) });
  } catch (error) {
    const invalid = error instanceof ArgumentError || error instanceof ShapeError || error instanceof DTypeError;
    return { error: error instanceof Error ? error.message : String(error), invalid } satisfies Answer;
  }
}

async function start(): Promise<(task: Task) => unknown> {
  const { source, maxBatch } = workerData as WorkerStart;
  const model = await makeModel(source, maxBatch);
  notify({ ready: threadId });
  return async (task) => {
    if (task === "describe") return { inputs: model.inputs, sizes: batchSizes(model, maxBatch) } satisfies Description;
    notify({ begun: task.id });
    return answerTo(model, task.feeds);
  };
}

/** A pool waits for it before a worker counts as ready. */
export default start();
