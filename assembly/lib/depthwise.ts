// Depthwise convolution of one plane where it lies, without a copy that has zeros around it: rows beyond the image are read from a row of
// zeros, and columns beyond it are masked in the few vectors that reach them, which a table lists.
//
// V8 keeps loads and stores in the order of the program, and puts what is computed from them as late as it can. So a sum is stored as soon as
// it is complete: else all loads of a block would come first, and most of them would be spilled.
import { even, odd } from "./pool";
import { madd } from "./simd";
import { align, Geometry } from "./window";

/** What all planes share, in memory because it has more parts than there are registers. */
@unmanaged export class Plane {
  /** Sizes of what is read, of what is written and of the kernel; step, zeros in front, distance of the kernel's rows. */
  ih: i32; iw: i32; oh: i32; ow: i32; kh: i32; kw: i32;
  sh: i32; sw: i32; ph: i32; pw: i32; dh: i32;
  low: f32; high: f32; bias: f32;
  /** What to add lies so many bytes behind the outputs; 0: nothing. */
  rest: usize;
  /** [kh, kw] */
  w: usize;
  /** Vectors of a row that the table lists, and those after the first that it does not. */
  marked: i32; inner: i32;
  table: usize;
  /** Where the first output of a row reads each row of the image, those of the padding included. */
  rows: usize; height: i32;
  zeros: usize;
}

/**
 * Four outputs of a row: bytes in front of them in image and output; then masks: of the lanes that no vector before this one has, and of what
 * each tap may read.
 */
@unmanaged export class Marked {
  image: usize; out: usize;
}

@inline const PLANE_BYTES: usize = 128;
@inline export const OWN: usize = 16;
@inline export const MASKS: usize = 32;
@inline export const MARKED_BYTES: usize = MASKS + 7 * 16;
/** Rows of so many vectors are listed all over. */
@inline const NARROW: i32 = 3;

/** True for planes that these kernels are for. Several outputs of one plane share what larger kernels read elsewhere. */
export function fitsPlane(g: Geometry, cg: i32, og: i32): bool {
  return cg == 1 && (og == 1 || g.kw == 3) && flat(g) && paysRows(g, g.ow) && fitsRows(g, g.sh, g.sw, g.oh, g.ow, g.pw, g.iw);
}

/** True for one slice. */
export function flat(g: Geometry): bool { return g.id == 1 && g.od == 1 && g.kd == 1 && g.pd == 0; }

/** False for seven taps in rows of `on` outputs that are masked for the most part: reading a copy with zeros around it is faster. */
export function paysRows(g: Geometry, on: i32): bool { return g.kw < 7 || on >= 20; }

/** True for `high` rows of `on` outputs of n inputs, p zeros in front, steps sh and s, of kernels that these are for. Only taps before or behind
 * the middle one may lie outside. */
export function fitsRows(g: Geometry, sh: i32, s: i32, high: i32, on: i32, p: i32, n: i32): bool {
  const kw = g.kw;
  const half = kw >> 1;
  const known = kw == 3 ? g.kh == 3 && (s == 2 || (s == 1 && sh == 1 && g.dh == 1 && high >= 4)) : high >= 4 && (kw == 5 ? s <= 2 : kw == 7 && s == 1);
  return known && g.dw == 1 && on >= 4 && p >= 0 && p <= half && (on - 1) * s + kw - p - n <= half;
}

/** The plane of a convolution's output. */
export function outputPlane(p: Plane, g: Geometry): void {
  p.ih = g.ih; p.iw = g.iw; p.oh = g.oh; p.ow = g.ow; p.kh = g.kh; p.kw = g.kw;
  p.sh = g.sh; p.sw = g.sw; p.ph = g.ph; p.pw = g.pw; p.dh = g.dh;
}

