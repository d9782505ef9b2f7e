import { describe, expect, test } from "vitest";
import { models } from "../src/node.js";
import { ROWS } from "./models/images.js";
import { describe as line, main } from "./models/main.js";
import { type Outcome, problems, quarters } from "./models/trial.js";
import { TRIALS } from "./models/trials.js";

const reached: Outcome = { measure: "accuracy", value: 0.72, bound: { atLeast: 0.72 }, losses: [4, 4, 3, 2, 2, 1] };

async function run(...args: string[]): Promise<{ lines: string[]; code: number }> {
  const lines: string[] = [];
  const code = await main(args, (text) => lines.push(text));
  return { lines, code };
}

describe("a trial", () => {
  test("passes at its bound if the losses fall", () => {
    expect(problems(reached)).toEqual([]);
    expect(problems({ ...reached, losses: [] })).toEqual([]);
    expect(problems({ ...reached, value: 1.5, bound: { atMost: 1.5 } })).toEqual([]);
    expect(line("mlp", { outcome: reached, seconds: 1.26 })).toEqual({
      passed: true,
      line: "passed mlp                  accuracy 0.720 (≥ 0.720)  losses 4.000 3.000 2.000 1.000  1.3 s",
    });
  });

  test.each<[string, Partial<Outcome>, string]>([
    ["below its bound", { value: 0.719 }, "accuracy SHOULD BE AT LEAST 0.72"],
    ["above its bound", { value: 1.6, bound: { atMost: 1.5 } }, "accuracy SHOULD BE AT MOST 1.5"],
    ["that is no number", { value: Number.NaN }, "accuracy SHOULD BE AT LEAST 0.72"],
    ["with a quarter that does not fall", { losses: [4, 3, 3, 2] }, "LOSS DOES NOT FALL AT EVERY QUARTER"],
    ["with a loss that is no number", { losses: [4, 3, Number.NaN, 2] }, "LOSS DOES NOT FALL AT EVERY QUARTER"],
  ])("fails with a value or course %s", (_, part, problem) => {
    const outcome = { ...reached, ...part };
    expect(problems(outcome)).toEqual([problem]);
    expect(line("mlp", { outcome, seconds: 1 })).toMatchObject({ passed: false });
    expect(line("mlp", { outcome, seconds: 1 }).line).toMatch(new RegExp(`^FAILED mlp .*${problem}$`));
  });

  test("has quarters of as many steps as can be", () => {
    expect(quarters([1, 2, 3, 4, 5, 6, 7, 8])).toEqual([1.5, 3.5, 5.5, 7.5]);
    expect(quarters([1, 2, 3, 4, 6])).toEqual([1, 2.5, 4, 6]);
  });
});

describe("the trials", () => {
  test("have names of their own", () => {
    expect(new Set(TRIALS.map(({ name }) => name)).size).toBe(TRIALS.length);
  });

  test("are of models that exist", () => {
    const names: readonly string[] = models.list();
    expect(ROWS.filter(({ model }) => !names.includes(model))).toEqual([]);
  });
});

describe("the runner", () => {
  test.each([
    [["--jobs", "0"], '--jobs is "0"; expected an integer from 1 on'],
    [["--filter", "("], "Invalid regular expression"],
    [["--fast"], "Unknown option '--fast'"],
  ])("refuses %s", async (args, message) => {
    const { lines, code } = await run(...args);
    expect(code).toBe(2);
    expect(lines.join("\n")).toContain(message);
    expect(lines.join("\n")).toContain("usage: npm run test:models");
  });

  test("fails if there is nothing to run", async () => {
    expect(await run("--filter", "no such model")).toEqual({ lines: ["0 passed, 0 failed"], code: 1 });
  });
});
