import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

export interface Options {
  /** Folder of IDX files; null for generated digits. */
  readonly data: string | null;
  readonly epochs: number;
  readonly batch: number;
  readonly lr: number;
  readonly backend: "js" | "wasm";
  readonly seed: number;
  readonly short: boolean;
}

export const USAGE = `Trains LeNet-5 and compares the back ends.

usage: npm start -- [options]

  --data DIR       train on the IDX files in DIR, plain or .gz: train-images-idx3-ubyte, train-labels-idx1-ubyte,
                   t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (MNIST, Fashion-MNIST). Default: generated digits
  --epochs N       passes over the training set. Default 4
  --batch N        images in a batch. Default 64
  --lr X           learning rate at the start; it falls to 0 along a cosine. Default 0.003
  --backend NAME   js or wasm. Default wasm
  --short          a run of seconds: 2 passes over a sixth of the digits
  --seed N         seed of digits, weights and order; the same seed gives the same result to the last bit. Default 1
  --help           print this`;

/** A mistake on the command line. */
export class UsageError extends Error {}

/** The four files of a data set, without ".gz". */
export const FILES = {
  trainImages: "train-images-idx3-ubyte",
  trainLabels: "train-labels-idx1-ubyte",
  testImages: "t10k-images-idx3-ubyte",
  testLabels: "t10k-labels-idx1-ubyte",
} as const;

/** Reads the command line; null if help was asked for. Errors: UsageError. */
export function parseOptions(args: readonly string[]): Options | null {
  const values = parse(args);
  if (values.help) return null;
  const { backend } = values;
  if (backend !== "js" && backend !== "wasm") throw new UsageError(`--backend is "${backend}"; expected js or wasm`);
  return {
    data: values.data === undefined ? null : checkFolder(values.data),
    epochs: integer("--epochs", values.epochs ?? (values.short ? "2" : "4"), 1, 10_000),
    batch: integer("--batch", values.batch, 1, 100_000),
    lr: positive("--lr", values.lr),
    backend,
    seed: integer("--seed", values.seed, 0, Number.MAX_SAFE_INTEGER),
    short: values.short,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        data: { type: "string" },
        epochs: { type: "string" },
        batch: { type: "string", default: "64" },
        lr: { type: "string", default: "0.003" },
        backend: { type: "string", default: "wasm" },
        seed: { type: "string", default: "1" },
        short: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new UsageError(`${name} is "${text}"; expected an integer from ${min} to ${max}`);
  }
  return value;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0) || value === Infinity) {
    throw new UsageError(`${name} is "${text}"; expected a positive number`);
  }
  return value;
}

function checkFolder(folder: string): string {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new UsageError(`--data: there is no folder ${folder}`);
  for (const file of Object.values(FILES)) {
    if (findFile(folder, file) === null) throw new UsageError(`--data: ${folder} has neither ${file} nor ${file}.gz`);
  }
  return folder;
}

/** The path of a data file, plain or compressed; null if there is neither. */
export function findFile(folder: string, file: string): string | null {
  return [join(folder, file), join(folder, `${file}.gz`)].find((path) => existsSync(path)) ?? null;
}
