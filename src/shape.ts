import { ArgumentError, ShapeError } from "./errors.js";
import type { Shape } from "./types.js";

/** Number of elements. */
export function numel(shape: Shape): number {
  let n = 1;
  for (let i = 0; i < shape.length; i++) n *= shape[i]!;
  return n;
}

/** Row-major strides in elements. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

/** True if walking the tensor row-major touches consecutive elements. Dimensions of size 1 have no say. */
export function isContiguous(shape: Shape, strides: readonly number[]): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const n = shape[i]!;
    if (n === 0) return true;
    if (n !== 1 && strides[i] !== step) return false;
    step *= n;
  }
  return true;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The same shape with another size in one dimension. */
export function withSize(shape: Shape, dim: number, size: number): number[] {
  return shape.map((n, d) => (d === dim ? size : n));
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Maps a dimension in [-rank, rank) to [0, rank); a scalar counts as one dimension, as in PyTorch. */
export function normalizeDim(op: string, dim: number, rank: number): number {
  const n = Math.max(rank, 1);
  if (!Number.isInteger(dim) || dim < -n || dim >= n) {
    throw new ArgumentError(op, `dim is ${dim}; expected an integer from ${-n} to ${n - 1} (rank ${rank})`);
  }
  return dim < 0 ? dim + n : dim;
}

/** Normalised, distinct, ascending dimensions; `undefined` or `null` means all of them. */
export function normalizeDims(op: string, dim: number | readonly number[] | null | undefined, rank: number): number[] {
  if (dim === undefined || dim === null) return Array.from({ length: rank }, (_, i) => i);
  const dims = (typeof dim === "number" ? [dim] : dim).map((d) => normalizeDim(op, d, rank));
  dims.sort((a, b) => a - b);
  for (let i = 1; i < dims.length; i++) {
    if (dims[i] === dims[i - 1]) throw new ArgumentError(op, `dim ${dims[i]} appears twice; expected distinct dims`);
  }
  return rank === 0 ? [] : dims;
}

/** The common shape of two operands under NumPy's rules: aligned at the end, 1 stretches. */
export function broadcastShapes(op: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const m = i <= a.length ? a[a.length - i]! : 1;
    const n = i <= b.length ? b[b.length - i]! : 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new ShapeError(
        op,
        `shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast; expected equal sizes or 1 in dim ${rank - i}, got ${m} and ${n}`,
      );
    }
    out[rank - i] = m === 1 ? n : m;
  }
  return out;
}

/** Strides that read `shape` as if it were `target` (0 where it is stretched). */
export function broadcastStrides(shape: Shape, strides: readonly number[], target: Shape): number[] {
  const lead = target.length - shape.length;
  return target.map((n, i) => {
    if (i < lead) return 0;
    return shape[i - lead] === n ? strides[i - lead]! : 0;
  });
}

/** Resolves one -1 in a requested shape and checks the element count. */
export function resolveShape(op: string, requested: Shape, count: number): number[] {
  let unknown = -1;
  let known = 1;
  for (let i = 0; i < requested.length; i++) {
    const n = requested[i]!;
    if (n === -1) {
      if (unknown >= 0) throw new ShapeError(op, `shape ${formatShape(requested)} has more than one -1; expected one`);
      unknown = i;
    } else {
      checkSize(op, n, requested);
      known *= n;
    }
  }
  const shape = requested.slice();
  if (unknown >= 0) {
    if (known === 0 || count % known !== 0) {
      throw new ShapeError(
        op,
        `cannot give ${count} elements the shape ${formatShape(requested)}; expected a product that divides them`,
      );
    }
    shape[unknown] = count / known;
  } else if (known !== count) {
    throw new ShapeError(
      op,
      `cannot give ${count} elements the shape ${formatShape(requested)}, which has ${known}; expected as many`,
    );
  }
  return shape;
}

/** Throws unless `n` is a size a dimension can have. */
export function checkSize(op: string, n: number, shape: Shape): void {
  if (!Number.isInteger(n) || n < 0) {
    throw new ShapeError(op, `shape ${formatShape(shape)} holds ${n}; expected integers ≥ 0`);
  }
}

/**
 * Merges neighbouring dimensions that every operand walks as one, and drops those of size 1. The result has at least one dimension.
 * `strides[k]` belongs to operand k; the loops that follow are as short and their inner run as long as the layout allows.
 */
export function collapse(
  shape: Shape,
  strides: readonly (readonly number[])[],
): { shape: number[]; strides: number[][] } {
  const outShape: number[] = [];
  const out = strides.map((): number[] => []);
  for (let i = 0; i < shape.length; i++) {
    const n = shape[i]!;
    if (n === 1) continue;
    const last = outShape.length - 1;
    const merges = last >= 0 && strides.every((s, k) => out[k]![last] === s[i]! * n);
    if (merges) {
      outShape[last] = outShape[last]! * n;
      for (let k = 0; k < out.length; k++) out[k]![last] = strides[k]![i]!;
    } else {
      outShape.push(n);
      for (let k = 0; k < out.length; k++) out[k]!.push(strides[k]![i]!);
    }
  }
  if (outShape.length === 0) {
    outShape.push(1);
    for (const s of out) s.push(1);
  }
  return { shape: outShape, strides: out };
}
