// The loops of loops.ts for op classes whose code is long: it stands in the binary once, for whole vectors and for the tail. The test
// this takes a vector costs light ops a third of their speed and long ones nothing.

import { assertRun, storeLanes } from "./loops";

/** y[i] = op(x[i]) for n elements of four bytes. */
@inline export function mapLong<Op>(y: usize, x: usize, n: i32): void {
  assertRun(y, n);
  assertRun(x, n);
  const op = changetype<Op>(0);
  if (n <= 0) return;
  do {
    const v = op.v(v128.load(x));
    if (n < 4) return storeLanes(y, v, n);
    v128.store(y, v);
    y += 16;
    x += 16;
    n -= 4;
  } while (n > 0);
}

/** As `mapLong`, with two parameters in all lanes. */
@inline export function mapLongWith<Op>(y: usize, x: usize, n: i32, p: v128, q: v128): void {
  assertRun(y, n);
  assertRun(x, n);
  const op = changetype<Op>(0);
  if (n <= 0) return;
  do {
    const v = op.v(v128.load(x), p, q);
    if (n < 4) return storeLanes(y, v, n);
    v128.store(y, v);
    y += 16;
    x += 16;
    n -= 4;
  } while (n > 0);
}

/** y[i] = op(a[i], b[i]) for n elements of four bytes. */
@inline export function zipLong<Op>(y: usize, a: usize, b: usize, n: i32): void {
  assertRun(y, n);
  assertRun(a, n);
  assertRun(b, n);
  const op = changetype<Op>(0);
  if (n <= 0) return;
  do {
    const v = op.v(v128.load(a), v128.load(b));
    if (n < 4) return storeLanes(y, v, n);
    v128.store(y, v);
    y += 16;
    a += 16;
    b += 16;
    n -= 4;
  } while (n > 0);
}

/** As `zipLong`, with two parameters in all lanes. */
@inline export function zipLongWith<Op>(y: usize, a: usize, b: usize, n: i32, p: v128, q: v128): void {
  assertRun(y, n);
  assertRun(a, n);
  assertRun(b, n);
  const op = changetype<Op>(0);
  if (n <= 0) return;
  do {
    const v = op.v(v128.load(a), v128.load(b), p, q);
    if (n < 4) return storeLanes(y, v, n);
    v128.store(y, v);
    y += 16;
    a += 16;
    b += 16;
    n -= 4;
  } while (n > 0);
}

/** y[i] = op(a[i], b[i], c[i]) for n elements of four bytes. */
@inline export function zip3Long<Op>(y: usize, a: usize, b: usize, c: usize, n: i32): void {
  assertRun(y, n);
  assertRun(a, n);
  assertRun(b, n);
  assertRun(c, n);
  const op = changetype<Op>(0);
  if (n <= 0) return;
  do {
    const v = op.v(v128.load(a), v128.load(b), v128.load(c));
    if (n < 4) return storeLanes(y, v, n);
    v128.store(y, v);
    y += 16;
    a += 16;
    b += 16;
    c += 16;
    n -= 4;
  } while (n > 0);
}
