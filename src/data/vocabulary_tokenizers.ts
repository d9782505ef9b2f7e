import { checkNoOptions, checkOptions, type NoOptions } from "../check.js";

/** Cuts text into the tokens of a `Vocabulary`, and joins them. */
export interface Tokenizer {
  tokenize(text: string): string[];
  join(tokens: Iterable<string>): string;
}

/** Unicode characters (code points), each a token. Joining gives the text back. */
export class CharacterTokenizer implements Tokenizer {
  constructor(...none: NoOptions) {
    checkNoOptions("CharacterTokenizer", none);
  }

  tokenize(text: string): string[] {
    return [...text];
  }

  join(tokens: Iterable<string>): string {
    return [...tokens].join("");
  }
}

export interface WordTokenizerOptions {
  /** Turn the text into lower case. Default false. */
  readonly lowerCase?: boolean;
  /** Punctuation marks are tokens of their own, but for apostrophes and hyphens within words. Default true; else white space alone cuts. */
  readonly splitPunctuation?: boolean;
}

/** Letters, marks and digits with an apostrophe or hyphen between them, or one character of anything else but white space. */
function wordsOf(text: string): string[] | null {
  // Here, because its classes are large tables, made when the expression is.
  return text.match(/[\p{L}\p{M}\p{N}_]+(?:['’-][\p{L}\p{M}\p{N}_]+)*|[^\s\p{L}\p{M}\p{N}_]/gu);
}

/** Marks that stand close to the word before, and to the word behind. */
const CLOSING = /^[.,;:!?…%)\]}”»]$/u;
const OPENING = /^[([{“«¿¡]$/u;

/**
 * Words and punctuation marks. Joining puts blanks between tokens, but for marks where none is written: it gives back usual text, not
 * any.
 */
export class WordTokenizer implements Tokenizer {
  private readonly lowerCase: boolean;
  private readonly splitPunctuation: boolean;

  constructor(options: WordTokenizerOptions = {}) {
    checkOptions("WordTokenizer", options, ["lowerCase", "splitPunctuation"]);
    this.lowerCase = options.lowerCase ?? false;
    this.splitPunctuation = options.splitPunctuation ?? true;
  }

  tokenize(text: string): string[] {
    const cased = this.lowerCase ? text.toLowerCase() : text;
    return (this.splitPunctuation ? wordsOf(cased) : cased.match(/\S+/gu)) ?? [];
  }

  join(tokens: Iterable<string>): string {
    let text = "";
    let close = true;
    for (const token of tokens) {
      text += close || (this.splitPunctuation && CLOSING.test(token)) ? token : ` ${token}`;
      close = this.splitPunctuation && OPENING.test(token);
    }
    return text;
  }
}
