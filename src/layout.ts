import { K } from "./backend/index.js";
import { collapse, contiguousStrides } from "./shape.js";
import { type Layout, Tensor } from "./tensor.js";
import { bytesOf, type DType, type Ptr } from "./types.js";

/** How many dimensions the strided kernels walk. */
const KERNEL_RANK = 4;

/** Pads collapsed sizes and strides at the front to the rank of the kernels. */
export function padTo4(values: readonly number[], fill: number): [number, number, number, number] {
  const n = values.length;
  return [
    n >= 4 ? values[n - 4]! : fill,
    n >= 3 ? values[n - 3]! : fill,
    n >= 2 ? values[n - 2]! : fill,
    n >= 1 ? values[n - 1]! : fill,
  ];
}

/**
 * Calls `visit` with the element offsets of each operand for every index of the leading dimensions that the kernels do not walk:
 * once, with offsets 0, unless more dimensions than the kernels' `rank` are left after collapsing.
 */
export function forLeading(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (offsets: readonly number[]) => void,
  rank = KERNEL_RANK,
): void {
  const lead = Math.max(0, shape.length - rank);
  const offsets = strides.map(() => 0);
  const walk = (dim: number): void => {
    if (dim === lead) {
      visit(offsets);
      return;
    }
    for (let i = 0; i < shape[dim]!; i++) {
      walk(dim + 1);
      for (let k = 0; k < offsets.length; k++) offsets[k]! += strides[k]![dim]!;
    }
    for (let k = 0; k < offsets.length; k++) offsets[k]! -= strides[k]![dim]! * shape[dim]!;
  };
  walk(0);
}

/** Copies elements between two layouts of the same shape and dtype, given the addresses of their first elements. */
export function copyStrided(
  dst: { ptr: Ptr; strides: readonly number[] },
  src: { ptr: Ptr; strides: readonly number[] },
  shape: readonly number[],
  dtype: DType,
): void {
  if (shape.includes(0)) return;
  const { shape: n, strides } = collapse(shape, [dst.strides, src.strides]);
  const bytes = bytesOf(dtype);
  const copy = bytes === 1 ? K.copy_8 : K.copy_32;
  const [n0, n1, n2, n3] = padTo4(n, 1);
  const [y0, y1, y2, y3] = padTo4(strides[0]!, 0);
  const [x0, x1, x2, x3] = padTo4(strides[1]!, 0);
  forLeading(n, strides, (offsets) => {
    const y = (dst.ptr + offsets[0]! * bytes) as Ptr;
    const x = (src.ptr + offsets[1]! * bytes) as Ptr;
    copy(y, x, n0, n1, n2, n3, y0, y1, y2, y3, x0, x1, x2, x3);
  });
}

/** A contiguous copy, owned by nobody and unknown to the tape. */
export function materialize(t: Tensor): Tensor {
  const out = Tensor.allocate(t.shape, t.dtype, t.origin);
  copyStrided(out, t, t.shape, t.dtype);
  return out;
}

/** The layout of a tensor with the same elements in row-major order and another shape. */
export function rowMajor(shape: readonly number[], offset = 0): Layout {
  return { shape, strides: contiguousStrides(shape), offset };
}
