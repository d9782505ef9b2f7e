import { describe, expect, test } from "vitest";
import { ArgumentError } from "../../src/node.js";
import type { ModelPool } from "../../src/serve/index.node.js";
import { obedient, outcome } from "../support/serving.js";

const WHY = new Error("the client has gone");

/** A request for [2 · value, 2], and what gives it up. */
function ask(pool: ModelPool, value: number) {
  const giver = new AbortController();
  const answer = outcome(pool.run({ x: Float32Array.of(value, 1) }, { signal: giver.signal })).catch((why) => why);
  return { answer, giveUp: () => giver.abort(WHY) };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves when as many requests are with workers. */
async function inFlight(pool: ModelPool, count: number): Promise<void> {
  while (pool.metrics().running !== count) await pause(1);
}

describe("a request that is given up", () => {
  test("before it is made is none", async () => {
    const pool = await obedient();
    await expect(pool.run({ x: Float32Array.of(1, 1) }, { signal: AbortSignal.abort(WHY) })).rejects.toBe(WHY);
    expect(pool.metrics()).toMatchObject({ requests: 1, abandoned: 1, errors: {}, queued: 0 });
    expect(pool.metricsText()).toContain("quadlane_abandoned_total 1\n");
  });

  test("while it waits leaves the queue to others", async () => {
    const pool = await obedient({ maxBatch: 2, maxWaitMs: 60_000, maxQueue: 1 });
    const first = ask(pool, 1);
    await pause(10);
    first.giveUp();
    expect(pool.health().queue.length).toBe(0);
    expect(await first.answer).toBe(WHY);
    const second = ask(pool, 2);
    await pause(10);
    expect(pool.metrics()).toMatchObject({ queued: 1, running: 0, batchRows: { count: 0 } });
    second.giveUp();
    await pool.close();
    expect(pool.metrics()).toMatchObject({ requests: 2, abandoned: 2, completed: 0, queued: 0 });
  });

  test("while it runs gets no result, and others in its batch get theirs", async () => {
    const pool = await obedient({ maxBatch: 4, maxWaitMs: 60_000 }, { waitMs: 100 });
    const asked = [1, 2, 3, 4].map((value) => ask(pool, value));
    await inFlight(pool, 4);
    asked[1]!.giveUp();
    expect(await asked[1]!.answer).toBe(WHY);
    expect(pool.metrics().running).toBe(4);
    expect(await Promise.all(asked.map(({ answer }) => answer))).toEqual([[2, 2], WHY, [6, 2], [8, 2]]);
    expect(pool.metrics()).toMatchObject({ completed: 3, abandoned: 1, retried: 0, deaths: 0 });
  });

  test("alone while it runs does not cost its worker", async () => {
    const pool = await obedient({ maxBatch: 1, queueTimeoutMs: 400 }, { waitMs: 100 });
    const first = ask(pool, 1);
    const second = ask(pool, 2);
    await inFlight(pool, 1);
    first.giveUp();
    expect(await Promise.all([first.answer, second.answer])).toEqual([WHY, [4, 2]]);
    expect(pool.metrics()).toMatchObject({ abandoned: 1, deaths: 0, batchRows: { count: 2 } });
  });

  test("does not run again when its batch fails", async () => {
    const pool = await obedient({ maxBatch: 4, maxWaitMs: 60_000, runTimeoutMs: 200 });
    const asked = [1, -1, 2, 3].map((value) => ask(pool, value));
    await inFlight(pool, 4);
    asked[1]!.giveUp();
    expect(await Promise.all(asked.map(({ answer }) => answer))).toEqual([[2, 2], WHY, [4, 2], [6, 2]]);
    expect(pool.metrics()).toMatchObject({ retried: 3, deaths: 1, abandoned: 1 });
  });

  test("while its worker is replaced does not keep the pool from closing", async () => {
    const pool = await obedient({ maxBatch: 1, queueTimeoutMs: 100 });
    await pool.threads[0]!.terminate();
    const { answer, giveUp } = ask(pool, 1);
    await inFlight(pool, 1);
    giveUp();
    expect(await answer).toBe(WHY);
    await pool.close();
    expect(pool.metrics()).toMatchObject({ queued: 0, running: 0, abandoned: 1 });
  });

  test("after its answer, or with others that have the same signal", async () => {
    const pool = await obedient({ maxBatch: 1 });
    const giver = new AbortController();
    const run = () => outcome(pool.run({ x: Float32Array.of(1, 1) }, { signal: giver.signal })).catch((why) => why);
    expect(await run()).toEqual([2, 2]);
    const others = Array.from({ length: 20 }, run);
    giver.abort(WHY);
    expect(await Promise.all(others)).toEqual(new Array(20).fill(WHY));
    expect(pool.metrics()).toMatchObject({ completed: 1, abandoned: 20, queued: 0 });
  });
});

test.each([
  ["an unknown option", { timeout: 5 }, /unknown option "timeout"/],
  ["a signal that is none", { signal: {} }, /signal is .*; expected an AbortSignal/],
])("run refuses %s", async (_, options, message) => {
  const pool = await obedient();
  const refused = pool.run({ x: Float32Array.of(1, 1) }, options as Parameters<ModelPool["run"]>[1]);
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.toThrow(ArgumentError);
});
