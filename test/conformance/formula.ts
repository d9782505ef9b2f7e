// The weights of ../shared/models/README.md: values made from a state-dict key and an index, so that nothing has to be stored.
import { functional as F, noGrad, type Tensor, tensor } from "quadlane";

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

/** The common CRC-32 of the UTF-8 bytes. */
export function crc32(text: string): number {
  let crc = -1;
  for (const byte of new TextEncoder().encode(text)) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

/** u(key, i) in [-1, 1). */
export function uniform(key: string): (index: number) => number {
  const seed = crc32(key);
  return (index) => {
    let x = (Math.imul(index, 2654435761) + seed) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
  };
}

/** The tensor that the formula gives for one entry of a state dict. */
export function formulaTensor(key: string, { shape, dtype, numel }: Tensor): Tensor {
  const u = uniform(key);
  const value = rule(key.slice(key.lastIndexOf(".") + 1), shape);
  const data = new Float64Array(numel).map((_, i) => value(u(i)));
  return tensor(data, { shape, dtype });
}

/** Values written at once: a large tensor needs no second one beside it. */
const PART = 1 << 20;

/** Writes into a tensor what the formula gives for its key. */
export function fillByFormula(key: string, t: Tensor): void {
  const u = uniform(key);
  const value = rule(key.slice(key.lastIndexOf(".") + 1), t.shape);
  noGrad(() => {
    const flat = t.reshape(-1);
    for (let start = 0; start < t.numel; start += PART) {
      const length = Math.min(PART, t.numel - start);
      const data = new Float32Array(length);
      for (let i = 0; i < length; i++) data[i] = value(u(start + i));
      const part = tensor(data).to(t.dtype);
      F.narrow(flat, { dim: 0, start, length }).copy_(part);
      part.dispose();
    }
  });
}

/** How a value follows from u, by the last part of the key. */
function rule(name: string, shape: readonly number[]): (u: number) => number {
  if (name === "num_batches_tracked") return () => 0;
  if (name === "running_mean") return (u) => 0.1 * u;
  if (name === "running_var") return (u) => 1 + 0.5 * Math.abs(u);
  if (shape.length >= 2) {
    const fanIn = shape.slice(1).reduce((p, n) => p * n, 1);
    const scale = name === "weight" || name === "in_proj_weight" ? Math.sqrt(6 / fanIn) : 0.02;
    return (u) => u * scale;
  }
  return name.endsWith("bias") ? (u) => 0.1 * u : (u) => 1 + 0.1 * u;
}
