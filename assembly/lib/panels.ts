// Panels: the form in which gemm.ts reads B. A panel [k, PANEL] holds 8 or 16 columns of B, k-major, with zeros in the columns that B
// does not have. The panels of one block lie one after the other.

import { WIDE } from "./simd";

/** Columns of a panel. */
@inline export const PANEL: i32 = WIDE ? 16 : 8;

/** Bytes from one step of a panel to the next. */
@inline export const STEP: usize = <usize>PANEL << 2;

/** Bytes of one panel of depth k. */
@inline export function panelBytes(k: i32): usize {
  return <usize>k * STEP;
}

/** Bytes of all panels of a block [k, n]. */
export function panelsBytes(k: i32, n: i32): usize {
  return <usize>((n + PANEL - 1) / PANEL) * panelBytes(k);
}

/** panels ← B [k, n] whose rows are ldb elements apart. Four rows at a time, so that B is read along its rows. */
export function packColumns(panels: usize, b: usize, k: i32, n: i32, ldb: i32): void {
  const step = <usize>ldb << 2;
  const bytes = panelBytes(k);
  let p = 0;
  for (; p + 4 <= k; p += 4) {
    packSteps(4, panels + panelBytes(p), b, n, step, bytes);
    b += step << 2;
  }
  for (; p < k; p++) {
    packSteps(1, panels + panelBytes(p), b, n, step, bytes);
    b += step;
  }
}

/** `steps` (1 or 4, a constant) consecutive steps of all panels. */
@inline function packSteps(steps: i32, to: usize, b: usize, n: i32, step: usize, bytes: usize): void {
  let b1 = b + step;
  let b2 = b1 + step;
  let b3 = b2 + step;
  for (; n >= PANEL; n -= PANEL) {
    copyStep(to, b);
    if (steps == 4) {
      copyStep(to + STEP, b1);
      copyStep(to + 2 * STEP, b2);
      copyStep(to + 3 * STEP, b3);
    }
    to += bytes;
    b += STEP;
    b1 += STEP;
    b2 += STEP;
    b3 += STEP;
  }
  if (n == 0) return;
  for (let i = 0; i < steps; i++) {
    let left = n;
    for (let j: usize = 0; j < STEP; j += 16) {
      v128.store(to + j, left > 0 ? v128.and(v128.load(b + j), laneMask(left)) : i32x4.splat(0));
      left -= 4;
    }
    to += STEP;
    b += step;
  }
}

@inline function copyStep(to: usize, b: usize): void {
  v128.store(to, v128.load(b));
  v128.store(to, v128.load(b, 16), 16);
  if (WIDE) {
    v128.store(to, v128.load(b, 32), 32);
    v128.store(to, v128.load(b, 48), 48);
  }
}

/** All ones in the first `count` lanes. */
@inline function laneMask(count: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count));
}

/** panels ← the transpose of b [n, k], whose rows (columns of B) are ldb elements apart. */
export function packTransposed(panels: usize, b: usize, k: i32, n: i32, ldb: i32): void {
  const step = <usize>ldb << 2;
  const bytes = panelBytes(k);
  for (let j = 0; j < n; j += PANEL) {
    const valid = min(n - j, PANEL);
    for (let i = 0; i < PANEL; i += 4) transpose4(panels + (<usize>i << 2), b + <usize>(j + i) * step, k, valid - i, step);
    panels += bytes;
  }
}

/** Four columns of a panel ← up to four rows b [valid, k], `step` bytes apart; absent ones become zeros. */
function transpose4(panel: usize, b: usize, k: i32, valid: i32, step: usize): void {
  const end = panel + panelBytes(k);
  if (valid >= 4) {
    const whole = panel + panelBytes(k & ~3);
    let b1 = b + step;
    let b2 = b1 + step;
    let b3 = b2 + step;
    for (; panel < whole; panel += 4 * STEP) {
      const r0 = v128.load(b);
      const r1 = v128.load(b1);
      const r2 = v128.load(b2);
      const r3 = v128.load(b3);
      const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
      const t1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
      const t2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
      const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
      v128.store(panel, v128.shuffle<i64>(t0, t1, 0, 2));
      v128.store(panel, v128.shuffle<i64>(t0, t1, 1, 3), STEP);
      v128.store(panel, v128.shuffle<i64>(t2, t3, 0, 2), 2 * STEP);
      v128.store(panel, v128.shuffle<i64>(t2, t3, 1, 3), 3 * STEP);
      b += 16;
      b1 += 16;
      b2 += 16;
      b3 += 16;
    }
  }
  for (; panel < end; panel += STEP) {
    v128.store(panel, i32x4.splat(0));
    for (let i = 0; i < min(valid, 4); i++) store<f32>(panel + (<usize>i << 2), load<f32>(b + <usize>i * step));
    b += 4;
  }
}
