import { afterEach } from "vitest";
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
