import { table } from "../profile.js";
import type { Step } from "./plan.js";

/** What a session's profile tells of one call of an op. */
export interface SessionProfileRow {
  /** Dotted path of the module that it came from; "" for the model itself. */
  readonly module: string;
  readonly op: string;
  readonly ms: number;
  /** `ms` as a part of all rows together, from 0 to 1. */
  readonly share: number;
  /** Floating-point operations, a multiply-add counts two; null for an op that is not made of products. */
  readonly flops: number | null;
  /** Rate at which they were done, GFLOP/s. */
  readonly gflops: number | null;
}

/** Where a run's time went, one row a step, in the order in which they ran. Printed as a string it is a table. */
export class SessionProfile {
  readonly rows: readonly SessionProfileRow[];
  /** Milliseconds of all steps. */
  readonly ms: number;

  constructor(taken: readonly (readonly [step: Step, ms: number])[]) {
    const total = taken.reduce((sum, [, ms]) => sum + ms, 0);
    this.ms = total;
    this.rows = taken.map(([{ node, op, inputs, outs, attrs }, ms]) => {
      const flops = op.flops?.(inputs, outs, attrs) ?? null;
      const gflops = flops === null || ms === 0 ? null : flops / ms / 1e6;
      return { module: node.module, op: op.name, ms, share: total === 0 ? 0 : ms / total, flops, gflops };
    });
  }

  toString(): string {
    return table([
      ["module", "op", "ms", "share", "GFLOP/s"],
      ...this.rows.map(({ module, op, ms, share, gflops }) => [
        module,
        op,
        ms.toFixed(3),
        `${(100 * share).toFixed(1)} %`,
        gflops?.toFixed(2) ?? "",
      ]),
      ["all", "", this.ms.toFixed(3), "100.0 %", ""],
    ]);
  }
}
