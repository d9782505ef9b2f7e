import { checkNoOptions, checkNumber, checkOneOf, checkOptions, type NoOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { isSentence, type Sentence, tokensOf } from "./bleu.js";
import type { Metric } from "./metric.js";

/**
 * Levenshtein's distance of two sequences: the least number of insertions and deletions, and of substitutions, which cost
 * `substitutionCost` (1) each. Strings are compared by Unicode characters.
 */
export function editDistance(
  from: Sentence,
  to: Sentence,
  options: { readonly substitutionCost?: number } = {},
): number {
  checkOptions("editDistance", options, ["substitutionCost"]);
  const cost = checkNumber("editDistance", "substitutionCost", options.substitutionCost ?? 1, 0, Number.MAX_VALUE);
  const [a, b] = [[...from], [...to]];
  // row[j] is the distance between the first i of a and the first j of b.
  const row = Float64Array.from({ length: b.length + 1 }, (_, j) => j);
  a.forEach((token, i) => {
    let diagonal = row[0]!;
    row[0] = i + 1;
    for (let j = 1; j <= b.length; j++) {
      const substituted = diagonal + (token === b[j - 1] ? 0 : cost);
      diagonal = row[j]!;
      row[j] = Math.min(substituted, diagonal + 1, row[j - 1]! + 1);
    }
  });
  return row[b.length]!;
}

type Sentences = readonly Sentence[];

const REDUCTIONS = ["mean", "sum", "none"] as const;

type Reduction = (typeof REDUCTIONS)[number];

export interface EditDistanceOptions<R extends Reduction = Reduction> {
  /** Default 1. */
  readonly substitutionCost?: number;
  /** The mean over the pairs (default), their sum, or one distance for each. */
  readonly reduction?: R;
}

/** `editDistance` of predictions and references, pair by pair. The mean of no pairs is 0. */
export class EditDistance<R extends Reduction = "mean">
  implements Metric<R extends "none" ? number[] : number, Sentences>
{
  private readonly cost: number;
  private readonly reduction: Reduction;
  private distances: number[] = [];

  constructor(options: EditDistanceOptions<R> = {}) {
    const op = "EditDistance";
    checkOptions(op, options, ["substitutionCost", "reduction"]);
    this.cost = checkNumber(op, "substitutionCost", options.substitutionCost ?? 1, 0, Number.MAX_VALUE);
    this.reduction = checkOneOf<Reduction>(op, "reduction", options.reduction ?? "mean", REDUCTIONS);
  }

  update(predictions: Sentences, references: Sentences): void {
    checkPairs("EditDistance", predictions, references);
    const options = { substitutionCost: this.cost };
    predictions.forEach((p, i) => {
      this.distances.push(editDistance(p, references[i]!, options));
    });
  }

  compute(): R extends "none" ? number[] : number {
    // The type says what the option has chosen.
    return this.reduced() as R extends "none" ? number[] : number;
  }

  reset(): void {
    this.distances = [];
  }

  private reduced(): number | number[] {
    if (this.reduction === "none") return [...this.distances];
    const sum = this.distances.reduce((a, b) => a + b, 0);
    return this.reduction === "sum" ? sum : sum / Math.max(1, this.distances.length);
  }
}

/** Base of the error rates: edits over the length of the references. */
abstract class ErrorRate implements Metric<number, Sentences> {
  private edits = 0;
  private length = 0;

  constructor(...none: NoOptions) {
    checkNoOptions(new.target.name, none);
  }

  /** What is counted of a sentence. */
  protected abstract units(sentence: Sentence): Sentence;

  update(predictions: Sentences, references: Sentences): void {
    checkPairs(this.constructor.name, predictions, references);
    predictions.forEach((p, i) => {
      const reference = [...this.units(references[i]!)];
      this.edits += editDistance(this.units(p), reference);
      this.length += reference.length;
    });
  }

  compute(): number {
    return this.edits === 0 ? 0 : this.edits / this.length;
  }

  reset(): void {
    this.edits = 0;
    this.length = 0;
  }
}

/** Edits of characters (or given tokens) that lead from the predictions to the references, over the references' length; it may exceed 1. */
export class CharErrorRate extends ErrorRate {
  protected units(sentence: Sentence): Sentence {
    return sentence;
  }
}

/** Edits of words, which white space separates, over the number of words in the references; it may exceed 1. */
export class WordErrorRate extends ErrorRate {
  protected units(sentence: Sentence): Sentence {
    return tokensOf(sentence);
  }
}

function checkPairs(op: string, predictions: Sentences, references: Sentences): void {
  const lists = Array.isArray(predictions) && Array.isArray(references);
  if (!lists || predictions.length !== references.length) {
    throw new ArgumentError(op, "predictions and references do not pair up; expected two arrays of one length");
  }
  const bad = [...predictions.keys()].find((i) => !isSentence(predictions[i]) || !isSentence(references[i]));
  if (bad !== undefined)
    throw new ArgumentError(op, `entry ${bad} is no pair of sentences; expected strings or tokens`);
}
