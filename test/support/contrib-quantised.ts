// Products with packed weights, with what they give by their formula.
import { functional as F, type Tensor, tensor } from "../../src/node.js";
import { type ContribCase, type Operand, operand } from "./contrib-case.js";
import { sample } from "./onnx.js";

/** Weights [N, K] in `bits` bits, packed, and what they stand for. */
function packed(
  n: number,
  k: number,
  block: number,
  bits: number,
  zeroPoints: "none" | "packed" | "float",
): { operands: Operand[]; weight: Tensor } {
  const blocks = Math.ceil(k / block);
  const most = 2 ** bits;
  const level = (i: number, j: number): number => (7 * i + 5 * j + 3) % most;
  const zeroOf = (i: number, b: number): number =>
    zeroPoints === "none" ? most / 2 : zeroPoints === "float" ? 1.5 + b : (i + 2 * b) % most;
  const bytes = new Int32Array((n * blocks * block * bits) / 8);
  const zeroRow = Math.ceil((blocks * bits) / 8);
  const zeros = new Int32Array(n * zeroRow);
  const put = (to: Int32Array, start: number, i: number, v: number): void => {
    to[start + Math.floor((i * bits) / 8)]! |= v << ((i * bits) % 8);
  };
  const scales = sample("scales", n, blocks);
  const values = scales.data();
  const out = new Float32Array(n * k);
  for (let i = 0; i < n; i++) {
    for (let b = 0; b < blocks; b++) if (zeroPoints === "packed") put(zeros, i * zeroRow, b, zeroOf(i, b));
    for (let j = 0; j < k; j++) {
      put(bytes, (i * blocks * block * bits) / 8, j, level(i, j));
      const b = Math.floor(j / block);
      out[i * k + j] = (level(i, j) - zeroOf(i, b)) * values[i * blocks + b]!;
    }
  }
  const floats = Float32Array.from({ length: n * blocks }, (_, i) => zeroOf(Math.floor(i / blocks), i % blocks));
  const zero =
    zeroPoints === "packed"
      ? [operand(tensor(zeros, { shape: [n, zeroRow] }), "uint8", true)]
      : zeroPoints === "float"
        ? [operand(tensor(floats, { shape: [n, blocks] }), "float32", true)]
        : [];
  return {
    operands: [
      operand(tensor(bytes, { shape: [n, blocks, (block * bits) / 8] }), "uint8", true),
      operand(scales, "float32", true),
      ...zero,
    ],
    weight: tensor(out, { shape: [n, k] }),
  };
}

export const quantisedCases: readonly ContribCase[] = (
  [
    [4, "none"],
    [4, "packed"],
    [4, "float"],
    [8, "packed"],
  ] as const
).map(([bits, zeros]): ContribCase => {
  const [N, K, block_size] = [3, 40, 16];
  const { operands, weight } = packed(N, K, block_size, bits, zeros);
  const a = sample("a", 2, 5, K);
  return {
    op: "MatMulNBits",
    of: `${bits} bits, zero points ${zeros}`,
    inputs: [operand(a), ...operands],
    attributes: { N, K, bits, block_size },
    want: () => [F.linear(a, weight)],
  };
});
