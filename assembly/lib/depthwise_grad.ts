// The gradients of depthwise convolution, plane by plane where it lies, as in depthwise.ts.
import { correlatePlane, enterPlane, fitsRows, flat, layPlane, Marked, MARKED_BYTES, MASKS, OWN, outputPlane, paysRows, Plane } from "./depthwise";
import { even, odd } from "./pool";
import { hsum, madd } from "./simd";
import { Geometry } from "./window";

/** Vectors of outputs whose products are summed before they are added to the sum of the sums: bounds the error. */
@inline const PASS: i32 = 256;

/** Outputs begin to end of the gradient of weights [groups, kh, kw]. */
export function planeDots(scratch: usize, dw: usize, dy: usize, x: usize, g: Geometry, n: i32, groups: i32, begin: i32, end: i32): void {
  const p = changetype<Plane>(scratch);
  outputPlane(p, g);
  const sums = layPlane(p, true);
  const taps = <usize>(g.kh * g.kw);
  const inputs = <usize>(g.ih * g.iw) << 2;
  const outputs = <usize>(g.oh * g.ow) << 2;
  const rows = max(1, PASS / ((p.ow + 3) >> 2));
  for (let k = begin; k < end; k++) {
    memory.fill(sums, 0, taps << 4);
    for (let i = 0; i < n; i++) {
      enterPlane(p, x + <usize>(i * groups + k) * inputs);
      const from = dy + <usize>(i * groups + k) * outputs;
      for (let r = 0; r < p.oh; r += rows) {
        const height = min(rows, p.oh - r);
        for (let ky = 0; ky < p.kh; ky++) {
          const to = sums + (<usize>(ky * p.kw) << 4);
          const image = p.rows + (<usize>(r * p.sh + ky * p.dh) << 2);
          const q = from + (<usize>(r * p.ow) << 2);
          if (p.kw == 3) p.sw == 1 ? dots31(p, to, q, image, height) : dots32(p, to, q, image, height);
          else if (p.kw == 5) p.sw == 1 ? dots51(p, to, q, image, height) : dots52(p, to, q, image, height);
          else dots71(p, to, q, image, height);
        }
      }
    }
    for (let t: usize = 0; t < taps; t++) store<f32>(dw + ((<usize>k * taps + t) << 2), hsum(v128.load(sums + (t << 4))));
  }
}

function dots31(p: Plane, sums: usize, dy: usize, rows: usize, height: i32): void { dotsOf(3, 1, p, sums, dy, rows, height); }
function dots32(p: Plane, sums: usize, dy: usize, rows: usize, height: i32): void { dotsOf(3, 2, p, sums, dy, rows, height); }
function dots51(p: Plane, sums: usize, dy: usize, rows: usize, height: i32): void { dotsOf(5, 1, p, sums, dy, rows, height); }
function dots52(p: Plane, sums: usize, dy: usize, rows: usize, height: i32): void { dotsOf(5, 2, p, sums, dy, rows, height); }
function dots71(p: Plane, sums: usize, dy: usize, rows: usize, height: i32): void { dotsOf(7, 1, p, sums, dy, rows, height); }

/** sums [kw, 4] += `height` rows of dy times what a row of the kernel reads. kw and step are constants where this is inlined. */
@inline function dotsOf(kw: i32, step: i32, p: Plane, sums: usize, dy: usize, rows: usize, height: i32): void {
  const down = <usize>p.ow << 2;
  const next = <usize>p.sh << 2;
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero, s4 = zero, s5 = zero, s6 = zero;
  for (; height > 0; height--) {
    const x = load<usize>(rows);
    let m = p.table;
    // Neither an infinity of a lane that is another vector's, nor one that no tap reads, may make a NaN.
    for (let left = p.marked; left > 0; left--) {
      const v = v128.and(v128.load(dy + changetype<Marked>(m).out), v128.load(m, OWN));
      const at = x + changetype<Marked>(m).image;
      s0 = madd(v, v128.and(tap(step, at, 0), v128.load(m, MASKS + 0)), s0);
      s1 = madd(v, v128.and(tap(step, at, 1), v128.load(m, MASKS + 16)), s1);
      s2 = madd(v, v128.and(tap(step, at, 2), v128.load(m, MASKS + 32)), s2);
      if (kw > 3) s3 = madd(v, v128.and(tap(step, at, 3), v128.load(m, MASKS + 48)), s3);
      if (kw > 4) s4 = madd(v, v128.and(tap(step, at, 4), v128.load(m, MASKS + 64)), s4);
      if (kw > 5) s5 = madd(v, v128.and(tap(step, at, 5), v128.load(m, MASKS + 80)), s5);
      if (kw > 6) s6 = madd(v, v128.and(tap(step, at, 6), v128.load(m, MASKS + 96)), s6);
      m += MARKED_BYTES;
    }
    let at = x + (step << 4);
    let q = dy + 16;
    for (let left = p.inner; left > 0; left--) {
      const v = v128.load(q);
      s0 = madd(v, tap(step, at, 0), s0);
      s1 = madd(v, tap(step, at, 1), s1);
      s2 = madd(v, tap(step, at, 2), s2);
      if (kw > 3) s3 = madd(v, tap(step, at, 3), s3);
      if (kw > 4) s4 = madd(v, tap(step, at, 4), s4);
      if (kw > 5) s5 = madd(v, tap(step, at, 5), s5);
      if (kw > 6) s6 = madd(v, tap(step, at, 6), s6);
      at += step << 4;
      q += 16;
    }
    dy += down;
    rows += next;
  }
  if (kw > 6) add(sums + 96, s6);
  if (kw > 5) add(sums + 80, s5);
  if (kw > 4) add(sums + 64, s4);
  if (kw > 3) add(sums + 48, s3);
  add(sums + 32, s2);
  add(sums + 16, s1);
  add(sums, s0);
}

