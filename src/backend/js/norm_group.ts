import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Group, instance and layer normalisation of x [n, c, s]; the contract is in assembly/norm_group.ts.

export function group_norm_f32(
  y: Ptr,
  mean: Ptr,
  variance: Ptr,
  x: Ptr,
  weight: Ptr,
  bias: Ptr,
  _scratch: Ptr,
  n: number,
  c: number,
  s: number,
  groups: number,
  eps: number,
): void {
  const f = arena.f32;
  const channels = c / groups;
  const row = channels * s;
  let to = y >>> 2;
  for (let r = 0; r < n * groups; r++) {
    const start = (x >>> 2) + r * row;
    let sum = 0;
    for (let p = start; p < start + row; p++) sum += f[p]!;
    const m = row > 0 ? sum / row : 0;
    let square = 0;
    for (let p = start; p < start + row; p++) square += (f[p]! - m) ** 2;
    const v = row > 0 ? square / row : 0;
    f[(mean >>> 2) + r] = m;
    f[(variance >>> 2) + r] = v;
    const inverse = 1 / Math.sqrt(v + eps);
    const first = (r % groups) * channels;
    let from = start;
    for (let i = first; i < first + channels; i++) {
      const a = (weight === 0 ? 1 : f[(weight >>> 2) + i]!) * inverse;
      const b = bias === 0 ? 0 : f[(bias >>> 2) + i]!;
      for (const end = from + s; from < end; from++, to++) f[to] = (f[from]! - m) * a + b;
    }
  }
}

export function group_norm_grad_f32(
  dx: Ptr,
  dweight: Ptr,
  dbias: Ptr,
  g: Ptr,
  x: Ptr,
  weight: Ptr,
  mean: Ptr,
  variance: Ptr,
  _scratch: Ptr,
  n: number,
  c: number,
  s: number,
  groups: number,
  eps: number,
): void {
  const f = arena.f32;
  const channels = c / groups;
  const row = channels * s;
  const weights = new Float64Array(c);
  const biases = new Float64Array(c);
  for (let r = 0; r < n * groups; r++) {
    const m = f[(mean >>> 2) + r]!;
    const inverse = 1 / Math.sqrt(f[(variance >>> 2) + r]! + eps);
    const first = (r % groups) * channels;
    let sum = 0;
    let product = 0;
    let at = r * row;
    for (let i = first; i < first + channels; i++) {
      let ofG = 0;
      let ofGx = 0;
      for (const end = at + s; at < end; at++) {
        const v = f[(g >>> 2) + at]!;
        ofG += v;
        ofGx += v * (f[(x >>> 2) + at]! - m);
      }
      const w = weight === 0 ? 1 : f[(weight >>> 2) + i]!;
      biases[i]! += ofG;
      weights[i]! += ofGx * inverse;
      sum += w * ofG;
      product += w * ofGx;
    }
    const b = (-(inverse ** 3) * product) / row;
    const d = (-inverse * sum) / row;
    at = r * row;
    for (let i = first; i < first + channels; i++) {
      const a = (weight === 0 ? 1 : f[(weight >>> 2) + i]!) * inverse;
      for (const end = at + s; at < end; at++) {
        f[(dx >>> 2) + at] = f[(g >>> 2) + at]! * a + (f[(x >>> 2) + at]! - m) * b + d;
      }
    }
  }
  f.set(weights, dweight >>> 2);
  f.set(biases, dbias >>> 2);
}
