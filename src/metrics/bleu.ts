import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { ratio } from "./inputs.js";
import type { Metric } from "./metric.js";

/** Text, which is cut at white space, or tokens. */
export type Sentence = string | readonly (string | number)[];

export interface BLEUScoreOptions {
  /** The longest n-grams that are compared. Default 4. */
  readonly nGram?: number;
  /** Count one more match and one more n-gram from pairs on (Lin and Och, 2004). Default false. */
  readonly smooth?: boolean;
  /** Weight of each n from 1 to nGram. Default: 1/nGram each. */
  readonly weights?: readonly number[];
}

/**
 * BLEU of a corpus, from 0 to 1: the weighted geometric mean of the shares of n-grams that occur in a reference, as often at most as in
 * one of them, times e^(1 − r/c) if the candidates' length c is below the length r of the nearest references (of two equally near the
 * shorter). Without a match for some n it is 0, unless smoothed.
 * Errors: ArgumentError for candidates and references that do not pair up. Source: Papineni et al., "BLEU", 2002.
 */
export class BLEUScore implements Metric<number, readonly Sentence[], readonly (readonly Sentence[])[]> {
  private readonly smooth: boolean;
  private readonly weights: readonly number[];
  private matches: number[];
  private totals: number[];
  private candidateLength = 0;
  private referenceLength = 0;

  constructor(options: BLEUScoreOptions = {}) {
    const op = "BLEUScore";
    checkOptions(op, options, ["nGram", "smooth", "weights"]);
    const n = checkInteger(op, "nGram", options.nGram ?? 4, 1);
    this.weights = options.weights ?? new Array<number>(n).fill(1 / n);
    this.smooth = options.smooth ?? false;
    if (!Array.isArray(this.weights) || this.weights.length !== n) {
      throw new ArgumentError(op, `weights are [${String(this.weights)}]; expected ${n}, one for each n`);
    }
    for (const weight of this.weights) checkNumber(op, "weight", weight, 0, Number.MAX_VALUE);
    this.matches = new Array<number>(n).fill(0);
    this.totals = new Array<number>(n).fill(0);
  }

  /** Adds candidates, and for each of them its references: `update(["the cat"], [["a cat", "the cat"]])`. */
  update(candidates: readonly Sentence[], references: readonly (readonly Sentence[])[]): void {
    checkPairs(candidates, references);
    candidates.forEach((candidate, i) => {
      this.add(tokensOf(candidate), references[i]!.map(tokensOf));
    });
  }

  compute(): number {
    if (this.candidateLength === 0) return 0;
    const shares = this.matches.map((m, k) => {
      const more = this.smooth && k > 0 ? 1 : 0;
      return ratio(m + more, this.totals[k]! + more);
    });
    if (shares.some((share, k) => share === 0 && this.weights[k]! > 0)) return 0;
    const mean = shares.reduce(
      (s, share, k) => (this.weights[k] === 0 ? s : s + this.weights[k]! * Math.log(share)),
      0,
    );
    const short = Math.min(0, 1 - this.referenceLength / this.candidateLength);
    return Math.exp(mean + short);
  }

  reset(): void {
    this.matches.fill(0);
    this.totals.fill(0);
    this.candidateLength = 0;
    this.referenceLength = 0;
  }

  private add(candidate: readonly (string | number)[], references: readonly (readonly (string | number)[])[]): void {
    const ids = new Map<string | number, number>();
    const numbered = (tokens: readonly (string | number)[]): number[] =>
      tokens.map((token) => {
        const id = ids.get(token) ?? ids.size;
        ids.set(token, id);
        return id;
      });
    const given = numbered(candidate);
    const wanted = references.map(numbered);
    this.candidateLength += given.length;
    this.referenceLength += nearest(
      given.length,
      wanted.map((w) => w.length),
    );
    for (let n = 1; n <= this.weights.length; n++) {
      const most = new Map<string, number>();
      for (const reference of wanted) {
        for (const [gram, count] of gramsOf(reference, n)) most.set(gram, Math.max(count, most.get(gram) ?? 0));
      }
      for (const [gram, count] of gramsOf(given, n)) {
        this.matches[n - 1]! += Math.min(count, most.get(gram) ?? 0);
        this.totals[n - 1]! += count;
      }
    }
  }
}

/** The tokens of a sentence. */
export function tokensOf(sentence: Sentence): readonly (string | number)[] {
  if (typeof sentence !== "string") return sentence;
  return sentence.split(/\s+/u).filter((token) => token !== "");
}

function gramsOf(ids: readonly number[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= ids.length; i++) {
    const gram = ids.slice(i, i + n).join();
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

function nearest(length: number, lengths: readonly number[]): number {
  return lengths.reduce((best, n) => {
    const closer = Math.abs(n - length) - Math.abs(best - length);
    return closer < 0 || (closer === 0 && n < best) ? n : best;
  });
}

function checkPairs(candidates: readonly Sentence[], references: readonly (readonly Sentence[])[]): void {
  const op = "BLEUScore";
  if (!Array.isArray(candidates) || !Array.isArray(references) || candidates.length !== references.length) {
    throw new ArgumentError(op, "candidates and references do not pair up; expected two arrays of one length");
  }
  candidates.forEach((candidate, i) => {
    const list: unknown = references[i];
    if (!Array.isArray(list) || list.length === 0 || !list.every(isSentence) || !isSentence(candidate)) {
      throw new ArgumentError(
        op,
        `entry ${i} is no candidate with a list of references; expected ["text", …] or tokens`,
      );
    }
  });
}

export function isSentence(value: unknown): value is Sentence {
  if (typeof value === "string") return true;
  return Array.isArray(value) && value.every((token) => typeof token === "string" || typeof token === "number");
}
