import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { PbfWriter } from "pbf";
import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { ArgumentError, RuntimeError } from "../errors.js";
import { Tensor } from "../tensor.js";
import type { DataArray } from "../types.js";
import type { Callback, Logs, TrainingState } from "./callback.js";
import { type Histogram, histogramOf } from "./histogram.js";
import { frameRecord } from "./tfrecord.js";

export interface SummaryWriterOptions {
  /** End of the file's name. Default "". */
  readonly filenameSuffix?: string;
}

export interface EventOptions {
  /** Seconds since 1970. Default: now. */
  readonly wallTime?: number;
}

const NAME = "SummaryWriter";
/** Events are written once as many bytes have gathered. */
const BUFFER = 64 * 1024;
/** Keeps writers of one process apart. */
let writers = 0;

/**
 * Writes event files that TensorBoard reads: `new SummaryWriter("runs/first")`, then `tensorboard --logdir runs`. Events gather in memory and
 * reach the file when there are many, on `flush()` and on `close()`. The file is
 * events.out.tfevents.‹seconds›.‹host›.‹process›.‹number›; a folder may hold several, which TensorBoard reads as one run.
 * Errors: ArgumentError for a tag that is empty, a step that is no integer from 0 on, and values that do not fit; RuntimeError after
 * `close()`; those of the file system.
 */
export class SummaryWriter {
  /** Path of the event file. */
  readonly path: string;
  private file: number | null;
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;

  /** Makes the folder if it is not there. */
  constructor(folder: string, options: SummaryWriterOptions = {}) {
    checkOptions(NAME, options, ["filenameSuffix"]);
    const { filenameSuffix = "" } = options;
    if (typeof filenameSuffix !== "string" || /[/\\]/.test(filenameSuffix)) {
      throw new ArgumentError(NAME, `filenameSuffix is ${String(filenameSuffix)}; expected a string without slashes`);
    }
    mkdirSync(folder, { recursive: true });
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, "0");
    const host = hostname().replace(/[/\\]/g, "_");
    const name = `events.out.tfevents.${seconds}.${host}.${process.pid}.${writers++}${filenameSuffix}`;
    this.path = join(folder, name);
    this.file = openSync(this.path, "ax");
    this.write((event) => {
      event.writeDoubleField(1, now());
      event.writeStringField(3, "brain.Event:2");
    });
    this.flush();
  }

  /** One number, at a step. NaN and infinity are written as they are. */
  addScalar(tag: string, value: number, step: number, options: EventOptions = {}): void {
    if (typeof value !== "number")
      throw new ArgumentError(NAME, `value of "${tag}" is ${String(value)}; expected a number`);
    this.add(tag, step, options, (v) => v.writeFloatField(2, value));
  }

  /** How values are distributed: a tensor of any shape, or numbers. Errors: ArgumentError for none, and for NaN or infinity. */
  addHistogram(
    tag: string,
    values: Tensor | DataArray | readonly number[],
    step: number,
    options: EventOptions = {},
  ): void {
    const data = values instanceof Tensor ? values.data() : values;
    const histogram = histogramOf(data);
    if (histogram === null) {
      const what = data.length === 0 ? "there are none" : "some are not finite";
      throw new ArgumentError(NAME, `values of "${tag}": ${what}; expected finite numbers`);
    }
    this.add(tag, step, options, (v) => v.writeMessage(5, writeHistogram, histogram));
  }

  /** A picture, as the bytes of a PNG file. Errors: ArgumentError for bytes that do not begin like one. */
  addImage(tag: string, png: Uint8Array, step: number, options: EventOptions = {}): void {
    const image = { ...pngHeader(tag, png), png };
    this.add(tag, step, options, (v) => v.writeMessage(4, writeImage, image));
  }

  /** A text, in Markdown. */
  addText(tag: string, text: string, step: number, options: EventOptions = {}): void {
    if (typeof text !== "string")
      throw new ArgumentError(NAME, `text of "${tag}" is ${String(text)}; expected a string`);
    this.add(tag, step, options, (v) => {
      v.writeMessage(9, writeTextMetadata, null);
      v.writeMessage(8, writeStringTensor, text);
    });
  }

  /** Hands all events to the operating system. */
  flush(): void {
    const file = this.opened();
    // What has been written is let go at once: after an error, such as a full disk, the next flush goes on where this one stopped.
    for (let record = this.pending[0]; record !== undefined; record = this.pending[0]) {
      const written = writeSync(file, record);
      if (written < record.length) this.pending[0] = record.subarray(written);
      else this.pending.shift();
    }
    this.pendingBytes = 0;
  }

  /** Flushes and closes the file. Closing twice does nothing. */
  close(): void {
    if (this.file === null) return;
    try {
      this.flush();
    } finally {
      closeSync(this.file);
      this.file = null;
    }
  }

  private add(tag: string, step: number, options: EventOptions, value: (pbf: PbfWriter) => void): void {
    this.opened();
    checkOptions(NAME, options, ["wallTime"]);
    if (typeof tag !== "string" || tag === "") {
      throw new ArgumentError(NAME, `tag is ${tag === "" ? "empty" : String(tag)}; expected a name`);
    }
    checkInteger(NAME, "step", step, 0, Number.MAX_SAFE_INTEGER);
    const wallTime = checkNumber(NAME, "wallTime", options.wallTime ?? now());
    this.write((event) => {
      event.writeDoubleField(1, wallTime);
      event.writeVarintField(2, step);
      event.writeMessage(5, writeSummary, { tag, value });
    });
    if (this.pendingBytes >= BUFFER) this.flush();
  }

  private write(fill: (event: PbfWriter) => void): void {
    const event = new PbfWriter();
    fill(event);
    const record = frameRecord(event.finish());
    this.pending.push(record);
    this.pendingBytes += record.length;
  }

  private opened(): number {
    if (this.file === null) throw new RuntimeError(NAME, `${this.path} is closed; expected calls before close()`);
    return this.file;
  }
}