/** Writes the tables and the row of zeros behind the plane; returns their end. `own`: no tap may read for lanes that are another vector's. */
export function layPlane(p: Plane, own: bool): usize {
  const vectors = (p.ow + 3) >> 2;
  // The last vector may have fewer lanes of its own than larger kernels reach beyond the image.
  const tail = p.kw == 3 ? 1 : 2;
  p.marked = vectors <= NARROW ? vectors : 1 + tail;
  p.inner = vectors - p.marked;
  p.table = changetype<usize>(p) + PLANE_BYTES;
  let to = p.table;
  for (let k = 0; k < p.marked; k++) {
    const start = (k > 0 ? vectors - p.marked + k : 0) << 2;
    // The last vector overlaps the one before it, rather than be a part.
    const first = min(start, p.ow - 4);
    const m = changetype<Marked>(to);
    m.image = <usize>(first * p.sw) << 2;
    m.out = <usize>first << 2;
    for (let lane = 0; lane < 4; lane++) {
      const at = to + (<usize>lane << 2);
      const column = (first + lane) * p.sw - p.pw;
      const mine = first + lane >= start;
      store<i32>(at, mine ? -1 : 0, OWN);
      for (let t = 0; t < p.kw; t++) store<i32>(at + (<usize>t << 4), (mine || !own) && <u32>(column + t) < <u32>p.iw ? -1 : 0, MASKS);
    }
    to += MARKED_BYTES;
  }
  p.rows = to;
  p.height = (p.oh - 1) * p.sh + (p.kh - 1) * p.dh + 1;
  to = align(to + (<usize>p.height << 2));
  // As far beyond both ends as a vector may reach.
  const bytes = (<usize>p.iw << 2) + 48;
  memory.fill(to, 0, bytes);
  p.zeros = to + 16;
  return align(to + bytes);
}

/** Fills the table of rows. */
export function enterPlane(p: Plane, x: usize): void {
  const front = <usize>p.pw << 2;
  for (let i = 0; i < p.height; i++) {
    const iy = i - p.ph;
    store<usize>(p.rows + (<usize>i << 2), (<u32>iy < <u32>p.ih ? x + (<usize>(iy * p.iw) << 2) : p.zeros) - front);
  }
}

/** y [oh, ow] = clamp(bias + x ∗ w + rest). */
export function correlatePlane(p: Plane, y: usize, x: usize): void {
  enterPlane(p, x);
  const count = p.kw == 3 && p.sw == 2 ? 1 : 4;
  for (let r = 0; r < p.oh; r += count) {
    // The last four may overlap those before them.
    const oy = min(r, p.oh - count);
    const to = y + (<usize>(oy * p.ow) << 2);
    const rows = p.rows + (<usize>(oy * p.sh) << 2);
    if (p.kw == 3) {
      // Four rows of outputs share what they read of six rows.
      if (count == 4) fourMarked(p, to, rows);
      else stepMarked(p, to, rows);
      if (p.inner) {
        if (count == 4) fourInner(p, to, rows);
        else stepInner(p, to, rows);
      }
    } else if (p.kw == 7) {
      row71(p, to, rows);
    } else if (p.sw == 1) {
      row51(p, to, rows);
    } else {
      row52(p, to, rows);
    }
  }
}

// One function each: registers are given out by function.
function fourMarked(p: Plane, y: usize, rows: usize): void { nine(4, 1, true, p, y, rows); }
function fourInner(p: Plane, y: usize, rows: usize): void { nine(4, 1, false, p, y, rows); }
function stepMarked(p: Plane, y: usize, rows: usize): void { nine(1, 2, true, p, y, rows); }
function stepInner(p: Plane, y: usize, rows: usize): void { nine(1, 2, false, p, y, rows); }

