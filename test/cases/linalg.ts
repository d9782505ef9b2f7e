import { functional as F, linalg, type Tensor, tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase } from "../support/op-case.js";

type Rows = number[][];

/** The matrices of a batch. */
function matrices(x: Nd): Rows[] {
  const [m, n] = x.shape.slice(-2) as [number, number];
  return Array.from({ length: x.data.length / (m * n) || 0 }, (_, b) =>
    Array.from({ length: m }, (_row, i) => [...x.data.slice((b * m + i) * n, (b * m + i + 1) * n)]),
  );
}

const times = (a: Rows, b: Rows): Rows =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((s, v, k) => s + v * b[k]![j]!, 0)));

const transposed = (a: Rows): Rows => (a[0] ?? []).map((_, j) => a.map((row) => row[j]!));

/** Gauss and Jordan, with pivoting. */
function solved(a: Rows, b: Rows): Rows {
  const w = a.map((row, i) => [...row, ...b[i]!]);
  w.forEach((_, c) => {
    const best = w.reduce((p, row, r) => (r >= c && Math.abs(row[c]!) > Math.abs(w[p]![c]!) ? r : p), c);
    [w[c], w[best]] = [w[best]!, w[c]!];
    w.forEach((row, r) => {
      if (r === c) return;
      const f = row[c]! / w[c]![c]!;
      row.forEach((v, j) => {
        row[j] = v - f * w[c]![j]!;
      });
    });
  });
  return w.map((row, i) => row.slice(a.length).map((v) => v / row[i]!));
}

/** By expansion along the first row. */
function determinant(a: Rows): number {
  if (a.length === 0) return 1;
  const minor = (j: number): Rows => a.slice(1).map((row) => row.filter((_, k) => k !== j));
  return a[0]!.reduce((s, v, j) => s + (j % 2 === 0 ? v : -v) * determinant(minor(j)), 0);
}

function choleskyOf(a: Rows): Rows {
  const l = a.map((row) => row.map(() => 0));
  a.forEach((row, i) => {
    for (let j = 0; j <= i; j++) {
      const s = row[j]! - l[i]!.slice(0, j).reduce((t, v, k) => t + v * l[j]![k]!, 0);
      l[i]![j] = i === j ? Math.sqrt(s) : s / l[j]![j]!;
    }
  });
  return l;
}

/** An orthonormal basis of the first p columns; every projection twice, for accuracy. */
function gramSchmidt(rows: Rows, p: number): Rows {
  const basis: Rows = [];
  for (let j = 0; j < p; j++) {
    let v = rows.map((row) => row[j]!);
    for (const e of [...basis, ...basis]) {
      const s = v.reduce((t, x, i) => t + x * e[i]!, 0);
      v = v.map((x, i) => x - s * e[i]!);
    }
    const length = Math.hypot(...v);
    basis.push(v.map((x) => x / length));
  }
  return basis;
}

const stacked = (shape: readonly number[], list: readonly Rows[]): Nd => new Nd(shape, list.flat(2));

/** m mᵀ + 1 for random m: as good as it gets. */
function positive(m: Tensor): Tensor {
  const eye = tensor(
    Float32Array.from({ length: m.size(-1) ** 2 }, (_, i) => (i % (m.size(-1) + 1) === 0 ? 1 : 0)),
    { shape: [m.size(-1), m.size(-1)] },
  );
  const y = F.add(F.matmul(m, F.transpose(m, { dim0: -2, dim1: -1 })), eye);
  eye.dispose();
  return y;
}

function positiveOf(m: Rows): Rows {
  return times(m, transposed(m)).map((row, i) => row.map((v, j) => v + (i === j ? 1 : 0)));
}

/** Regular matrices: twice the identity and something small. */
function regular(batch: number, n: number): InputSpec {
  let s = 1;
  const values = Array.from({ length: batch * n * n }, (_, i) => {
    s = (s * 16807) % 2147483647;
    return (s / 2147483647 - 0.5) * 0.8 + (Math.floor((i % (n * n)) / n) === i % n ? 2 : 0);
  });
  return { shape: batch === 1 ? [n, n] : [batch, n, n], values };
}

/** Needs row exchanges: the first pivot is 0. */
const EXCHANGED: InputSpec = { shape: [3, 3], values: [0, 2, 1, 1, 0, 3, 2, 1, 0] };
const SINGULAR: InputSpec = { shape: [2, 2, 2], values: [1, 0, 0, 1, 1, 2, 2, 4] };

