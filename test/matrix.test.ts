import { describe, expect, test } from "vitest";
import { type ColdStart, coldStarts, type First, median, NOTHING, OURS, type Participant } from "./matrix/cold.js";
import type { Engine } from "./matrix/engines.js";
import { checkOps } from "./matrix/ops.js";
import { coldTable, matrixTable } from "./matrix/report.js";
import { type Row, describe as rowText, runEngine } from "./matrix/run.js";
import { Subject, type Transport } from "./matrix/subject.js";
import { session, tasksOf, train } from "./matrix/tasks.js";

const LOGITS = Float32Array.of(1, 2, 3);
const PEER: Participant = { name: "onnxruntime-node", script: "", model: "", native: true };

/** What an engine in order answers. */
const ANSWERS: Readonly<Record<string, unknown>> = {
  start: { backend: "wasm", binary: "simd", threads: 2, whyThreads: "2 threads were asked for" },
  ops: { passed: 40, failed: 0, failures: [] },
  train: { first: 2.3, last: 0.5, accuracy: 0.9 },
  session: 0,
  gemm: 7,
};

function engineOf({
  answers = {},
  cold = async () => ({ ms: 5, logits: [...LOGITS] }),
  ...rest
}: Partial<Omit<Engine, "cold">> & { answers?: Record<string, unknown>; cold?: () => Promise<First> } = {}): Engine {
  const transport: Transport = async ({ task }) => {
    const value = { ...ANSWERS, ...answers }[task];
    return value instanceof Error ? { error: value.message } : { value };
  };
  return {
    name: "Engine",
    use: "",
    threads: true,
    native: false,
    prepare: async () => "1.2.3",
    open: async () => new Subject(transport, async () => {}),
    cold: async () => cold,
    ...rest,
  };
}

const run = (engine: Engine): Promise<Row> => runEngine(engine, { step: 1, runs: 2, participants: [OURS] }, LOGITS);

describe("an engine's row", () => {
  test("counts the samples of ops and what else must hold", async () => {
    const { passed, failed, failures } = await run(engineOf());
    expect({ passed, failed, failures }).toEqual({ passed: 47, failed: 0, failures: [] });
  });

  test.each<readonly [string, Parameters<typeof engineOf>[0], string]>([
    ["cannot be installed", { prepare: () => Promise.reject(new Error("spawn deno ENOENT")) }, "spawn deno ENOENT"],
    ["does not start", { open: () => Promise.reject(new Error("ended with code 1")) }, "ended with code 1"],
    ["runs the js back end", { answers: { start: { backend: "js", why: "no SIMD", threads: 2 } } }, "no SIMD"],
    ["fails a sample", { answers: { ops: { passed: 1, failed: 1, failures: ["relu is off"] } } }, "relu is off"],
    ["breaks off", { answers: { train: new Error("train: out of memory") } }, "train: out of memory"],
    [
      "does not learn",
      { answers: { train: { first: 2.3, last: 2.2, accuracy: 0.9 } } },
      "the loss went from 2.3 to 2.2",
    ],
    ["guesses", { answers: { train: { first: 2, last: 0.5, accuracy: 0.1 } } }, "accuracy is 0.1"],
    ["has a session of its own mind", { answers: { session: 0.1 } }, "differ from the module's by 0.1"],
    ["has threads where none were expected", { threads: "not isolated" }, "threads are 2"],
    ["starts with other logits", { cold: async () => ({ ms: 1, logits: [1, 2, 4] }) }, "the logits are 1,2,4"],
    ["does not come to logits", { cold: () => Promise.reject(new Error("no kernels")) }, "no kernels"],
  ])("fails if it %s", async (_, options, words) => {
    const { failed, failures } = await run(engineOf(options));
    expect(failed).toBe(1);
    expect(failures.join()).toContain(words);
  });

  test("is content with one thread where the reason is told", async () => {
    const start = { backend: "wasm", threads: 1, whyThreads: "the page is not isolated" };
    expect((await run(engineOf({ threads: "not isolated", answers: { start } }))).failed).toBe(0);
    expect((await run(engineOf({ answers: { start } }))).failures.join()).toContain("the page is not isolated");
  });

  test("is told in words, each failure in a line", async () => {
    const row = await run(engineOf({ prepare: () => Promise.reject(new Error("no such file\nand more")) }));
    expect(rowText(row)).toBe("Engine (not there): no binary, threads: 0: 0 passed, 1 failed\n  no such file");
  });
});

describe("cold starts", () => {
  test("tell medians, and reasons where there are none", async () => {
    let ms = 0;
    const cold = async () => ({ ms: ms++, logits: [...LOGITS] });
    const expected: ColdStart[] = [
      { participant: "quadlane", ms: 2, reason: null },
      { participant: "onnxruntime-node", ms: null, reason: "a native add-on" },
    ];
    expect(await coldStarts(engineOf({ cold }), [OURS, PEER], 5, LOGITS)).toEqual(expected);
    expect(median([3, 1, 2, 10])).toBe(2.5);
    const nothing = await coldStarts(engineOf({ cold: async () => ({ ms: 1, logits: null }) }), [NOTHING], 1, LOGITS);
    expect(nothing[0]!.ms).toBe(1);
  });
});

describe("the tables", () => {
  const start = (participant: string, ms: number | null, reason: string | null = null): ColdStart => ({
    participant,
    ms,
    reason,
  });

  test("have a row for each engine, the best of the others, and the reasons", async () => {
    const row = await run(engineOf());
    const cold = [
      start("nothing", 4),
      start("quadlane", 9.4),
      start("jax", 30),
      start("tfjs-cpu", 21),
      start("tfjs-wasm", null, "no eval"),
    ];
    const rows = [
      { ...row, cold },
      await run(engineOf({ name: "Gone", prepare: () => Promise.reject(new Error("no")) })),
    ];
    const [, , first, second] = matrixTable(rows).split("\n");
    expect(first).toMatch(/^\| Engine \| 1\.2\.3 \| simd \| 2 \| 47 of 47 \| [\d.]+ \| 9 \| 21 \(tfjs-cpu\) \|$/);
    expect(second).toBe("| Gone | not there | – | – | 0 of 1 | – | – | – |");
    const lines = coldTable(rows).split("\n");
    expect(lines[2]).toBe("| Engine | 4 | 9 | 30 | 21 | – 1 |");
    expect(lines.at(-1)).toBe("1. no eval");
  });
});

describe("the tasks", () => {
  test("hold here as well", async () => {
    const { first, last, accuracy } = train();
    expect(last).toBeLessThan(first / 2);
    expect(accuracy).toBeGreaterThan(0.8);
    expect(session()).toBeLessThan(1e-5);
    const { start, gemm } = tasksOf();
    const bits = gemm(2);
    await start(1);
    expect(gemm(1)).toBe(bits);
  });

  test("thin the rows of ops by a rule", async () => {
    const { passed, failed } = await checkOps(1000);
    expect(failed).toBe(0);
    expect(passed).toBeGreaterThan(100);
  });
});
