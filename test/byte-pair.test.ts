import { describe, expect, test } from "vitest";
import { ArgumentError, data, FormatError, Generator } from "../src/node.js";

const { BytePairTokenizer } = data;

/** The tokens of a text, each as the text that it stands for. */
const pieces = (tokenizer: data.BytePairTokenizer, text: string): string[] =>
  Array.from(tokenizer.encode(text), (id) => tokenizer.decode([id]));

/** Merges learnt in the plainest way: all pairs counted again for every merge. Chunks are given as bytes, the first token is 256. */
function plainMerges(chunks: readonly (readonly number[])[], count: number): [number, number][] {
  let all = chunks.map((c) => [...c]);
  const merges: [number, number][] = [];
  const replaced = (chunk: number[], [a, b]: readonly [number, number], token: number): number[] => {
    const out: number[] = [];
    for (let i = 0; i < chunk.length; i++) {
      if (chunk[i] === a && chunk[i + 1] === b) {
        out.push(token);
        i++;
      } else out.push(chunk[i]!);
    }
    return out;
  };
  while (merges.length < count) {
    const counts = new Map<string, number>();
    for (const chunk of all) {
      for (let i = 0; i + 1 < chunk.length; i++) {
        const key = `${chunk[i]},${chunk[i + 1]}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    const ranked = [...counts].map(([key, n]) => ({ n, pair: key.split(",").map(Number) as [number, number] }));
    ranked.sort((x, y) => y.n - x.n || x.pair[0] - y.pair[0] || x.pair[1] - y.pair[1]);
    if (ranked.length === 0 || ranked[0]!.n < 2) break;
    merges.push(ranked[0]!.pair);
    all = all.map((chunk) => replaced(chunk, ranked[0]!.pair, 255 + merges.length));
  }
  return merges;
}

describe("BytePairTokenizer.train", () => {
  test("merges the most frequent pair first, as Sennrich's example does", () => {
    // low ×5, lower ×2, newest ×6, widest ×3: "es" 9 times, then "est" 9, then "lo" 7, "low" 7.
    const words = ["low", 5, "lower", 2, "newest", 6, "widest", 3];
    const texts: string[] = [];
    for (let i = 0; i < words.length; i += 2)
      texts.push(...new Array<string>(Number(words[i + 1])).fill(String(words[i])));
    const tokenizer = BytePairTokenizer.train(texts, { vocabSize: 256 + 4, specials: [] });
    const learnt = tokenizer.merges.map((_, i) => tokenizer.decode([256 + i]));
    expect(learnt).toEqual(["es", "est", "lo", "low"]);
    expect(pieces(tokenizer, "lowest")).toEqual(["low", "est"]);
  });

  test("learns what counting everything again for each merge learns", () => {
    const letters = "abc";
    for (let seed = 0; seed < 20; seed++) {
      const words = new Generator(seed).words(400);
      // Runs of letters, which are one piece each, with blanks of their own between.
      const text = Array.from(words, (w, i) => (i % 40 === 39 ? "\n" : letters[w % 3]!)).join("");
      const tokenizer = BytePairTokenizer.train([text], { vocabSize: 256 + 40, specials: [] });
      const chunks = text.match(/\n+|[abc]+/g)!.map((piece) => Array.from(piece, (c) => c.charCodeAt(0)));
      // The same piece twice is counted twice there, and weighs twice here.
      expect(tokenizer.merges).toEqual(plainMerges(chunks, 40));
    }
  });

  test("stops when nothing occurs often enough", () => {
    expect(BytePairTokenizer.train(["abc"], { vocabSize: 1000 }).merges).toEqual([]);
    expect(BytePairTokenizer.train(["abc"], { vocabSize: 1000, minCount: 1 }).merges).toHaveLength(2);
    expect(BytePairTokenizer.train([], { vocabSize: 300 }).length).toBe(259);
    expect(BytePairTokenizer.train(["aa aa", "aa"], { vocabSize: 1000, minCount: 4 }).merges).toEqual([]);
    expect(BytePairTokenizer.train(["aa aa", "aa"], { vocabSize: 1000, minCount: 3 }).merges).toEqual([[100, 100]]);
  });

  test("merges overlapping occurrences from the left", () => {
    const tokenizer = BytePairTokenizer.train(["aaaaa"], { vocabSize: 258, specials: [], minCount: 1 });
    // aa aa a, and of the two pairs left that with the smaller numbers.
    expect(pieces(tokenizer, "aaaaa")).toEqual(["aa", "aaa"]);
  });

  test("never merges across words", () => {
    const tokenizer = BytePairTokenizer.train(["of the of the of the"], { vocabSize: 300 });
    expect(pieces(tokenizer, "of the")).toEqual(["of", " the"]);
  });

  test("refuses bad options", () => {
    expect(() => BytePairTokenizer.train([], { vocabSize: 258 })).toThrow(
      "vocabSize is 258; expected an integer from 259",
    );
    expect(() => BytePairTokenizer.train("text", { vocabSize: 300 })).toThrow("texts are one string");
    expect(() => BytePairTokenizer.train([], { vocabSize: 300, specials: ["a", "a"] })).toThrow("different strings");
    expect(() => BytePairTokenizer.train([], { size: 1 } as never)).toThrow('unknown option "size"');
  });
});

describe("encoding", () => {
  const corpus = "The quick brown fox doesn't jump over the lazy dog. The dog's quick; the fox is not.\n".repeat(3);
  const tokenizer = BytePairTokenizer.train([corpus], { vocabSize: 320 });

  test("gives any Unicode text back", () => {
    const texts = [
      "",
      " ",
      "  two  blanks \n\n\t end ",
      corpus,
      "naïve café — “quotes” … ¿qué?",
      "日本語のテキスト、한국어, العربية, हिन्दी, ไทย",
      "👩‍👩‍👧‍👦🏳️‍🌈 e\u0301 \u0000 \u00a0 \u2028 \u{10ffff} \ufffd",
      "\ufeffbyte-order mark",
      "<pad><bos>",
      "'s 'LL don't 12345,67",
    ];
    for (const text of texts) expect(tokenizer.decode(tokenizer.encode(text)), JSON.stringify(text)).toBe(text);
  });

  test("gives random code points back", () => {
    const words = new Generator(5).words(4000);
    const points = Array.from(words, (w) => w % 0x110000).filter((p) => p < 0xd800 || p > 0xdfff);
    const text = String.fromCodePoint(...points);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  test("replaces half of a surrogate pair, which is no Unicode", () => {
    expect(tokenizer.decode(tokenizer.encode("a\ud800b"))).toBe("a\ufffdb");
  });

  test("is shorter than the bytes where it has learnt something", () => {
    expect(tokenizer.encode(corpus).length).toBeLessThan(corpus.length / 2);
    expect(tokenizer.encode(corpus)).toEqual(tokenizer.encode(corpus));
  });

  test("joins as fast as it can a text without any break", () => {
    const runs = BytePairTokenizer.train(["ab".repeat(1000)], { vocabSize: 262, specials: [] });
    const text = "ab".repeat(50000);
    expect(runs.decode(runs.encode(text))).toBe(text);
    expect(runs.encode(text).length).toBe(Math.ceil(100000 / 64));
  });

  test("adds begin and end if asked, and takes special tokens in the text for text", () => {
    const ids = tokenizer.encode("the", { bos: true, eos: true });
    expect([ids[0], ids.at(-1)]).toEqual([tokenizer.bosIndex, tokenizer.eosIndex]);
    expect([tokenizer.padIndex, tokenizer.bosIndex, tokenizer.eosIndex]).toEqual([0, 1, 2]);
    expect(tokenizer.decode(ids)).toBe("the");
    expect(tokenizer.decode(ids, { skipSpecials: false })).toBe("<bos>the<eos>");
    expect([...tokenizer.encode("<pad>")].every((id) => id > 2)).toBe(true);
    const bare = BytePairTokenizer.train([], { vocabSize: 256, specials: [] });
    expect(() => bare.encode("", { eos: true })).toThrow('no special token "<eos>"');
    expect(bare.padIndex).toBeNull();
  });

  test("tells a token's bytes, and decodes bytes that are no UTF-8", () => {
    const [first] = tokenizer.encode("é");
    expect([...tokenizer.bytesOf(first!)][0]).toBe(0xc3);
    expect(tokenizer.decode([first!])).toBe("\ufffd");
    expect(new TextDecoder().decode(tokenizer.bytesOf(0))).toBe("<pad>");
    expect(() => tokenizer.decode([tokenizer.length])).toThrow(`id is ${tokenizer.length}`);
    expect(() => tokenizer.bytesOf(-1)).toThrow(ArgumentError);
  });

  test("goes to JSON and back", () => {
    const again = BytePairTokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer)));
    expect(again.encode(corpus)).toEqual(tokenizer.encode(corpus));
    expect([again.length, again.specials]).toEqual([tokenizer.length, tokenizer.specials]);
  });

  test("refuses JSON that is no tokenizer", () => {
    const good = { type: "byte-pair", specials: ["<pad>"], merges: [[98, 99]] };
    // Each merge doubles the one before: 2^60 bytes.
    const bomb = Array.from({ length: 60 }, (_, i) => (i === 0 ? [98, 98] : [256 + i, 256 + i]));
    const bad: [unknown, string][] = [
      [undefined, "got undefined"],
      [{ ...good, type: "vocabulary" }, 'type is "vocabulary"'],
      [{ ...good, specials: [1] }, "specials[0] is 1"],
      [{ ...good, merges: {} }, "merges are no array"],
      [{ ...good, merges: [[98]] }, "merges[0] is [98]"],
      [{ ...good, merges: [[0, 98]] }, "expected two tokens from 1 to 256"],
      [{ ...good, merges: [[98, 257]] }, "expected two tokens from 1 to 256"],
      [{ ...good, merges: [[98, "99"]] }, "merges[0]"],
      [
        {
          ...good,
          merges: [
            [98, 99],
            [98, 99],
          ],
        },
        "merges[1] is [98, 99] again",
      ],
      [{ ...good, merges: bomb }, "makes 131072 bytes; expected at most 65536"],
    ];
    for (const [json, message] of bad) {
      expect(() => BytePairTokenizer.fromJSON(json), message).toThrow(FormatError);
      expect(() => BytePairTokenizer.fromJSON(json), message).toThrow(message);
    }
    expect(BytePairTokenizer.fromJSON(good).length).toBe(258);
  });
});
