import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FormatError, tune } from "../src/node.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "quadlane-tune-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const space = { x: tune.uniform(0, 1) };
const objective: tune.Objective<typeof space> = ({ x }) => x;

describe("JsonlStorage", () => {
  test("keeps a line a trial in a file named by its path, which Node's search takes", async () => {
    const log = join(folder, "study.jsonl");
    const found = await tune.search(objective, { space, trials: 3, seed: 1, log });
    const lines = readFileSync(log, "utf8").split("\n");
    expect(lines).toHaveLength(5);
    expect(lines[4]).toBe("");
    expect(JSON.parse(lines[0]!)).toEqual({
      study: {
        version: 1,
        space: { x: { kind: "uniform", low: 0, high: 1 } },
        method: { name: "random", options: {} },
        direction: "minimize",
        seed: 1,
      },
    });
    expect(lines.slice(1, 4).map((l) => (JSON.parse(l) as { trial: tune.TrialRecord }).trial)).toEqual(found.trials);
  });

  test("cuts off a line that a crash has torn, wherever it is torn, and repeats that trial", async () => {
    const log = join(folder, "torn.jsonl");
    const straight = await tune.search(objective, { space, trials: 4, seed: 1, log });
    const whole = readFileSync(log);
    const params = straight.trials.map((t) => t.params);
    const start = whole.lastIndexOf(0x0a, whole.length - 2) + 1;
    for (const end of [start, start + 1, Math.floor((start + whole.length) / 2), whole.length - 1]) {
      writeFileSync(log, whole.subarray(0, end));
      const resumed = await tune.search(objective, { space, trials: 5, log, resume: true, seed: 1 });
      expect(resumed.trials.slice(0, 4).map((t) => t.params)).toEqual(params);
      expect(new tune.JsonlStorage(log).read()).toHaveLength(6);
    }
  });

  test("begins anew if not even the first line is whole", async () => {
    const log = join(folder, "first.jsonl");
    writeFileSync(log, '{"study":{"vers');
    const found = await tune.search(objective, { space, trials: 1, log });
    expect(found.trials).toHaveLength(1);
    expect(new tune.JsonlStorage(log).read()).toHaveLength(2);
  });

  test("does not take a broken line in the middle for a torn one", async () => {
    const log = join(folder, "broken.jsonl");
    await tune.search(objective, { space, trials: 1, log });
    appendFileSync(log, '{"trial":\n');
    const before = readFileSync(log, "utf8");
    await expect(tune.search(objective, { space, trials: 3, log, resume: true })).rejects.toThrow(FormatError);
    expect(readFileSync(log, "utf8")).toBe(before);
  });

  test("fails clearly where it cannot write", async () => {
    const log = join(folder, "missing", "study.jsonl");
    await expect(tune.search(objective, { space, trials: 1, log })).rejects.toThrow(/ENOENT.*missing/);
    expect(() => new tune.JsonlStorage(folder).read()).toThrow(/EISDIR/);
  });
});