function now(): number {
  return Date.now() / 1000;
}

// The messages of TensorFlow's summary.proto, event.proto and tensor.proto; the numbers are those of their fields.

function writeSummary(summary: { tag: string; value: (pbf: PbfWriter) => void }, pbf: PbfWriter): void {
  pbf.writeMessage(1, writeValue, summary);
}

function writeValue({ tag, value }: { tag: string; value: (pbf: PbfWriter) => void }, pbf: PbfWriter): void {
  pbf.writeStringField(1, tag);
  value(pbf);
}

function writeHistogram({ min, max, num, sum, sumSquares, limits, counts }: Histogram, pbf: PbfWriter): void {
  for (const [i, v] of [min, max, num, sum, sumSquares].entries()) pbf.writeDoubleField(i + 1, v);
  pbf.writePackedDouble(6, [...limits]);
  pbf.writePackedDouble(7, [...counts]);
}

interface Png {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly png: Uint8Array;
}

function writeImage({ width, height, channels, png }: Png, pbf: PbfWriter): void {
  for (const [i, n] of [height, width, channels].entries()) pbf.writeVarintField(i + 1, n);
  pbf.writeBytesField(4, png);
}

function writeTextMetadata(_: null, pbf: PbfWriter): void {
  pbf.writeMessage(1, (__: null, plugin: PbfWriter) => plugin.writeStringField(1, "text"), null);
}

/** DT_STRING of one element. */
function writeStringTensor(text: string, pbf: PbfWriter): void {
  pbf.writeVarintField(1, 7);
  const dim = (_: null, shape: PbfWriter): void =>
    shape.writeMessage(2, (__: null, d) => d.writeVarintField(1, 1), null);
  pbf.writeMessage(2, dim, null);
  pbf.writeStringField(8, text);
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Channels by PNG's colour type: grey, RGB, palette, grey and alpha, RGBA. */
const PNG_CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

/** Sizes from the first chunk of a PNG file. */
function pngHeader(tag: string, png: Uint8Array): { width: number; height: number; channels: number } {
  if (!(png instanceof Uint8Array) || png.length < 33 || PNG_SIGNATURE.some((byte, i) => png[i] !== byte)) {
    throw new ArgumentError(NAME, `image "${tag}" does not begin as a PNG file; expected its bytes`);
  }
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const channels = PNG_CHANNELS[png[25]!];
  if (channels === undefined)
    throw new ArgumentError(NAME, `image "${tag}" has colour type ${png[25]}; expected PNG's`);
  return { width: view.getUint32(16), height: view.getUint32(20), channels };
}

export interface TensorBoardLoggerOptions {
  /** Write every n-th step's numbers. Default 1. */
  readonly every?: number;
  /** Also write the distribution of each parameter after every epoch. Default false. */
  readonly histograms?: boolean;
}

/**
 * Writes what a training logs to an event file in `folder`: "step/‹name›" by step, "validation/‹name›" by step, "epoch/‹name›" by epoch, and if
 * asked "parameters/‹name›". A parameter that is not finite has no distribution and is left out.
 * Errors: as `SummaryWriter`.
 */
export class TensorBoardLogger implements Callback {
  private readonly every: number;
  private readonly histograms: boolean;
  private writer: SummaryWriter | null = null;

  constructor(
    readonly folder: string,
    options: TensorBoardLoggerOptions = {},
  ) {
    checkOptions("TensorBoardLogger", options, ["every", "histograms"]);
    this.every = checkInteger("TensorBoardLogger", "every", options.every ?? 1, 1);
    this.histograms = options.histograms ?? false;
  }

  onTrainBegin(): void {
    this.writer?.close();
    this.writer = new SummaryWriter(this.folder);
  }

  onStepEnd({ step }: TrainingState, logs: Logs): void {
    if (step % this.every === 0) this.log("step", logs, step);
  }

  onValidationEnd({ step }: TrainingState, logs: Logs): void {
    this.log("validation", logs, step);
  }

  onEpochEnd({ epoch, model }: TrainingState, logs: Logs): void {
    this.log("epoch", logs, epoch);
    if (this.histograms) {
      for (const [name, p] of model.namedParameters()) {
        const values = p.data();
        if (values.length > 0 && values.every(Number.isFinite)) {
          this.writer?.addHistogram(`parameters/${name}`, values, epoch);
        }
      }
    }
    this.writer?.flush();
  }

  onTrainEnd(): void {
    this.writer?.close();
    this.writer = null;
  }

  private log(group: string, logs: Logs, step: number): void {
    for (const [name, value] of Object.entries(logs)) this.writer?.addScalar(`${group}/${name}`, value, step);
  }
}
