// Average pooling of x [planes, d, h, w] to y [planes, od, oh, ow]; windows as in lib/pool, without dilation.
//
// The divisor of an output is `divisor` if that is not 0; else the size of its window, in which the padding counts if `pad` is 1,
// but never what lies beyond the padding.
import { even, first, last, odd, strided, wholeFrom, wholeTo } from "./lib/pool";

/** How many positions of output i count for the divisor, along one axis. */
function counted(i: i32, n: i32, on: i32, k: i32, s: i32, p: i32, pad: i32): i32 {
  if (pad == 0 || s == 0) return last(i, n, on, k, s, p, 1) - first(i, n, on, s, p, 1);
  return min(i * s - p + k, n + p) - (i * s - p);
}

export function avgpool_f32(y: usize, x: usize, planes: i32, d: i32, h: i32, w: i32, od: i32, oh: i32, ow: i32, kd: i32, kh: i32, kw: i32, sd: i32, sh: i32, sw: i32, pd: i32, ph: i32, pw: i32, pad: i32, divisor: i32): void {
  const from = wholeFrom(ow, sw, pw);
  const to = wholeTo(from, w, ow, kw, sw, pw, 1);
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < od; i++) {
      const z0 = first(i, d, od, sd, pd, 1);
      const z1 = last(i, d, od, kd, sd, pd, 1);
      const deep = counted(i, d, od, kd, sd, pd, pad);
      for (let j = 0; j < oh; j++) {
        const y0 = first(j, h, oh, sh, ph, 1);
        const y1 = last(j, h, oh, kh, sh, ph, 1);
        const area = deep * counted(j, h, oh, kh, sh, ph, pad);
        for (let k = 0; k < ow; k++) {
          if (k == from && to - from >= 4 && sw <= 2) {
            row(y + (from << 2), x, to - from, from * sw - pw, z0, z1, y0, y1, kw, sw, h, w, <f32>(divisor != 0 ? divisor : area * kw));
            k = to;
            if (k == ow) break;
          }
          const n = divisor != 0 ? divisor : area * counted(k, w, ow, kw, sw, pw, pad);
          store<f32>(y + (k << 2), window(x, z0, z1, y0, y1, first(k, w, ow, sw, pw, 1), last(k, w, ow, kw, sw, pw, 1), h, w) / <f32>n);
        }
        y += ow << 2;
      }
    }
    x += (d * h * w) << 2;
  }
}

/** The sum of one window. Rows that follow each other without a gap are one long row. */
function window(x: usize, z0: i32, z1: i32, y0: i32, y1: i32, x0: i32, x1: i32, h: i32, w: i32): f32 {
  const whole = x0 == 0 && x1 == w;
  const n = whole ? (y1 - y0) * w : x1 - x0;
  const rows = whole ? 1 : y1 - y0;
  let s: f32 = 0;
  for (let z = z0; z < z1; z++) {
    let p = x + (((z * h + y0) * w + x0) << 2);
    for (let j = 0; j < rows; j++) {
      s += sum(p, n);
      p += w << 2;
    }
  }
  return s;
}

function sum(x: usize, n: i32): f32 {
  let a = f32x4.splat(0);
  let b = a;
  let k = 0;
  for (; k + 8 <= n; k += 8, x += 32) {
    a = f32x4.add(a, v128.load(x));
    b = f32x4.add(b, v128.load(x, 16));
  }
  a = f32x4.add(a, b);
  let s = (f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1)) + (f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3));
  for (; k < n; k++, x += 4) s += load<f32>(x);
  return s;
}

/** n ≥ 4 outputs whose taps are all inside, with one divisor; the first starts at column c. The last four may be computed twice. */
function row(y: usize, x: usize, n: i32, c: i32, z0: i32, z1: i32, y0: i32, y1: i32, kw: i32, sw: i32, h: i32, w: i32, divisor: f32): void {
  const by = f32x4.splat(divisor);
  const square2 = kw == 2 && sw == 2 && z1 - z0 == 1 && y1 - y0 == 2;
  for (let k = 0; ; k = min(k + 4, n - 4)) {
    let s = f32x4.splat(0);
    if (square2) {
      const p = x + (((z0 * h + y0) * w + c + k * 2) << 2);
      const q = p + (w << 2);
      const a = f32x4.add(v128.load(p), v128.load(q));
      const b = f32x4.add(v128.load(p, 16), v128.load(q, 16));
      s = f32x4.add(even(a, b), odd(a, b));
    } else {
      for (let z = z0; z < z1; z++) {
        for (let j = y0; j < y1; j++) {
          const p = x + (((z * h + j) * w + c + k * sw) << 2);
          for (let t = 0; t < kw; t++) s = f32x4.add(s, strided(p + (t << 2), sw));
        }
      }
    }
    v128.store(y + (k << 2), f32x4.div(s, by));
    if (k + 4 == n) break;
  }
}

