// Windows as columns, and columns added up where the windows had read: x [planes, in…], columns [planes, kernel…, out…]; the spatial sizes,
// always three, are in the geometry.
import { addColumns } from "./lib/columns";
import { storeLanes } from "./lib/loops";
import { ceilDiv, Geometry } from "./lib/window";

/** columns[p, k, q] = x[p, q·stride − padding + k·dilation], or 0 outside of x. */
export function unfold_f32(columns: usize, x: usize, geometry: usize, planes: i32): void {
  const g = changetype<Geometry>(geometry);
  const row = <usize>g.ow << 2;
  for (let p = 0; p < planes; p++) {
    for (let a = 0; a < g.kd; a++) {
      for (let b = 0; b < g.kh; b++) {
        for (let e = 0; e < g.kw; e++) {
          // Outputs from lo to hi read inside the row, in steps of the stride from `first` on.
          const first = e * g.dw - g.pw;
          const lo = min(g.ow, max(0, ceilDiv(-first, g.sw)));
          const hi = max(lo, min(g.ow, ceilDiv(g.iw - first, g.sw)));
          for (let z = 0; z < g.od; z++) {
            const iz = z * g.sd - g.pd + a * g.dd;
            for (let y = 0; y < g.oh; y++) {
              const iy = y * g.sh - g.ph + b * g.dh;
              if (<u32>iz < <u32>g.id && <u32>iy < <u32>g.ih) {
                zeros(columns, lo);
                gather(columns + (<usize>lo << 2), x + (<usize>((iz * g.ih + iy) * g.iw + lo * g.sw + first) << 2), hi - lo, g.sw);
                zeros(columns + (<usize>hi << 2), g.ow - hi);
              } else {
                zeros(columns, g.ow);
              }
              columns += row;
            }
          }
        }
      }
    }
    x += <usize>(g.id * g.ih * g.iw) << 2;
  }
}

/** x[p, i] = Σ of columns over the taps and outputs that read element i: the adjoint. */
export function fold_f32(x: usize, columns: usize, geometry: usize, planes: i32): void {
  const g = changetype<Geometry>(geometry);
  memory.fill(x, 0, <usize>(planes * g.id * g.ih * g.iw) << 2);
  addColumns(x, columns, <usize>(g.od * g.oh * g.ow) << 2, 0, g, planes, 0, g.od * g.oh);
}

function zeros(to: usize, n: i32): void {
  for (; n >= 4; n -= 4) {
    v128.store(to, f32x4.splat(0));
    to += 16;
  }
  if (n > 0) storeLanes(to, f32x4.splat(0), n);
}

/** n elements, every step-th of the source. */
@inline function gather(to: usize, from: usize, n: i32, step: i32): void {
  if (step == 1) {
    for (; n >= 4; n -= 4) {
      v128.store(to, v128.load(from));
      to += 16;
      from += 16;
    }
    if (n > 0) storeLanes(to, v128.load(from), n);
    return;
  }
  for (; n > 0; n--) {
    store<f32>(to, load<f32>(from));
    to += 4;
    from += <usize>step << 2;
  }
}