/** One or four rows of outputs of 3 × 3 taps: their marked vectors, or the others. The first three are constants where this is inlined. */
@inline function nine(count: i32, step: i32, marked: bool, p: Plane, y: usize, rows: usize): void {
  const w = p.w;
  const w0 = v128.load32_splat(w);
  const w1 = v128.load32_splat(w, 4);
  const w2 = v128.load32_splat(w, 8);
  const w3 = v128.load32_splat(w, 12);
  const w4 = v128.load32_splat(w, 16);
  const w5 = v128.load32_splat(w, 20);
  const w6 = v128.load32_splat(w, 24);
  const w7 = v128.load32_splat(w, 28);
  const w8 = v128.load32_splat(w, 32);
  const bias = f32x4.splat(p.bias);
  const down = <usize>p.ow << 2;
  const next: usize = count > 1 ? 4 : <usize>p.dh << 2;
  const r0 = load<usize>(rows), r1 = load<usize>(rows + next), r2 = load<usize>(rows + 2 * next);
  const r3 = count > 1 ? load<usize>(rows, 12) : 0, r4 = count > 1 ? load<usize>(rows, 16) : 0, r5 = count > 1 ? load<usize>(rows, 20) : 0;
  let m = p.table;
  let at: usize = step << 4;
  let q = y + 16;
  let vectors = marked ? p.marked : p.inner;
  do {
    if (marked) {
      at = changetype<Marked>(m).image;
      q = y + changetype<Marked>(m).out;
    }
    const left = marked ? v128.load(m, MASKS) : bias, right = marked ? v128.load(m, MASKS + 32) : bias;
    let s0 = bias, s1 = bias, s2 = bias, s3 = bias;
    const p0 = r0 + at;
    const a0 = v128.load(p0);
    const b0 = step == 1 ? a0 : v128.load(p0, 16);
    const x00 = masked(marked, step == 1 ? a0 : even(a0, b0), left);
    s0 = madd(w0, x00, s0);
    const x01 = step == 1 ? v128.load(p0, 4) : odd(a0, b0);
    s0 = madd(w1, x01, s0);
    const x02 = masked(marked, step == 1 ? v128.load(p0, 8) : v128.shuffle<f32>(even(a0, b0), v128.load(p0, 32), 1, 2, 3, 4), right);
    s0 = madd(w2, x02, s0);
    v128.store(q, s0);
    const p1 = r1 + at;
    const a1 = v128.load(p1);
    const b1 = step == 1 ? a1 : v128.load(p1, 16);
    const x10 = masked(marked, step == 1 ? a1 : even(a1, b1), left);
    s0 = madd(w3, x10, s0);
    if (count > 1) s1 = madd(w0, x10, s1);
    const x11 = step == 1 ? v128.load(p1, 4) : odd(a1, b1);
    s0 = madd(w4, x11, s0);
    if (count > 1) s1 = madd(w1, x11, s1);
    const x12 = masked(marked, step == 1 ? v128.load(p1, 8) : v128.shuffle<f32>(even(a1, b1), v128.load(p1, 32), 1, 2, 3, 4), right);
    s0 = madd(w5, x12, s0);
    if (count > 1) s1 = madd(w2, x12, s1);
    v128.store(q, s0);
    if (count > 1) v128.store(q + down, s1);
    const p2 = r2 + at;
    const a2 = v128.load(p2);
    const b2 = step == 1 ? a2 : v128.load(p2, 16);
    const x20 = masked(marked, step == 1 ? a2 : even(a2, b2), left);
    s0 = madd(w6, x20, s0);
    if (count > 1) s1 = madd(w3, x20, s1);
    if (count > 1) s2 = madd(w0, x20, s2);
    const x21 = step == 1 ? v128.load(p2, 4) : odd(a2, b2);
    s0 = madd(w7, x21, s0);
    if (count > 1) s1 = madd(w4, x21, s1);
    if (count > 1) s2 = madd(w1, x21, s2);
    const x22 = masked(marked, step == 1 ? v128.load(p2, 8) : v128.shuffle<f32>(even(a2, b2), v128.load(p2, 32), 1, 2, 3, 4), right);
    s0 = madd(w8, x22, s0);
    if (count > 1) s1 = madd(w5, x22, s1);
    if (count > 1) s2 = madd(w2, x22, s2);
    if (count > 1) v128.store(q + down, s1);
    if (count > 1) v128.store(q + 2 * down, s2);
    finish(p, q, s0);
    if (count > 1) {
      const p3 = r3 + at;
      const x30 = masked(marked, v128.load(p3), left);
      s1 = madd(w6, x30, s1);
      s2 = madd(w3, x30, s2);
      s3 = madd(w0, x30, s3);
      const x31 = v128.load(p3, 4);
      s1 = madd(w7, x31, s1);
      s2 = madd(w4, x31, s2);
      s3 = madd(w1, x31, s3);
      const x32 = masked(marked, v128.load(p3, 8), right);
      s1 = madd(w8, x32, s1);
      s2 = madd(w5, x32, s2);
      s3 = madd(w2, x32, s3);
      v128.store(q + 2 * down, s2);
      v128.store(q + 3 * down, s3);
      finish(p, q + down, s1);
      const p4 = r4 + at;
      const x40 = masked(marked, v128.load(p4), left);
      s2 = madd(w6, x40, s2);
      s3 = madd(w3, x40, s3);
      const x41 = v128.load(p4, 4);
      s2 = madd(w7, x41, s2);
      s3 = madd(w4, x41, s3);
      const x42 = masked(marked, v128.load(p4, 8), right);
      s2 = madd(w8, x42, s2);
      s3 = madd(w5, x42, s3);
      v128.store(q + 3 * down, s3);
      finish(p, q + 2 * down, s2);
      const p5 = r5 + at;
      const x50 = masked(marked, v128.load(p5), left);
      s3 = madd(w6, x50, s3);
      const x51 = v128.load(p5, 4);
      s3 = madd(w7, x51, s3);
      const x52 = masked(marked, v128.load(p5, 8), right);
      s3 = madd(w8, x52, s3);
      finish(p, q + 3 * down, s3);
    }
    if (marked) m += MARKED_BYTES;
    at += step << 4;
    q += 16;
  } while (--vectors > 0);
}

