import { afterEach } from "vitest";
import { Generator, manualSeed, nn, randn } from "../../src/node.js";
import { ModelPool, type PoolOptions, type ServedValue, ServeError } from "../../src/serve/index.node.js";

const open = new Set<ModelPool>();
afterEach(async () => {
  for (const pool of open) await pool.close();
  open.clear();
});

/** A pool that ends with the test; one worker unless the options say otherwise. */
export async function startPool(options: PoolOptions): Promise<ModelPool> {
  const pool = await ModelPool.start({ workers: 1, ...options });
  open.add(pool);
  return pool;
}

/** Address of a module in `served/`. */
export const served = (name: string): URL => new URL(`./served/${name}.js`, import.meta.url);

/** A pool of models that do what the first value of a row says; see `served/obedient.js`. */
export function obedient(options: PoolOptions = {}, workerOptions: object = {}): Promise<ModelPool> {
  return startPool({ worker: served("obedient"), workerOptions, ...options });
}

/** The outputs' values, or the error's code and status. */
export async function outcome(answer: Promise<Readonly<Record<string, ServedValue>>>): Promise<unknown> {
  try {
    const { y } = await answer;
    return [...y!.data];
  } catch (error) {
    if (!(error instanceof ServeError)) throw error;
    return `${error.code} ${error.statusCode}`;
  }
}

/** Of an image. */
export const SHAPE = [1, 1, 16, 16];

/** Convolutions by different ways, a normalisation, a pooling, a linear layer. */
export function network(): nn.Module {
  manualSeed(1);
  const model = new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(8, 16, 3, { padding: 1 }),
    new nn.BatchNorm2d(16),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(16 * 8 * 8, 10),
    new nn.Softmax({ dim: 1 }),
  );
  model.eval();
  return model;
}

export function image(seed: number): Float32Array {
  return Float32Array.from(randn(SHAPE, { generator: new Generator(seed) }).data());
}

export const outputOf = async (pool: ModelPool, input: Float32Array): Promise<Float32Array> =>
  Float32Array.from((await pool.run({ input })).output!.data);

/** A pool that waits until four requests can run together. */
export const inFours = (options: PoolOptions): Promise<ModelPool> =>
  startPool({ maxBatch: 4, maxWaitMs: 60_000, ...options });
