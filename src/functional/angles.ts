import { checkInteger, checkNumber } from "../check.js";
import { makeTensor } from "../creation.js";
import { ArgumentError } from "../errors.js";
import { adopt, type Tensor } from "../tensor.js";

/** Base of the wavelengths, in sinusoidal and in rotary positions. */
export const BASE = 10000;

export interface AngleOptions {
  /** Wavelengths are 2π·base^(2p/dim). Default 10000. */
  readonly base?: number;
  /** Position of the first row. Default 0. */
  readonly offset?: number;
}

/** Cosines and sines of the angles, [length, dim/2] each; see `rotaryEmbedding`. */
export function rotaryAngles(length: number, dim: number, options: AngleOptions = {}): [cos: Tensor, sin: Tensor] {
  const op = "rotaryEmbedding";
  checkInteger(op, "length", length, 0);
  checkInteger(op, "dim", dim, 0);
  if (dim % 2 !== 0) throw new ArgumentError(op, `dim is ${dim}; expected an even number`);
  const base = checkNumber(op, "base", options.base ?? BASE, Number.MIN_VALUE);
  const offset = checkInteger(op, "offset", options.offset ?? 0, 0);
  const half = dim / 2;
  const table = (wave: (angle: number) => number): Tensor => {
    const values = new Float32Array(length * half);
    for (let p = 0; p < half; p++) {
      const frequency = base ** ((-2 * p) / dim);
      for (let t = 0; t < length; t++) values[t * half + p] = wave((offset + t) * frequency);
    }
    return adopt(makeTensor(values, { shape: [length, half] }));
  };
  return [table(Math.cos), table(Math.sin)];
}
