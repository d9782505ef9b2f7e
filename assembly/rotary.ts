// Rotary positions: x and y [outer, length, 2 · half], cos and sin [length, half]. Pair p of row i turns by the angle (i, p), or back if
// sign is −1: (a, b) becomes (a cos − b sin, b cos + a sin). The two stand side by side, or half a row apart.

import { put } from "./lib/loops";

export function rotary_f32(y: usize, x: usize, cos: usize, sin: usize, outer: i32, length: i32, half: i32, interleaved: i32, sign: f32): void {
  const s = f32x4.splat(sign);
  const row = <usize>half << 3;
  // From the first element of a pair, or of four pairs side by side, to the second.
  const apart: usize = interleaved ? 16 : <usize>half << 2;
  for (let o = 0; o < outer; o++) {
    let angle: usize = 0;
    for (let i = 0; i < length; i++) {
      for (let p = 0; p < half; p += 4) {
        const at = <usize>p << (interleaved ? 3 : 2);
        const x0 = v128.load(x + at);
        const left = half - p;
        // A second vector that does not exist is not read: it may lie beyond the slack behind x.
        const x1 = interleaved && left <= 2 ? x0 : v128.load(x + at + apart);
        const a = interleaved ? v128.shuffle<f32>(x0, x1, 0, 2, 4, 6) : x0;
        const b = interleaved ? v128.shuffle<f32>(x0, x1, 1, 3, 5, 7) : x1;
        const from = angle + (<usize>p << 2);
        const c = v128.load(cos + from);
        const d = f32x4.mul(v128.load(sin + from), s);
        const u = f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, d));
        const v = f32x4.add(f32x4.mul(b, c), f32x4.mul(a, d));
        if (interleaved) {
          put(y + at, v128.shuffle<f32>(u, v, 0, 4, 1, 5), left << 1);
          if (left > 2) put(y + at + apart, v128.shuffle<f32>(u, v, 2, 6, 3, 7), (left << 1) - 4);
        } else {
          put(y + at, u, left);
          put(y + at + apart, v, left);
        }
      }
      angle += <usize>half << 2;
      x += row;
      y += row;
    }
  }
}
