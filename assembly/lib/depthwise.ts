// Depthwise convolution in one plane, 3 × 3 taps, where the image lies: no copy with zeros around it. Rows beyond the image are read from
// a row of zeros; columns beyond it are masked in the few vectors that reach them, which a table lists.
import { madd } from "./simd";
import { even, odd } from "./pool";
import { align, Geometry } from "./window";

/** What all planes share, in memory because it has more parts than there are registers. */
@unmanaged export class Plane {
  /** Sizes of what is read and of what is written, step and zeros in front. */
  ih: i32; iw: i32; oh: i32; ow: i32;
  sh: i32; sw: i32; ph: i32; pw: i32;
  dh: i32;
  /** Vectors in the table, and those between its first two, which need no mask. */
  marked: i32; inner: i32;
  low: f32; high: f32;
  /** What to add lies so many bytes behind the outputs; 0: nothing. */
  rest: usize;
  /** Nine weights, and one value to begin with. */
  w: usize; bias: usize;
  zeros: usize;
  table: usize;
}

/** Four outputs of each row: bytes from the row's starts, the lanes that tap 0 and 2 may read, and the lanes that are not another's. */
@unmanaged export class Marked {
  image: usize; out: usize;
  at0: i64;
  left: usize;
}

@inline const PLANE_BYTES: usize = 128;
@inline const MARKED_BYTES: usize = 64;
@inline const LEFT: usize = 16;
@inline const RIGHT: usize = 32;
@inline const OWN: usize = 48;
/** Rows of so many vectors are marked all over. */
@inline const NARROW: i32 = 3;

/** True for planes that these kernels are for. */
export function threeByThree(g: Geometry, cg: i32): bool {
  return cg == 1 && g.id == 1 && g.od == 1 && g.kd == 1 && g.pd == 0 && g.kh == 3 && g.kw == 3 && g.dw == 1 && g.sw <= 2
    && g.ow >= 4 && <u32>g.pw <= 1 && (g.ow - 1) * g.sw + 3 - g.pw - g.iw <= 1;
}

/** Writes the table and the row of zeros; returns the end of both. */
export function layPlane(p: Plane): usize {
  const vectors = (p.ow + 3) >> 2;
  p.table = changetype<usize>(p) + PLANE_BYTES;
  p.marked = vectors <= NARROW ? vectors : 2;
  p.inner = vectors - p.marked;
  let to = p.table;
  for (let k = 0; k < p.marked; k++) {
    const own = (k == p.marked - 1 ? vectors - 1 : k) << 2;
    const first = min(own, p.ow - 4);
    const m = changetype<Marked>(to);
    m.image = <usize>(first * p.sw) << 2;
    m.out = <usize>first << 2;
    for (let lane = 0; lane < 4; lane++) {
      const column = (first + lane) * p.sw - p.pw;
      const mine = first + lane >= own;
      store<i32>(to + (<usize>lane << 2), mine && column >= 0 ? -1 : 0, LEFT);
      store<i32>(to + (<usize>lane << 2), mine && column + 2 < p.iw ? -1 : 0, RIGHT);
      store<i32>(to + (<usize>lane << 2), mine ? -1 : 0, OWN);
    }
    to += MARKED_BYTES;
  }
  // As far beyond both ends as a vector may reach.
  const bytes = (<usize>p.iw << 2) + 64;
  memory.fill(to, 0, bytes);
  p.zeros = to + 16;
  return align(to + bytes);
}

