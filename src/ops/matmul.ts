import { K } from "../backend/index.js";
import { checkDType, checkRank } from "../check.js";
import { ShapeError } from "../errors.js";
import { copyStrided, forLeading, materialize } from "../layout.js";
import { arena, NULL } from "../runtime/arena.js";
import { broadcastShapes, broadcastStrides, collapse, contiguousStrides, formatShape, numel } from "../shape.js";
import { isGradEnabled } from "../tape.js";
import { Tensor } from "../tensor.js";
import type { Ptr, Shape, Spec } from "../types.js";
import { reshape, transpose, viewStrides } from "./copy.js";
import { apply, defineOp } from "./op.js";
import { sumOp, sumTo } from "./reduce.js";
import { reluGradOp } from "./unary.js";

type Binary = readonly [Tensor, Tensor];
type One = readonly [Tensor];

/** What the gemm kernels begin their sums with. */
const START = { zero: 0, column: 2 } as const;

/** Elements in memory: a tensor, or another view of its storage. */
interface Operand {
  readonly ptr: Ptr;
  readonly shape: Shape;
  readonly strides: readonly number[];
}

/** Applied to a finished product: one bias value a column, or NULL; relu. */
interface Epilogue {
  readonly bias: Ptr;
  readonly relu: boolean;
}

const PLAIN: Epilogue = { bias: NULL, relu: false };

/** Stored rows `ld` elements apart, as they are or as the rows of the transpose. */
interface Rows {
  readonly transposed: boolean;
  readonly ld: number;
}

/** How the last two dimensions can be read; null if neither is contiguous. */
function rowsOf({ shape, strides }: Operand): Rows | null {
  const last = shape.length - 1;
  if (strides[last] === 1 || shape[last] === 1) return { transposed: false, ld: strides[last - 1]! };
  if (strides[last - 1] === 1 || shape[last - 1] === 1) return { transposed: true, ld: strides[last]! };
  return null;
}

/** c = act(a · b + bias), c contiguous. An operand is copied only if neither of its directions is contiguous, or both are transposed. */
function product(c: Operand, a: Operand, b: Operand, epilogue: Epilogue): void {
  if (numel(c.shape) === 0) return;
  const rowsA = rowsOf(a);
  const rowsB = rowsOf(b);
  if (rowsA !== null && rowsB !== null && !(rowsA.transposed && rowsB.transposed)) {
    inPlaceProduct(c, a, b, rowsA, rowsB, epilogue);
    return;
  }
  const copies: Tensor[] = [];
  const copy = (x: Operand): Operand => {
    const y = Tensor.allocate(x.shape, "float32", "matmul");
    copies.push(y);
    copyStrided(y, x, x.shape, "float32");
    return y;
  };
  try {
    let left = rowsA === null ? copy(a) : a;
    let right = rowsB === null ? copy(b) : b;
    if (rowsOf(left)!.transposed && rowsOf(right)!.transposed) {
      if (numel(left.shape) <= numel(right.shape)) left = copy(left);
      else right = copy(right);
    }
    inPlaceProduct(c, left, right, rowsOf(left)!, rowsOf(right)!, epilogue);
  } finally {
    for (const t of copies) t.dispose();
  }
}

function inPlaceProduct(c: Operand, a: Operand, b: Operand, left: Rows, right: Rows, epilogue: Epilogue): void {
  const rank = c.shape.length;
  const m = c.shape[rank - 2]!;
  const n = c.shape[rank - 1]!;
  const k = a.shape[a.shape.length - 1]!;
  const kernel = left.transposed ? K.gemm_tn_f32 : right.transposed ? K.gemm_nt_f32 : K.gemm_nn_f32;
  const scratch = arena.scratch(K.gemm_scratch_bytes(m, n, k));
  const { bias } = epilogue;
  const start = bias === NULL ? START.zero : START.column;
  const low = epilogue.relu ? 0 : -Infinity;
  if (rank === 2) {
    kernel(c.ptr, a.ptr, b.ptr, bias, scratch, 1, m, n, k, 0, 0, 0, n, left.ld, right.ld, start, low, Infinity);
    return;
  }
  eachBatch(c, a, b, (pc, pa, pb, count, sc, sa, sb) => {
    kernel(pc, pa, pb, bias, scratch, count, m, n, k, sc, sa, sb, n, left.ld, right.ld, start, low, Infinity);
  });
}

type Batch = (c: Ptr, a: Ptr, b: Ptr, count: number, cStep: number, aStep: number, bStep: number) => void;

