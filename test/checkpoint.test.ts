import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import {
  data,
  defaultGenerator,
  functional as F,
  Generator,
  getBackend,
  loadSafetensors,
  memory,
  nn,
  optim,
  setBackend,
  Tensor,
  tensor,
  train,
} from "../src/node.js";
import { descent, everything, expectNoLeaks, line, linear, own, valuesOf } from "./support/trainer.js";

const { latestCheckpoint, loadCheckpoint, ModelCheckpoint, saveCheckpoint } = train;

const root = mkdtempSync(join(tmpdir(), "quadlane-checkpoint-"));
afterAll(() => rmSync(root, { recursive: true }));
let folder = "";
let count = 0;
beforeEach(() => {
  folder = join(root, String(count++));
  mkdirSync(folder);
});
expectNoLeaks();

/** All that must agree, without times. */
function stateOf(run: ReturnType<typeof everything>, history: train.History): unknown {
  const { early, optimizer, scheduler, loader } = run;
  const slots = Object.values(optimizer.stateDict().state).flatMap((s) =>
    Object.values(s).map((v) => (v instanceof Tensor ? [...v.data()] : v)),
  );
  const entries = [...history.steps, ...history.epochs].map(({ time: _, ...entry }) => entry);
  return {
    weights: valuesOf(run.model),
    slots,
    groups: optimizer.stateDict().paramGroups,
    schedule: scheduler.stateDict(),
    loader: loader.stateDict(),
    generator: defaultGenerator.getState(),
    early: [early.best, early.bestStep, early.waited],
    entries,
  };
}