/** y [oh, ow] = clamp(bias + x ∗ w + rest). */
export function correlatePlane(p: Plane, y: usize, x: usize): void {
  const down = <usize>p.ow << 2;
  let oy = 0;
  if (p.sw == 1) {
    if (p.sh == 1 && p.dh == 1) {
      for (; oy + 2 <= p.oh; oy += 2) {
        const r0 = rowOf(p, x, oy - p.ph), r1 = rowOf(p, x, oy - p.ph + 1), r2 = rowOf(p, x, oy - p.ph + 2), r3 = rowOf(p, x, oy - p.ph + 3);
        twoMarked(p, y, r0, r1, r2, r3);
        if (p.inner) twoInner(p, y, r0, r1, r2, r3);
        y += down << 1;
      }
    }
  }
  for (; oy < p.oh; oy++) {
    const iy = oy * p.sh - p.ph;
    const r0 = rowOf(p, x, iy), r1 = rowOf(p, x, iy + p.dh), r2 = rowOf(p, x, iy + 2 * p.dh);
    if (p.sw == 1) {
      oneMarked(p, y, r0, r1, r2);
      if (p.inner) oneInner(p, y, r0, r1, r2);
    } else {
      steppedMarked(p, y, r0, r1, r2);
      if (p.inner) steppedInner(p, y, r0, r1, r2);
    }
    y += down;
  }
}

/** Where the first output of a row reads row iy. */
@inline function rowOf(p: Plane, x: usize, iy: i32): usize {
  return (<u32>iy < <u32>p.ih ? x + (<usize>(iy * p.iw) << 2) : p.zeros) - (<usize>p.pw << 2);
}

// One function each: registers are given out by function.
function twoMarked(p: Plane, y: usize, r0: usize, r1: usize, r2: usize, r3: usize): void { outputs(2, 1, true, p, y, r0, r1, r2, r3); }
function twoInner(p: Plane, y: usize, r0: usize, r1: usize, r2: usize, r3: usize): void { outputs(2, 1, false, p, y, r0, r1, r2, r3); }
function oneMarked(p: Plane, y: usize, r0: usize, r1: usize, r2: usize): void { outputs(1, 1, true, p, y, r0, r1, r2, r2); }
function oneInner(p: Plane, y: usize, r0: usize, r1: usize, r2: usize): void { outputs(1, 1, false, p, y, r0, r1, r2, r2); }
function steppedMarked(p: Plane, y: usize, r0: usize, r1: usize, r2: usize): void { outputs(1, 2, true, p, y, r0, r1, r2, r2); }
function steppedInner(p: Plane, y: usize, r0: usize, r1: usize, r2: usize): void { outputs(1, 2, false, p, y, r0, r1, r2, r2); }

