import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { defaultGenerator, type Generator } from "../random.js";

export interface NGramOptions {
  /** What is added to each count; 0 leaves what was not seen impossible. Default 1, Laplace's. */
  readonly alpha?: number;
  /** Number of tokens that are possible. Default: how many different ones `fit` has seen. */
  readonly vocabSize?: number;
}

export interface SampleOptions<T> {
  /** The most tokens that are drawn. Default 100. */
  readonly length?: number;
  /** What comes before. Default: the beginning of a sequence. */
  readonly context?: readonly T[];
  /** A token behind which nothing is drawn; it is the last of the result. Default: none. */
  readonly stop?: T;
}

/** What has followed a context. */
interface Followers {
  total: number;
  readonly counts: Map<number, number>;
}

/**
 * The n-gram model, a baseline for language models: P(t | context) = (count(context, t) + α) / (count(context) + α·V), the context
 * being the n − 1 tokens before, or all from the beginning of the sequence if there are fewer, and V the number of tokens.
 */
export class NGram<T extends string | number = string> {
  readonly n: number;
  readonly alpha: number;
  private readonly fixedSize: number | null;
  private readonly tokens: T[] = [];
  private readonly numbers = new Map<T, number>();
  private readonly contexts = new Map<string, Followers>();

  constructor(n: number, options: NGramOptions = {}) {
    checkOptions("NGram", options, ["alpha", "vocabSize"]);
    this.n = checkInteger("NGram", "n", n, 1, 64);
    this.alpha = checkNumber("NGram", "alpha", options.alpha ?? 1, 0, Number.MAX_VALUE);
    this.fixedSize = options.vocabSize === undefined ? null : checkInteger("NGram", "vocabSize", options.vocabSize, 1);
  }

  /** V: the number of tokens that are possible. */
  get vocabSize(): number {
    return this.fixedSize ?? this.tokens.length;
  }

  /** Counts one sequence, on top of those before. Errors: ArgumentError if it has more different tokens than vocabSize allows. */
  fit(sequence: Iterable<T>): this {
    const list = [...sequence];
    const fresh = new Set(list.filter((t) => !this.numbers.has(t)));
    if (this.fixedSize !== null && this.tokens.length + fresh.size > this.fixedSize) {
      throw new ArgumentError(
        "NGram.fit",
        `${this.tokens.length + fresh.size} different tokens; expected at most ${this.fixedSize}, the vocabSize`,
      );
    }
    for (const token of fresh) {
      this.numbers.set(token, this.tokens.length);
      this.tokens.push(token);
    }
    const ids = list.map((t) => this.numbers.get(t)!);
    ids.forEach((id, i) => {
      const key = keyOf(ids.slice(Math.max(0, i - this.n + 1), i));
      const followers = this.contexts.get(key) ?? { total: 0, counts: new Map<number, number>() };
      followers.total++;
      followers.counts.set(id, (followers.counts.get(id) ?? 0) + 1);
      this.contexts.set(key, followers);
    });
    return this;
  }

  /**
   * ln P(token | the last n − 1 of the context). A token or context that was never seen is like one with the count 0; with α = 0 all
   * tokens are alike behind such a context. Errors: ArgumentError before `fit`, unless vocabSize is given.
   */
  logProb(context: readonly T[], token: T): number {
    return Math.log(this.probability(this.followers(context), this.numbers.get(token)));
  }

  /** e to the mean of −ln P over a sequence; NaN for an empty one. */
  perplexity(sequence: Iterable<T>): number {
    const list = [...sequence];
    const total = list.reduce((sum, t, i) => sum + this.logProb(list.slice(Math.max(0, i - this.n + 1), i), t), 0);
    return Math.exp(-total / list.length);
  }

  /**
   * Draws tokens one after the other; with a small α or none, since α may lead to contexts that nothing is known of. Errors:
   * ArgumentError before `fit`.
   */
  sample(generator: Generator = defaultGenerator, options: SampleOptions<T> = {}): T[] {
    checkOptions("NGram.sample", options, ["length", "context", "stop"]);
    const length = checkInteger("NGram.sample", "length", options.length ?? 100, 0);
    if (this.tokens.length === 0) throw new ArgumentError("NGram.sample", "nothing was fitted; expected fit() before");
    const all = [...(options.context ?? [])];
    const begin = all.length;
    while (all.length < begin + length) {
      const token = this.draw(this.followers(all), generator.words(1)[0]! / 2 ** 32);
      all.push(token);
      if (token === options.stop) break;
    }
    return all.slice(begin);
  }

  private followers(context: readonly T[]): Followers | undefined {
    const last = this.n === 1 ? [] : context.slice(-(this.n - 1));
    return this.contexts.get(keyOf(last.map((t) => this.numbers.get(t) ?? -1)));
  }

  private probability(followers: Followers | undefined, id: number | undefined): number {
    const size = this.vocabSize;
    if (size === 0) throw new ArgumentError("NGram", "nothing was fitted; expected fit() before, or a vocabSize");
    const total = followers?.total ?? 0;
    const whole = total + this.alpha * size;
    if (whole === 0) return 1 / size;
    return ((id === undefined ? 0 : (followers?.counts.get(id) ?? 0)) + this.alpha) / whole;
  }

  /** The token at a fraction of the whole weight: what has followed, each with its count, then the tokens with α each. */
  private draw(followers: Followers | undefined, fraction: number): T {
    const total = followers?.total ?? 0;
    const weight = total + this.alpha * this.tokens.length;
    if (weight === 0) return this.tokens[Math.floor(fraction * this.tokens.length)]!;
    let rest = fraction * weight;
    for (const [id, count] of followers?.counts ?? []) {
      if (rest < count) return this.tokens[id]!;
      rest -= count;
    }
    return this.tokens[Math.min(this.tokens.length - 1, Math.floor(rest / this.alpha))]!;
  }
}

function keyOf(ids: readonly number[]): string {
  return ids.join();
}