describe("a resumed training", () => {
  const cases = (["js", "wasm"] as const).flatMap((backend) =>
    [
      { at: 40, accumulate: 1, where: "within an epoch" },
      { at: 45, accumulate: 1, where: "at the end of an epoch, before its validation" },
      { at: 40, accumulate: 2, where: "at a step that the end of an epoch cut short" },
      { at: 42, accumulate: 2, where: "within an epoch, with accumulation" },
    ].map((c) => ({ backend, ...c })),
  );

  test.each(cases)("is the same to the bit, $where, on the $backend back end", async ({ backend, at, accumulate }) => {
    const before = getBackend();
    setBackend(backend);
    try {
      const straight = everything(1, [], accumulate);
      const history = await straight.trainer.fit(straight.loader, { maxSteps: 100, validation: straight.validation });
      const wanted = stateOf(straight, history);

      const first = everything(1, [new ModelCheckpoint({ folder, everySteps: at })], accumulate);
      await first.trainer.fit(first.loader, { maxSteps: at, validation: first.validation });

      // Another seed: everything that is random must come from the checkpoint.
      const second = everything(2, [], accumulate);
      const resumed = await second.trainer.fit(second.loader, {
        maxSteps: 100,
        validation: second.validation,
        resume: folder,
      });
      expect(stateOf(second, resumed)).toEqual(wanted);
      expect(resumed.steps.map((e) => e.step)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    } finally {
      setBackend(before);
    }
  });

  test("is the same from a checkpoint of an epoch, whatever the order of the callbacks", async () => {
    const straight = everything(1);
    const history = await straight.trainer.fit(straight.loader, { epochs: 6, validation: straight.validation });
    const first = everything(1, [new ModelCheckpoint({ folder })]);
    await first.trainer.fit(first.loader, { epochs: 3, validation: first.validation });
    const second = everything(2, [new ModelCheckpoint({ folder })]);
    const { loader, validation } = second;
    const resumed = await second.trainer.fit(loader, { epochs: 6, validation, resume: latestCheckpoint(folder) });
    expect(stateOf(second, resumed)).toEqual(stateOf(straight, history));
  });

  test("does nothing if there is nothing left to do, and begins anew without a checkpoint", async () => {
    const first = everything(1, [new ModelCheckpoint({ folder })]);
    await first.trainer.fit(first.loader, { epochs: 2, validation: first.validation });
    const weights = valuesOf(first.model);
    const second = everything(2);
    const { loader, validation } = second;
    const history = await second.trainer.fit(loader, { epochs: 2, validation, resume: folder });
    expect(history.epochs).toHaveLength(2);
    expect(valuesOf(second.model)).toEqual(weights);
    const anew = await second.trainer.fit(loader, {
      epochs: 1,
      validation,
      resume: latestCheckpoint(join(folder, "no")),
    });
    expect(anew.epochs).toHaveLength(1);
  });

  test("needs a loader that can go on, if it lies within an epoch", async () => {
    const run = async (options: object, everySteps: number): Promise<train.History> => {
      const model = linear();
      const [x, y] = line(1).tensors;
      const trainer = new train.Trainer(model, {
        optimizer: descent(model),
        loss: F.mseLoss,
        callbacks: [new ModelCheckpoint({ folder, everySteps, everyEpochs: 1 })],
      });
      return trainer.fit(
        Array.from({ length: 4 }, () => [x, y] as [Tensor, Tensor]),
        { epochs: 3, ...options },
      );
    };
    await run({ maxSteps: 6 }, 6);
    await expect(run({ resume: folder }, 100)).rejects.toThrow(
      "lies within an epoch; expected a loader with loadStateDict",
    );
    await run({ maxSteps: 4 }, 100);
    expect((await run({ resume: folder }, 100)).steps).toHaveLength(12);
  });
});

const dist = new URL("../build/lib/node.js", import.meta.url);

/** Trains with dropout, Adam and a schedule up to a step, and prints the weights' bits; its seed comes from the arguments. */
const PROCESS = `
  import { data, functional as F, Generator, manualSeed, nn, optim, randn, setBackend, train } from ${JSON.stringify(dist.href)};
  const [folder, backend, seed, maxSteps, resume] = process.argv.slice(1);
  setBackend(backend);
  manualSeed(Number(seed));
  const model = new nn.Sequential(new nn.Linear(3, 8), new nn.Tanh(), new nn.Dropout({ p: 0.4 }), new nn.Linear(8, 1));
  const generator = new Generator(1);
  const set = new data.TensorDataset(randn([50, 3], { generator }), randn([50, 1], { generator }));
  const loader = new data.DataLoader(set, { batchSize: 8, shuffle: true });
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const scheduler = new optim.lrScheduler.CosineAnnealingLR(optimizer, 100);
  const callbacks = folder === "" ? [] : [new train.ModelCheckpoint({ folder, everySteps: 40 })];
  const trainer = new train.Trainer(model, { optimizer, loss: F.mseLoss, scheduler, schedulerInterval: "step", callbacks });
  await trainer.fit(loader, { maxSteps: Number(maxSteps), resume: resume === "" ? null : resume });
  const bytes = [...model.parameters()].map((p) => Buffer.from(p.data().buffer).toString("hex"));
  console.log(bytes.join(" "));
`;

describe.runIf(existsSync(dist))("a training resumed in another process, which runs what npm run build makes", () => {
  test.each(["js", "wasm"])("is the same to the bit on the %s back end", async (backend) => {
    const run = async (...args: string[]): Promise<string> => {
      const all = ["--input-type=module", "-e", PROCESS, ...args];
      return (await promisify(execFile)(process.execPath, all)).stdout;
    };
    const straight = await run("", backend, "1", "100", "");
    const part = await run(folder, backend, "1", "40", "");
    expect(part).not.toBe(straight);
    expect(await run("", backend, "2", "100", folder)).toBe(straight);
  });
});

describe("saveCheckpoint and loadCheckpoint", () => {
  const path = (): string => join(folder, "a.safetensors");

  test("keep weights, state, generators and what else is given", () => {
    const run = everything(1);
    const mine = new Generator(7);
    mine.words(9);
    const state = mine.getState();
    const t = own(tensor([1, 2]));
    const extra = { list: [1, Number.NaN, -0, Number.NEGATIVE_INFINITY, null, true], text: "ä".repeat(9999), t };
    const alike = { "a.b": own(tensor([3])), a: { b: own(tensor([4])) } };
    const { model, optimizer, scheduler, loader } = run;
    saveCheckpoint(path(), { model, optimizer, scheduler, loader, generators: { mine }, extra: { ...extra, alike } });
    const weights = valuesOf(model);
    const drawn = defaultGenerator.getState();

    const other = everything(2);
    mine.manualSeed(1);
    const back = loadCheckpoint(path(), { model: other.model, loader: other.loader, generators: { mine } });
    const { t: loaded, alike: twins, ...rest } = back as typeof extra & { alike: typeof alike };
    expect([own(twins["a.b"]).item(), own(twins.a.b).item()]).toEqual([3, 4]);
    expect([...own(loaded).data()]).toEqual([1, 2]);
    expect(rest).toEqual({ list: extra.list, text: extra.text });
    expect(valuesOf(other.model)).toEqual(weights);
    expect(mine.getState()).toEqual(state);
    expect(defaultGenerator.getState()).toEqual(drawn);
    expect(other.loader.stateDict()).toEqual(loader.stateDict());
  });

  test("hold generators that modules have", () => {
    const make = (seed: number): nn.Dropout => new nn.Dropout({ p: 0.5, generator: new Generator(seed) });
    const model = own(new nn.Sequential(make(3), new nn.Linear(1, 1)));
    saveCheckpoint(path(), { model });
    const dropout = make(4);
    loadCheckpoint(path(), { model: own(new nn.Sequential(dropout, new nn.Linear(1, 1))) });
    expect((Reflect.get(dropout, "generator") as Generator).initialSeed()).toBe(3n);
  });

  test("write a safetensors file that others can read", () => {
    const { model, optimizer } = everything(1);
    saveCheckpoint(path(), { model, optimizer });
    const { tensors, metadata } = loadSafetensors(path());
    for (const t of tensors.values()) own(t);
    expect([...tensors.keys()].slice(0, 2)).toEqual(["model.0.weight", "model.0.bias"]);
    expect(metadata).toMatchObject({ format: "quadlane.checkpoint", version: "1" });
  });

  test("refuse what has no place in a checkpoint", () => {
    const model = linear();
    for (const extra of [() => 1, new Map(), { $a: 1 }, [new Float32Array(1)]]) {
      expect(() => saveCheckpoint(path(), { model, extra })).toThrow("extra");
    }
    expect(() => saveCheckpoint(path(), { model, weights: 1 } as never)).toThrow('unknown option "weights"');
    expect(() => saveCheckpoint(path(), { model: 1 } as never)).toThrow("model is no Module");
    expect(existsSync(path())).toBe(false);
  });
});

describe("a checkpoint that does not fit", () => {
  const snapshot = (run: ReturnType<typeof everything>): string =>
    JSON.stringify([stateOf(run, new train.History()), run.validation.stateDict()]);

  /** Tries to resume from bytes and expects the message, and that nothing has changed. */
  async function refuses(bytes: Uint8Array, message: RegExp | string, run = everything(2)): Promise<void> {
    const before = snapshot(run);
    const live = memory().liveBlocks;
    const attempt = run.trainer.fit(run.loader, { maxSteps: 100, validation: run.validation, resume: bytes });
    await expect(attempt).rejects.toThrow(message);
    expect(snapshot(run)).toBe(before);
    expect(memory().liveBlocks).toBe(live);
  }

  async function written(): Promise<Uint8Array> {
    const run = everything(1, [new ModelCheckpoint({ folder, everySteps: 12 })]);
    await run.trainer.fit(run.loader, { maxSteps: 12, validation: run.validation });
    return readFileSync(latestCheckpoint(folder)!);
  }

  /** The bytes with another text of the same length in them. */
  function altered(bytes: Uint8Array, from: RegExp, to: string): Uint8Array {
    const text = Buffer.from(bytes).toString("latin1");
    const found = from.exec(text)![0];
    return Buffer.from(text.replace(found, to.padEnd(found.length)), "latin1");
  }

  test("is refused if it is cut off anywhere, and nothing has changed", async () => {
    const bytes = await written();
    for (const length of [0, 7, 8, 100, bytes.length / 2, bytes.length - 1]) {
      await refuses(bytes.subarray(0, length), "safetensors:");
    }
  });

  test("is refused if it is no checkpoint, or one of a later version, or not of a Trainer", async () => {
    const run = everything(1);
    const path = join(folder, "b.safetensors");
    const { model, optimizer, scheduler, loader } = run;
    await refuses(Buffer.from("hello"), "safetensors:");
    saveCheckpoint(path, { model, optimizer, scheduler, loader, extra: {} });
    await refuses(readFileSync(path), "was not written by a Trainer");
    await refuses(altered(readFileSync(path), /"version":"1"/, '"version":"2"'), "version is 2");
    await refuses(
      altered(readFileSync(path), /quadlane\.checkpoint/, "something.different"),
      "no checkpoint of a training",
    );
    saveCheckpoint(path, { model, extra: { trainer: {} } });
    await refuses(readFileSync(path), "progress is not what a Trainer writes");
  });

  test("is refused if a part of its state is not what it should be, and nothing has changed", async () => {
    const bytes = await written();
    await refuses(altered(bytes, /\{\\"\$tensor\\":\\"optimizer.state.0.exp_avg\\"\}/, "7"), "exp_avg is 7");
    await refuses(altered(bytes, /\\"exp_avg\\":/, '\\"exp_bad\\":'), "unexpected exp_bad");
    await refuses(altered(bytes, /\\"\$tensor\\":\\"optimizer/, '\\"$tensor\\":\\"optimiser'), "which is not there");
    await refuses(altered(bytes, /\\"lr\\":[0-9.e-]+/, '\\"lr\\":-1'), "lr is -1");
    await refuses(altered(bytes, /\\"lastEpoch\\":/, '\\"lastEpoche\\":'.slice(0, 14)), /./);
    await refuses(altered(bytes, /\\"position\\":\d+/, '\\"position\\":.5'), /./);
    await refuses(altered(bytes, /\\"position\\":\d+/, '\\"position\\":-1'), "state's position is -1");
    await refuses(altered(bytes, /\\"offset\\":\d/, '\\"offset\\":-'), /./);
    await refuses(altered(bytes, /\\"waited\\":\d/, '\\"waitid\\":0'), "EarlyStopping");
    await refuses(altered(bytes, /\\"exhausted\\":false/, '\\"exhausted\\":0'), "progress is not");
  });

  test("is refused by another model, optimizer, schedule or loader, and nothing has changed", async () => {
    const bytes = await written();
    const path = join(folder, "c.safetensors");
    writeFileSync(path, bytes);
    const run = everything(2);
    const { model, optimizer } = run;
    const before = snapshot(run);
    const generator = defaultGenerator.getState();
    const none = (parts: object, message: string): void => {
      expect(() => loadCheckpoint(path, { model, optimizer, ...parts })).toThrow(message);
      defaultGenerator.setState(generator);
      expect(snapshot(run)).toBe(before);
    };
    const sequential = own(new nn.Sequential(new nn.Linear(4, 8)));
    none({ model: sequential }, "state dict does not fit: unexpected 1.weight");
    none({ optimizer: descent(sequential) }, "groups have [6] parameters, expected [2]");
    none({ optimizer: descent(model) }, "unexpected exp_avg");
    none({ scheduler: new optim.lrScheduler.ReduceLROnPlateau(optimizer) }, "state does not fit");
    const x = own(tensor([1, 2, 3]));
    none({ loader: new data.DataLoader(new data.TensorDataset(x)) }, "expected shuffle to be the same");
    none({ generators: { mine: new Generator(1) } }, 'no state of the generator "named.mine"');
    saveCheckpoint(path, { model });
    none({}, "it has no state for the optimizer");
  });
});
