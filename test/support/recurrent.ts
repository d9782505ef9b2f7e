import type { Tensor } from "../../src/node.js";
import type { LayerWeights } from "../../src/ops/recurrent.js";
import { Nd } from "./nd.js";
import type { InputSpec } from "./op-case.js";

// Oracles and samples of the recurrent layers, in one direction; see src/ops/recurrent.ts.

export interface LayerOptions {
  readonly batch: number;
  /** Rows of each step. */
  readonly sizes: readonly number[];
  readonly reverse?: boolean;
}

/** x, weightIh, weightHh, biasIh, biasHh, then what the kind of layer adds. */
type Inputs<T> = readonly (T | null)[];

export function weightsOf(
  [, weightIh, weightHh, biasIh, biasHh]: Inputs<Tensor>,
  weightHr: Tensor | null = null,
): LayerWeights {
  return { weightIh: weightIh!, weightHh: weightHh!, biasIh: biasIh ?? null, biasHh: biasHh ?? null, weightHr };
}

export function attrsOf(op: string, { batch, sizes, reverse = false }: LayerOptions) {
  const dense = sizes.every((n) => n === batch);
  return { op, steps: sizes.length, batch, batchSizes: dense ? null : sizes, reverse };
}

export const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));

/** w[row, :] · v, plus the bias of the row. */
export function dot(w: Nd, row: number, v: ArrayLike<number>, bias: Nd | null): number {
  let s = bias?.data[row] ?? 0;
  for (let p = 0; p < v.length; p++) s += w.data[row * v.length + p]! * v[p]!;
  return s;
}

/** Runs `step` for every row of every step; it gets the input and the row's states, which it replaces, and returns the output. */
export function walkRows(
  x: Nd,
  { batch, sizes, reverse = false }: LayerOptions,
  states: readonly { readonly from: Nd | null; readonly size: number }[],
  step: (input: Float64Array, states: Float64Array[]) => ArrayLike<number>,
): Nd[] {
  const rows = Array.from({ length: batch }, (_, n) =>
    states.map(({ from, size }) => Float64Array.from({ length: size }, (_v, i) => from?.data[n * size + i] ?? 0)),
  );
  const features = x.shape[1]!;
  const y = new Nd([x.shape[0]!, states[0]!.size]);
  const starts = sizes.map((_, t) => sizes.slice(0, t).reduce((a, b) => a + b, 0));
  const order = [...sizes.keys()];
  for (const t of reverse ? order.reverse() : order) {
    for (let n = 0; n < sizes[t]!; n++) {
      const row = starts[t]! + n;
      const out = step(x.data.subarray(row * features, (row + 1) * features), rows[n]!);
      y.data.set(Array.from(out), row * states[0]!.size);
    }
  }
  return [
    y,
    ...states.map(
      ({ size }, k) =>
        new Nd(
          [batch, size],
          rows.flatMap((r) => Array.from(r[k]!)),
        ),
    ),
  ];
}

export interface Shape {
  readonly features: number;
  readonly hidden: number;
  readonly batch: number;
  readonly sizes: readonly number[];
  readonly gates: number;
  /** Size of h; default: hidden. */
  readonly size?: number;
  readonly bias?: boolean;
  /** Bound of the weights. */
  readonly bound?: number;
}

/** The first five inputs of a layer. */
export function layerInputs({
  features,
  hidden,
  sizes,
  gates,
  size = hidden,
  bias = true,
  bound = 1,
}: Shape): (InputSpec | null)[] {
  const rows = sizes.reduce((a, b) => a + b, 0);
  const width = gates * hidden;
  const weight = (columns: number): InputSpec => ({ shape: [width, columns], low: -bound, high: bound });
  const vector = bias ? { shape: [width] } : null;
  return [{ shape: [rows, features] }, weight(features), weight(size), vector, vector];
}

/** `steps` steps of `batch` rows. */
export function even(steps: number, batch: number): { batch: number; sizes: number[] } {
  return { batch, sizes: new Array<number>(steps).fill(batch) };
}

/** Sizes that reach every tail: of vectors, of tiles, of the ways to multiply. */
export const GRID = [
  { name: "one of everything", features: 1, hidden: 1, ...even(1, 1) },
  { name: "H 3, N 1, T 2", features: 2, hidden: 3, ...even(2, 1) },
  { name: "H 4, N 2, T 5", features: 3, hidden: 4, ...even(5, 2) },
  { name: "H 5, N 5, T 2", features: 4, hidden: 5, ...even(2, 5) },
  { name: "H 17, N 1, T 5: interleaved weights", features: 3, hidden: 17, ...even(5, 1) },
  { name: "H 17, N 5, T 5: panels", features: 5, hidden: 17, ...even(5, 5) },
  { name: "H 9, N 6, T 1", features: 2, hidden: 9, ...even(1, 6) },
  { name: "no rows", features: 2, hidden: 3, ...even(2, 0) },
] as const;

/** Rows that end at different steps. */
export const RAGGED = { name: "different lengths", features: 3, hidden: 5, batch: 6, sizes: [6, 5, 5, 2, 1] };
