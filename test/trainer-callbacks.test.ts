import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { data, functional as F, FileError, type nn, noGrad, train } from "../src/node.js";
import { ProgressBar } from "../src/train/progress.node.js";
import { descent, expectNoLeaks, line, linear } from "./support/trainer.js";

const { CsvLogger, EarlyStopping, JsonlLogger, Trainer } = train;

const folder = mkdtempSync(join(tmpdir(), "quadlane-callbacks-"));
afterAll(() => rmSync(folder, { recursive: true }));
expectNoLeaks();

/** Trains on six points in batches of two. */
function run(callbacks: train.Callback[], options: object = {}, model = linear()): Promise<train.History> {
  const loader = new data.DataLoader(line(6), { batchSize: 2, shuffle: true });
  const trainer = new Trainer(model, { optimizer: descent(model, 0.05), loss: F.mseLoss, callbacks });
  return trainer.fit(loader, { epochs: 2, validation: loader, ...options });
}

/** Lets early stopping see a course of numbers as "score", one an epoch; the bias of the model is the number of the epoch, from 1 on. */
async function watch(scores: readonly number[], options: object, model = linear()): Promise<train.History> {
  const setBias = (value: number): void => noGrad(() => void (model.bias as nn.Parameter).fill_(value));
  const trainer = new Trainer(model, {
    optimizer: descent(model, 0),
    step: (net, [x, y]) => ({ loss: F.mseLoss(net.forward(x), y), score: scores[net.bias!.item() - 1]! }),
    callbacks: [
      { onEpochBegin: (state) => setBias(state.epoch + 1) },
      new EarlyStopping({ monitor: "score", ...options }),
    ],
  });
  return trainer.fit(new data.DataLoader(line(2), { batchSize: 2 }), { epochs: scores.length });
}

describe("EarlyStopping", () => {
  test("stops when the number has not become smaller so many times in a row", async () => {
    const history = await watch([3, 2, 2, 1, 1, 1.5, 1, 9], { patience: 3 });
    expect(history.epochs).toHaveLength(7);
    expect(history.stopReason).toBe("score has not improved 3 times in a row; best 1 at step 4");
  });

  test("asks for as much improvement as it is told, and for larger numbers if it is told", async () => {
    expect((await watch([3, 2.95, 2.5, 2.45, 2.4], { patience: 1, minDelta: 0.1 })).epochs).toHaveLength(2);
    expect((await watch([1, 2, 3, 2, 1], { patience: 2, mode: "max" })).epochs).toHaveLength(5);
    expect((await watch([1, 2, 3, 2, 1], { patience: 1, mode: "max" })).epochs).toHaveLength(4);
    expect((await watch([1, 2, 3], { patience: 0 })).epochs).toHaveLength(2);
  });

  test("takes NaN for no improvement, and its first number after it for one", async () => {
    expect((await watch([Number.NaN, 5, 4, Number.NaN, Number.NaN, 3], { patience: 2 })).epochs).toHaveLength(5);
  });

  test("gives back the best weights, if asked", async () => {
    const model = linear();
    await watch([3, 2, 1, 2, 3, 4], { patience: 3, restoreBest: true }, model);
    expect(model.bias!.item()).toBe(3);
    await watch([3, 2, 1, 2], { patience: 3 }, model);
    expect(model.bias!.item()).toBe(4);
  });

  test("begins anew with each training", async () => {
    const early = new EarlyStopping({ patience: 1, monitor: "loss" });
    await run([early]);
    early.best = 0;
    expect((await run([early])).epochs).toHaveLength(2);
  });

  test("counts validations within an epoch", async () => {
    const model = linear();
    const loader = new data.DataLoader(line(12), { batchSize: 2 });
    const trainer = new Trainer(model, {
      optimizer: descent(model, 0),
      loss: F.mseLoss,
      validateEvery: 2,
      callbacks: [new EarlyStopping({ patience: 2 })],
    });
    const history = await trainer.fit(loader, { epochs: 5, validation: loader });
    expect(history.steps.at(-1)!.step).toBe(6);
    expect(history.epochs).toEqual([]);
  });

  test("refuses a number that nobody logs, and options that make no sense", async () => {
    await expect(run([new EarlyStopping({ monitor: "f1" })])).rejects.toThrow(
      'EarlyStopping: nothing is logged as "f1", which it monitors; expected one of loss, lr, valLoss',
    );
    for (const [options, message] of [
      [{ patience: -1 }, "patience is -1"],
      [{ minDelta: -1 }, "minDelta is -1"],
      [{ mode: "low" }, 'mode is "low"'],
      [{ delta: 1 }, 'unknown option "delta"'],
    ] as const) {
      expect(() => new EarlyStopping(options as never)).toThrow(message);
    }
    const early = new EarlyStopping();
    for (const state of [null, {}, { best: "1" }]) expect(() => early.loadStateDict(state)).toThrow("does not fit");
  });
});

