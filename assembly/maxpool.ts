// Max pooling of x [planes, d, h, w] to y [planes, od, oh, ow]; windows as in lib/pool. Padding counts as -∞.
//
// Nothing stores where a maximum came from: the gradient looks for it again in x, which the tape holds anyway. The maximum is the
// first tap that equals y; if y is NaN, it is the last NaN, as in PyTorch.
import { even, first, last, odd, strided, wholeFrom, wholeTo } from "./lib/pool";

export function maxpool_f32(y: usize, x: usize, planes: i32, d: i32, h: i32, w: i32, od: i32, oh: i32, ow: i32, kd: i32, kh: i32, kw: i32, sd: i32, sh: i32, sw: i32, pd: i32, ph: i32, pw: i32, dd: i32, dh: i32, dw: i32): void {
  const from = wholeFrom(ow, sw, pw);
  const to = wholeTo(from, w, ow, kw, sw, pw, dw);
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < od; i++) {
      const z0 = first(i, d, od, sd, pd, dd);
      const z1 = last(i, d, od, kd, sd, pd, dd);
      for (let j = 0; j < oh; j++) {
        const y0 = first(j, h, oh, sh, ph, dh);
        const y1 = last(j, h, oh, kh, sh, ph, dh);
        for (let k = 0; k < ow; k++) {
          if (k == from) {
            row(y + (from << 2), x, to - from, from * sw - pw, z0, z1, dd, y0, y1, dh, kh, kw, sw, dw, h, w);
            k = to;
            if (k == ow) break;
          }
          store<f32>(y + (k << 2), window(x, z0, z1, dd, y0, y1, dh, first(k, w, ow, sw, pw, dw), last(k, w, ow, kw, sw, pw, dw), dw, h, w));
        }
        y += ow << 2;
      }
    }
    x += (d * h * w) << 2;
  }
}

/** The maximum of one window. */
function window(x: usize, z0: i32, z1: i32, dd: i32, y0: i32, y1: i32, dh: i32, x0: i32, x1: i32, dw: i32, h: i32, w: i32): f32 {
  let m = <f32>-Infinity;
  for (let z = z0; z < z1; z += dd) {
    for (let j = y0; j < y1; j += dh) {
      const p = x + (((z * h + j) * w) << 2);
      for (let k = x0; k < x1; k += dw) m = max(m, load<f32>(p + (k << 2)));
    }
  }
  return m;
}

/** n outputs whose taps are all inside; the first starts at column c. The last four may be computed twice. */
function row(y: usize, x: usize, n: i32, c: i32, z0: i32, z1: i32, dd: i32, y0: i32, y1: i32, dh: i32, kh: i32, kw: i32, sw: i32, dw: i32, h: i32, w: i32): void {
  if (n < 4 || sw > 2) {
    for (let k = 0; k < n; k++, c += sw) {
      store<f32>(y + (k << 2), window(x, z0, z1, dd, y0, y1, dh, c, c + (kw - 1) * dw + 1, dw, h, w));
    }
    return;
  }
  const flat = z0 < z1 && z1 - z0 <= dd && y0 < y1 && dw == 1 && ((kh == 2 && kw == 2 && sw == 2) || (kh == 3 && kw == 3));
  const step = <usize>dh * w << 2;
  // A row that the padding has cut off is replaced by one that counts anyway.
  const taps = (y1 - 1 - y0) / dh;
  const second = taps > 0 ? step : 0;
  const third = <usize>taps * step;
  const top = x + (((z0 * h + y0) * w + c) << 2);
  for (let k = 0; ; k = min(k + 4, n - 4)) {
    const to = y + (k << 2);
    const p = top + (<usize>(k * sw) << 2);
    if (flat && kw == 2) {
      const q = p + second;
      const a = f32x4.max(v128.load(p), v128.load(q));
      const b = f32x4.max(v128.load(p, 16), v128.load(q, 16));
      v128.store(to, f32x4.max(even(a, b), odd(a, b)));
    } else if (!flat || !(sw == 2 ? four32(to, p, second, third) : four31(to, p, second, third))) {
      v128.store(to, block(x, c + k * sw, z0, z1, dd, y0, y1, dh, kw, sw, dw, h, w));
    }
    if (k + 4 == n) break;
  }
}

