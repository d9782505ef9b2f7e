import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, FormatError } from "../errors.js";
import { type DecodeOptions, type EncodeOptions, recordOf, stringsOf } from "./vocabulary.js";
import { applyMerges, type Chunk, learnMerges, MAX_VOCABULARY, type Merge, pairOf } from "./vocabulary_merges.js";
import { SPECIALS, SpecialTokens } from "./vocabulary_specials.js";

export interface BytePairOptions {
  /** Number of tokens in the end: specials, 256 bytes, and merges. There may be fewer if the texts have no more to merge. */
  readonly vocabSize: number;
  /** Pairs that occur less often are not merged. Default 2. */
  readonly minCount?: number;
  /** Tokens that come first and that no text is encoded to. Default `<pad> <bos> <eos>`. */
  readonly specials?: readonly string[];
}

/** A byte-pair vocabulary ready for JSON. */
export interface BytePairState {
  readonly type: "byte-pair";
  readonly specials: readonly string[];
  readonly merges: readonly Merge[];
}

const BYTES = 256;
/** No token is longer, so that a hostile file cannot make one that fills the memory. */
const MAX_BYTES = 2 ** 16;
/** Encoded chunks that are kept for the next time. */
const CACHE_SIZE = 2 ** 16;

/** GPT-2's pieces, which are never merged with each other: a blank goes with the word behind it. Together they are the whole text. */
function piecesOf(text: string): IterableIterator<RegExpMatchArray> {
  // Here, because its classes are large tables, made when the expression is.
  return text.matchAll(/'(?:[sdmt]|ll|ve|re)| ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]+|\s+(?!\S)|\s+/gu);
}

const encoder = new TextEncoder();

/**
 * Byte-pair encoding: text as UTF-8 bytes, of which frequent neighbours are merged to tokens. Any Unicode text is encoded without loss,
 * and nothing is unknown; half of a surrogate pair, which is no Unicode, becomes U+FFFD.
 * Numbers: specials, then the bytes, then the merges as they were learnt.
 * Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", 2016; the pieces are those of GPT-2.
 */
export class BytePairTokenizer extends SpecialTokens {
  readonly specials: readonly string[];
  readonly merges: readonly Merge[];
  private readonly merged = new Map<number, number>();
  private readonly cache = new Map<string, Int32Array>();

  private constructor(specials: readonly string[], merges: readonly Merge[]) {
    super();
    this.specials = specials;
    this.merges = merges;
    merges.forEach(([a, b], i) => {
      this.merged.set(pairOf(a, b), specials.length + BYTES + i);
    });
  }

  /** Learns merges from texts. Errors: ArgumentError for a vocabSize without room for specials and bytes. */
  static train(texts: Iterable<string>, options: BytePairOptions): BytePairTokenizer {
    const op = "BytePairTokenizer.train";
    checkOptions(op, options, ["vocabSize", "minCount", "specials"]);
    const specials = specialsOf(op, options.specials ?? SPECIALS.slice(0, 3));
    const first = specials.length + BYTES;
    const vocabSize = checkInteger(op, "vocabSize", options.vocabSize, first, MAX_VOCABULARY);
    const minCount = checkInteger(op, "minCount", options.minCount ?? 2, 1);
    if (typeof texts === "string") throw new ArgumentError(op, "texts are one string; expected a list of texts");
    const pieces = new Map<string, number>();
    for (const text of texts) {
      for (const [piece] of piecesOf(text)) pieces.set(piece, (pieces.get(piece) ?? 0) + 1);
    }
    const chunks = Array.from(pieces, ([piece, count]): Chunk => {
      return { tokens: Array.from(encoder.encode(piece), (byte) => specials.length + byte), count };
    });
    const merges = learnMerges(chunks, { first, merges: vocabSize - first, minCount, maxBytes: MAX_BYTES });
    return new BytePairTokenizer(specials, merges);
  }

  /** Number of tokens. */
  get length(): number {
    return this.specials.length + BYTES + this.merges.length;
  }

  /** The tokens of a text. Special tokens that are written in it are text like any other. */
  encode(text: string, options: EncodeOptions = {}): Int32Array {
    checkOptions("BytePairTokenizer.encode", options, ["bos", "eos"]);
    const parts: Int32Array[] = [];
    if (options.bos) parts.push(Int32Array.of(this.wanted("<bos>")));
    for (const [piece] of piecesOf(text)) parts.push(this.encodePiece(piece));
    if (options.eos) parts.push(Int32Array.of(this.wanted("<eos>")));
    const ids = new Int32Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const part of parts) {
      ids.set(part, at);
      at += part.length;
    }
    return ids;
  }

  /** The text of tokens; bytes that are no UTF-8 become U+FFFD. Errors: ArgumentError for a number that no token has. */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    checkOptions("BytePairTokenizer.decode", options, ["skipSpecials"]);
    const skip = options.skipSpecials ?? true;
    const bytes: number[] = [];
    for (const id of ids) {
      checkInteger("BytePairTokenizer.decode", "id", id, 0, this.length - 1);
      if (id >= this.specials.length) this.pushBytes(id, bytes);
      else if (!skip) for (const byte of encoder.encode(this.specials[id]!)) bytes.push(byte);
    }
    // A byte-order mark is text too.
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  }

  /** The bytes that a token stands for; those of its name for a special one. */
  bytesOf(id: number): Uint8Array {
    checkInteger("BytePairTokenizer.bytesOf", "id", id, 0, this.length - 1);
    if (id < this.specials.length) return encoder.encode(this.specials[id]!);
    const bytes: number[] = [];
    this.pushBytes(id, bytes);
    return Uint8Array.from(bytes);
  }

  toJSON(): BytePairState {
    return { type: "byte-pair", specials: this.specials, merges: this.merges };
  }

  /** Undoes `toJSON`. Errors: FormatError for anything else, such as a merge of tokens that are made later. */
  static fromJSON(json: unknown): BytePairTokenizer {
    const op = "BytePairTokenizer.fromJSON";
    const state = recordOf(op, json, "byte-pair");
    const specials = stringsOf(op, "specials", state.specials, MAX_VOCABULARY - BYTES);
    return new BytePairTokenizer(specials, mergesOf(op, state.merges, specials.length));
  }

  private encodePiece(piece: string): Int32Array {
    const known = this.cache.get(piece);
    if (known !== undefined) return known;
    const bytes = Int32Array.from(encoder.encode(piece), (byte) => this.specials.length + byte);
    const ids = applyMerges(bytes, this.merged);
    if (this.cache.size >= CACHE_SIZE) this.cache.clear();
    this.cache.set(piece, ids);
    return ids;
  }

  private pushBytes(id: number, bytes: number[]): void {
    const open = [id];
    while (open.length > 0) {
      const token = open.pop()! - this.specials.length;
      if (token < BYTES) bytes.push(token);
      else {
        const [left, right] = this.merges[token - BYTES]!;
        open.push(right, left);
      }
    }
  }

  protected override special(name: string): number | null {
    const index = this.specials.indexOf(name);
    return index < 0 ? null : index;
  }
}

