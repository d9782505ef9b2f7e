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

export const gemm_nn_f32 = gemm((f, sums, i, n, k, a, lda, b, ldb) => {
  for (let p = 0; p < k; p++) {
    const v = f[a + i * lda + p]!;
    for (let j = 0; j < n; j++) sums[j]! += v * f[b + p * ldb + j]!;
  }
});

export const gemm_nt_f32 = gemm((f, sums, i, n, k, a, lda, b, ldb) => {
  for (let j = 0; j < n; j++) {
    let s = 0;
    for (let p = 0; p < k; p++) s += f[a + i * lda + p]! * f[b + j * ldb + p]!;
    sums[j]! += s;
  }
});

export const gemm_tn_f32 = gemm((f, sums, i, n, k, a, lda, b, ldb) => {
  for (let p = 0; p < k; p++) {
    const v = f[a + p * lda + i]!;
    for (let j = 0; j < n; j++) sums[j]! += v * f[b + p * ldb + j]!;
  }
});

/** These loops need no work space. */
export function gemm_scratch_bytes(_m: number, _n: number, _k: number): number {
  return 0;
}
