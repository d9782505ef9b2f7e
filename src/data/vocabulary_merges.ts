import { PairHeap } from "./heap.js";

/** Tokens of a byte-pair vocabulary are numbered below it, so that a pair is one number. */
export const MAX_VOCABULARY = 2 ** 20;

export const pairOf = (a: number, b: number): number => a * MAX_VOCABULARY + b;

/** Which token two neighbours become. */
export type Merge = readonly [left: number, right: number];

/** A text of which bytes are merged: neighbours are linked, and a token that was merged into the one before is −1. */
class Chain {
  readonly next: Int32Array;
  readonly previous: Int32Array;

  /** Chunks do not touch: there is no link between them. */
  constructor(
    readonly tokens: Int32Array,
    starts: readonly number[],
  ) {
    this.next = Int32Array.from(tokens, (_, i) => (i + 1 < tokens.length ? i + 1 : -1));
    this.previous = Int32Array.from(tokens, (_, i) => i - 1);
    for (const start of starts) {
      if (start > 0 && start < tokens.length) {
        this.previous[start] = -1;
        this.next[start - 1] = -1;
      }
    }
  }

  /** The pair that begins at a place; −1 if none does. */
  pairAt(i: number): number {
    const j = this.next[i]!;
    return j < 0 || this.tokens[i]! < 0 ? -1 : pairOf(this.tokens[i]!, this.tokens[j]!);
  }

  /** Makes one token of the pair at a place. */
  merge(i: number, token: number): void {
    const j = this.next[i]!;
    const k = this.next[j]!;
    this.tokens[i] = token;
    this.tokens[j] = -1;
    this.next[i] = k;
    if (k >= 0) this.previous[k] = i;
  }
}

/** A piece of text that is merged for itself, as tokens, and how often it occurs. */
export interface Chunk {
  readonly tokens: readonly number[];
  readonly count: number;
}

export interface LearnOptions {
  /** The number of the first merged token. */
  readonly first: number;
  /** The most merges. */
  readonly merges: number;
  readonly minCount: number;
  /** The longest token, in bytes. */
  readonly maxBytes: number;
}

/**
 * Merges the most frequent pair of neighbours, again and again; of equally frequent ones that with the smaller numbers. Each merge looks
 * only at the places where its pair occurs, so the work grows with the text and not with text × merges.
 */
export function learnMerges(chunks: readonly Chunk[], options: LearnOptions): Merge[] {
  const corpus = new Corpus(chunks);
  const lengths = new Map<number, number>();
  const lengthOf = (token: number): number => lengths.get(token) ?? 1;
  const merges: Merge[] = [];
  while (merges.length < options.merges) {
    const pair = corpus.mostFrequent(options.minCount);
    if (pair === null) break;
    const [a, b] = [Math.floor(pair / MAX_VOCABULARY), pair % MAX_VOCABULARY];
    const bytes = lengthOf(a) + lengthOf(b);
    if (bytes > options.maxBytes) {
      corpus.forget(pair);
      continue;
    }
    const token = options.first + merges.length;
    lengths.set(token, bytes);
    merges.push([a, b]);
    corpus.replace(pair, token);
  }
  return merges;
}

/** All chunks, with the count of each pair and where it occurs. */
class Corpus {
  private readonly chain: Chain;
  /** How often the chunk at each place occurs. */
  private readonly weights: Float64Array;
  private readonly counts = new Map<number, number>();
  /** Where a pair has ever begun, in ascending order. */
  private readonly places = new Map<number, number[]>();
  /** Pairs by −count. A count that has fallen since is found out when the pair comes up. */
  private readonly queue = new PairHeap();

  constructor(chunks: readonly Chunk[]) {
    const total = chunks.reduce((n, c) => n + c.tokens.length, 0);
    const tokens = new Int32Array(total);
    this.weights = new Float64Array(total);
    const starts: number[] = [];
    let at = 0;
    for (const chunk of chunks) {
      starts.push(at);
      tokens.set(chunk.tokens, at);
      this.weights.fill(chunk.count, at, at + chunk.tokens.length);
      at += chunk.tokens.length;
    }
    this.chain = new Chain(tokens, starts);
    for (let i = 0; i < total; i++) this.add(i);
    for (const [pair, count] of this.counts) this.queue.push(-count, pair);
  }

  /** The pair with the highest count; null if none has the least one. */
  mostFrequent(minCount: number): number | null {
    while (this.queue.size > 0) {
      const [negative, pair] = this.queue.pop();
      const count = this.counts.get(pair) ?? 0;
      if (count === -negative) return count >= minCount ? pair : null;
      if (count > 0) this.queue.push(-count, pair);
    }
    return null;
  }

  /** Never looks at a pair again. */
  forget(pair: number): void {
    this.counts.delete(pair);
    this.places.delete(pair);
  }

  /** Puts a token in the place of a pair, wherever that occurs. */
  replace(pair: number, token: number): void {
    const made = new Set<number>();
    const { chain } = this;
    for (const i of this.places.get(pair) ?? []) {
      // An overlapping occurrence may have taken the place.
      if (chain.pairAt(i) !== pair) continue;
      const left = chain.previous[i]!;
      const right = chain.next[i]!;
      if (left >= 0) this.remove(left);
      this.remove(right);
      chain.merge(i, token);
      if (left >= 0) made.add(this.add(left));
      made.add(this.add(i));
    }
    this.forget(pair);
    for (const p of made) {
      const count = this.counts.get(p) ?? 0;
      if (count > 0) this.queue.push(-count, p);
    }
  }

  /** Counts the pair that begins at a place, and returns it. */
  private add(i: number): number {
    const pair = this.chain.pairAt(i);
    if (pair < 0) return pair;
    this.counts.set(pair, (this.counts.get(pair) ?? 0) + this.weights[i]!);
    const places = this.places.get(pair);
    if (places === undefined) this.places.set(pair, [i]);
    else places.push(i);
    return pair;
  }

  private remove(i: number): void {
    const pair = this.chain.pairAt(i);
    const count = this.counts.get(pair);
    if (count !== undefined) this.counts.set(pair, count - this.weights[i]!);
  }
}

/** Merges neighbours in the order in which the merges were learnt. `merged` tells what a pair becomes. */
export function applyMerges(tokens: Int32Array, merged: ReadonlyMap<number, number>): Int32Array {
  const chain = new Chain(tokens.slice(), []);
  const queue = new PairHeap();
  const look = (i: number): void => {
    const token = i < 0 ? undefined : merged.get(chain.pairAt(i));
    if (token !== undefined) queue.push(token, i);
  };
  for (let i = 0; i < tokens.length; i++) look(i);
  while (queue.size > 0) {
    const [token, i] = queue.pop();
    if (merged.get(chain.pairAt(i)) !== token) continue;
    chain.merge(i, token);
    look(chain.previous[i]!);
    look(i);
  }
  return chain.tokens.filter((t) => t >= 0);
}
