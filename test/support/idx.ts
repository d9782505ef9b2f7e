const writers: Record<number, [bytes: number, write: (view: DataView, at: number, value: number) => void]> = {
  8: [1, (view, at, value) => view.setUint8(at, value)],
  9: [1, (view, at, value) => view.setInt8(at, value)],
  11: [2, (view, at, value) => view.setInt16(at, value)],
  12: [4, (view, at, value) => view.setInt32(at, value)],
  13: [4, (view, at, value) => view.setFloat32(at, value)],
  14: [8, (view, at, value) => view.setFloat64(at, value)],
};

/** An IDX file's bytes. Sizes and values need not fit, and the type code need not exist. */
export function idxBytes(code: number, sizes: readonly number[], values: ArrayLike<number>): Uint8Array {
  const [width, write] = writers[code] ?? writers[8]!;
  const start = 4 + 4 * sizes.length;
  const out = new Uint8Array(start + values.length * width);
  const view = new DataView(out.buffer);
  view.setUint8(2, code);
  view.setUint8(3, sizes.length);
  sizes.forEach((n, d) => {
    view.setUint32(4 + 4 * d, n);
  });
  for (let i = 0; i < values.length; i++) write(view, start + i * width, values[i]!);
  return out;
}
