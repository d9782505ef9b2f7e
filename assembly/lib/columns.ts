// Columns: what each tap of a kernel reads for every output, [channels, kernel…, out…], which is a convolution's input unfolded.
import { storeLanes } from "./loops";
import { madd } from "./simd";
import { ceilDiv, Geometry } from "./window";

/**
 * dx [cg, in…] += what `height` rows of outputs from r on send back through each tap. The columns of the taps [cg, kernel] are `next` bytes
 * apart and, if there are weights, multiplied by them.
 */
export function addColumns(dx: usize, columns: usize, next: usize, weights: usize, g: Geometry, cg: i32, r: i32, height: i32): void {
  let scale: f32 = 1;
  for (let c = 0; c < cg; c++) {
    for (let a = 0; a < g.kd; a++) {
      for (let b = 0; b < g.kh; b++) {
        // Outputs from lo to hi read inside the input, at output·stride + first; so for rows, and for columns below.
        const firstY = b * g.dh - g.ph;
        const loY = max(0, ceilDiv(-firstY, g.sh));
        const hiY = min(g.oh, ceilDiv(g.ih - firstY, g.sh));
        for (let e = 0; e < g.kw; e++) {
          const firstX = e * g.dw - g.pw;
          const loX = max(0, ceilDiv(-firstX, g.sw));
          const hiX = min(g.ow, ceilDiv(g.iw - firstX, g.sw));
          if (weights) {
            scale = load<f32>(weights);
            weights += 4;
          }
          // Slice by slice, since a block may begin and end inside one.
          for (let row = r; row < r + height;) {
            const z = row / g.oh;
            const iz = z * g.sd - g.pd + a * g.dd;
            const top = z * g.oh;
            const bottom = min(top + g.oh, r + height);
            if (<u32>iz < <u32>g.id && loX < hiX) {
              const from = max(row, top + loY);
              const to = dx + (<usize>((iz * g.ih + (from - top) * g.sh + firstY) * g.iw + loX * g.sw + firstX) << 2);
              const source = columns + (<usize>((from - r) * g.ow + loX) << 2);
              addRows(to, source, min(bottom, top + hiY) - from, hiX - loX, g.sh * g.iw, g.ow, g.sw, scale);
            }
            row = bottom;
          }
          columns += next;
        }
      }
    }
    dx += <usize>(g.id * g.ih * g.iw) << 2;
  }
}

/** to += scale · from [height, width]; rows of `to` and of `from` are toRow and fromRow elements apart, columns of `to` are `step`. */
function addRows(to: usize, from: usize, height: i32, width: i32, toRow: i32, fromRow: i32, step: i32, scale: f32): void {
  const v = f32x4.splat(scale);
  const zero = f32x4.splat(0);
  for (; height > 0; height--) {
    let p = to;
    let q = from;
    let left = width;
    if (step == 1) {
      for (; left >= 4; left -= 4) {
        v128.store(p, madd(v, v128.load(q), v128.load(p)));
        p += 16;
        q += 16;
      }
      if (left > 0) storeLanes(p, madd(v, v128.load(q), v128.load(p)), left);
      left = 0;
    } else if (step == 2) {
      // Zeros go to the elements between, of which the last one may not exist: hence more than four.
      for (; left > 4; left -= 4) {
        const x = f32x4.mul(v, v128.load(q));
        v128.store(p, f32x4.add(v128.load(p), v128.shuffle<f32>(x, zero, 0, 4, 1, 5)));
        v128.store(p, f32x4.add(v128.load(p, 16), v128.shuffle<f32>(x, zero, 2, 6, 3, 7)), 16);
        p += 32;
        q += 16;
      }
    }
    for (; left > 0; left--) {
      store<f32>(p, load<f32>(p) + scale * load<f32>(q));
      p += <usize>step << 2;
      q += 4;
    }
    to += <usize>toRow << 2;
    from += <usize>fromRow << 2;
  }
}
