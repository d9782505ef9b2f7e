import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { eachRun, readGeometry } from "./lib/window.js";

// Windows as columns and back; the contract is in assembly/unfold.ts.

export function unfold_f32(columns: Ptr, x: Ptr, geometry: Ptr, planes: number): void {
  const f = arena.f32;
  const g = readGeometry(geometry);
  const { stride } = g.width;
  f.fill(0, columns >>> 2, (columns >>> 2) + planes * g.taps * g.outputs);
  for (let p = 0; p < planes; p++) {
    const from = (x >>> 2) + p * g.inputs;
    eachRun(g, (tap, input, output, count) => {
      const to = (columns >>> 2) + (p * g.taps + tap) * g.outputs + output;
      for (let j = 0; j < count; j++) f[to + j] = f[from + input + j * stride]!;
    });
  }
}

export function fold_f32(x: Ptr, columns: Ptr, geometry: Ptr, planes: number): void {
  const f = arena.f32;
  const g = readGeometry(geometry);
  const { stride } = g.width;
  const sums = new Float64Array(g.inputs);
  for (let p = 0; p < planes; p++) {
    sums.fill(0);
    eachRun(g, (tap, input, output, count) => {
      const from = (columns >>> 2) + (p * g.taps + tap) * g.outputs + output;
      for (let j = 0; j < count; j++) sums[input + j * stride]! += f[from + j]!;
    });
    f.set(sums, (x >>> 2) + p * g.inputs);
  }
}