/** dx = Σ g / divisor over the outputs whose window holds the element. */
export function avgpool_grad_f32(dx: usize, g: usize, planes: i32, d: i32, h: i32, w: i32, od: i32, oh: i32, ow: i32, kd: i32, kh: i32, kw: i32, sd: i32, sh: i32, sw: i32, pd: i32, ph: i32, pw: i32, pad: i32, divisor: i32): void {
  memory.fill(dx, 0, <usize>(planes * d * h * w) << 2);
  const square2 = kd == 1 && kh == 2 && kw == 2 && sd != 0 && sh == 2 && sw == 2;
  const from = wholeFrom(ow, sw, pw);
  const to = wholeTo(from, w, ow, kw, sw, pw, 1);
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < od; i++) {
      const z0 = first(i, d, od, sd, pd, 1);
      const z1 = last(i, d, od, kd, sd, pd, 1);
      const deep = counted(i, d, od, kd, sd, pd, pad);
      for (let j = 0; j < oh; j++) {
        const y0 = first(j, h, oh, sh, ph, 1);
        const y1 = last(j, h, oh, kh, sh, ph, 1);
        const area = deep * counted(j, h, oh, kh, sh, ph, pad);
        for (let k = 0; k < ow; k++) {
          if (k == from && square2 && z1 - z0 == 1 && y1 - y0 == 2) {
            const n = (to - from) & ~3;
            spread2(dx + (((z0 * h + y0) * w + from * 2 - pw) << 2), g + (from << 2), n, <usize>w << 2, <f32>(divisor != 0 ? divisor : area * 2));
            k += n;
            if (k == ow) break;
          } else if (k == from && kw == 3 && sw == 2) {
            const n = (to - from) & ~3;
            spread3(dx, g + (from << 2), n, from * 2 - pw, z0, z1, y0, y1, h, w, <f32>(divisor != 0 ? divisor : area * 3));
            k += n;
            if (k == ow) break;
          } else if (k == from && sw == 1) {
            spread1(dx, g + (from << 2), to - from, from - pw, z0, z1, y0, y1, kw, h, w, <f32>(divisor != 0 ? divisor : area * kw));
            k = to;
            if (k == ow) break;
          }
          const n = divisor != 0 ? divisor : area * counted(k, w, ow, kw, sw, pw, pad);
          spread(dx, load<f32>(g + (k << 2)) / <f32>n, z0, z1, y0, y1, first(k, w, ow, sw, pw, 1), last(k, w, ow, kw, sw, pw, 1), h, w);
        }
        g += ow << 2;
      }
    }
    dx += (d * h * w) << 2;
  }
}

/** Adds v to every element of one window. Rows that follow each other without a gap are one long row. */
function spread(dx: usize, v: f32, z0: i32, z1: i32, y0: i32, y1: i32, x0: i32, x1: i32, h: i32, w: i32): void {
  const vs = f32x4.splat(v);
  const whole = x0 == 0 && x1 == w;
  const n = whole ? (y1 - y0) * w : x1 - x0;
  const rows = whole ? min(1, y1 - y0) : y1 - y0;
  for (let z = z0; z < z1; z++) {
    for (let j = 0; j < rows; j++) {
      let p = dx + (((z * h + y0 + j) * w + x0) << 2);
      let k = 0;
      for (; k + 4 <= n; k += 4, p += 16) v128.store(p, f32x4.add(v128.load(p), vs));
      for (; k < n; k++, p += 4) store<f32>(p, load<f32>(p) + v);
    }
  }
}

/** The same for n outputs whose windows begin one after the other from column c: tap by tap, each adds the whole row. */
function spread1(dx: usize, g: usize, n: i32, c: i32, z0: i32, z1: i32, y0: i32, y1: i32, kw: i32, h: i32, w: i32, divisor: f32): void {
  const by = f32x4.splat(divisor);
  for (let z = z0; z < z1; z++) {
    for (let j = y0; j < y1; j++) {
      for (let t = 0; t < kw; t++) {
        const p = dx + (((z * h + j) * w + c + t) << 2);
        let k = 0;
        for (; k + 4 <= n; k += 4) {
          const at = <usize>k << 2;
          v128.store(p + at, f32x4.add(v128.load(p + at), f32x4.div(v128.load(g + at), by)));
        }
        for (; k < n; k++) {
          const at = <usize>k << 2;
          store<f32>(p + at, load<f32>(p + at) + load<f32>(g + at) / divisor);
        }
      }
    }
  }
}

/** The same for n outputs, a multiple of 4, of windows three columns wide and two apart. */
function spread3(dx: usize, g: usize, n: i32, c: i32, z0: i32, z1: i32, y0: i32, y1: i32, h: i32, w: i32, divisor: f32): void {
  const by = f32x4.splat(divisor);
  for (let z = z0; z < z1; z++) {
    for (let j = y0; j < y1; j++) {
      let p = dx + (((z * h + j) * w + c) << 2);
      let q = g;
      for (let k = 0; k < n; k += 4) {
        const v = f32x4.div(v128.load(q), by);
        // Column 2 of an output is column 0 of the next.
        const s = f32x4.add(v, v128.shuffle<f32>(f32x4.splat(0), v, 0, 4, 5, 6));
        v128.store(p, f32x4.add(v128.load(p), v128.shuffle<f32>(s, v, 0, 4, 1, 5)));
        v128.store(p, f32x4.add(v128.load(p, 16), v128.shuffle<f32>(s, v, 2, 6, 3, 7)), 16);
        store<f32>(p, load<f32>(p, 32) + f32x4.extract_lane(v, 3), 32);
        p += 32;
        q += 16;
      }
    }
  }
}

/** The same for n outputs, a multiple of 4, of windows 2×2 apart from each other. */
function spread2(dx: usize, g: usize, n: i32, step: usize, divisor: f32): void {
  const by = f32x4.splat(divisor);
  for (let k = 0; k < n; k += 4) {
    const v = f32x4.div(v128.load(g), by);
    const a = v128.shuffle<f32>(v, v, 0, 0, 1, 1);
    const b = v128.shuffle<f32>(v, v, 2, 2, 3, 3);
    v128.store(dx, a);
    v128.store(dx, b, 16);
    v128.store(dx + step, a);
    v128.store(dx + step, b, 16);
    dx += 32;
    g += 16;
  }
}
