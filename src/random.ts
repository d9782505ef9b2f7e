import { K } from "./backend/index.js";
import { ArgumentError } from "./errors.js";
import { arena } from "./runtime/arena.js";
import { hostWatcher } from "./runtime/watch.js";
import type { Ptr } from "./types.js";

/** A seed: a safe integer, or a bigint of 64 bits. Negative ones stand for their two's complement. */
export type Seed = number | bigint;

/** A generator's state, ready for JSON: the seed in decimal, and how many blocks of four words have been taken. */
export interface GeneratorState {
  readonly seed: string;
  readonly offset: number;
}

/** Where in the stream a draw begins: key and counter of its first block, as 32-bit words. With it the draw can be repeated. */
export interface Draw {
  readonly k0: number;
  readonly k1: number;
  readonly c0: number;
  readonly c1: number;
}

const WORD = 2 ** 32;

/**
 * A stream of random numbers from Philox4x32-10 (Salmon et al., SC 2011). It is counter-based: the n-th number depends only on the
 * seed and n, so both back ends and any number of threads give the same stream, and a gradient can draw its mask again. A draw of n
 * values moves the offset on by ⌈n/4⌉ blocks. Without a seed, the first use takes one from the platform.
 */
export class Generator {
  private key: bigint | null = null;
  private offset = 0;

  constructor(seed?: Seed) {
    if (seed !== undefined) this.manualSeed(seed);
  }

  /** Starts the stream of a seed from its beginning. Errors: ArgumentError for a number that is no safe integer. */
  manualSeed(seed: Seed): this {
    this.key = seedBits("manualSeed", seed);
    this.offset = 0;
    return this;
  }

  /** Takes a seed from the platform's entropy and returns it. */
  seed(): bigint {
    const [low, high] = entropy();
    this.manualSeed((BigInt(high!) << 32n) | BigInt(low!));
    return this.initialSeed();
  }

  /** The seed in use. */
  initialSeed(): bigint {
    return this.key ?? this.seed();
  }

  /** Where in the stream the generator stands. */
  getState(): GeneratorState {
    return { seed: this.initialSeed().toString(), offset: this.offset };
  }

  /** Goes to a point that `getState` has told. Errors: ArgumentError for anything else; nothing has changed then. */
  setState(state: GeneratorState): this {
    const { seed, offset } = state;
    if (typeof seed !== "string" || !/^\d{1,20}$/.test(seed)) {
      throw new ArgumentError("setState", `seed is ${JSON.stringify(seed)}; expected a decimal number in a string`);
    }
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new ArgumentError("setState", `offset is ${String(offset)}; expected a safe integer ≥ 0`);
    }
    this.key = seedBits("setState", BigInt(seed));
    this.offset = offset;
    return this;
  }

  /** Takes `count` values from the stream: tells where they begin and moves on. */
  draw(count: number): Draw {
    hostWatcher?.drew();
    const key = this.initialSeed();
    const start = this.offset;
    this.offset += Math.ceil(count / 4);
    return {
      k0: Number(key & 0xffffffffn),
      k1: Number(key >> 32n),
      c0: start % WORD,
      c1: Math.floor(start / WORD),
    };
  }

  /** The next `count` words of the stream: uniform integers in [0, 2^32). */
  words(count: number): Uint32Array {
    const { k0, k1, c0, c1 } = this.draw(count);
    const block = arena.alloc(count * 4);
    try {
      const y: Ptr = arena.at(block, 0);
      K.philox_i32(y, count, k0, k1, c0, c1, 0, 0);
      return new Uint32Array(arena.view(y, count, "int32"));
    } finally {
      arena.free(block);
    }
  }
}

/** What random functions draw from if they are given no generator. */
export const defaultGenerator = new Generator();

/** Seeds the default generator, and returns it. */
export function manualSeed(seed: Seed): Generator {
  return defaultGenerator.manualSeed(seed);
}

function seedBits(op: string, seed: Seed): bigint {
  if (typeof seed === "number" && Number.isSafeInteger(seed)) return BigInt.asUintN(64, BigInt(seed));
  if (typeof seed === "bigint" && seed >= -(2n ** 63n) && seed < 2n ** 64n) return BigInt.asUintN(64, seed);
  throw new ArgumentError(op, `seed is ${String(seed)}; expected a safe integer, or a bigint of 64 bits`);
}

/** Two words. Not at import: some platforms allow no random numbers outside a request. */
function entropy(): Uint32Array {
  const words = new Uint32Array(2);
  if (typeof crypto === "object") return crypto.getRandomValues(words);
  return words.map(() => Math.random() * WORD);
}
