// Sampling of images at given places: x [n, c, h, w], grid [n, count, 2] with (column, row) from −1 to 1, y [n, c, count]. A place is made of
// the four elements around it, or is the nearest one.

// Padding 0 has zeros outside, 1 the nearest element.
@inline const REFLECTION: i32 = 2;

/** A coordinate in elements: −1 and 1 are the centres of the first and the last one if `align`, else their outer edges. */
@inline function unscaled(v: f32, size: f32, align: i32): f32 {
  return align ? (v + 1) * 0.5 * (size - 1) : ((v + 1) * size - 1) * 0.5;
}

/** How often a place so far from the mirror at the low end is reflected from one mirror to the other, `span` away. */
@inline function reflections(distance: f32, span: f32): f32 {
  return span > 0 ? floor<f32>(distance / span) : 0;
}

/** Where along a dimension of n elements to read. */
function place(v: f32, n: i32, padding: i32, align: i32): f32 {
  const size = <f32>n;
  let at = unscaled(v, size, align);
  if (padding == REFLECTION) {
    const low: f32 = align ? 0 : -0.5;
    const span = align ? size - 1 : size;
    const distance = abs<f32>(at - low);
    const times = reflections(distance, span);
    const rest = distance - times * span;
    at = low + (<i32>times & 1 ? span - rest : span > 0 ? rest : 0);
  }
  return padding ? min<f32>(max<f32>(at, 0), size - 1) : at;
}

/** The derivative of `place`. */
function slope(v: f32, n: i32, padding: i32, align: i32): f32 {
  const size = <f32>n;
  const scale: f32 = 0.5 * (align ? size - 1 : size);
  if (padding) {
    const p = place(v, n, padding, align);
    if (p <= 0 || p >= size - 1) return 0;
  }
  if (padding != REFLECTION) return scale;
  const low: f32 = align ? 0 : -0.5;
  const at = unscaled(v, size, align);
  const odd = <i32>reflections(abs<f32>(at - low), align ? size - 1 : size) & 1;
  return odd == i32(at < low) ? scale : -scale;
}

// What the loop over places does with each element that a place is made of, over all channels: a and b walk by their strides.

@unmanaged class Gather {
  /** y += weight · x. */
  @inline each(y: usize, x: usize, weight: f32): f32 {
    store<f32>(y, load<f32>(y) + weight * load<f32>(x));
    return 0;
  }
}

@unmanaged class Scatter {
  /** dx += weight · g. */
  @inline each(g: usize, x: usize, weight: f32): f32 {
    store<f32>(x, load<f32>(x) + weight * load<f32>(g));
    return 0;
  }
}

@unmanaged class Product {
  /** g · x. */
  @inline each(g: usize, x: usize, weight: f32): f32 {
    return load<f32>(g) * load<f32>(x);
  }
}

/** Goes through all places; dgrid is 0 unless the products' sums are wanted as its gradient. */
@inline function walk<Op>(out: usize, x: usize, grid: usize, dgrid: usize, n: i32, c: i32, h: i32, w: i32, count: i32, nearby: i32, padding: i32, align: i32): void {
  const op = changetype<Op>(0);
  const image = <usize>(h * w) << 2;
  const row = <usize>count << 2;
  const corners = nearby ? 1 : 4;
  for (let i = 0; i < n; i++) {
    for (let p = 0; p < count; p++) {
      const px = place(load<f32>(grid), w, padding, align);
      const py = place(load<f32>(grid, 4), h, padding, align);
      const left = nearby ? nearest<f32>(px) : floor<f32>(px);
      const top = nearby ? nearest<f32>(py) : floor<f32>(py);
      const fx: f32 = nearby ? 0 : px - left;
      const fy: f32 = nearby ? 0 : py - top;
      let slopeX: f32 = 0;
      let slopeY: f32 = 0;
      for (let k = 0; k < corners; k++) {
        const ix = <i32>left + (k & 1);
        const iy = <i32>top + (k >> 1);
        if (<u32>ix >= <u32>w || <u32>iy >= <u32>h) continue;
        const wx = k & 1 ? fx : 1 - fx;
        const wy = k & 2 ? fy : 1 - fy;
        let a = out + (<usize>p << 2);
        let b = x + (<usize>(iy * w + ix) << 2);
        let sum: f32 = 0;
        for (let j = 0; j < c; j++) {
          sum += op.each(a, b, wx * wy);
          a += row;
          b += image;
        }
        slopeX += k & 1 ? sum * wy : -sum * wy;
        slopeY += k & 2 ? sum * wx : -sum * wx;
      }
      if (dgrid) {
        store<f32>(dgrid, nearby ? 0 : slopeX * slope(load<f32>(grid), w, padding, align));
        store<f32>(dgrid, nearby ? 0 : slopeY * slope(load<f32>(grid, 4), h, padding, align), 4);
        dgrid += 8;
      }
      grid += 8;
    }
    out += <usize>c * row;
    x += <usize>c * image;
  }
}

/** y[c, p] = x[c] at the place p. */
export function grid_sample_f32(y: usize, x: usize, grid: usize, n: i32, c: i32, h: i32, w: i32, count: i32, nearby: i32, padding: i32, align: i32): void {
  memory.fill(y, 0, <usize>(n * c * count) << 2);
  walk<Gather>(y, x, grid, 0, n, c, h, w, count, nearby, padding, align);
}

/** dx: g [n, c, count] spread over the elements that each place is made of. */
export function grid_sample_input_grad_f32(dx: usize, g: usize, grid: usize, n: i32, c: i32, h: i32, w: i32, count: i32, nearby: i32, padding: i32, align: i32): void {
  memory.fill(dx, 0, <usize>(n * c * h * w) << 2);
  walk<Scatter>(g, dx, grid, 0, n, c, h, w, count, nearby, padding, align);
}

/** dgrid [n, count, 2]: the sum over channels of g times the slope of x at the place. */
export function grid_sample_places_grad_f32(dgrid: usize, g: usize, x: usize, grid: usize, n: i32, c: i32, h: i32, w: i32, count: i32, nearby: i32, padding: i32, align: i32): void {
  walk<Product>(g, x, grid, dgrid, n, c, h, w, count, nearby, padding, align);
}
