import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, FormatError } from "../errors.js";
import { SPECIALS, SpecialTokens } from "./vocabulary_specials.js";

export interface VocabularyOptions {
  /** Tokens that occur less often are unknown. Default 1. */
  readonly minCount?: number;
  /** The most tokens that are kept, specials included. Default: no limit. */
  readonly maxSize?: number;
  /** Tokens that come first, whether they occur or not. Default `<pad> <bos> <eos> <unk>`. */
  readonly specials?: readonly string[];
}

export interface EncodeOptions {
  /** Put `<bos>` in front. Default false. */
  readonly bos?: boolean;
  /** Put `<eos>` behind. Default false. */
  readonly eos?: boolean;
}

export interface DecodeOptions {
  /** Leave special tokens out. Default true. */
  readonly skipSpecials?: boolean;
}

/** A vocabulary ready for JSON. */
export interface VocabularyState {
  readonly type: "vocabulary";
  readonly tokens: readonly string[];
  /** How many of the first tokens are special. */
  readonly specials: number;
}

/** A saved vocabulary may not claim more tokens. */
const MAX_TOKENS = 2 ** 24;

/**
 * Tokens and their numbers from 0 on: first the special ones, then the rest, `from` by descending count.
 * Errors: ArgumentError for a token twice.
 */
export class Vocabulary extends SpecialTokens {
  /** All tokens; each one's number is its index. */
  readonly tokens: readonly string[];
  /** How many of the first tokens are special. */
  readonly specialCount: number;
  private readonly numbers = new Map<string, number>();

  constructor(tokens: Iterable<string>, options: Pick<VocabularyOptions, "specials"> = {}) {
    super();
    checkOptions("Vocabulary", options, ["specials"]);
    const specials = [...(options.specials ?? SPECIALS)];
    this.tokens = [...specials, ...tokens];
    this.specialCount = specials.length;
    this.tokens.forEach((token, i) => {
      if (typeof token !== "string") throw new ArgumentError("Vocabulary", `token ${i} is no string; expected one`);
      if (this.numbers.has(token)) {
        throw new ArgumentError("Vocabulary", `token ${JSON.stringify(token)} is there twice; expected each once`);
      }
      this.numbers.set(token, i);
    });
  }

  /**
   * The tokens of many sequences, by descending count, and of equal counts in the order of their UTF-16 units. Specials that occur in the
   * text stay where they are. Errors: ArgumentError for text that has not been cut into tokens.
   */
  static from(sequences: Iterable<Iterable<string>>, options: VocabularyOptions = {}): Vocabulary {
    const op = "Vocabulary.from";
    checkOptions(op, options, ["minCount", "maxSize", "specials"]);
    const minCount = checkInteger(op, "minCount", options.minCount ?? 1, 1);
    const specials = [...(options.specials ?? SPECIALS)];
    const maxSize =
      options.maxSize === undefined ? Infinity : checkInteger(op, "maxSize", options.maxSize, specials.length);
    const counts = new Map<string, number>();
    for (const sequence of sequences) {
      if (typeof sequence === "string") {
        throw new ArgumentError(
          op,
          `a sequence is the text ${JSON.stringify(sequence.slice(0, 20))}; expected its tokens`,
        );
      }
      for (const token of sequence) counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    for (const special of specials) counts.delete(special);
    const kept = [...counts].filter(([, count]) => count >= minCount);
    kept.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    return new Vocabulary(
      kept.slice(0, maxSize - specials.length).map(([token]) => token),
      { specials },
    );
  }

  /** Number of tokens. */
  get length(): number {
    return this.tokens.length;
  }

  /** True if the token has a number of its own. */
  has(token: string): boolean {
    return this.numbers.has(token);
  }

  /** A token's number, or that of `<unk>`. Errors: ArgumentError for an unknown token if there is no `<unk>`. */
  indexOf(token: string): number {
    const index = this.numbers.get(token) ?? this.unkIndex;
    if (index === null) {
      throw new ArgumentError(
        "Vocabulary",
        `token ${JSON.stringify(token)} is unknown, and there is no "<unk>" for it`,
      );
    }
    return index;
  }

  /** The tokens' numbers. Errors: ArgumentError for an unknown token if there is no `<unk>`, or a missing `<bos>` or `<eos>`. */
  encode(tokens: Iterable<string>, options: EncodeOptions = {}): Int32Array {
    checkOptions("Vocabulary.encode", options, ["bos", "eos"]);
    const ids = Array.from(tokens, (token) => this.indexOf(token));
    if (options.bos) ids.unshift(this.wanted("<bos>"));
    if (options.eos) ids.push(this.wanted("<eos>"));
    return Int32Array.from(ids);
  }

  /** The tokens of numbers, `<unk>` for what was unknown. Errors: ArgumentError for a number that no token has. */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string[] {
    checkOptions("Vocabulary.decode", options, ["skipSpecials"]);
    const skip = options.skipSpecials ?? true;
    const unknown = this.unkIndex;
    const tokens: string[] = [];
    for (const id of ids) {
      const token = this.tokens[checkInteger("Vocabulary.decode", "id", id, 0, this.length - 1)]!;
      if (!skip || id >= this.specialCount || id === unknown) tokens.push(token);
    }
    return tokens;
  }

  toJSON(): VocabularyState {
    return { type: "vocabulary", tokens: this.tokens, specials: this.specialCount };
  }

  /** Undoes `toJSON`. Errors: FormatError for anything else. */
  static fromJSON(json: unknown): Vocabulary {
    const op = "Vocabulary.fromJSON";
    const state = recordOf(op, json, "vocabulary");
    const tokens = stringsOf(op, "tokens", state.tokens, MAX_TOKENS);
    const { specials } = state;
    if (typeof specials !== "number" || !Number.isInteger(specials) || specials < 0 || specials > tokens.length) {
      throw new FormatError(
        op,
        `specials is ${JSON.stringify(specials)}; expected an integer from 0 to ${tokens.length}`,
      );
    }
    return new Vocabulary(tokens.slice(specials), { specials: tokens.slice(0, specials) });
  }

  protected override special(name: string): number | null {
    const index = this.numbers.get(name);
    return index !== undefined && index < this.specialCount ? index : null;
  }
}

/** A plain object of the wanted type, as JSON.parse makes them. */
export function recordOf(op: string, json: unknown, type: string): Readonly<Record<string, unknown>> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new FormatError(op, `got ${Array.isArray(json) ? "an array" : typeof json}; expected an object`);
  }
  const record = Object.fromEntries(Object.entries(json));
  if (record.type !== type) {
    throw new FormatError(op, `type is ${JSON.stringify(record.type)}; expected "${type}"`);
  }
  return record;
}

/** An array of different strings. */
export function stringsOf(op: string, what: string, value: unknown, max: number): string[] {
  if (!Array.isArray(value) || value.length > max) {
    throw new FormatError(op, `${what} are no array of at most ${max}; expected strings`);
  }
  const strings = value.map((v: unknown, i) => {
    if (typeof v !== "string") throw new FormatError(op, `${what}[${i}] is ${JSON.stringify(v)}; expected a string`);
    return v;
  });
  const seen = new Set<string>();
  for (const s of strings) {
    if (seen.has(s)) throw new FormatError(op, `${what} hold ${JSON.stringify(s)} twice; expected each once`);
    seen.add(s);
  }
  return strings;
}