function row51(p: Plane, y: usize, rows: usize): void { band(5, 1, p, y, rows); }
function row52(p: Plane, y: usize, rows: usize): void { band(5, 2, p, y, rows); }
function row71(p: Plane, y: usize, rows: usize): void { band(7, 1, p, y, rows); }

/** Four rows of outputs of kw taps a row of the kernel. The first two are constants where this is inlined. */
@inline function band(kw: i32, step: i32, p: Plane, y: usize, rows: usize): void {
  let m = p.table;
  for (let k = p.marked; k > 0; k--) {
    tile(kw, step, true, p, y + changetype<Marked>(m).out, rows, changetype<Marked>(m).image, m);
    m += MARKED_BYTES;
  }
  let at: usize = step << 4;
  for (let k = p.inner; k > 0; k--) {
    y += 16;
    tile(kw, step, false, p, y, rows, at, m);
    at += step << 4;
  }
}

/** Four neighbouring outputs of each row. */
@inline function tile(kw: i32, step: i32, marked: bool, p: Plane, y: usize, rows: usize, at: usize, m: usize): void {
  const next = <usize>p.dh << 2;
  const below = <usize>p.sh << 2;
  const y1 = y + (<usize>p.ow << 2), y2 = y1 + (<usize>p.ow << 2), y3 = y2 + (<usize>p.ow << 2);
  let s0 = f32x4.splat(p.bias), s1 = s0, s2 = s0, s3 = s0;
  let w = p.w;
  let left = p.kh;
  do {
    const w0 = v128.load32_splat(w);
    const w1 = v128.load32_splat(w, 4);
    const w2 = v128.load32_splat(w, 8);
    const w3 = kw > 3 ? v128.load32_splat(w, 12) : w0;
    const w4 = kw > 3 ? v128.load32_splat(w, 16) : w0;
    const w5 = kw > 5 ? v128.load32_splat(w, 20) : w0;
    const w6 = kw > 5 ? v128.load32_splat(w, 24) : w0;
    const m0 = maskOf(kw, marked, m, 0);
    const m1 = maskOf(kw, marked, m, 1);
    const m2 = maskOf(kw, marked, m, 2);
    const m3 = maskOf(kw, marked, m, 3);
    const m4 = maskOf(kw, marked, m, 4);
    const m5 = maskOf(kw, marked, m, 5);
    const m6 = maskOf(kw, marked, m, 6);
    let r = rows;
    s0 = taps(kw, step, marked, s0, load<usize>(r) + at, w0, w1, w2, w3, w4, w5, w6, m0, m1, m2, m3, m4, m5, m6);
    // These stores are for V8 alone; the last ones stand.
    v128.store(y, s0);
    r += below;
    s1 = taps(kw, step, marked, s1, load<usize>(r) + at, w0, w1, w2, w3, w4, w5, w6, m0, m1, m2, m3, m4, m5, m6);
    v128.store(y1, s1);
    r += below;
    s2 = taps(kw, step, marked, s2, load<usize>(r) + at, w0, w1, w2, w3, w4, w5, w6, m0, m1, m2, m3, m4, m5, m6);
    v128.store(y2, s2);
    r += below;
    s3 = taps(kw, step, marked, s3, load<usize>(r) + at, w0, w1, w2, w3, w4, w5, w6, m0, m1, m2, m3, m4, m5, m6);
    v128.store(y3, s3);
    w += <usize>kw << 2;
    rows += next;
  } while (--left > 0);
  finish(p, y, s0);
  finish(p, y1, s1);
  finish(p, y2, s2);
  finish(p, y3, s3);
}

