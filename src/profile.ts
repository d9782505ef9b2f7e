import { ArgumentError, RuntimeError } from "./errors.js";
import type { AnyOp } from "./ops/op.js";
import type { Tensor } from "./tensor.js";

/** What a profile tells of one op. */
export interface ProfileRow {
  /** The op's name; a gradient with a kernel of its own is an op with a name of its own (`relu_grad`). */
  readonly op: string;
  readonly calls: number;
  /** Wall-clock milliseconds of all calls: checks, allocation, kernels and the tape. */
  readonly ms: number;
  /** `ms` as a part of the profile's `ms`, from 0 to 1. */
  readonly share: number;
  /** Floating-point operations, a multiply-add counts two; null for an op that is not made of products. */
  readonly flops: number | null;
  /** Rate at which they were done, GFLOP/s. */
  readonly gflops: number | null;
  /** Bytes of the operands read and the results written, each counted once; views move none. */
  readonly bytes: number;
}

/** What `profile` found. Printed as a string it is a table. */
export class Profile<R> {
  constructor(
    /** What the function returned. */
    readonly result: R,
    /** Wall-clock milliseconds of the whole function, what it did outside of ops included. */
    readonly ms: number,
    /** One row an op, the longest first. */
    readonly rows: readonly ProfileRow[],
  ) {}

  toString(): string {
    const inOps = this.rows.reduce((sum, row) => sum + row.ms, 0);
    const calls = this.rows.reduce((sum, row) => sum + row.calls, 0);
    const bytes = this.rows.reduce((sum, row) => sum + row.bytes, 0);
    return table([
      ["op", "calls", "ms", "share", "GFLOP/s", "MB"],
      ...this.rows.map((row) => cells(row.op, row.calls, row.ms, row.share, row.gflops, row.bytes)),
      cells("outside ops", null, this.ms - inOps, 1 - inOps / this.ms, null, null),
      cells("all", calls, this.ms, 1, null, bytes),
    ]);
  }
}

type Count = number | null;

function cells(name: string, calls: Count, ms: number, share: number, gflops: Count, bytes: Count): string[] {
  const rest = [calls?.toString(), ms.toFixed(3), `${(100 * share).toFixed(1)} %`, gflops?.toFixed(2)];
  return [name, ...rest.map((cell) => cell ?? ""), bytes === null ? "" : (bytes / 1e6).toFixed(3)];
}

/** Columns of equal width, the first aligned to the left. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => row[c]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join("  ");
  return rows.map(line).join("\n");
}

interface Tally {
  calls: number;
  ms: number;
  flops: number | null;
  bytes: number;
}

/** The windows that an op slides over its first input, one number for each spatial dimension. */
export interface OpWindow {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

/** What `apply` tells of one run of an op. */
export interface OpReport {
  readonly op: string;
  readonly declaration: AnyOp;
  readonly attrs: unknown;
  readonly ms: number;
  /** Floating-point operations, a multiply-add counts two; null for an op that is not made of products. */
  readonly flops: number | null;
  /** Bytes of the operands read and the results written. */
  readonly bytes: number;
  /** Bytes of the results alone; views write none. */
  readonly written: number;
  readonly inputs: readonly (Tensor | null)[];
  readonly outs: readonly Tensor[];
  readonly window: OpWindow | null;
}

/** Whom `apply` reports to. */
export interface OpWatcher {
  note(report: OpReport): void;
}

/** Adds up what `apply` reports. */
class Profiler implements OpWatcher {
  private readonly tallies = new Map<string, Tally>();

  note({ op, ms, flops, bytes }: OpReport): void {
    let tally = this.tallies.get(op);
    if (tally === undefined) {
      tally = { calls: 0, ms: 0, flops: null, bytes: 0 };
      this.tallies.set(op, tally);
    }
    tally.calls++;
    tally.ms += ms;
    if (flops !== null) tally.flops = (tally.flops ?? 0) + flops;
    tally.bytes += bytes;
  }

  rows(total: number): ProfileRow[] {
    const rows = Array.from(this.tallies, ([op, { calls, ms, flops, bytes }]) => {
      const gflops = flops === null || ms === 0 ? null : flops / ms / 1e6;
      return { op, calls, ms, share: total === 0 ? 0 : ms / total, flops, gflops, bytes };
    });
    return rows.sort((a, b) => b.ms - a.ms);
  }
}

/** Whom `apply` reports to; null, so that a check for it is all that is paid, unless somebody watches. */
export let profiler: OpWatcher | null = null;

/** Runs `fn` with every op reported to `watcher`, and to whoever is watching already. */
export function watchOps<R>(watcher: OpWatcher, fn: () => R): R {
  const outer = profiler;
  const both = (report: OpReport): void => {
    watcher.note(report);
    outer?.note(report);
  };
  profiler = outer === null ? watcher : { note: both };
  try {
    return fn();
  } finally {
    profiler = outer;
  }
}

/**
 * Runs `fn` and tells where its time went, op by op: `console.log(String(profile(() => model.forward(x))))`. Ops of the backward pass
 * are counted where they run; kernels that optimizers call themselves are outside of ops. The function's tensors belong to the scope
 * that is open, as without a profile, and its values are the same.
 * Errors: ArgumentError if `fn` is asynchronous, since its ops would run after the profile; RuntimeError inside of another profile.
 */
export function profile<R>(fn: () => R): Profile<R> {
  if (profiler !== null) throw new RuntimeError("profile", "a profile is being taken; expected one at a time");
  const mine = new Profiler();
  profiler = mine;
  try {
    const start = performance.now();
    const result = fn();
    const ms = performance.now() - start;
    if (result instanceof Promise) {
      throw new ArgumentError("profile", "the function gave a promise; expected a synchronous function");
    }
    return new Profile(result, ms, mine.rows(ms));
  } finally {
    profiler = null;
  }
}