const rowsOf = (path: string): string[] => readFileSync(path, "utf8").trimEnd().split("\n");

describe("JsonlLogger", () => {
  const path = join(folder, "log.jsonl");
  const parsed = (): { type: string; step: number; loss?: number }[] => rowsOf(path).map((row) => JSON.parse(row));

  test("writes a line for each step, validation and epoch", async () => {
    const history = await run([new JsonlLogger(path)]);
    expect(parsed().map((row) => `${row.type} ${row.step}`)).toEqual([
      ...["step 1", "step 2", "step 3", "validation 3", "epoch 3"],
      ...["step 4", "step 5", "step 6", "validation 6", "epoch 6"],
    ]);
    expect(parsed()[0]).toMatchObject({ epoch: 0, loss: history.steps[0]!.logs.loss, lr: 0.05 });
    expect(parsed().at(-1)).toMatchObject({ epoch: 2, ...history.epochs[1]!.logs });
  });

  test("goes on after a resume, without what was logged behind the checkpoint, and otherwise begins anew", async () => {
    const checkpoints = join(folder, "jsonl");
    await run([new JsonlLogger(path), new train.ModelCheckpoint({ folder: checkpoints, everySteps: 4 })], {
      epochs: 3,
    });
    writeFileSync(path, `${readFileSync(path, "utf8")}{"type":"st`);
    rmSync(join(checkpoints, "checkpoint-00000008.safetensors"));
    await run([new train.ModelCheckpoint({ folder: checkpoints, everySteps: 4 })], { maxSteps: 4 });
    const history = await run([new JsonlLogger(path)], { epochs: 3, resume: checkpoints });
    expect(
      parsed()
        .filter((row) => row.type === "step")
        .map((row) => row.step),
    ).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(
      parsed()
        .filter((row) => row.type === "step")
        .map((row) => row.loss),
    ).toEqual(history.column("loss", "steps"));
    await run([new JsonlLogger(path)], { epochs: 1 });
    expect(parsed()).toHaveLength(5);
  });

  test("writes what it has when training fails, and null for NaN", async () => {
    const failing = {
      onStepEnd: (state: train.TrainingState): void => {
        if (state.step === 2) throw new Error("no");
      },
    };
    await expect(run([new JsonlLogger(path), failing])).rejects.toThrow("no");
    expect(parsed().map((row) => row.step)).toEqual([1, 2]);
    const logger = new JsonlLogger(path);
    const state = { step: 0, epoch: 0, history: new train.History() } as never;
    logger.onTrainBegin(state);
    logger.onStepEnd(state, { loss: Number.NaN });
    logger.onTrainEnd();
    expect(parsed()[0]).toMatchObject({ loss: null });
  });

  test("names the file that cannot be written", async () => {
    const error = await run([new JsonlLogger(join(folder, "no", "log.jsonl"))]).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ path: join(folder, "no", "log.jsonl"), code: "ENOENT" });
    expect(() => new JsonlLogger("")).toThrow("expected that of a file");
  });
});

