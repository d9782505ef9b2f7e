// Factorisations of small dense matrices [batch, rows, cols], computed in float64 in work space.
// A kernel returns the number of the first matrix that it could not handle, or -1; what it wrote is then of no use.

/** y[0…n) += f · x[0…n) */
@inline function axpy(y: usize, x: usize, n: i32, f: f64): void {
  const vf = f64x2.splat(f);
  const end = y + (<usize>(n & ~1) << 3);
  while (y < end) {
    v128.store(y, f64x2.add(v128.load(y), f64x2.mul(v128.load(x), vf)));
    y += 16;
    x += 16;
  }
  if (n & 1) store<f64>(y, load<f64>(y) + load<f64>(x) * f);
}

@inline function dot(x: usize, y: usize, n: i32): f64 {
  let s = f64x2.splat(0);
  let i: usize = 0;
  for (const whole = <usize>(n & ~1) << 3; i < whole; i += 16) s = f64x2.add(s, f64x2.mul(v128.load(x + i), v128.load(y + i)));
  let sum = f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
  if (n & 1) sum += load<f64>(x + i) * load<f64>(y + i);
  return sum;
}

/** `rows` rows of n values; `ld` doubles lie between the beginnings of the rows in y. */
function widen(y: usize, x: usize, rows: i32, n: i32, ld: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < n; j++) store<f64>(y + (<usize>j << 3), <f64>load<f32>(x + (<usize>j << 2)));
    y += <usize>ld << 3;
    x += <usize>n << 2;
  }
}

function narrow(y: usize, x: usize, rows: i32, n: i32, ld: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < n; j++) store<f32>(y + (<usize>j << 2), <f32>load<f64>(x + (<usize>j << 3)));
    y += <usize>n << 2;
    x += <usize>ld << 3;
  }
}

function swapRows(x: usize, y: usize, n: i32): void {
  for (let i: usize = 0, bytes = <usize>n << 3; i < bytes; i += 8) {
    const t = load<f64>(x + i);
    store<f64>(x + i, load<f64>(y + i));
    store<f64>(y + i, t);
  }
}

/** a = l lᵀ with l lower triangular, row by row; fails where a is not positive-definite. scratch: n² doubles. */
export function cholesky_f32(l: usize, a: usize, batch: i32, n: i32, scratch: usize): i32 {
  const bytes = <usize>(n * n) << 2;
  for (let b = 0; b < batch; b++) {
    widen(scratch, a, n, n, n);
    for (let i = 0; i < n; i++) {
      const row = scratch + (<usize>(i * n) << 3);
      for (let j = 0; j < i; j++) {
        const other = scratch + (<usize>(j * n) << 3);
        const p = row + (<usize>j << 3);
        store<f64>(p, (load<f64>(p) - dot(row, other, j)) / load<f64>(other + (<usize>j << 3)));
      }
      const p = row + (<usize>i << 3);
      const square = load<f64>(p) - dot(row, row, i);
      if (!(square > 0)) return b;
      store<f64>(p, sqrt(square));
      memory.fill(p + 8, 0, <usize>(n - 1 - i) << 3);
    }
    narrow(l, scratch, n, n, n);
    l += bytes;
    a += bytes;
  }
  return -1;
}

/**
 * Gaussian elimination with partial pivoting of the first n of `width` columns, of n rows. Returns the sign of the row exchanges,
 * or 0 if a column has no pivot.
 */
function eliminate(m: usize, n: i32, width: i32): i32 {
  const ld = <usize>width << 3;
  let sign = 1;
  for (let c = 0; c < n; c++) {
    const column = m + (<usize>c << 3);
    let best = c;
    for (let r = c + 1; r < n; r++) {
      if (abs(load<f64>(column + <usize>r * ld)) > abs(load<f64>(column + <usize>best * ld))) best = r;
    }
    const top = column + <usize>c * ld;
    if (best != c) {
      swapRows(top, column + <usize>best * ld, width - c);
      sign = -sign;
    }
    const pivot = load<f64>(top);
    if (pivot == 0) return 0;
    for (let r = c + 1; r < n; r++) {
      const row = column + <usize>r * ld;
      axpy(row, top, width - c, -load<f64>(row) / pivot);
    }
  }
  return sign;
}

/** x = u⁻¹ x for the upper triangle u of the first n columns and the k columns at `x`, rows of `width` doubles. */
function backSubstitute(u: usize, x: usize, n: i32, k: i32, uWidth: i32, xWidth: i32): void {
  for (let i = n - 1; i >= 0; i--) {
    const row = x + (<usize>(i * xWidth) << 3);
    const upper = u + (<usize>(i * uWidth) << 3);
    for (let j = i + 1; j < n; j++) axpy(row, x + (<usize>(j * xWidth) << 3), k, -load<f64>(upper + (<usize>j << 3)));
    const d = load<f64>(upper + (<usize>i << 3));
    for (let j = 0; j < k; j++) store<f64>(row + (<usize>j << 3), load<f64>(row + (<usize>j << 3)) / d);
  }
}

/** x [n, k] with a x = b; fails where a [n, n] is singular. scratch: n · (n + k) doubles. */
export function solve_f32(x: usize, a: usize, b: usize, batch: i32, n: i32, k: i32, scratch: usize): i32 {
  const width = n + k;
  const right = scratch + (<usize>n << 3);
  for (let i = 0; i < batch; i++) {
    widen(scratch, a, n, n, width);
    widen(right, b, n, k, width);
    if (eliminate(scratch, n, width) == 0) return i;
    backSubstitute(scratch, right, n, k, width, width);
    narrow(x, right, n, k, width);
    x += <usize>(n * k) << 2;
    b += <usize>(n * k) << 2;
    a += <usize>(n * n) << 2;
  }
  return -1;
}

