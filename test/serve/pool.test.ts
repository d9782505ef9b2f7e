import { describe, expect, test } from "vitest";
import { ArgumentError, RuntimeError } from "../../src/node.js";
import type { ModelPool, PoolOptions } from "../../src/serve/index.node.js";
import { obedient, outcome, served, startPool } from "../support/serving.js";

/** What comes of rows [value, 1], each a request, all at once. */
function askAll(pool: ModelPool, values: readonly number[]): Promise<unknown[]> {
  return Promise.all(values.map((value) => outcome(pool.run({ x: Float32Array.of(value, 1) }))));
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const doubled = (values: readonly number[]): number[][] => values.map((value) => [2 * value, 2]);

describe("a pool", () => {
  test("answers every request with its own rows, however many run together", async () => {
    const pool = await obedient({ workers: 2, maxBatch: 4 });
    const asked = upTo(60).map((i) => Float32Array.from({ length: 2 * (1 + (i % 3)) }, (_, j) => i + j));
    const answers = await Promise.all(asked.map((x) => pool.run({ x })));
    for (const [i, { y, seen }] of answers.entries()) {
      expect(y).toEqual({ data: asked[i]!.map((v) => 2 * v), shape: [1 + (i % 3), 2] });
      expect([1, 2, 4]).toContain(seen!.data[0]);
    }
    const { requests, completed, errors, queued, running, batchRows } = pool.metrics();
    expect({ requests, completed, errors, queued, running }).toEqual({
      requests: 60,
      completed: 60,
      errors: {},
      queued: 0,
      running: 0,
    });
    expect(batchRows.max).toBe(4);
  });

  test("uses all of its workers", async () => {
    const pool = await obedient({ workers: 2, maxBatch: 1 }, { waitMs: 20 });
    const answers = await Promise.all(upTo(8).map((i) => pool.run({ x: Float32Array.of(i, 1) })));
    expect(new Set(answers.map(({ thread }) => thread!.data[0])).size).toBe(2);
    expect(pool.threads.length).toBe(2);
  });

  test("lets a request wait for company as long as it was told", async () => {
    const pool = await obedient({ maxBatch: 4, maxWaitMs: 60_000 });
    const first = pool.run({ x: Float32Array.of(1, 1) });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(pool.health().queue.length).toBe(1);
    const others = [2, 3, 4].map((v) => pool.run({ x: Float32Array.of(v, 1) }));
    expect((await Promise.all([first, ...others])).map(({ seen }) => seen!.data[0])).toEqual([4, 4, 4, 4]);
  });

  test("puts only those together whose shapes agree beside the first size", async () => {
    const pool = await obedient({ maxBatch: 4 }, { shape: [null, null] });
    const sizes = [1, 2, 1, 2, 3];
    const ask = (n: number) => pool.run({ x: { data: new Float32Array(n).fill(n), shape: [1, n] } });
    const answers = await Promise.all(sizes.map(ask));
    expect(answers.map(({ y }) => y!.shape)).toEqual(sizes.map((n) => [1, n]));
    expect(answers.map(({ seen }) => seen!.data[0])).toEqual([2, 2, 2, 2, 1]);
  });

  test("lets a full batch of another shape go while the oldest request waits for company", async () => {
    const pool = await obedient({ maxBatch: 2, maxWaitMs: 60_000 }, { shape: [null, null] });
    const ask = (n: number) => pool.run({ x: { data: new Float32Array(n).fill(n), shape: [1, n] } });
    const first = ask(1);
    const answers = await Promise.all([2, 3, 2, 3].map(ask));
    expect(answers.map(({ y, seen }) => [y!.shape[1], seen!.data[0]])).toEqual([2, 3, 2, 3].map((n) => [n, 2]));
    expect(pool.health().queue.length).toBe(1);
    expect((await Promise.all([first, ask(1)])).map(({ seen }) => seen!.data[0])).toEqual([2, 2]);
  });

  test("lets the oldest request go before full batches once it has waited", async () => {
    const pool = await obedient({ maxBatch: 2, maxWaitMs: 1, workers: 1 }, { shape: [null, null], waitMs: 30 });
    const order: number[] = [];
    const ask = async (n: number): Promise<void> => {
      await pool.run({ x: { data: new Float32Array(n), shape: [1, n] } });
      order.push(n);
    };
    await Promise.all([2, 2, 1, 3, 3, 3, 3].map(ask));
    expect(order).toEqual([2, 2, 1, 3, 3, 3, 3]);
  });

  test("gives a model as many rows as it says that it must have", async () => {
    const pool = await obedient({}, { batches: 3 });
    const answers = await Promise.all(upTo(4).map((i) => pool.run({ x: Float32Array.of(i, 1) })));
    expect(answers.map(({ y, seen }) => [y!.data[0], seen!.data[0]])).toEqual(upTo(4).map((i) => [2 * i, 3]));
    await expect(obedient({}, { batches: 0 })).rejects.toThrow(/batches is 0/);
  });

  test.each([
    { what: "the model has a batch of 1", model: { shape: [1, 2] } },
    { what: "the model says so", model: { batches: false } },
    { what: "its outputs have other rows than its inputs", model: { outputRows: 1 } },
  ])("runs requests one by one if $what", async ({ model }) => {
    const pool = await obedient({ maxBatch: 4 }, model);
    expect(await askAll(pool, upTo(9))).toEqual(doubled(upTo(9)));
    const answers = await Promise.all(upTo(5).map((i) => pool.run({ x: Float32Array.of(i, 1) })));
    expect(answers.map(({ seen }) => seen!.data[0])).toEqual([1, 1, 1, 1, 1]);
    expect(pool.health().batching).toBe(false);
  });

  test("answers what it has taken before it closes, and takes no more", async () => {
    const pool = await obedient({ maxBatch: 2, maxWaitMs: 60_000 }, { waitMs: 5 });
    const taken = askAll(pool, upTo(9));
    const closing = pool.close();
    expect(pool.health().status).toBe("closing");
    expect(await askAll(pool, [1])).toEqual(["CLOSED 503"]);
    await closing;
    expect(await taken).toEqual(doubled(upTo(9)));
    expect(pool.health()).toMatchObject({ status: "closed", workers: { wanted: 1, ready: 0 } });
  });

  test("tells its counts in Prometheus' format", async () => {
    const pool = await obedient({ workers: 2, maxBatch: 1 });
    await askAll(pool, [1, 2, -3]);
    const lines = pool.metricsText().split("\n");
    for (const line of [
      "quadlane_requests_total 3",
      "quadlane_completed_total 2",
      'quadlane_errors_total{code="MODEL_FAILED"} 1',
      "quadlane_workers 2",
      "quadlane_latency_seconds_count 2",
    ]) {
      expect(lines).toContain(line);
    }
    for (const line of lines.slice(0, -1)) expect(line).toMatch(/^(# (HELP|TYPE) \S+ .+|\w+(\{\w+="[^"]+"\})? \S+)$/);
    const { p50, p99, max } = pool.metrics().latencyMs;
    expect(p50).toBeGreaterThan(0);
    expect(p99).toBeLessThanOrEqual(Math.ceil(max * 1.01));
  });
});

describe("what cannot be answered", () => {
  test("is refused while as many wait as may, and those get their answers", async () => {
    const pool = await obedient({ maxQueue: 3, maxBatch: 1 }, { waitMs: 20 });
    const outcomes = await askAll(pool, upTo(8));
    expect(outcomes).toEqual([...doubled([0, 1, 2]), ...new Array(5).fill("QUEUE_FULL 503")]);
    expect(await askAll(pool, [7])).toEqual(doubled([7]));
    expect(pool.metrics().errors).toEqual({ QUEUE_FULL: 5 });
  });

  test("is given up when no worker is free in time", async () => {
    const pool = await obedient({ maxBatch: 1, queueTimeoutMs: 50, runTimeoutMs: 500 });
    expect(await askAll(pool, [-1, 5])).toEqual(["RUN_TIMEOUT 504", "QUEUE_TIMEOUT 503"]);
    expect(pool.metrics().errors).toEqual({ RUN_TIMEOUT: 1, QUEUE_TIMEOUT: 1 });
  });

  const poisons: readonly [what: string, value: number, outcome: string, deaths: number][] = [
    ["runs too long", -1, "RUN_TIMEOUT 504", 2],
    ["ends the worker", -2, "WORKER_DIED 500", 2],
    ["makes the model throw", -3, "MODEL_FAILED 500", 0],
    ["is refused by the model", -4, "BAD_REQUEST 400", 0],
  ];
  test.each(poisons)("harms nobody in its batch if it %s", async (_, value, expected, deaths) => {
    const pool = await obedient({ maxBatch: 4, maxWaitMs: 60_000, runTimeoutMs: 300 });
    expect(await askAll(pool, [1, value, 2, 3])).toEqual([[2, 2], expected, [4, 2], [6, 2]]);
    expect(pool.metrics()).toMatchObject({ completed: 3, retried: 4, deaths, queued: 0, running: 0 });
    expect(await askAll(pool, upTo(4))).toEqual(doubled(upTo(4)));
    expect(pool.health().status).toBe("ok");
  });

  const x = Float32Array.of(1, 2);
  const bad: readonly [what: string, feeds: unknown, message: RegExp][] = [
    ["no names", x, /without names/],
    ["nothing", null, /without names/],
    ["a missing input", {}, /input "x" is missing/],
    ["an unknown input", { x, z: x }, /no input "z"/],
    ["another dtype", { x: Int32Array.of(1, 2) }, /Int32Array; expected a Float32Array/],
    ["a plain array", { x: [1, 2] }, /undefined; expected a Float32Array/],
    ["null for an input", { x: null }, /null; expected a Float32Array/],
    ["a wrong length", { x: Float32Array.of(1, 2, 3) }, /3 values; expected a multiple of 2 for \[\?, 2\]/],
    ["another rank", { x: { data: x, shape: [2] } }, /shape \[2\]; expected \[\?, 2\]/],
    ["another size", { x: { data: x, shape: [2, 1] } }, /shape \[2, 1\]; expected \[\?, 2\]/],
    ["a shape for other values", { x: { data: x, shape: [2, 2] } }, /2 values; expected 4/],
    ["a size that is none", { x: { data: x, shape: [-1, 2] } }, /expected an array of sizes/],
    ["no shape", { x: { data: x } }, /shape undefined/],
    ["no rows", { x: new Float32Array(0) }, /0 rows; expected 1 to 4/],
    ["too many rows", { x: new Float32Array(10) }, /5 rows; expected 1 to 4/],
    ["too many elements", { x: new Float32Array(102) }, /102 elements; expected 100 at most/],
  ];
  test("is refused with its reason before it meets others: bad inputs", async () => {
    const pool = await obedient({ maxBatch: 4, maxElements: 100 });
    const good = askAll(pool, upTo(5));
    for (const [what, feeds, message] of bad) {
      const refused = pool.run(feeds as Parameters<ModelPool["run"]>[0]);
      await expect(refused, what).rejects.toMatchObject({
        code: "BAD_REQUEST",
        statusCode: 400,
        message: expect.stringMatching(message),
      });
    }
    expect(await good).toEqual(doubled(upTo(5)));
    expect(pool.metrics().errors).toEqual({ BAD_REQUEST: bad.length });
  });
});

describe("a worker that dies", () => {
  test("loses no request: they run again", async () => {
    const pool = await obedient({ workers: 2, maxBatch: 2 }, { waitMs: 300 });
    const asked = askAll(pool, upTo(6));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await pool.threads[0]!.terminate();
    expect(await asked).toEqual(doubled(upTo(6)));
    expect(pool.metrics()).toMatchObject({ retried: 2, deaths: 1, errors: {} });
    expect(await askAll(pool, upTo(8))).toEqual(doubled(upTo(8)));
  });

  test("idle is replaced", async () => {
    const pool = await obedient();
    await pool.threads[0]!.terminate();
    expect(await askAll(pool, upTo(5))).toEqual(doubled(upTo(5)));
    expect(pool.health()).toMatchObject({ status: "ok", workers: { wanted: 1, ready: 1 } });
  });
});

describe("a worker whose model cannot be made", () => {
  const flaky = (failing: readonly number[], workers: number): Promise<ModelPool> => {
    const attempts = new SharedArrayBuffer(4);
    return startPool({ worker: served("flaky"), workerOptions: { attempts, failing }, workers });
  };

  test("is tried again, for the requests that wait already", async () => {
    const pool = await flaky([2, 3], 1);
    await pool.threads[0]!.terminate();
    expect(await askAll(pool, upTo(5))).toEqual(doubled(upTo(5)));
    expect(pool.metrics()).toMatchObject({ deaths: 3, errors: {} });
    expect(pool.health()).toMatchObject({ status: "ok", lastError: "attempt 3" });
  });

  test("leaves the work to the others", async () => {
    const pool = await flaky([3, 4, 5, 6, 7, 8, 9], 2);
    await pool.threads[0]!.terminate();
    expect(await askAll(pool, upTo(9))).toEqual(doubled(upTo(9)));
    expect(pool.health()).toMatchObject({ status: "degraded", workers: { wanted: 2, ready: 1 } });
  });
});

describe("ModelPool.start", () => {
  test("refuses a model that one of the workers cannot make", async () => {
    const workerOptions = { attempts: new SharedArrayBuffer(4), failing: [2] };
    await expect(startPool({ worker: served("flaky"), workerOptions, workers: 2 })).rejects.toThrow(/attempt 2/);
  });

  test.each(["throwing", "numbers", "nothing", "missing"])("refuses a module that makes no model: %s", async (name) => {
    await expect(startPool({ worker: served(name) })).rejects.toThrow(RuntimeError);
  });

  const refused: readonly [what: string, options: object, message: RegExp][] = [
    ["neither model nor worker", {}, /either model or worker/],
    ["both", { model: "a.onnx", worker: served("obedient") }, /either model or worker/],
    ["an unknown option", { model: "a.onnx", threads: 2 }, /unknown option "threads"/],
    ["options for nobody", { model: "a.onnx", workerOptions: {} }, /workerOptions go with worker/],
    ["a session for a module", { worker: served("obedient"), session: {} }, /has its own/],
    ["no workers", { model: "a.onnx", workers: 0 }, /workers is 0/],
    ["a negative wait", { model: "a.onnx", maxWaitMs: -1 }, /maxWaitMs is -1/],
    ["another kind of model", { model: 5 }, /model is 5/],
  ];
  test.each(refused)("refuses %s", async (_, options, message) => {
    await expect(startPool(options as PoolOptions)).rejects.toThrow(message);
    await expect(startPool(options as PoolOptions)).rejects.toThrow(ArgumentError);
  });
});
