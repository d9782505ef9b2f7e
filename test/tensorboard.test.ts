import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "fast-png";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, nn, RuntimeError, tensor } from "../src/node.js";
import { histogramOf } from "../src/train/histogram.js";
import { SummaryWriter, TensorBoardLogger } from "../src/train/tensorboard.node.js";
import { crc32c, frameRecord, maskedCrc32c } from "../src/train/tfrecord.js";
import { ones, runSteps } from "./support/callbacks.js";
import { expectNoLeaks, own } from "./support/loading.js";
import { Message, readRecords, summaryOf } from "./support/tfevents.js";

expectNoLeaks();

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "quadlane-tb-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const eventsOf = (path: string): Message[] => readRecords(readFileSync(path)).map((r) => new Message(r));

describe("checksums and frames", () => {
  const bytes = (n: number, f: (i: number) => number) => Uint8Array.from({ length: n }, (_, i) => f(i));

  test("are those of RFC 3720, appendix B.4, and of the check value", () => {
    expect(crc32c(bytes(32, () => 0))).toBe(0x8a9136aa);
    expect(crc32c(bytes(32, () => 0xff))).toBe(0x62a8ab43);
    expect(crc32c(bytes(32, (i) => i))).toBe(0x46dd794e);
    expect(crc32c(bytes(32, (i) => 31 - i))).toBe(0x113fdb5c);
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array())).toBe(0);
  });

  test("are masked by rotation and a constant", () => {
    // crc 0 → 0 rotated + constant.
    expect(maskedCrc32c(new Uint8Array())).toBe(0xa282ead8);
    const crc = 0xe3069283;
    const rotated = ((crc >>> 15) | (crc << 17)) >>> 0;
    expect(maskedCrc32c(new TextEncoder().encode("123456789"))).toBe((rotated + 0xa282ead8) % 2 ** 32);
  });

  test("hold the length before and the checksums around the data", () => {
    const data = bytes(300, (i) => i % 256);
    const record = frameRecord(data);
    expect(record.length).toBe(316);
    expect([...record.subarray(0, 8)]).toEqual([44, 1, 0, 0, 0, 0, 0, 0]);
    expect(readRecords(record)).toEqual([data]);
  });
});

describe("SummaryWriter", () => {
  test("names its file as TensorBoard expects, begins it with the version, and makes the folder", () => {
    const nested = join(folder, "a", "b");
    const writer = new SummaryWriter(nested, { filenameSuffix: ".run" });
    const other = new SummaryWriter(nested);
    const [name] = readdirSync(nested).filter((f) => f.endsWith(".run"));
    expect(writer.path).toBe(join(nested, name!));
    expect(name).toMatch(/^events\.out\.tfevents\.\d{10}\./);
    expect(name).toContain(`.${hostname()}.${process.pid}.`);
    // The version is in the file before anything is flushed.
    const [first] = eventsOf(writer.path);
    expect(first!.text(3)).toBe("brain.Event:2");
    expect(Math.abs(first!.double(1) - Date.now() / 1000)).toBeLessThan(60);
    writer.close();
    other.close();
  });

  test("writes scalars, NaN and large steps too", () => {
    const writer = new SummaryWriter(folder);
    writer.addScalar("loss", 0.5, 0, { wallTime: 1234.5 });
    writer.addScalar("größe/ü", -3, 2 ** 40);
    writer.addScalar("loss", Number.NaN, 2);
    writer.close();
    const [, a, b, c] = eventsOf(writer.path);
    expect(a!.double(1)).toBe(1234.5);
    expect([summaryOf(a!).tag, summaryOf(a!).step, summaryOf(a!).value.float(2)]).toEqual(["loss", 0, 0.5]);
    expect([summaryOf(b!).tag, summaryOf(b!).step, summaryOf(b!).value.float(2)]).toEqual(["größe/ü", 2 ** 40, -3]);
    expect(summaryOf(c!).value.float(2)).toBeNaN();
  });

  test("writes histograms whose buckets hold every value once", () => {
    const writer = new SummaryWriter(folder);
    const values = [-2, -1, 0, 0, 0.5, 1, 1, 3];
    writer.addHistogram("w", own(tensor(values)), 7);
    writer.close();
    const h = summaryOf(eventsOf(writer.path)[1]!).value.message(5);
    expect([1, 2, 3, 4, 5].map((f) => h.double(f))).toEqual([-2, 3, 8, 2.5, 16.25]);
    const limits = h.doubles(6);
    const counts = h.doubles(7);
    expect(limits).toHaveLength(counts.length);
    const left = [-Infinity, ...limits];
    const expected = limits.map((right, i) => values.filter((v) => v >= left[i]! && v < right).length);
    expect(counts).toEqual(expected);
    expect(counts.reduce((a, b) => a + b)).toBe(8);
    expect(limits.at(-1)).toBeGreaterThan(3);
    expect(limits.at(-1)).toBeLessThan(3.4);
  });

  test("writes images with the sizes of the PNG, and texts", () => {
    const png = encode({ width: 3, height: 2, data: new Uint8Array(18), channels: 3 });
    const writer = new SummaryWriter(folder);
    writer.addImage("grid", png, 1);
    writer.addText("notes", "**hello** ✓", 2);
    writer.close();
    const [, image, text] = eventsOf(writer.path).map((e) => (e.has(5) ? summaryOf(e).value : e));
    const m = image!.message(4);
    expect([m.int(1), m.int(2), m.int(3)]).toEqual([2, 3, 3]);
    expect(Uint8Array.from(m.bytes(4))).toEqual(Uint8Array.from(png));
    expect(text!.message(9).message(1).text(1)).toBe("text");
    expect(text!.message(8).int(1)).toBe(7);
    expect(text!.message(8).message(2).message(2).int(1)).toBe(1);
    expect(text!.message(8).text(8)).toBe("**hello** ✓");
  });

  test("keeps events until there are many, or until flush", () => {
    const writer = new SummaryWriter(folder);
    writer.addScalar("x", 1, 1);
    expect(eventsOf(writer.path)).toHaveLength(1);
    writer.flush();
    expect(eventsOf(writer.path)).toHaveLength(2);
    for (let i = 0; i < 3000; i++) writer.addScalar("x", i, i);
    expect(eventsOf(writer.path).length).toBeGreaterThan(1000);
    writer.close();
    expect(eventsOf(writer.path)).toHaveLength(3002);
  });

  test("refuses what does not fit and writes nothing of it", () => {
    const writer = new SummaryWriter(folder);
    const call =
      (name: keyof SummaryWriter, ...args: unknown[]) =>
      () =>
        Reflect.apply(Reflect.get(writer, name) as () => void, writer, args);
    expect(call("addScalar", "", 1, 1)).toThrow("SummaryWriter: tag is empty");
    expect(call("addScalar", "a", "1", 1)).toThrow(ArgumentError);
    expect(call("addScalar", "a", 1, -1)).toThrow("SummaryWriter: step is -1");
    expect(call("addScalar", "a", 1, 1, { walltime: 1 })).toThrow('unknown option "walltime"');
    expect(call("addHistogram", "a", [], 1)).toThrow("there are none");
    expect(call("addHistogram", "a", [1, Infinity], 1)).toThrow("some are not finite");
    expect(call("addImage", "a", new Uint8Array(50), 1)).toThrow("does not begin as a PNG file");
    expect(call("addText", "a", 5, 1)).toThrow(ArgumentError);
    expect(() => new SummaryWriter(folder, { filenameSuffix: "/x" })).toThrow(ArgumentError);
    writer.close();
    writer.close();
    expect(eventsOf(writer.path)).toHaveLength(1);
    expect(call("addScalar", "a", 1, 1)).toThrow(RuntimeError);
    expect(call("flush")).toThrow("is closed");
  });
});