/** What tap t of a row may read; the middle one lies inside the image. */
@inline function maskOf(kw: i32, marked: bool, m: usize, t: i32): v128 {
  return marked && t < kw && t != kw >> 1 ? v128.load(m + (<usize>t << 4), MASKS) : i32x4.splat(-1);
}

/** s += the taps of one row of the kernel. */
@inline function taps(
  kw: i32, step: i32, marked: bool, s: v128, x: usize, w0: v128, w1: v128, w2: v128, w3: v128, w4: v128, w5: v128, w6: v128,
  m0: v128, m1: v128, m2: v128, m3: v128, m4: v128, m5: v128, m6: v128,
): v128 {
  s = twoTaps(marked, marked, step, s, x, w0, w1, m0, m1);
  s = twoTaps(marked && kw > 5, marked && kw < 7, step, s, x + 8, w2, w3, m2, m3);
  if (kw > 5) s = twoTaps(marked, marked, step, s, x + 16, w4, w5, m4, m5);
  x += <usize>(kw - 1) << 2;
  const v = step == 1 ? v128.load(x) : even(v128.load(x), v128.load(x, 16));
  return madd(kw == 5 ? w4 : w6, masked(marked, v, kw == 5 ? m4 : m6), s);
}

@inline function twoTaps(mask0: bool, mask1: bool, step: i32, s: v128, x: usize, w0: v128, w1: v128, m0: v128, m1: v128): v128 {
  const a = v128.load(x);
  if (step == 1) {
    s = madd(w0, masked(mask0, a, m0), s);
    return madd(w1, masked(mask1, v128.load(x, 4), m1), s);
  }
  const b = v128.load(x, 16);
  s = madd(w0, masked(mask0, even(a, b), m0), s);
  return madd(w1, masked(mask1, odd(a, b), m1), s);
}

@inline function masked(marked: bool, v: v128, mask: v128): v128 { return marked ? v128.and(v, mask) : v; }

@inline function finish(p: Plane, q: usize, s: v128): void {
  if (p.rest) s = f32x4.add(s, v128.load(q + p.rest));
  v128.store(q, f32x4.pmin(f32x4.pmax(s, f32x4.splat(p.low)), f32x4.splat(p.high)));
}

/** Output planes begin to end of a convolution with `og` kernels a plane; the arguments are those of conv_f32. The residual may not lie in y. */
export function depthwise(scratch: usize, y: usize, x: usize, w: usize, bias: usize, residual: usize, g: Geometry, groups: i32, og: i32, low: f32, high: f32, begin: i32, end: i32): void {
  const p = changetype<Plane>(scratch);
  outputPlane(p, g);
  p.low = low;
  p.high = high;
  p.rest = residual ? residual - y : 0;
  layPlane(p, false);
  const inputs = <usize>(g.ih * g.iw) << 2;
  const outputs = <usize>(g.oh * g.ow) << 2;
  for (let k = begin; k < end; k++) {
    const channel = <usize>(k % (groups * og));
    p.w = w + (channel * <usize>(g.kh * g.kw) << 2);
    p.bias = bias ? load<f32>(bias + (channel << 2)) : 0;
    correlatePlane(p, y + <usize>k * outputs, x + <usize>(k / og) * inputs);
  }
}