/** d [batch]: the determinants; 0 where a is singular. scratch: n² doubles. */
export function det_f32(d: usize, a: usize, batch: i32, n: i32, scratch: usize): void {
  for (let i = 0; i < batch; i++) {
    widen(scratch, a, n, n, n);
    let product = <f64>eliminate(scratch, n, n);
    for (let j = 0; j < n && product != 0; j++) product *= load<f64>(scratch + (<usize>(j * n + j) << 3));
    store<f32>(d, <f32>product);
    d += 4;
    a += <usize>(n * n) << 2;
  }
}

/** w − β v (vᵀ w) for the columns [from, width) of the rows [j, m) of w; v lies in column `at` of the matrix `vectors`, rows [j, m). */
function reflect(w: usize, width: i32, from: i32, vectors: usize, ld: i32, at: i32, j: i32, m: i32, beta: f64, work: usize): void {
  const n = width - from;
  memory.fill(work, 0, <usize>n << 3);
  const stride = <usize>width << 3;
  const first = w + (<usize>(j * width + from) << 3);
  const step = <usize>ld << 3;
  const head = vectors + (<usize>(j * ld + at) << 3);
  for (let i = 0; i < m - j; i++) axpy(work, first + <usize>i * stride, n, load<f64>(head + <usize>i * step));
  for (let i = 0; i < m - j; i++) axpy(first + <usize>i * stride, work, n, -beta * load<f64>(head + <usize>i * step));
}

/**
 * Householder's QR of w [m, n]: afterwards the reflecting vectors lie in and below its diagonal, r above it, r's diagonal in
 * `diagonal` and the factors β in `betas`. A column that is zero below its diagonal is left alone, as LAPACK does.
 */
function householder(w: usize, m: i32, n: i32, diagonal: usize, betas: usize, work: usize): void {
  const ld = <usize>n << 3;
  for (let j = 0; j < min(m, n); j++) {
    const p = w + (<usize>(j * n + j) << 3);
    const head = load<f64>(p);
    let below: f64 = 0;
    for (let i = 1; i < m - j; i++) {
      const v = load<f64>(p + <usize>i * ld);
      below += v * v;
    }
    let beta: f64 = 0;
    let alpha = head;
    if (below != 0) {
      alpha = -copysign(sqrt(head * head + below), head);
      const first = head - alpha;
      store<f64>(p, first);
      beta = 2 / (first * first + below);
      if (j + 1 < n) reflect(w, n, j + 1, w, n, j, j, m, beta, work);
    }
    store<f64>(diagonal + (<usize>j << 3), alpha);
    store<f64>(betas + (<usize>j << 3), beta);
  }
}

/** a [m, n] = q [m, p] r [p, n] with p = min(m, n). scratch: m · n + m · p + 3 · max(m, n) doubles. */
export function qr_f32(q: usize, r: usize, a: usize, batch: i32, m: i32, n: i32, scratch: usize): void {
  const p = min(m, n);
  const span = <usize>max(m, n) << 3;
  const diagonal = scratch;
  const betas = diagonal + span;
  const work = betas + span;
  const w = work + span;
  const z = w + (<usize>(m * n) << 3);
  for (let b = 0; b < batch; b++) {
    widen(w, a, m, n, n);
    householder(w, m, n, diagonal, betas, work);
    memory.fill(z, 0, <usize>(m * p) << 3);
    for (let j = 0; j < p; j++) store<f64>(z + (<usize>(j * p + j) << 3), 1);
    for (let j = p - 1; j >= 0; j--) reflect(z, p, j, w, n, j, j, m, load<f64>(betas + (<usize>j << 3)), work);
    narrow(q, z, m, p, p);
    for (let i = 0; i < p; i++) {
      for (let j = 0; j < n; j++) {
        const from = j == i ? diagonal + (<usize>i << 3) : w + (<usize>(i * n + j) << 3);
        store<f32>(r + (<usize>(i * n + j) << 2), j < i ? 0 : <f32>load<f64>(from));
      }
    }
    a += <usize>(m * n) << 2;
    q += <usize>(m * p) << 2;
    r += <usize>(p * n) << 2;
  }
}

/** x [n, k] that minimises ‖a x − b‖ for a [m, n], m ≥ n; fails where a has not full rank. scratch: m · (n + k) + 3 · max(m, n, k) doubles. */
export function lstsq_f32(x: usize, a: usize, b: usize, batch: i32, m: i32, n: i32, k: i32, scratch: usize): i32 {
  const span = <usize>max(m, max(n, k)) << 3;
  const diagonal = scratch;
  const betas = diagonal + span;
  const work = betas + span;
  const w = work + span;
  const z = w + (<usize>(m * n) << 3);
  for (let i = 0; i < batch; i++) {
    widen(w, a, m, n, n);
    widen(z, b, m, k, k);
    householder(w, m, n, diagonal, betas, work);
    let largest: f64 = 0;
    for (let j = 0; j < n; j++) {
      reflect(z, k, 0, w, n, j, j, m, load<f64>(betas + (<usize>j << 3)), work);
      const d = load<f64>(diagonal + (<usize>j << 3));
      store<f64>(w + (<usize>(j * n + j) << 3), d);
      largest = max(largest, abs(d));
    }
    // What is left of a column that depends on the others is rounding noise of the float64 work.
    for (let j = 0; j < n; j++) if (abs(load<f64>(diagonal + (<usize>j << 3))) <= largest * <f64>m * f64.EPSILON) return i;
    backSubstitute(w, z, n, k, n, k);
    narrow(x, z, n, k, k);
    a += <usize>(m * n) << 2;
    b += <usize>(m * k) << 2;
    x += <usize>(n * k) << 2;
  }
  return -1;
}
