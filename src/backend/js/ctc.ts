import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Connectionist temporal classification; the contract is in assembly/ctc.ts. Indices count float32 elements.

/** ln(e^a + e^b + e^c). */
function logSum3(a: number, b: number, c: number): number {
  const m = Math.max(a, b, c);
  return m === -Infinity ? m : m + Math.log(Math.exp(a - m) + Math.exp(b - m) + Math.exp(c - m));
}

function largest(f: Float32Array, row: number, n: number): number {
  let m = -Infinity;
  for (let i = 0; i < n; i++) if (f[row + i]! > m) m = f[row + i]!;
  return m;
}

/** The class of each state: the labels between blanks. */
function classesOf(labels: Int32Array, blank: number): Int32Array {
  const classes = new Int32Array(2 * labels.length + 1).fill(blank);
  labels.forEach((label, i) => {
    classes[2 * i + 1] = label;
  });
  return classes;
}

/** Whether a state can follow the one two before it. */
function follows(classes: Int32Array, s: number): boolean {
  return s % 2 === 1 && s > 1 && classes[s] !== classes[s - 2];
}

/** y = x plus the log-probability of each state's class. */
function emit(f: Float32Array, y: number, x: number, logProbs: number, classes: Int32Array): void {
  for (let s = 0; s < classes.length; s++) f[y + s] = f[x + s]! + f[logProbs + classes[s]!]!;
}

/** y = ln of the sum over a state and those one and two before (side −1) or behind (1) it, less x's largest, which is returned. */
function advance(f: Float32Array, y: number, x: number, classes: Int32Array, side: number): number {
  const states = classes.length;
  const most = largest(f, x, states);
  const shift = most > -Infinity ? most : 0;
  const at = (s: number): number => (s >= 0 && s < states ? f[x + s]! : -Infinity);
  for (let s = 0; s < states; s++) {
    const far = s + 2 * side;
    const skips = far >= 0 && far < states && follows(classes, Math.max(s, far));
    f[y + s] = logSum3(f[x + s]!, at(s + side), skips ? f[x + far]! : -Infinity) - shift;
  }
  return shift;
}

export function ctc_f32(
  loss: Ptr,
  alpha: Ptr,
  logProbs: Ptr,
  targets: Ptr,
  inputLengths: Ptr,
  targetLengths: Ptr,
  work: Ptr,
  N: number,
  T: number,
  C: number,
  S: number,
  targetStride: number,
  blank: number,
  zeroInfinity: number,
): void {
  const { f32: f, i32: m } = arena;
  const pitch = 2 * S + 1;
  const emitted = work >>> 2;
  let from = targets >>> 2;
  for (let n = 0; n < N; n++) {
    const steps = m[(inputLengths >>> 2) + n]!;
    const length = m[(targetLengths >>> 2) + n]!;
    const classes = classesOf(m.subarray(from, from + length), blank);
    const states = classes.length;
    let l = length === 0 ? 0 : Infinity;
    if (steps > 0) {
      let row = (alpha >>> 2) + n * T * pitch;
      let x = (logProbs >>> 2) + n * C;
      let shifts = 0;
      for (let s = 0; s < states; s++) f[row + s] = s < 2 ? 0 : -Infinity;
      for (let t = 1; ; t++) {
        emit(f, emitted, row, x, classes);
        if (t === steps) break;
        shifts += advance(f, row + pitch, emitted, classes, -1);
        row += pitch;
        x += N * C;
      }
      const label = states > 1 ? f[emitted + states - 2]! : -Infinity;
      l = -shifts - logSum3(f[emitted + states - 1]!, label, -Infinity);
    }
    f[(loss >>> 2) + n] = zeroInfinity && l === Infinity ? 0 : l;
    from += targetStride || length;
  }
}

export function ctc_grad_f32(
  dx: Ptr,
  g: Ptr,
  alpha: Ptr,
  logProbs: Ptr,
  targets: Ptr,
  inputLengths: Ptr,
  targetLengths: Ptr,
  work: Ptr,
  N: number,
  T: number,
  C: number,
  S: number,
  targetStride: number,
  blank: number,
  zeroInfinity: number,
): void {
  const { f32: f, i32: m } = arena;
  const pitch = 2 * S + 1;
  const emitted = work >>> 2;
  const beta = emitted + pitch;
  const share = beta + pitch;
  f.fill(0, dx >>> 2, (dx >>> 2) + T * N * C);
  let from = targets >>> 2;
  for (let n = 0; n < N; n++) {
    const length = m[(targetLengths >>> 2) + n]!;
    const classes = classesOf(m.subarray(from, from + length), blank);
    const states = classes.length;
    for (let s = 0; s < states; s++) f[beta + s] = s >= states - 2 ? 0 : -Infinity;
    for (let t = m[(inputLengths >>> 2) + n]! - 1; t >= 0; t--) {
      const at = (t * N + n) * C;
      const row = (alpha >>> 2) + (n * T + t) * pitch;
      emit(f, emitted, beta, (logProbs >>> 2) + at, classes);
      for (let s = 0; s < states; s++) f[share + s] = f[row + s]! + f[emitted + s]!;
      const most = largest(f, share, states);
      if (zeroInfinity && most === -Infinity) break;
      let all = 0;
      for (let s = 0; s < states; s++) all += Math.exp(f[share + s]! - most);
      const scale = -f[(g >>> 2) + n]! / all;
      for (let s = 0; s < states; s++) {
        const to = (dx >>> 2) + at + classes[s]!;
        f[to] = f[to]! + scale * Math.exp(f[share + s]! - most);
      }
      advance(f, beta, emitted, classes, 1);
    }
    from += targetStride || length;
  }
}
