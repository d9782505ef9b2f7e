import { checkInteger, checkOptions } from "../check.js";
import { makeTensor } from "../creation.js";
import { rotate } from "../ops/rotary.js";
import { adopt, type Tensor } from "../tensor.js";
import { type AngleOptions, BASE, rotaryAngles } from "./angles.js";

export interface SinusoidalOptions {
  /** Number of positions. */
  readonly length: number;
  /** Number of features. */
  readonly dim: number;
}

/**
 * PE[pos, 2i] = sin(pos/10000^(2i/dim)), PE[pos, 2i + 1] = cos(pos/10000^(2i/dim)); shape [length, dim].
 * Source: Vaswani et al., Attention Is All You Need, 2017.
 */
export function sinusoidalPositionalEncoding(options: SinusoidalOptions): Tensor {
  const op = "sinusoidalPositionalEncoding";
  checkOptions(op, options, ["length", "dim"]);
  const length = checkInteger(op, "length", options?.length, 0);
  const dim = checkInteger(op, "dim", options?.dim, 0);
  const values = new Float32Array(length * dim);
  for (let c = 0; c < dim; c++) {
    const frequency = BASE ** (-(c - (c % 2)) / dim);
    const wave = c % 2 === 0 ? Math.sin : Math.cos;
    for (let pos = 0; pos < length; pos++) values[pos * dim + c] = wave(pos * frequency);
  }
  return adopt(makeTensor(values, { shape: [length, dim] }));
}

export interface RotaryOptions extends AngleOptions {
  /** Pairs are (2p, 2p + 1), as in the paper (the default), or else (p, p + dim/2), as in GPT-NeoX and in Llama's published weights. */
  readonly interleaved?: boolean;
}

/**
 * Turns each pair p of features of the row at position t by the angle t·base^(−2p/dim), so that the product of two rows depends on
 * their distance only. Shape: x [.., length, dim], dim even. Errors: an odd dim.
 * Source: Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021.
 */
export function rotaryEmbedding(x: Tensor, options: RotaryOptions = {}): Tensor {
  checkOptions("rotaryEmbedding", options, ["base", "offset", "interleaved"]);
  const { interleaved = true, ...angles } = options;
  // An odd dim is refused by the op, which tells the shape.
  const [cos, sin] = rotaryAngles(x.shape.at(-2) ?? 0, (x.shape.at(-1) ?? 0) & ~1, angles);
  return rotate(x, cos, sin, interleaved);
}