function specialsOf(op: string, specials: readonly string[]): string[] {
  const list = [...specials];
  if (list.some((s) => typeof s !== "string") || new Set(list).size !== list.length) {
    throw new ArgumentError(op, `specials are ${JSON.stringify(specials)}; expected different strings`);
  }
  return list;
}

/** Merges of tokens that exist by then, each pair once, none too long. */
function mergesOf(op: string, value: unknown, specials: number): Merge[] {
  const first = specials + BYTES;
  if (!Array.isArray(value) || value.length > MAX_VOCABULARY - first) {
    throw new FormatError(op, `merges are no array of at most ${MAX_VOCABULARY - first}; expected pairs of tokens`);
  }
  const lengths: number[] = [];
  const lengthOf = (token: number): number => (token < first ? 1 : lengths[token - first]!);
  const seen = new Set<number>();
  return value.map((pair: unknown, i): Merge => {
    const isToken = (t: unknown): t is number => Number.isInteger(t) && Number(t) >= specials && Number(t) < first + i;
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every(isToken)) {
      throw new FormatError(
        op,
        `merges[${i}] is ${JSON.stringify(pair)}; expected two tokens from ${specials} to ${first + i - 1}`,
      );
    }
    const [a, b] = pair as [number, number];
    if (seen.has(pairOf(a, b)))
      throw new FormatError(op, `merges[${i}] is [${a}, ${b}] again; expected each pair once`);
    seen.add(pairOf(a, b));
    lengths.push(lengthOf(a) + lengthOf(b));
    if (lengths[i]! > MAX_BYTES)
      throw new FormatError(op, `merges[${i}] makes ${lengths[i]} bytes; expected at most ${MAX_BYTES}`);
    return [a, b];
  });
}