describe("CsvLogger", () => {
  const path = join(folder, "log.csv");

  test("writes a row for each epoch", async () => {
    const { epochs } = await run([new CsvLogger(path)]);
    const [header, ...rows] = rowsOf(path);
    expect(header).toBe("step,epoch,time,loss,lr,valLoss");
    expect(rows.map((row) => row.split(",").map(Number))).toEqual(
      epochs.map(({ step, epoch, logs }) => [step, epoch, expect.any(Number), logs.loss, logs.lr, logs.valLoss]),
    );
  });

  test("writes a row for each step, if asked", async () => {
    await run([new CsvLogger(path, { level: "steps" })]);
    expect(rowsOf(path)).toHaveLength(7);
    expect(rowsOf(path)[0]).toBe("step,epoch,time,loss,gradNorm,lr");
  });

  test("adds columns when new numbers come, and empty cells where a row has none", () => {
    const logger = new CsvLogger(path);
    const state = (step: number): never => ({ step, epoch: step, history: new train.History() }) as never;
    logger.onTrainBegin(state(0));
    logger.onEpochEnd(state(1), { loss: 1 });
    logger.onEpochEnd(state(2), { loss: 2, 'a,"b"': 3 });
    logger.onEpochEnd(state(3), { loss: Number.NaN });
    const cells = (): string[] => rowsOf(path).map((row) => row.replace(/^(\d),\d,[\d.]+/, "$1"));
    expect(cells()).toEqual(['step,epoch,time,loss,"a,""b"""', "1,1,", "2,2,3", "3,NaN,"]);
    const resumed = new CsvLogger(path);
    resumed.onTrainBegin(state(2));
    resumed.onEpochEnd(state(3), { 'a,"b"': 7, loss: 8 });
    expect(cells()).toEqual(['step,epoch,time,loss,"a,""b"""', "1,1,", "2,2,3", "3,8,7"]);
  });

  test("refuses options that make no sense", () => {
    expect(() => new CsvLogger(path, { level: "batches" as never })).toThrow('level is "batches"');
    expect(() => new CsvLogger(path, { every: 1 } as never)).toThrow('unknown option "every"');
    expect(() => new CsvLogger(3 as never)).toThrow("path is 3");
  });
});

describe("ProgressBar", () => {
  /** Something to write to that remembers. */
  function screen(isTTY: boolean, more: object = {}) {
    const texts: string[] = [];
    return { texts, isTTY, write: (text: string) => texts.push(text), ...more };
  }

  test("writes plain lines where there is no terminal", async () => {
    const stream = screen(false);
    const { epochs } = await run([new ProgressBar({ stream, show: ["loss", "valLoss"], lineEvery: 2 })]);
    const short = (v = Number.NaN): string => String(Number(v.toPrecision(4)));
    const last = epochs.map(
      ({ logs }, i) => `epoch ${i + 1}/2: loss ${short(logs.loss)}  valLoss ${short(logs.valLoss)}\n`,
    );
    expect(stream.texts.filter((line) => line.includes(": loss") && !line.includes("batch"))).toEqual(last);
    expect(stream.texts.filter((line) => line.includes("batch")).map((line) => line.replace(/: .*/s, ""))).toEqual([
      "epoch 1/2 batch 2/3",
      "epoch 2/2 batch 1/3",
      "epoch 2/2 batch 3/3",
    ]);
    expect(stream.texts.join("")).not.toContain("\u001b");
  });

  test("tells why training was stopped", async () => {
    const stream = screen(false);
    await run([new ProgressBar({ stream }), { onStepEnd: (state) => state.stop("enough") }]);
    expect(stream.texts).toEqual(["stopped: enough\n"]);
  });

  test("draws a bar on a terminal", async () => {
    const terminal = {
      columns: 100,
      on: () => {},
      removeListener: () => {},
      fd: 1,
      cursorTo: () => {},
      clearLine: () => {},
    };
    const stream = screen(true, { ...terminal, moveCursor: () => {} });
    await run([new ProgressBar({ stream })]);
    const text = stream.texts.join("");
    expect(text).toContain("epoch 1/2");
    expect(text).toContain("3/3");
    expect(text).toContain("valLoss");
    expect(text).toContain("█");
  });

  test("never ends a training, whatever the terminal does", async () => {
    const broken = {
      isTTY: true,
      write: (): never => {
        throw new Error("EPIPE");
      },
    };
    for (const stream of [broken, { ...broken, isTTY: false }, screen(true), screen(true, { columns: 0 })]) {
      expect((await run([new ProgressBar({ stream })])).epochs).toHaveLength(2);
    }
    expect(() => new ProgressBar({ width: 3 } as never)).toThrow('unknown option "width"');
  });
});