// Four outputs of windows 3 × 3. pmax costs an eighth of max, but passes over a NaN: the sum of what is compared tells of one, or of two
// infinities; false then leaves the outputs to `block`.

/** Two columns apart. */
@inline function four32(to: usize, p: usize, second: usize, third: usize): bool {
  const q = p + second, r = p + third;
  const a0 = v128.load(p), a1 = v128.load(q), a2 = v128.load(r);
  const b0 = v128.load(p, 16), b1 = v128.load(q, 16), b2 = v128.load(r, 16);
  const e0 = v128.load32_zero(p, 32), e1 = v128.load32_zero(q, 32), e2 = v128.load32_zero(r, 32);
  const a = f32x4.pmax(f32x4.pmax(a0, a1), a2), b = f32x4.pmax(f32x4.pmax(b0, b1), b2), e = f32x4.pmax(f32x4.pmax(e0, e1), e2);
  const t = even(a, b);
  v128.store(to, f32x4.pmax(f32x4.pmax(t, odd(a, b)), v128.shuffle<f32>(t, e, 1, 2, 3, 4)));
  return ordered(f32x4.add(f32x4.add(sum(a0, a1, a2), sum(b0, b1, b2)), sum(e0, e1, e2)));
}

/** One column apart. */
@inline function four31(to: usize, p: usize, second: usize, third: usize): bool {
  const q = p + second, r = p + third;
  const a0 = v128.load(p), a1 = v128.load(q), a2 = v128.load(r);
  const b0 = v128.load64_zero(p, 16), b1 = v128.load64_zero(q, 16), b2 = v128.load64_zero(r, 16);
  const a = f32x4.pmax(f32x4.pmax(a0, a1), a2), b = f32x4.pmax(f32x4.pmax(b0, b1), b2);
  v128.store(to, f32x4.pmax(f32x4.pmax(a, v128.shuffle<f32>(a, b, 1, 2, 3, 4)), v128.shuffle<f32>(a, b, 2, 3, 4, 5)));
  return ordered(f32x4.add(sum(a0, a1, a2), sum(b0, b1, b2)));
}

@inline function sum(a: v128, b: v128, c: v128): v128 { return f32x4.add(f32x4.add(a, b), c); }
@inline function ordered(v: v128): bool { return !v128.any_true(f32x4.ne(v, v)); }

/** Four outputs, tap by tap. */
function block(x: usize, c: i32, z0: i32, z1: i32, dd: i32, y0: i32, y1: i32, dh: i32, kw: i32, sw: i32, dw: i32, h: i32, w: i32): v128 {
  let m = f32x4.splat(<f32>-Infinity);
  for (let z = z0; z < z1; z += dd) {
    for (let j = y0; j < y1; j += dh) {
      let p = x + (((z * h + j) * w + c) << 2);
      for (let k = 0; k < kw; k++) {
        m = f32x4.max(m, strided(p, sw));
        p += dw << 2;
      }
    }
  }
  return m;
}

/** Where in its plane the maximum of one window is; -1 for a window without taps. */
function locate(x: usize, m: f32, z0: i32, z1: i32, dd: i32, y0: i32, y1: i32, dh: i32, x0: i32, x1: i32, dw: i32, h: i32, w: i32): i32 {
  let at = -1;
  for (let z = z0; z < z1; z += dd) {
    for (let j = y0; j < y1; j += dh) {
      const start = (z * h + j) * w;
      for (let k = x0; k < x1; k += dw) {
        const v = load<f32>(x + ((start + k) << 2));
        if (v == m) return start + k;
        if (v != v) at = start + k;
      }
    }
  }
  return at;
}

