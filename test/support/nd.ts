/** A float64 array with a shape: what the oracles compute with. Row-major. */
export class Nd {
  readonly data: Float64Array;
  constructor(
    readonly shape: readonly number[],
    data?: ArrayLike<number>,
  ) {
    const n = shape.reduce((p, s) => p * s, 1);
    this.data = data === undefined ? new Float64Array(n) : Float64Array.from(data);
    if (this.data.length !== n) throw new Error(`Nd: ${this.data.length} values for shape [${shape.join(", ")}]`);
  }

  /** Position of an index in `data`. */
  at(...index: number[]): number {
    let p = 0;
    for (let d = 0; d < this.shape.length; d++) p = p * this.shape[d]! + index[d]!;
    return p;
  }

  get(...index: number[]): number {
    return this.data[this.at(...index)]!;
  }

  set(value: number, ...index: number[]): void {
    this.data[this.at(...index)] = value;
  }

  /** A new array of the same shape. */
  map(fn: (v: number, i: number) => number): Nd {
    return new Nd(this.shape, this.data.map(fn));
  }
}

/** Calls `fn` with every index of a shape, row-major; do not keep the array. */
export function forIndex(shape: readonly number[], fn: (index: number[], flat: number) => void): void {
  const n = shape.reduce((p, s) => p * s, 1);
  const index = shape.map(() => 0);
  for (let flat = 0; flat < n; flat++) {
    fn(index, flat);
    for (let d = shape.length - 1; d >= 0; d--) {
      if (++index[d]! < shape[d]!) break;
      index[d] = 0;
    }
  }
}