/** One or two rows of outputs, of the marked vectors or of the others; `rows`, `step` and `marked` are constants where this is inlined. */
@inline function outputs(rows: i32, step: i32, marked: bool, p: Plane, y: usize, r0: usize, r1: usize, r2: usize, r3: usize): void {
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
  const bias = v128.load32_splat(p.bias);
  const down = <usize>p.ow << 2;
  let table = p.table;
  let p0 = r0, p1 = r1, p2 = r2, p3 = r3, q = y;
  if (!marked) {
    p0 += step << 4;
    p1 += step << 4;
    p2 += step << 4;
    if (rows > 1) p3 += step << 4;
    q += 16;
  }
  let left = marked ? p.marked : p.inner;
  do {
    if (marked) {
      const at = changetype<Marked>(table).image;
      p0 = r0 + at;
      p1 = r1 + at;
      p2 = r2 + at;
      if (rows > 1) p3 = r3 + at;
      q = y + changetype<Marked>(table).out;
    }
    let s0 = bias, s1 = bias;
    let a = v128.load(p0);
    let b = step == 1 ? v128.load(p0, 4) : v128.load(p0, 16);
    let c = step == 1 ? v128.load(p0, 8) : v128.load(p0, 32);
    let o = step == 1 ? b : odd(a, b);
    if (step > 1) { a = even(a, b); c = shifted(a, c); }
    if (marked) { a = v128.and(a, v128.load(table, LEFT)); c = v128.and(c, v128.load(table, RIGHT)); }
    s0 = madd(w0, a, s0);
    s0 = madd(w1, o, s0);
    s0 = madd(w2, c, s0);
    a = v128.load(p1);
    b = step == 1 ? v128.load(p1, 4) : v128.load(p1, 16);
    c = step == 1 ? v128.load(p1, 8) : v128.load(p1, 32);
    o = step == 1 ? b : odd(a, b);
    if (step > 1) { a = even(a, b); c = shifted(a, c); }
    if (marked) { a = v128.and(a, v128.load(table, LEFT)); c = v128.and(c, v128.load(table, RIGHT)); }
    s0 = madd(w3, a, s0);
    if (rows > 1) s1 = madd(w0, a, s1);
    s0 = madd(w4, o, s0);
    if (rows > 1) s1 = madd(w1, o, s1);
    s0 = madd(w5, c, s0);
    if (rows > 1) s1 = madd(w2, c, s1);
    a = v128.load(p2);
    b = step == 1 ? v128.load(p2, 4) : v128.load(p2, 16);
    c = step == 1 ? v128.load(p2, 8) : v128.load(p2, 32);
    o = step == 1 ? b : odd(a, b);
    if (step > 1) { a = even(a, b); c = shifted(a, c); }
    if (marked) { a = v128.and(a, v128.load(table, LEFT)); c = v128.and(c, v128.load(table, RIGHT)); }
    s0 = madd(w6, a, s0);
    if (rows > 1) s1 = madd(w3, a, s1);
    s0 = madd(w7, o, s0);
    if (rows > 1) s1 = madd(w4, o, s1);
    s0 = madd(w8, c, s0);
    if (rows > 1) s1 = madd(w5, c, s1);
    if (rows > 1) {
      a = v128.load(p3);
      o = v128.load(p3, 4);
      c = v128.load(p3, 8);
      if (marked) { a = v128.and(a, v128.load(table, LEFT)); c = v128.and(c, v128.load(table, RIGHT)); }
      s1 = madd(w6, a, s1);
      s1 = madd(w7, o, s1);
      s1 = madd(w8, c, s1);
    }
    finish(p, q, s0);
    if (rows > 1) finish(p, q + down, s1);
    if (marked) {
      table += MARKED_BYTES;
    } else {
      p0 += step << 4;
      p1 += step << 4;
      p2 += step << 4;
      if (rows > 1) p3 += step << 4;
      q += 16;
    }
  } while (--left > 0);
}

/** Tap 2 with step 2: one further than tap 0. */
@inline function shifted(a: v128, next: v128): v128 { return v128.shuffle<f32>(a, next, 1, 2, 3, 4); }

@inline function finish(p: Plane, q: usize, s: v128): void {
  if (p.rest) s = f32x4.add(s, v128.load(q + p.rest));
  s = f32x4.pmin(f32x4.pmax(s, f32x4.splat(p.low)), f32x4.splat(p.high));
  v128.store(q, s);
}

/** Output planes begin to end of a convolution with `og` kernels a plane; the arguments are those of conv_f32. */
export function depthwise(scratch: usize, y: usize, x: usize, w: usize, bias: usize, residual: usize, g: Geometry, groups: i32, og: i32, low: f32, high: f32, begin: i32, end: i32): void {
  const p = changetype<Plane>(scratch);
  p.ih = g.ih; p.iw = g.iw; p.oh = g.oh; p.ow = g.ow;
  p.sh = g.sh; p.sw = g.sw; p.ph = g.ph; p.pw = g.pw;
  p.dh = g.dh;
  p.low = low; p.high = high;
  p.rest = residual ? residual - y : 0;
  const none = layPlane(p);
  store<f32>(none, 0);
  const inputs = <usize>(g.ih * g.iw) << 2;
  const outputs = <usize>(g.oh * g.ow) << 2;
  for (let k = begin; k < end; k++) {
    const channel = <usize>(k % (groups * og));
    p.w = w + channel * 36;
    p.bias = bias ? bias + (channel << 2) : none;
    correlatePlane(p, y + <usize>k * outputs, x + <usize>(k / og) * inputs);
  }
}