// What to do with output o of a plane whose maximum is at element `at` of the plane of x.
@unmanaged class Scatter {
  @inline at(dx: usize, g: usize, o: usize, at: usize): void { store<f32>(dx + at, load<f32>(dx + at) + load<f32>(g + o)); }
}
/** y = x there, or its place if there is no x. */
@unmanaged class Gather {
  @inline at(y: usize, x: usize, o: usize, at: usize): void { store<i32>(y + o, x ? load<i32>(x + at) : <i32>(at >> 2)); }
}

/** Outputs [from, to) of one row: calls Op with the place of each maximum. `y` is the row of maxima, `o` its byte in the plane. */
function visitRow<Op>(out: usize, src: usize, x: usize, y: usize, o: usize, from: i32, to: i32, z0: i32, z1: i32, dd: i32, y0: i32, y1: i32, dh: i32, w: i32, ow: i32, kw: i32, sw: i32, pw: i32, dw: i32, h: i32): void {
  for (let k = from; k < to; k++) {
    const m = load<f32>(y + (k << 2));
    const at = locate(x, m, z0, z1, dd, y0, y1, dh, first(k, w, ow, sw, pw, dw), last(k, w, ow, kw, sw, pw, dw), dw, h, w);
    if (at >= 0) changetype<Op>(0).at(out, src, o + (k << 2), <usize>at << 2);
  }
}

/** out [planes, od, oh, ow] = what Gather makes of v and the place of each maximum; 0 for a window without taps. */
function gather(out: usize, v: usize, x: usize, y: usize, planes: i32, d: i32, h: i32, w: i32, od: i32, oh: i32, ow: i32, kd: i32, kh: i32, kw: i32, sd: i32, sh: i32, sw: i32, pd: i32, ph: i32, pw: i32, dd: i32, dh: i32, dw: i32): void {
  memory.fill(out, 0, <usize>(planes * od * oh * ow) << 2);
  for (let p = 0; p < planes; p++) {
    let o: usize = 0;
    for (let i = 0; i < od; i++) {
      const z0 = first(i, d, od, sd, pd, dd);
      const z1 = last(i, d, od, kd, sd, pd, dd);
      for (let j = 0; j < oh; j++) {
        visitRow<Gather>(out, v, x, y + o, o, 0, ow, z0, z1, dd, first(j, h, oh, sh, ph, dh), last(j, h, oh, kh, sh, ph, dh), dh, w, ow, kw, sw, pw, dw, h);
        o += ow << 2;
      }
    }
    out += o;
    if (v) v += (d * h * w) << 2;
    x += (d * h * w) << 2;
    y += o;
  }
}

/** index[o] = place of the maximum of output o in its plane of x; 0 for a window without taps. */
export function maxpool_index_i32(index: usize, x: usize, y: usize, planes: i32, d: i32, h: i32, w: i32, od: i32, oh: i32, ow: i32, kd: i32, kh: i32, kw: i32, sd: i32, sh: i32, sw: i32, pd: i32, ph: i32, pw: i32, dd: i32, dh: i32, dw: i32): void {
  gather(index, 0, x, y, planes, d, h, w, od, oh, ow, kd, kh, kw, sd, sh, sw, pd, ph, pw, dd, dh, dw);
}

/** out[o] = v at the maximum of output o: the adjoint of the gradient. */
export function maxpool_gather_f32(out: usize, v: usize, x: usize, y: usize, planes: i32, d: i32, h: i32, w: i32, od: i32, oh: i32, ow: i32, kd: i32, kh: i32, kw: i32, sd: i32, sh: i32, sw: i32, pd: i32, ph: i32, pw: i32, dd: i32, dh: i32, dw: i32): void {
  gather(out, v, x, y, planes, d, h, w, od, oh, ow, kd, kh, kw, sd, sh, sw, pd, ph, pw, dd, dh, dw);
}

