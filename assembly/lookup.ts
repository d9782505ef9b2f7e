// From one index a dimension to one index into the flattened dimensions.

/** y += step · index, where a negative index counts from the end of `size`. */
export function index_linear_i32(y: usize, index: usize, n: i32, size: i32, step: i32): void {
  const vn = i32x4.splat(size);
  const vs = i32x4.splat(step);
  let i: usize = 0;
  const bytes = <usize>n << 2;
  for (; i + 16 <= bytes; i += 16) {
    const v = v128.load(index + i);
    const wrapped = i32x4.add(v, v128.and(i32x4.shr_s(v, 31), vn));
    v128.store(y + i, i32x4.add(v128.load(y + i), i32x4.mul(wrapped, vs)));
  }
  for (; i < bytes; i += 4) {
    const v = load<i32>(index + i);
    store<i32>(y + i, load<i32>(y + i) + (v + (v < 0 ? size : 0)) * step);
  }
}
