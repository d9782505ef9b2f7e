import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { data, functional as F, nn, train } from "../src/node.js";
import { descent, expectNoLeaks, line, linear, own, valuesOf } from "./support/trainer.js";

const { latestCheckpoint, loadCheckpoint, ModelCheckpoint, saveCheckpoint } = train;

/** While set, writing to a file fails half way with this code. */
const failing = vi.hoisted(() => ({ code: null as string | null }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const writeFileSync = (file: number | string, bytes: Uint8Array): void => {
    if (failing.code === null || typeof file !== "number") {
      fs.writeFileSync(file, bytes);
      return;
    }
    fs.writeFileSync(file, bytes.subarray(0, bytes.length / 2));
    throw Object.assign(new Error("no"), { code: failing.code });
  };
  return { ...fs, writeFileSync };
});

const root = mkdtempSync(join(tmpdir(), "quadlane-checkpoint-"));
afterAll(() => rmSync(root, { recursive: true }));
let folder = "";
let count = 0;
beforeEach(() => {
  folder = join(root, String(count++));
  mkdirSync(folder);
  failing.code = null;
});
expectNoLeaks();

describe("a checkpoint that cannot be written", () => {
  const error = (fn: () => void): train.CheckpointError => {
    try {
      fn();
    } catch (e) {
      if (e instanceof train.CheckpointError) return e;
      throw e;
    }
    throw new Error("expected an error");
  };

  test.each([
    ["ENOSPC", "the disk is full"],
    ["EDQUOT", "the disk quota is used up"],
    ["EIO", "no"],
  ])("for %s leaves the old one, and no temporary file", (code, reason) => {
    const model = linear();
    const path = join(folder, "a.safetensors");
    saveCheckpoint(path, { model, extra: 1 });
    const old = readFileSync(path);
    failing.code = code;
    const thrown = error(() => saveCheckpoint(path, { model, extra: 2 }));
    expect(thrown).toMatchObject({ path, code });
    expect(thrown.message).toBe(`saveCheckpoint: cannot write "${path}": ${reason} (${code})`);
    expect(readdirSync(folder)).toEqual(["a.safetensors"]);
    expect(readFileSync(path).equals(old)).toBe(true);
  });

  test("names the missing folder, and the folder that is a file", () => {
    const model = linear();
    const path = join(folder, "no", "a.safetensors");
    expect(error(() => saveCheckpoint(path, { model }))).toMatchObject({ path, code: "ENOENT" });
    expect(error(() => loadCheckpoint(path, { model })).message).toContain(`cannot read "${path}"`);
    writeFileSync(join(folder, "no"), "");
    expect(error(() => saveCheckpoint(path, { model }))).toMatchObject({ path, code: "ENOTDIR" });
    expect(error(() => loadCheckpoint(folder, { model })).message).toContain(
      `the folder "${folder}" has no checkpoint`,
    );
  });

  test("ends the training, which tells its callbacks", async () => {
    const model = linear();
    const ends: unknown[] = [];
    const failWhileTraining = (fail: () => void): Promise<unknown> =>
      new train.Trainer(model, {
        optimizer: descent(model),
        loss: F.mseLoss,
        callbacks: [
          new ModelCheckpoint({ folder: join(folder, "made"), everySteps: 1 }),
          { onStepEnd: fail, onTrainEnd: (_, e) => void ends.push(e) },
        ],
      }).fit(new data.DataLoader(line(4)), { epochs: 1 });
    const full = failWhileTraining(() => {
      failing.code = "ENOSPC";
    });
    await expect(full).rejects.toThrow("the disk is full (ENOSPC)");
    failing.code = null;
    const gone = failWhileTraining(() => rmSync(join(folder, "made"), { recursive: true }));
    await expect(gone).rejects.toThrow("its folder does not exist (ENOENT)");
    expect(ends.map((e) => (e as train.CheckpointError).code)).toEqual(["ENOSPC", "ENOENT"]);
  });
});