/** Visits the matrices of three operands in as few evenly spaced batches as the layouts of the leading dimensions allow. */
function eachBatch(c: Operand, a: Operand, b: Operand, visit: Batch): void {
  const lead = c.shape.slice(0, -2);
  const steps = (x: Operand): number[] => broadcastStrides(x.shape.slice(0, -2), x.strides.slice(0, -2), lead);
  const { shape, strides } = collapse(lead, [steps(c), steps(a), steps(b)]);
  const inner = shape.length - 1;
  const [cStep, aStep, bStep] = strides.map((s) => s[inner]!) as [number, number, number];
  forLeading(
    shape,
    strides,
    (offsets) => {
      const [pc, pa, pb] = [c, a, b].map((x, i) => (x.ptr + 4 * offsets[i]!) as Ptr) as [Ptr, Ptr, Ptr];
      visit(pc, pa, pb, shape[inner]!, cStep, aStep, bStep);
    },
    1,
  );
}

function checkProduct(op: string, a: Spec, b: Spec): void {
  checkDType(op, "first operand", a, "float32");
  checkDType(op, "second operand", b, "float32");
  if (a.shape.length === 0 || b.shape.length === 0) {
    throw new ShapeError(
      op,
      `operands are ${formatShape(a.shape)} and ${formatShape(b.shape)}; expected rank ≥ 1, a scalar multiplies with mul`,
    );
  }
  const inner = a.shape[a.shape.length - 1]!;
  const other = b.shape[Math.max(0, b.shape.length - 2)]!;
  if (inner !== other) {
    throw new ShapeError(
      op,
      `inner sizes are ${inner} and ${other}; expected equal ones, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
}

/** y[…, i, j] = Σ_k a[…, i, k] · b[…, k, j]; both of rank ≥ 2, the leading dimensions broadcast. Transposed views are read in place. */
export const matmulOp = defineOp<Binary, One>({
  name: "matmul",
  infer: ([a, b]) => {
    checkProduct("matmul", a, b);
    const lead = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
    return [{ shape: [...lead, a.shape[a.shape.length - 2]!, b.shape[b.shape.length - 1]!], dtype: "float32" }];
  },
  strided: true,
  forward: ([c], [a, b]) => product(c, a, b, PLAIN),
  flops: ([a], [c]) => 2 * c.numel * a.shape[a.ndim - 1]!,
  backward: ([g], [a, b]) => [
    () => sumTo(matmul(g, transpose(b, -1, -2)), a.shape),
    () => sumTo(matmul(transpose(a, -1, -2), g), b.shape),
  ],
});

/**
 * Matrix product with PyTorch's rules: a vector on the left counts as a row and on the right as a column, and that dimension
 * disappears again; leading dimensions broadcast.
 */
export function matmul(a: Tensor, b: Tensor, op = "matmul"): Tensor {
  checkProduct(op, a, b);
  const k = a.shape[a.ndim - 1]!;
  const left = a.ndim === 1 ? reshape(a, [1, k]) : a;
  const right = b.ndim === 1 ? reshape(b, [k, 1]) : b;
  const product = folded(left, right);
  if (a.ndim > 1 && b.ndim > 1) return product;
  const { shape } = product;
  const end = shape.length;
  return reshape(
    product,
    shape.filter((_, d) => !(a.ndim === 1 && d === end - 2) && !(b.ndim === 1 && d === end - 1)),
  );
}

/** One matrix on the right for a whole batch on the left: the batch's rows are the rows of one large product. */
function folded(a: Tensor, b: Tensor): Tensor {
  if (a.ndim === 2 || b.ndim > 2) return apply(matmulOp, [a, b], undefined)[0];
  const lead = a.shape.slice(0, -1);
  const flat = reshape(a, [numel(lead), a.shape[a.ndim - 1]!]);
  return reshape(apply(matmulOp, [flat, b], undefined)[0], [...lead, b.shape[1]!]);
}

/** y = act(x Wᵀ + bias), all of two dimensions. The panels of a W that stays the same are kept, unless it is being trained. */
function project(y: Operand, x: Operand, w: Tensor, epilogue: Epilogue): void {
  const [n, k] = w.shape as [number, number];
  const m = y.shape[0]!;
  const run = (): void =>
    product(y, x, { ptr: w.ptr, shape: [k, n], strides: [w.strides[1]!, w.strides[0]!] }, epilogue);
  const panel = w.isContiguous ? K.gemm_panel(m, n, k) : 0;
  const rows = panel === 0 ? null : rowsOf(x);
  if (rows === null || rows.transposed) {
    run();
    return;
  }
  const form = {
    name: `gemm ${n} ${k} ${panel}`,
    bytes: 4 * k * panel * Math.ceil(n / panel),
    needed: false,
    learning: isGradEnabled() && w.requiresGrad,
    fill: (to: Ptr) => K.gemm_pack_f32(to, w.ptr, n, k),
  };
  w.storage.withPacked(4 * w.offset, form, (packed) => {
    if (packed === NULL) {
      run();
      return;
    }
    const { bias, relu } = epilogue;
    const scratch = arena.scratch(K.gemm_scratch_bytes(m, n, k));
    const start = bias === NULL ? START.zero : START.column;
    const low = relu ? 0 : -Infinity;
    K.gemm_packed_f32(y.ptr, x.ptr, packed, bias, scratch, m, n, k, n, rows.ld, start, low, Infinity, 0, n);
  });
}

/** y [m, n] = x Wᵀ + b, into an operand of the caller's. x [m, k], w [n, k] and b [n] are contiguous. */
export function projectInto(y: Tensor, x: Tensor, w: Tensor, b: Tensor | null): void {
  project(y, x, w, { bias: b?.ptr ?? NULL, relu: false });
}

/** Activations that `linear` applies in the same pass. */
export type FusedActivation = "none" | "relu";

export interface LinearAttrs {
  readonly activation: FusedActivation;
}

type LinearInputs = readonly [Tensor, Tensor, Tensor | null];

/** y = act(x Wᵀ + b); x [..., in], W [out, in], b [out] or null. */
export const linearOp = defineOp<LinearInputs, One, LinearAttrs>({
  name: "linear",
  infer: ([x, w, b]) => {
    checkDType("Linear", "input", x, "float32");
    checkDType("Linear", "weight", w, "float32");
    checkRank("Linear", "weight", w.shape, 2);
    const out = w.shape[0]!;
    const features = w.shape[1]!;
    const got = x.shape[x.shape.length - 1];
    if (got !== features) {
      throw new ShapeError(
        "Linear",
        `input has ${got ?? "no"} features; expected ${features} (weight ${formatShape(w.shape)}, input ${formatShape(x.shape)})`,
      );
    }
    if (b !== null) {
      checkDType("Linear", "bias", b, "float32");
      if (b.shape.length !== 1 || b.shape[0] !== out) {
        throw new ShapeError("Linear", `bias has shape ${formatShape(b.shape)}; expected [${out}]`);
      }
    }
    const shape = x.shape.slice();
    shape[shape.length - 1] = out;
    return [{ shape, dtype: "float32" }];
  },
  strided: true,
  forward: ([y], [x, w, b], { activation }) => {
    const n = w.shape[0]!;
    const k = w.shape[1]!;
    const bias = b === null || b.isContiguous ? b : materialize(b);
    const epilogue = { bias: bias?.ptr ?? NULL, relu: activation === "relu" };
    if (x.ndim === 2) project(y, x, w, epilogue);
    else {
      const flat = [numel(x.shape.slice(0, -1)), k];
      const strides = viewStrides(x, flat);
      const input = strides === null ? materialize(x) : x;
      const rows = { ptr: input.ptr, shape: flat, strides: strides ?? contiguousStrides(flat) };
      project({ ptr: y.ptr, shape: [flat[0]!, n], strides: [n, 1] }, rows, w, epilogue);
      if (input !== x) input.dispose();
    }
    if (bias !== b) bias?.dispose();
  },
  flops: ([, w], [y]) => 2 * y.numel * w.shape[1]!,
  saves: ({ activation }) => ({ inputs: [0, 1], outs: activation === "relu" ? [0] : [] }),
  backward: ([g], [x, w, b], [y], { activation }) => {
    // Shared by the three thunks, made by the first of them.
    let inner: Tensor | null = null;
    const beforeActivation = (): Tensor => {
      inner ??= activation === "relu" ? apply(reluGradOp, [g, y], undefined)[0] : g;
      return inner;
    };
    const rows = (t: Tensor): Tensor => reshape(t, [numel(t.shape.slice(0, -1)), t.shape[t.ndim - 1]!]);
    return [
      () => matmul(beforeActivation(), w),
      () => matmul(transpose(rows(beforeActivation()), 0, 1), rows(x)),
      b && (() => apply(sumOp, [rows(beforeActivation())], { dims: [0], keepdim: false })[0]),
    ];
  },
});

export function linear(x: Tensor, w: Tensor, b: Tensor | null, attrs: LinearAttrs = { activation: "none" }): Tensor {
  return apply(linearOp, [x, w, b], attrs)[0];
}