@inline function add(sums: usize, s: v128): void { v128.store(sums, f32x4.add(v128.load(sums), s)); }

/** What tap t reads for four outputs. */
@inline function tap(step: i32, p: usize, t: i32): v128 {
  p += <usize>t << 2;
  if (step == 1) return v128.load(p);
  return t & 1 ? odd(v128.load(p - 4), v128.load(p, 12)) : even(v128.load(p), v128.load(p, 16));
}

/** True where each output has an input of its own, and planes are read where they lie. */
export function fitsDots(g: Geometry, cg: i32, og: i32): bool {
  return cg == 1 && og == 1 && flat(g) && fitsRows(g, g.sh, g.sw, g.oh, g.ow, g.pw, g.iw);
}

/** How the gradient of the input goes plane by plane: with stride 1 as a convolution with the mirrored kernel, with stride 2 and 3 × 3 taps by
 * its own kernel. */
export function fitsInputGrad(g: Geometry, cg: i32, og: i32): bool {
  if (cg != 1 || og != 1 || !flat(g)) return false;
  return halves(g) || (g.sh == 1 && g.sw == 1 && paysRows(g, g.iw) && fitsRows(g, 1, 1, g.ih, g.iw, g.kw - 1 - g.pw, g.ow));
}

/** Stride 2, 3 × 3 taps, a zero in front, and even sizes. */
function halves(g: Geometry): bool {
  return g.kh == 3 && g.kw == 3 && g.sh == 2 && g.sw == 2 && g.ph == 1 && g.pw == 1 && g.dh == 1 && g.dw == 1
    && g.ih == 2 * g.oh && g.iw == 2 * g.ow && g.ow >= 4;
}

/** Planes begin to end of dx. */
export function planeInputGrad(scratch: usize, dx: usize, dy: usize, w: usize, g: Geometry, groups: i32, begin: i32, end: i32): void {
  const p = changetype<Plane>(scratch);
  const spreads = halves(g);
  p.ih = g.oh; p.iw = g.ow; p.kh = g.kh; p.kw = g.kw;
  p.sh = 1; p.sw = 1; p.dh = g.dh;
  p.oh = spreads ? g.oh : g.ih;
  p.ow = spreads ? g.ow : g.iw;
  p.ph = spreads ? 0 : (g.kh - 1) * g.dh - g.ph;
  p.pw = spreads ? 0 : g.kw - 1 - g.pw;
  p.low = -Infinity; p.high = Infinity; p.bias = 0; p.rest = 0;
  const mirrored = layPlane(p, false);
  const taps = g.kh * g.kw;
  const inputs = <usize>(g.ih * g.iw) << 2;
  const outputs = <usize>(g.oh * g.ow) << 2;
  for (let k = begin; k < end; k++) {
    const weights = w + (<usize>(k % groups * taps) << 2);
    const to = dx + <usize>k * inputs;
    const from = dy + <usize>k * outputs;
    if (spreads) {
      p.w = weights;
      enterPlane(p, from);
      for (let i = 0; i < g.oh; i++) {
        const rows = p.rows + (<usize>i << 2);
        const row = to + (<usize>(i * g.iw) << 3);
        spreadMarked(p, row, rows);
        if (p.inner) spreadInner(p, row, rows);
      }
    } else {
      for (let t = 0; t < taps; t++) store<f32>(mirrored + (<usize>t << 2), load<f32>(weights + (<usize>(taps - 1 - t) << 2)));
      p.w = mirrored;
      correlatePlane(p, to, from);
    }
  }
}

function spreadMarked(p: Plane, dx: usize, rows: usize): void { spread(true, p, dx, rows); }
function spreadInner(p: Plane, dx: usize, rows: usize): void { spread(false, p, dx, rows); }

/** Two rows of dx from a row of dy and the one below: each output has four inputs, which one, two, two and four taps reach. */
@inline function spread(marked: bool, p: Plane, dx: usize, rows: usize): void {
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
  const r0 = load<usize>(rows);
  const r1 = load<usize>(rows, 4);
  const down = <usize>p.ow << 3;
  let m = p.table;
  let at: usize = 16;
  let left = marked ? p.marked : p.inner;
  do {
    if (marked) at = changetype<Marked>(m).image;
    const q = dx + 2 * at;
    const a = v128.load(r0 + at);
    let b = v128.load(r0 + at, 4);
    const c = v128.load(r1 + at);
    let d = v128.load(r1 + at, 4);
    if (marked) {
      const mask = v128.load(m, MASKS + 16);
      b = v128.and(b, mask);
      d = v128.and(d, mask);
      m += MARKED_BYTES;
    }
    let u = f32x4.mul(w4, a);
    let v = madd(w5, a, f32x4.mul(w3, b));
    v128.store(q, v128.shuffle<f32>(u, v, 0, 4, 1, 5));
    v128.store(q, v128.shuffle<f32>(u, v, 2, 6, 3, 7), 16);
    u = madd(w7, a, f32x4.mul(w1, c));
    v = madd(w8, a, madd(w6, b, madd(w2, c, f32x4.mul(w0, d))));
    v128.store(q + down, v128.shuffle<f32>(u, v, 0, 4, 1, 5));
    v128.store(q + down, v128.shuffle<f32>(u, v, 2, 6, 3, 7), 16);
    at += 16;
  } while (--left > 0);
}