/** dx = Σ g over the outputs whose maximum is there. */
export function maxpool_grad_f32(dx: usize, g: usize, x: usize, y: usize, planes: i32, d: i32, h: i32, w: i32, od: i32, oh: i32, ow: i32, kd: i32, kh: i32, kw: i32, sd: i32, sh: i32, sw: i32, pd: i32, ph: i32, pw: i32, dd: i32, dh: i32, dw: i32): void {
  memory.fill(dx, 0, <usize>(planes * d * h * w) << 2);
  const square2 = kh == 2 && kw == 2 && sh == 2 && sw == 2;
  const square3 = kh == 3 && kw == 3 && sw <= 2;
  const quick = kd == 1 && sd != 0 && dh == 1 && dw == 1 && (square2 || square3);
  const from = quick ? wholeFrom(ow, sw, pw) : ow;
  const to = wholeTo(from, w, ow, kw, sw, pw, dw);
  for (let p = 0; p < planes; p++) {
    let o: usize = 0;
    for (let i = 0; i < od; i++) {
      const z0 = first(i, d, od, sd, pd, dd);
      const z1 = last(i, d, od, kd, sd, pd, dd);
      for (let j = 0; j < oh; j++) {
        const y0 = first(j, h, oh, sh, ph, dh);
        const y1 = last(j, h, oh, kh, sh, ph, dh);
        let done = from;
        if (quick && y1 - y0 == kh && z0 < z1) {
          const at = <usize>(((z0 * h + y0) * w + from * sw - pw) << 2);
          const q = o + (from << 2);
          done += square2
            ? gradRow2(dx + at, g + q, x + at, y + q, to - from, <usize>w << 2)
            : sw == 1 ? gradRow31(dx + at, g + q, x + at, y + q, to - from, <usize>w << 2)
            : gradRow3(dx + at, g + q, x + at, y + q, to - from, <usize>w << 2);
        }
        visitRow<Scatter>(dx, g, x, y + o, o, 0, from, z0, z1, dd, y0, y1, dh, w, ow, kw, sw, pw, dw, h);
        visitRow<Scatter>(dx, g, x, y + o, o, done, ow, z0, z1, dd, y0, y1, dh, w, ow, kw, sw, pw, dw, h);
        o += ow << 2;
      }
    }
    dx += (d * h * w) << 2;
    x += (d * h * w) << 2;
    g += o;
    y += o;
  }
}

/**
 * Four outputs at a time of windows 2×2 apart from each other, the last four perhaps twice; returns how many were done. It stops at a NaN,
 * which has its own rule.
 */
function gradRow2(dx: usize, g: usize, x: usize, y: usize, n: i32, step: usize): i32 {
  let k = 0;
  while (k < n && n >= 4) {
    const at = min(k, n - 4);
    const m = v128.load(y + (at << 2));
    if (v128.any_true(f32x4.ne(m, m))) break;
    const v = v128.load(g + (at << 2));
    const p = x + (at << 3);
    const a = v128.load(p);
    const b = v128.load(p, 16);
    const c = v128.load(p + step);
    const e = v128.load(p + step, 16);
    const t0 = f32x4.eq(even(a, b), m);
    const t1 = f32x4.eq(odd(a, b), m);
    const t2 = f32x4.eq(even(c, e), m);
    const t3 = f32x4.eq(odd(c, e), m);
    const v0 = v128.and(v, t0);
    const v1 = v128.and(v, v128.andnot(t1, t0));
    const v2 = v128.and(v, v128.andnot(v128.andnot(t2, t0), t1));
    const v3 = v128.and(v, v128.andnot(v128.andnot(v128.andnot(t3, t0), t1), t2));
    const q = dx + (at << 3);
    v128.store(q, v128.shuffle<f32>(v0, v1, 0, 4, 1, 5));
    v128.store(q, v128.shuffle<f32>(v0, v1, 2, 6, 3, 7), 16);
    v128.store(q + step, v128.shuffle<f32>(v2, v3, 0, 4, 1, 5));
    v128.store(q + step, v128.shuffle<f32>(v2, v3, 2, 6, 3, 7), 16);
    k = at + 4;
  }
  return k;
}