export const cases = [
  opCase<unknown>({
    name: "linalg.cholesky",
    ops: ["cholesky"],
    run: ([m]) => linalg.cholesky(positive(m as Tensor)),
    oracle: ([m]) => stacked(m!.shape, matrices(m!).map(positiveOf).map(choleskyOf)),
    samples: [
      { name: "one", inputs: [{ shape: [1, 1] }] },
      { name: "odd", inputs: [{ shape: [5, 5] }] },
      { name: "batch", inputs: [{ shape: [3, 4, 4] }] },
      { name: "empty", inputs: [{ shape: [0, 0] }] },
    ],
  }),
  opCase<unknown>({
    name: "linalg.cholesky of the input itself",
    ops: ["cholesky"],
    run: ([a]) => linalg.cholesky(a as Tensor),
    oracle: ([a]) => stacked(a!.shape, matrices(a!).map(choleskyOf)),
    samples: [
      { name: "reads the lower triangle only", inputs: [{ shape: [2, 2], values: [4, 99, 2, 5] }], forwardOnly: true },
    ],
    errors: [
      {
        name: "not positive-definite",
        inputs: [{ shape: [2, 2], values: [1, 2, 2, 1] }],
        message: ["cholesky", "matrix 0", "positive-definite"],
      },
      { name: "not square", inputs: [{ shape: [2, 3] }], message: ["cholesky", "[2, 3]"] },
      { name: "int32", inputs: [{ shape: [2, 2], dtype: "int32" }], message: ["cholesky", "int32"] },
    ],
    bench: [
      {
        name: "256x256",
        inputs: [{ shape: [256, 256], values: Array.from({ length: 65536 }, (_, i) => (i % 257 === 0 ? 300 : 1)) }],
        flops: 256 ** 3 / 3,
      },
    ],
  }),
  opCase<unknown>({
    name: "linalg.solve",
    ops: ["solve"],
    run: ([a, b]) => linalg.solve(a as Tensor, b as Tensor),
    oracle: ([a, b]) => {
      const [left, right] = [matrices(a!), matrices(b!)];
      const [n, k] = b!.shape.slice(-2) as [number, number];
      const lead = a!.shape.length > b!.shape.length ? a!.shape.slice(0, -2) : b!.shape.slice(0, -2);
      const count = Math.max(left.length, right.length);
      const results = Array.from({ length: count }, (_, i) => solved(left[i % left.length]!, right[i % right.length]!));
      return stacked([...lead, n, k], results);
    },
    samples: [
      { name: "one column", inputs: [regular(1, 3), { shape: [3, 1] }] },
      { name: "many columns, odd sizes", inputs: [regular(1, 5), { shape: [5, 7] }] },
      { name: "with row exchanges", inputs: [EXCHANGED, { shape: [3, 2] }] },
      { name: "batch", inputs: [regular(2, 4), { shape: [2, 4, 3] }] },
      { name: "one matrix, many right-hand sides", inputs: [regular(1, 3), { shape: [4, 3, 2] }] },
    ],
    errors: [
      { name: "singular", inputs: [SINGULAR, { shape: [2, 2, 1] }], message: ["solve", "matrix 1", "singular"] },
      { name: "other rows", inputs: [regular(1, 3), { shape: [4, 1] }], message: ["solve", "3", "[4, 1]"] },
      { name: "not square", inputs: [{ shape: [2, 3] }, { shape: [2, 1] }], message: ["solve", "[2, 3]"] },
    ],
    bench: [
      {
        name: "128 unknowns, 128 columns",
        inputs: [regular(1, 128), { shape: [128, 128] }],
        flops: (2 / 3 + 2) * 128 ** 3,
      },
    ],
  }),
  opCase<unknown>({
    name: "linalg.solve of a vector",
    ops: ["solve"],
    run: ([a, b]) => linalg.solve(a as Tensor, b as Tensor),
    oracle: ([a, b]) => {
      const n = b!.shape.at(-1)!;
      const columns = Array.from({ length: b!.data.length / n }, (_, i) => [...b!.data.slice(i * n, (i + 1) * n)]);
      const results = matrices(a!).map((m, i) =>
        solved(
          m,
          columns[i]!.map((v) => [v]),
        ),
      );
      return stacked(b!.shape, results);
    },
    samples: [
      { name: "one", inputs: [regular(1, 4), { shape: [4] }] },
      { name: "one a matrix", inputs: [regular(2, 3), { shape: [2, 3] }] },
    ],
  }),
  opCase<{ upper: boolean }>({
    name: "linalg.solveTriangular",
    ops: [],
    run: ([a, b], options) => linalg.solveTriangular(a as Tensor, b as Tensor, options),
    oracle: ([a, b], { upper }) => {
      const half = a!.map((v, i) => {
        const [row, col] = [Math.floor(i / a!.shape[1]!), i % a!.shape[1]!];
        return (upper ? col >= row : col <= row) ? v : 0;
      });
      return stacked(b!.shape, [solved(matrices(half)[0]!, matrices(b!)[0]!)]);
    },
    samples: [true, false].map((upper) => ({
      name: upper ? "upper" : "lower",
      inputs: [regular(1, 4), { shape: [4, 2] }],
      options: { upper },
    })),
  }),
  opCase<unknown>({
    name: "linalg.inv",
    ops: ["solve"],
    run: ([a]) => linalg.inv(a as Tensor),
    oracle: ([a]) => {
      const n = a!.shape.at(-1)!;
      const eye = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_v, j) => (i === j ? 1 : 0)));
      return stacked(
        a!.shape,
        matrices(a!).map((m) => solved(m, eye)),
      );
    },
    samples: [
      { name: "one", inputs: [regular(1, 4)] },
      { name: "batch", inputs: [regular(3, 2)] },
    ],
    errors: [
      { name: "not square", inputs: [{ shape: [2, 3] }], message: ["inv", "[2, 3]"] },
      { name: "singular", inputs: [SINGULAR], message: ["inv", "matrix 1", "singular"] },
    ],
  }),
  opCase<unknown>({
    name: "linalg.det",
    ops: ["det"],
    run: ([a]) => linalg.det(a as Tensor),
    oracle: ([a]) => new Nd(a!.shape.slice(0, -2), matrices(a!).map(determinant)),
    samples: [
      { name: "one", inputs: [regular(1, 4)] },
      { name: "with row exchanges", inputs: [EXCHANGED] },
      { name: "batch", inputs: [regular(3, 3)] },
      { name: "singular", inputs: [SINGULAR], forwardOnly: true },
    ],
    errors: [{ name: "a vector", inputs: [{ shape: [3] }], message: ["det", "[3]"] }],
    bench: [{ name: "256 of 8x8", inputs: [regular(256, 8)], flops: 256 * (2 / 3) * 8 ** 3 }],
  }),
  opCase<unknown>({
    name: "linalg.lstsq",
    ops: ["lstsq"],
    run: ([a, b]) => linalg.lstsq(a as Tensor, b as Tensor).solution,
    oracle: ([a, b]) => {
      const right = matrices(b!);
      const results = matrices(a!).map((m, i) => solved(times(transposed(m), m), times(transposed(m), right[i]!)));
      return stacked([...a!.shape.slice(0, -2), a!.shape.at(-1)!, b!.shape.at(-1)!], results);
    },
    samples: [
      { name: "tall", inputs: [{ shape: [7, 3] }, { shape: [7, 2] }] },
      { name: "square", inputs: [regular(1, 3), { shape: [3, 1] }] },
      { name: "batch", inputs: [{ shape: [2, 6, 2] }, { shape: [2, 6, 1] }] },
    ],
    errors: [
      {
        name: "dependent columns",
        inputs: [{ shape: [3, 2], values: [1, 2, 2, 4, 3, 6] }, { shape: [3, 1] }],
        message: ["lstsq", "full rank"],
      },
      { name: "wide", inputs: [{ shape: [2, 3] }, { shape: [2, 1] }], message: ["lstsq", "m ≥ n"] },
      { name: "other rows", inputs: [{ shape: [4, 3] }, { shape: [5, 1] }], message: ["lstsq", "[5, 1]"] },
    ],
    bench: [
      {
        name: "1000 samples of 32 features",
        inputs: [{ shape: [1000, 32] }, { shape: [1000, 1] }],
        flops: 2 * 1000 * 32 ** 2,
      },
    ],
  }),
  opCase<unknown>({
    name: "linalg.qr",
    ops: ["qr"],
    // Signs are a matter of taste: R's diagonal is made positive before comparing.
    run: ([a]) => {
      const [q, r] = linalg.qr(a as Tensor);
      const signs = F.sign(F.diagonal(r.detach(), { dim1: -2, dim2: -1 }));
      return [F.mul(q, F.unsqueeze(signs, { dim: -2 })), F.mul(r, F.unsqueeze(signs, { dim: -1 }))];
    },
    oracle: ([a]) => {
      const [m, n] = a!.shape.slice(-2) as [number, number];
      const p = Math.min(m, n);
      const lead = a!.shape.slice(0, -2);
      const [q, r] = [new Nd([...lead, m, p]), new Nd([...lead, p, n])];
      matrices(a!).forEach((rows, b) => {
        const basis = gramSchmidt(rows, p);
        forIndex([m, p], ([i, j]) => {
          q.data[(b * m + i!) * p + j!] = basis[j!]![i!]!;
        });
        forIndex([p, n], ([i, j]) => {
          const dot = rows.reduce((s, row, k) => s + row[j!]! * basis[i!]![k]!, 0);
          r.data[(b * p + i!) * n + j!] = j! < i! ? 0 : dot;
        });
      });
      return [q, r];
    },
    samples: [
      { name: "tall", inputs: [{ shape: [5, 3] }] },
      { name: "square", inputs: [regular(1, 3)] },
      { name: "batch", inputs: [{ shape: [2, 4, 2] }] },
      { name: "wide", inputs: [{ shape: [2, 4] }], forwardOnly: true },
    ],
    errors: [{ name: "a vector", inputs: [{ shape: [3] }], message: ["qr", "[3]"] }],
    bench: [{ name: "256x32", inputs: [{ shape: [256, 32] }], flops: 2 * (2 * 256 - (2 / 3) * 32) * 32 ** 2 }],
  }),
];
