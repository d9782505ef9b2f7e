import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Factorisations of small dense matrices in float64; the contract is in assembly/linalg.ts. The work space is the engine's own.

/** A [rows, cols] matrix in float64, copied from the arena. */
function matrix(x: Ptr, index: number, rows: number, cols: number): Float64Array {
  const from = (x >>> 2) + index * rows * cols;
  return Float64Array.from(arena.f32.subarray(from, from + rows * cols));
}

function put(y: Ptr, index: number, values: Float64Array): void {
  arena.f32.set(values, (y >>> 2) + index * values.length);
}

export function cholesky_f32(l: Ptr, a: Ptr, batch: number, n: number, _scratch: Ptr): number {
  for (let b = 0; b < batch; b++) {
    const w = matrix(a, b, n, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        let s = w[i * n + j]!;
        for (let k = 0; k < j; k++) s -= w[i * n + k]! * w[j * n + k]!;
        if (i === j && !(s > 0)) return b;
        w[i * n + j] = i === j ? Math.sqrt(s) : s / w[j * n + j]!;
      }
      w.fill(0, i * n + i + 1, (i + 1) * n);
    }
    put(l, b, w);
  }
  return -1;
}

/** Gaussian elimination of w [n, n], with the rows of z [n, k] taken along. Returns the sign of the exchanges, 0 without a pivot. */
function eliminate(w: Float64Array, n: number, z: Float64Array, k: number): number {
  let sign = 1;
  for (let c = 0; c < n; c++) {
    let best = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(w[r * n + c]!) > Math.abs(w[best * n + c]!)) best = r;
    if (best !== c) {
      swapRows(w, n, c, best);
      swapRows(z, k, c, best);
      sign = -sign;
    }
    const pivot = w[c * n + c]!;
    if (pivot === 0) return 0;
    for (let r = c + 1; r < n; r++) {
      const f = w[r * n + c]! / pivot;
      for (let j = c; j < n; j++) w[r * n + j]! -= f * w[c * n + j]!;
      for (let j = 0; j < k; j++) z[r * k + j]! -= f * z[c * k + j]!;
    }
  }
  return sign;
}

function swapRows(w: Float64Array, n: number, a: number, b: number): void {
  for (let j = 0; j < n; j++) {
    const t = w[a * n + j]!;
    w[a * n + j] = w[b * n + j]!;
    w[b * n + j] = t;
  }
}

/** z [n, k] = u⁻¹ z for the upper triangle of w, rows of n. */
function backSubstitute(w: Float64Array, z: Float64Array, n: number, k: number): void {
  for (let i = n - 1; i >= 0; i--) {
    for (let j = i + 1; j < n; j++) {
      const f = w[i * n + j]!;
      for (let c = 0; c < k; c++) z[i * k + c]! -= f * z[j * k + c]!;
    }
    for (let c = 0; c < k; c++) z[i * k + c]! /= w[i * n + i]!;
  }
}

export function solve_f32(x: Ptr, a: Ptr, b: Ptr, batch: number, n: number, k: number, _scratch: Ptr): number {
  for (let i = 0; i < batch; i++) {
    const w = matrix(a, i, n, n);
    const z = matrix(b, i, n, k);
    if (eliminate(w, n, z, k) === 0) return i;
    backSubstitute(w, z, n, k);
    put(x, i, z);
  }
  return -1;
}

export function det_f32(d: Ptr, a: Ptr, batch: number, n: number, _scratch: Ptr): void {
  const none = new Float64Array(0);
  for (let i = 0; i < batch; i++) {
    const w = matrix(a, i, n, n);
    let product = eliminate(w, n, none, 0);
    for (let j = 0; j < n && product !== 0; j++) product *= w[j * n + j]!;
    arena.f32[(d >>> 2) + i] = product;
  }
}

/** w − β v (vᵀ w) for the columns [from, width) of the rows [j, m) of w; v is column j of `vectors`, from row j on. */
function reflect(
  w: Float64Array,
  width: number,
  from: number,
  vectors: Float64Array,
  ld: number,
  j: number,
  m: number,
  beta: number,
): void {
  for (let c = from; c < width; c++) {
    let s = 0;
    for (let i = j; i < m; i++) s += vectors[i * ld + j]! * w[i * width + c]!;
    for (let i = j; i < m; i++) w[i * width + c]! -= beta * s * vectors[i * ld + j]!;
  }
}

/** Householder's QR of w [m, n], in place but for r's diagonal. */
function householder(w: Float64Array, m: number, n: number): { diagonal: Float64Array; betas: Float64Array } {
  const p = Math.min(m, n);
  const diagonal = new Float64Array(p);
  const betas = new Float64Array(p);
  for (let j = 0; j < p; j++) {
    const head = w[j * n + j]!;
    let below = 0;
    for (let i = j + 1; i < m; i++) below += w[i * n + j]! ** 2;
    diagonal[j] = head;
    if (below === 0) continue;
    const alpha = Math.sqrt(head * head + below) * (head < 0 || Object.is(head, -0) ? 1 : -1);
    const first = head - alpha;
    w[j * n + j] = first;
    diagonal[j] = alpha;
    betas[j] = 2 / (first * first + below);
    reflect(w, n, j + 1, w, n, j, m, betas[j]!);
  }
  return { diagonal, betas };
}

export function qr_f32(q: Ptr, r: Ptr, a: Ptr, batch: number, m: number, n: number, _scratch: Ptr): void {
  const p = Math.min(m, n);
  for (let b = 0; b < batch; b++) {
    const w = matrix(a, b, m, n);
    const { diagonal, betas } = householder(w, m, n);
    const z = new Float64Array(m * p);
    for (let j = 0; j < p; j++) z[j * p + j] = 1;
    for (let j = p - 1; j >= 0; j--) reflect(z, p, j, w, n, j, m, betas[j]!);
    put(q, b, z);
    const upper = new Float64Array(p * n);
    for (let i = 0; i < p; i++) {
      upper[i * n + i] = diagonal[i]!;
      for (let j = i + 1; j < n; j++) upper[i * n + j] = w[i * n + j]!;
    }
    put(r, b, upper);
  }
}

export function lstsq_f32(
  x: Ptr,
  a: Ptr,
  b: Ptr,
  batch: number,
  m: number,
  n: number,
  k: number,
  _scratch: Ptr,
): number {
  for (let i = 0; i < batch; i++) {
    const w = matrix(a, i, m, n);
    const z = matrix(b, i, m, k);
    const { diagonal, betas } = householder(w, m, n);
    let largest = 0;
    for (let j = 0; j < n; j++) {
      reflect(z, k, 0, w, n, j, m, betas[j]!);
      w[j * n + j] = diagonal[j]!;
      largest = Math.max(largest, Math.abs(diagonal[j]!));
    }
    for (let j = 0; j < n; j++) if (Math.abs(diagonal[j]!) <= largest * m * Number.EPSILON) return i;
    backSubstitute(w, z, n, k);
    put(x, i, z.subarray(0, n * k));
  }
  return -1;
}
