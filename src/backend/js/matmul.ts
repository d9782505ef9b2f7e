import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Matrix products; the contract is in assembly/matmul.ts.

/** c = clamp(start + a · b), batch times. */
type Gemm = (
  c: Ptr,
  a: Ptr,
  b: Ptr,
  bias: Ptr,
  scratch: Ptr,
  batch: number,
  m: number,
  n: number,
  k: number,
  cBatch: number,
  aBatch: number,
  bBatch: number,
  ldc: number,
  lda: number,
  ldb: number,
  start: number,
  low: number,
  high: number,
) => void;

/** sums[0…n) += row i of a · b, for a and b at these element offsets. */
type Row = (
  f: Float32Array,
  sums: Float64Array,
  i: number,
  n: number,
  k: number,
  a: number,
  lda: number,
  b: number,
  ldb: number,
) => void;

/** The loops over batch and rows, start values and clamp; each layout writes its own inner loops. */
function gemm(row: Row): Gemm {
  return (c, a, b, bias, _, batch, m, n, k, cBatch, aBatch, bBatch, ldc, lda, ldb, start, low, high) => {
    const f = arena.f32;
    const sums = new Float64Array(n);
    for (let s = 0; s < batch; s++) {
      for (let i = 0; i < m; i++) {
        const to = (c >>> 2) + s * cBatch + i * ldc;
        if (start === 1) sums.set(f.subarray(to, to + n));
        else if (start === 2) sums.set(f.subarray(bias >>> 2, (bias >>> 2) + n));
        else sums.fill(start === 3 ? f[(bias >>> 2) + i]! : 0);
        row(f, sums, i, n, k, (a >>> 2) + s * aBatch, lda, (b >>> 2) + s * bBatch, ldb);
        for (let j = 0; j < n; j++) f[to + j] = Math.min(Math.max(sums[j]!, low), high);
      }
    }
  };
}

/**
 * sums += Σ over p of a[p] · row p of b, where a's elements are aStep apart. Four rows a pass: the sums are loaded and stored once for
 * four products.
 */
function addRows(
  f: Float32Array,
  sums: Float64Array,
  n: number,
  k: number,
  a: number,
  aStep: number,
  b: number,
  ldb: number,
): void {
  let p = 0;
  for (; p + 4 <= k; p += 4) {
    const at = a + p * aStep;
    const v0 = f[at]!;
    const v1 = f[at + aStep]!;
    const v2 = f[at + 2 * aStep]!;
    const v3 = f[at + 3 * aStep]!;
    const b0 = b + p * ldb;
    const b1 = b0 + ldb;
    const b2 = b1 + ldb;
    const b3 = b2 + ldb;
    for (let j = 0; j < n; j++) {
      sums[j] = sums[j]! + v0 * f[b0 + j]! + v1 * f[b1 + j]! + v2 * f[b2 + j]! + v3 * f[b3 + j]!;
    }
  }
  for (; p < k; p++) {
    const v = f[a + p * aStep]!;
    for (let j = 0; j < n; j++) sums[j]! += v * f[b + p * ldb + j]!;
  }
}

export const gemm_nn_f32 = gemm((f, sums, i, n, k, a, lda, b, ldb) => {
  addRows(f, sums, n, k, a + i * lda, 1, b, ldb);
});

export const gemm_nt_f32 = gemm((f, sums, i, n, k, a, lda, b, ldb) => {
  const row = a + i * lda;
  let j = 0;
  for (; j + 4 <= n; j += 4) {
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    const b0 = b + j * ldb;
    const b1 = b0 + ldb;
    const b2 = b1 + ldb;
    const b3 = b2 + ldb;
    for (let p = 0; p < k; p++) {
      const v = f[row + p]!;
      s0 += v * f[b0 + p]!;
      s1 += v * f[b1 + p]!;
      s2 += v * f[b2 + p]!;
      s3 += v * f[b3 + p]!;
    }
    sums[j]! += s0;
    sums[j + 1]! += s1;
    sums[j + 2]! += s2;
    sums[j + 3]! += s3;
  }
  for (; j < n; j++) {
    let s = 0;
    for (let p = 0; p < k; p++) s += f[row + p]! * f[b + j * ldb + p]!;
    sums[j]! += s;
  }
});

export const gemm_tn_f32 = gemm((f, sums, i, n, k, a, lda, b, ldb) => {
  addRows(f, sums, n, k, a + i, lda, b, ldb);
});

/** These loops need no work space. */
export function gemm_scratch_bytes(_m: number, _n: number, _k: number): number {
  return 0;
}

/** b is read as it is. */
export function gemm_panel(_m: number, _n: number, _k: number): number {
  return 0;
}

export function gemm_pack_f32(_packed: Ptr, _b: Ptr, _n: number, _k: number): void {}

/** Never called, for there are no panels. */
export function gemm_packed_f32(
  _c: Ptr,
  _a: Ptr,
  _packed: Ptr,
  _bias: Ptr,
  _scratch: Ptr,
  _m: number,
  _n: number,
  _k: number,
  _ldc: number,
  _lda: number,
  _start: number,
  _low: number,
  _high: number,
  _begin: number,
  _end: number,
): void {}
