import { ArgumentError } from "../errors.js";
import type { Generator } from "../random.js";
import type { Collated } from "./collate.js";
import { type Dataset, Subset } from "./dataset.js";

/** The default export of a module that describes a data set: makes it, from options that can be cloned. */
export type DatasetFactory<S, O = unknown> = (options: O) => Dataset<S> | Promise<Dataset<S>>;

/**
 * A data set that a module makes, so that worker threads can make it too:
 *
 *     // my-dataset.js
 *     export default ({ folder }) => new MyDataset(folder);
 *
 *     const dataset = await data.WorkerDataset.load(new URL("./my-dataset.js", import.meta.url), { folder });
 *     for (const [x, y] of new data.DataLoader(dataset, { batchSize: 64, workers: 2 })) { … }
 *
 * Without workers it is the data set itself. Each worker makes one of its own, which must be the same everywhere.
 */
export class WorkerDataset<S> implements Dataset<S> {
  readonly getBatch?: (indices: Int32Array, generator?: Generator) => Collated<S>;
  readonly random: boolean;

  private constructor(
    /** Address of the module. */
    readonly url: string,
    /** What its default export is called with. */
    readonly options: unknown,
    private readonly dataset: Dataset<S>,
  ) {
    this.random = dataset.random ?? false;
    if (dataset.getBatch !== undefined) this.getBatch = (indices, generator) => dataset.getBatch!(indices, generator);
  }

  /**
   * Imports the module and makes the data set. The options are cloned for each worker, as messages between threads are.
   * Errors: ArgumentError if the module's default export makes no data set; whatever the module throws.
   */
  static async load<S>(url: URL | string, options: unknown = {}): Promise<WorkerDataset<S>> {
    if (typeof url !== "string" && !(url instanceof URL)) {
      throw new ArgumentError("WorkerDataset", `url is a ${typeof url}; expected the URL of a module`);
    }
    const address = String(url);
    return new WorkerDataset<S>(address, options, await makeDataset<S>(address, options));
  }

  get length(): number {
    return this.dataset.length;
  }

  get(index: number, generator?: Generator): S {
    return this.dataset.get(index, generator);
  }
}

/** Imports a module and lets its default export make a data set. */
export async function makeDataset<S>(url: string, options: unknown): Promise<Dataset<S>> {
  const module = (await import(/* @vite-ignore */ /* webpackIgnore: true */ url)) as { default?: unknown };
  if (typeof module.default !== "function") {
    throw new ArgumentError("WorkerDataset", `${url} has no function as its default export`);
  }
  const made: unknown = await (module.default as DatasetFactory<S>)(options);
  if (!isDataset<S>(made)) {
    throw new ArgumentError("WorkerDataset", `${url} made no data set; expected an object with length and get(index)`);
  }
  return made;
}

function isDataset<S>(value: unknown): value is Dataset<S> {
  if (typeof value !== "object" || value === null) return false;
  return typeof Reflect.get(value, "get") === "function" && typeof Reflect.get(value, "length") === "number";
}

/** Which data set the workers make, and what its indices are. */
export interface WorkerPart<S> {
  readonly dataset: WorkerDataset<S>;
  readonly indices: (chosen: Int32Array) => Int32Array;
}

/** Errors: ArgumentError for a data set that workers cannot make. */
export function workerPart<S>(dataset: Dataset<S>): WorkerPart<S> {
  if (dataset instanceof WorkerDataset) return { dataset, indices: (chosen) => chosen };
  if (dataset instanceof Subset) {
    const whole = workerPart<S>(dataset.dataset);
    return { dataset: whole.dataset, indices: (chosen) => whole.indices(chosen.map((i) => dataset.indices[i]!)) };
  }
  throw new ArgumentError(
    "DataLoader",
    `dataset is a ${dataset.constructor.name}; expected a WorkerDataset or a Subset of one, which workers can make too`,
  );
}