describe("histogramOf", () => {
  test("has a bucket for the largest and the smallest numbers", () => {
    const h = histogramOf([1e30, -1e30, 1e-30])!;
    expect(h.counts.reduce((a, b) => a + b)).toBe(3);
    expect(h.limits.at(-1)).toBe(Number.MAX_VALUE);
  });
});

describe("TensorBoardLogger", () => {
  test("writes steps, validations, epochs and distributions", () => {
    const run = join(folder, "logger");
    const model = ones(new nn.Linear(1, 1));
    for (const p of model.parameters()) own(p);
    const x = own(tensor([[1]]));
    const logger = new TensorBoardLogger(run, { every: 2, histograms: true });
    const history = runSteps(model, [logger], 4, () => model.forward(x).sum(), { epochLength: 2, lr: 0.25 });
    const [file] = readdirSync(run);
    const events = eventsOf(join(run, file!)).slice(1).map(summaryOf);
    expect(events.map((e) => `${e.tag} ${e.step}`)).toEqual(
      [2, 4].flatMap((step) => [
        `step/loss ${step}`,
        `step/lr ${step}`,
        `validation/valLoss ${step}`,
        ...["loss", "lr", "valLoss"].map((name) => `epoch/${name} ${step / 2}`),
        ...["weight", "bias"].map((name) => `parameters/${name} ${step / 2}`),
      ]),
    );
    expect(events[0]!.value.float(2)).toBe(history.steps[1]!.logs.loss);
    expect(() => new TensorBoardLogger(run, { every: 0 })).toThrow("TensorBoardLogger: every is 0");
  });

  test("leaves out distributions that are not finite", () => {
    const run = join(folder, "nan");
    const model = ones(new nn.Linear(1, 1, { bias: false }));
    for (const p of model.parameters()) own(p);
    const x = own(tensor([[Infinity]]));
    runSteps(model, [new TensorBoardLogger(run, { histograms: true })], 1, () => model.forward(x).sum());
    const tags = eventsOf(join(run, readdirSync(run)[0]!))
      .slice(1)
      .map((e) => summaryOf(e).tag);
    expect(tags).toEqual(["step/loss", "step/lr", "validation/valLoss", "epoch/loss", "epoch/lr", "epoch/valLoss"]);
  });
});
