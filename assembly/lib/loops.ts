// Loops written once over a stateless op class: `changetype<Op>(0).v(x)` is resolved and inlined at compile time.

/** y[i] = op(x[i]) for n floats: `v` on four lanes, `s` on the tail. */
@inline export function map<Op>(y: usize, x: usize, n: i32): void {
  const op = changetype<Op>(0);
  const end = y + ((<usize>n & ~3) << 2);
  while (y < end) {
    v128.store(y, op.v(v128.load(x)));
    y += 16;
    x += 16;
  }
  for (let i: usize = 0, rest = (<usize>n & 3) << 2; i < rest; i += 4) {
    store<f32>(y + i, op.s(load<f32>(x + i)));
  }
}

/** y[i] = op(a[i], b[i]) for n floats, as in `map`. */
@inline export function zip<Op>(y: usize, a: usize, b: usize, n: i32): void {
  const op = changetype<Op>(0);
  const end = y + ((<usize>n & ~3) << 2);
  while (y < end) {
    v128.store(y, op.v(v128.load(a), v128.load(b)));
    y += 16;
    a += 16;
    b += 16;
  }
  for (let i: usize = 0, rest = (<usize>n & 3) << 2; i < rest; i += 4) {
    store<f32>(y + i, op.s(load<f32>(a + i), load<f32>(b + i)));
  }
}