/** The same for windows 3×3 that overlap by a column. */
function gradRow3(dx: usize, g: usize, x: usize, y: usize, n: i32, step: usize): i32 {
  let k = 0;
  for (; k + 4 <= n; k += 4) {
    const m = v128.load(y);
    if (v128.any_true(f32x4.ne(m, m))) break;
    let v = v128.load(g);
    for (let r: usize = 0; r < 3; r++) {
      const p = x + r * step;
      const q = dx + r * step;
      const a = v128.load(p);
      const b = v128.load(p, 16);
      const t = even(a, b);
      const t0 = f32x4.eq(t, m);
      const t1 = f32x4.eq(odd(a, b), m);
      const t2 = f32x4.eq(v128.shuffle<f32>(t, v128.load(p, 32), 1, 2, 3, 4), m);
      const v0 = v128.and(v, t0);
      v = v128.andnot(v, t0);
      const v1 = v128.and(v, t1);
      v = v128.andnot(v, t1);
      const v2 = v128.and(v, t2);
      v = v128.andnot(v, t2);
      // Column 2 of an output is column 0 of the next.
      const s = f32x4.add(v0, v128.shuffle<f32>(f32x4.splat(0), v2, 0, 4, 5, 6));
      v128.store(q, f32x4.add(v128.load(q), v128.shuffle<f32>(s, v1, 0, 4, 1, 5)));
      v128.store(q, f32x4.add(v128.load(q, 16), v128.shuffle<f32>(s, v1, 2, 6, 3, 7)), 16);
      store<f32>(q, load<f32>(q, 32) + f32x4.extract_lane(v2, 3), 32);
    }
    dx += 32;
    x += 32;
    g += 16;
    y += 16;
  }
  return k;
}

/** The same for windows 3×3 one column apart. */
function gradRow31(dx: usize, g: usize, x: usize, y: usize, n: i32, step: usize): i32 {
  const zero = f32x4.splat(0);
  let k = 0;
  for (; k + 4 <= n; k += 4) {
    const m = v128.load(y);
    if (v128.any_true(f32x4.ne(m, m))) break;
    let v = v128.load(g);
    for (let r: usize = 0; r < 3; r++) {
      const p = x + r * step;
      const q = dx + r * step;
      const t0 = f32x4.eq(v128.load(p), m);
      const t1 = f32x4.eq(v128.load(p, 4), m);
      const t2 = f32x4.eq(v128.load(p, 8), m);
      const v0 = v128.and(v, t0);
      v = v128.andnot(v, t0);
      const v1 = v128.and(v, t1);
      v = v128.andnot(v, t1);
      const v2 = v128.and(v, t2);
      v = v128.andnot(v, t2);
      const here = f32x4.add(f32x4.add(v0, v128.shuffle<f32>(zero, v1, 0, 4, 5, 6)), v128.shuffle<f32>(zero, v2, 0, 1, 4, 5));
      const next = f32x4.add(v128.shuffle<f32>(v1, zero, 3, 4, 5, 6), v128.shuffle<f32>(v2, zero, 2, 3, 4, 5));
      v128.store(q, f32x4.add(v128.load(q), here));
      v128.store64_lane(q + 16, f32x4.add(v128.load64_zero(q, 16), next), 0);
    }
    dx += 16;
    x += 16;
    g += 16;
    y += 16;
  }
  return k;
}

/** y = x at the given places of its plane, 0 elsewhere: planes of n inputs and m outputs. An index outside the plane is passed over. */
export function maxunpool_f32(y: usize, x: usize, index: usize, planes: i32, n: i32, m: i32): void {
  memory.fill(y, 0, <usize>(planes * m) << 2);
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < n; i++) {
      const at = load<i32>(index + (i << 2));
      if (<u32>at < <u32>m) store<f32>(y + (at << 2), load<f32>(x + (i << 2)));
    }
    y += m << 2;
    x += n << 2;
    index += n << 2;
  }
}

/** dx = g at the given places. */
export function maxunpool_grad_f32(dx: usize, g: usize, index: usize, planes: i32, n: i32, m: i32): void {
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < n; i++) {
      const at = load<i32>(index + (i << 2));
      store<f32>(dx + (i << 2), <u32>at < <u32>m ? load<f32>(g + (at << 2)) : 0);
    }
    dx += n << 2;
    g += m << 2;
    index += n << 2;
  }
}
