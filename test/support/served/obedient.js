// A model whose first value in a row says what it does: -1 waits for ever, -2 ends its thread, -3 throws, -4 refuses its argument; any other is doubled.
import { threadId } from "node:worker_threads";
import { ArgumentError } from "quadlane";

const busy = new Int32Array(new SharedArrayBuffer(4));

export default ({ shape = [null, 2], batches, waitMs = 0, outputRows = null } = {}) => ({
  inputs: [{ name: "x", dtype: "float32", shape }],
  batches,
  run({ x }) {
    const [rows, width] = x.shape;
    for (let row = 0; row < rows; row++) {
      const order = x.data[row * width];
      if (order === -1) Atomics.wait(busy, 0, 0);
      if (order === -2) process.exit(3);
      if (order === -3) throw new Error("so it was told");
      if (order === -4) throw new ArgumentError("obedient", "the order is -4");
    }
    if (waitMs > 0) Atomics.wait(busy, 0, 0, waitMs);
    return {
      y: {
        data: x.data.map((v) => 2 * v),
        shape: outputRows === null ? x.shape : [outputRows, x.data.length / outputRows],
      },
      seen: { data: Int32Array.from({ length: rows }, () => rows), shape: [rows] },
      thread: { data: Int32Array.from({ length: rows }, () => threadId), shape: [rows] },
    };
  },
});