describe("ModelCheckpoint", () => {
  const filesAfter = async (options: object, epochs = 4): Promise<string[]> => {
    const model = linear();
    const trainer = new train.Trainer(model, {
      optimizer: descent(model),
      loss: F.mseLoss,
      callbacks: [new ModelCheckpoint({ folder, ...options })],
    });
    const loader = new data.DataLoader(line(6), { batchSize: 2 });
    await trainer.fit(loader, { epochs, validation: loader });
    return readdirSync(folder).sort();
  };

  test("writes after epochs or steps and keeps the latest", async () => {
    expect(await filesAfter({})).toEqual(["checkpoint-00000012.safetensors"]);
    expect(await filesAfter({ everyEpochs: 3, keep: 2 })).toEqual([
      "checkpoint-00000009.safetensors",
      "checkpoint-00000012.safetensors",
    ]);
    expect(latestCheckpoint(folder)).toBe(join(folder, "checkpoint-00000009.safetensors"));
    expect(await filesAfter({ everySteps: 5, keep: 9 })).toContain("checkpoint-00000005.safetensors");
  });

  test("keeps the best one beside them", async () => {
    expect(await filesAfter({ monitor: "valLoss" })).toEqual(["best.safetensors", "checkpoint-00000012.safetensors"]);
    const best = (): number => {
      const copy = linear();
      const extra = loadCheckpoint(join(folder, "best.safetensors"), { model: copy }) as { trainer: { step: number } };
      return extra.trainer.step;
    };
    expect(best()).toBe(12);
    await filesAfter({ monitor: "valLoss", mode: "max" });
    expect(best()).toBe(3);
    await expect(filesAfter({ monitor: "accuracy" })).rejects.toThrow('nothing is logged as "accuracy"');
  });

  test("ignores what killed processes have left, and removes it with the next checkpoint", async () => {
    const host = hostname()
      .toLowerCase()
      .replace(/[^a-z0-9-]/g, "-");
    const name = "checkpoint-00000999.safetensors";
    const [dead, alive, elsewhere, old] = [
      `${name}.${host}.4194304.abc.tmp`,
      `${name}.${host}.${process.pid}.abc.tmp`,
      `${name}.another-host.1.abc.tmp`,
      `${name}.another-host.2.abc.tmp`,
    ];
    for (const file of [dead, alive, elsewhere, old]) writeFileSync(join(folder, file!), "half");
    utimesSync(join(folder, old!), 1, 1);
    writeFileSync(join(folder, "notes.txt"), "mine");
    expect(latestCheckpoint(folder)).toBeNull();
    const files = await filesAfter({});
    expect(files).toEqual(["checkpoint-00000012.safetensors", elsewhere, alive, "notes.txt"].sort());
  });

  test("refuses options that make no sense", () => {
    const bad: [object, string][] = [
      [{}, "expected a path"],
      [{ folder, keep: 0 }, "keep is 0"],
      [{ folder, everySteps: 0 }, "everySteps is 0"],
      [{ folder, mode: "max" }, "without a monitor"],
      [{ folder, every: 1 }, 'unknown option "every"'],
    ];
    for (const [options, message] of bad) expect(() => new ModelCheckpoint(options as never)).toThrow(message);
  });
});

const dist = new URL("../build/lib/node.js", import.meta.url);

/** Writes checkpoint after checkpoint to a folder, the n-th with n in all weights, until it is killed. */
const WRITER = `
  import { join } from "node:path";
  import { nn, noGrad, train } from ${JSON.stringify(dist.href)};
  const folder = process.argv[1];
  const model = new nn.Linear(300, 200);
  const latest = train.latestCheckpoint(folder);
  let n = latest === null ? 0 : train.loadCheckpoint(latest, { model }).n;
  for (;;) {
    n++;
    noGrad(() => { for (const p of model.parameters()) p.fill_(n); });
    train.saveCheckpoint(join(folder, "checkpoint-" + String(n).padStart(8, "0") + ".safetensors"), { model, extra: { n } });
    train.saveCheckpoint(join(folder, "last.safetensors"), { model, extra: { n } });
    if (n % 2 === 0) console.log(n);
  }
`;

// The writer is a process of its own, which runs what npm run build makes.
describe.runIf(existsSync(dist))("a process that is killed while it writes checkpoints", () => {
  const KILLS = 20;

  /** Runs the writer and kills it a random time after its first checkpoints: on a disk, half the time within a file. */
  function kill(delay: number): Promise<void> {
    const child = spawn(process.execPath, ["--input-type=module", "-e", WRITER, folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    return new Promise((resolve, reject) => {
      child.stdout.once("data", () => setTimeout(() => child.kill("SIGKILL"), delay));
      child.once("error", reject);
      child.once("close", (code, signal) => {
        if (signal === "SIGKILL") resolve();
        else reject(new Error(`the writer ended with ${code}`));
      });
    });
  }

  test(`leaves whole checkpoints only, ${KILLS} times`, { timeout: 240_000 }, async () => {
    const model = own(new nn.Linear(300, 200));
    let before = 0;
    for (let i = 0; i < KILLS; i++) {
      await kill(Math.random() * 30);
      const names = readdirSync(folder);
      // What was killed last leaves at most one; those of before were cleaned away.
      expect(names.filter((name) => name.endsWith(".tmp")).length).toBeLessThanOrEqual(1);
      const whole = names.filter((name) => name.endsWith(".safetensors"));
      for (const name of whole.slice(-5)) {
        const { n } = loadCheckpoint(join(folder, name), { model }) as { n: number };
        expect(new Set(valuesOf(model)), name).toEqual(new Set([n]));
      }
      const { n } = loadCheckpoint(latestCheckpoint(folder)!, { model }) as { n: number };
      expect(n).toBeGreaterThan(before);
      before = n;
      for (const name of whole.slice(0, -5)) if (name !== "last.safetensors") rmSync(join(folder, name));
    }
    saveCheckpoint(join(folder, "last.safetensors"), { model });
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
