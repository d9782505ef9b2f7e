// Running products along the middle dimension of [outer, n, inner].

/** y[o, i, j] = Π x[o, 0 … i, j] */
export function cumprod_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    for (let j: usize = 0; j < step; j += 4) {
      let p: f32 = 1;
      for (let i = 0; i < n; i++) {
        const at = <usize>i * step + j;
        p *= load<f32>(x + at);
        store<f32>(y + at, p);
      }
    }
    y += step * <usize>n;
    x += step * <usize>n;
  }
}

/**
 * dx[k] = Π x[0 … k−1] · s[k] with s[k] = g[k] + x[k+1] · s[k+1]: no division, so that zeros in x do no harm. Each line is walked
 * backwards for s and forwards for the products.
 */
export function cumprod_grad_f32(dx: usize, g: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    for (let j: usize = 0; j < step; j += 4) {
      let s: f32 = 0;
      for (let i = n - 1; i >= 0; i--) {
        const at = <usize>i * step + j;
        s += load<f32>(g + at);
        store<f32>(dx + at, s);
        s *= load<f32>(x + at);
      }
      let p: f32 = 1;
      for (let i = 0; i < n; i++) {
        const at = <usize>i * step + j;
        store<f32>(dx + at, load<f32>(dx + at) * p);
        p *= load<f32>(x + at);
      }
    }
    dx += step * <usize>n;
    g += step * <usize>n;
    x += step * <usize>n;
  }
}
