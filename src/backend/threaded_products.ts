import type { Kernels } from "./index.js";
import type { Cutter, Splits, Way } from "./threaded.js";

// Matrix products: by the matrices of a batch, by rows of C or by its columns. `product` in assembly/lib/product.ts chooses its way by the
// sizes, so that no part may be so small that it would choose another; within a way every element is summed alike wherever it stands.

/** Nanoseconds of a multiply-add. */
const MADD = 0.06;

/**
 * Rows and columns that stay together: more than those up to which assembly/lib/product.ts has ways of their own, and a multiple of what
 * those take at a time.
 */
const ROWS = 16;
const COLUMNS = 16;

/** start: what the sums begin with; only these two read the bias. */
const START_COLUMN = 2;
const START_ROW = 3;

type Gemm = Kernels["gemm_nn_f32"];

/** `down` is the step of A from row to row of C, `right` that of B from column to column: "4", or 4 times lda or ldb. */
function gemm(down: "4" | "4a", right: "4" | "4b"): Cutter<Gemm> {
  const lda = down === "4" ? "=" : "a";
  const ldb = right === "4" ? "=" : "b";
  const batches: Way<Gemm> = {
    roles: ["4x", "4y", "4z", "=", "scratch", "N", "=", "=", "=", "x", "y", "z", "=", "=", "=", "=", "=", "="],
    grain: 1,
  };
  const rows = (bias: "=" | "4"): Way<Gemm> => ({
    roles: ["4c", down, "=", bias, "scratch", "=", "N", "=", "=", "=", "=", "=", "c", lda, "=", "=", "=", "="],
    grain: ROWS,
  });
  const columns = (bias: "=" | "4"): Way<Gemm> => ({
    roles: ["4", "=", right, bias, "scratch", "=", "=", "N", "=", "=", "=", "=", "=", "=", ldb, "=", "=", "="],
    grain: COLUMNS,
  });
  const [rowsPlain, rowsBias, columnsPlain, columnsBias] = [rows("="), rows("4"), columns("="), columns("4")];
  return {
    work: (_c, _a, _b, _bias, _scratch, batch, m, n, k) => MADD * batch * m * n * k,
    choose: (_c, _a, _b, _bias, _scratch, batch, m, n, _k, _cb, _ab, _bb, _ldc, _lda, _ldb, start) => {
      if (batch >= EVEN) return batches;
      const byRows = start === START_ROW ? rowsBias : rowsPlain;
      const byColumns = start === START_COLUMN ? columnsBias : columnsPlain;
      // The longer side: what is packed of the other one, every thread packs for itself.
      if (m >= n) return m >= 2 * ROWS ? byRows : batch > 1 ? batches : null;
      return n >= 2 * COLUMNS ? byColumns : batch > 1 ? batches : null;
    },
  };
}

type Packed = Kernels["gemm_packed_f32"];

/** Rows of C, as many as a tile has or more. */
const packedRows: Way<Packed> = {
  roles: ["4c", "4a", "=", "=", "scratch", "N", "=", "=", "c", "a", "=", "=", "=", "=", "="],
  grain: 8,
};
const packedColumns: Way<Packed> = {
  roles: ["=", "=", "=", "=", "scratch", "=", "=", "=", "=", "=", "=", "=", "=", "begin", "end"],
  grain: COLUMNS,
};

/** From so many matrices on they can be shared out evenly enough. */
const EVEN = 8;

export const products: Splits = {
  gemm_nn_f32: gemm("4a", "4"),
  gemm_nt_f32: gemm("4a", "4b"),
  gemm_tn_f32: gemm("4", "4"),
  gemm_packed_f32: {
    work: (_c, _a, _packed, _bias, _scratch, m, n, k) => MADD * m * n * k,
    choose: (_c, _a, _packed, _bias, _scratch, m, n) => (m >= n ? packedRows : packedColumns),
  },
};
