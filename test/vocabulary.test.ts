import { describe, expect, test } from "vitest";
import { ArgumentError, data, FormatError, ShapeError, scope, tensor } from "../src/node.js";
import { expectNoLeaks, own } from "./support/loading.js";

const { CharacterTokenizer, DataLoader, Vocabulary, WordTokenizer, padCollate } = data;
expectNoLeaks();

describe("Vocabulary", () => {
  const sentences = [
    ["the", "cat", "sat"],
    ["the", "dog", "sat", "the"],
    ["a", "cat"],
  ];

  test("puts the specials first, then tokens by count and then by name", () => {
    const vocabulary = Vocabulary.from(sentences);
    expect(vocabulary.tokens).toEqual(["<pad>", "<bos>", "<eos>", "<unk>", "the", "cat", "sat", "a", "dog"]);
    expect(vocabulary.length).toBe(9);
    expect([vocabulary.padIndex, vocabulary.bosIndex, vocabulary.eosIndex, vocabulary.unkIndex]).toEqual([0, 1, 2, 3]);
    expect(Vocabulary.from(sentences.toReversed()).tokens).toEqual(vocabulary.tokens);
  });

  test("leaves out what is rare, and what is beyond the largest size", () => {
    expect(Vocabulary.from(sentences, { minCount: 2 }).tokens.slice(4)).toEqual(["the", "cat", "sat"]);
    expect(Vocabulary.from(sentences, { maxSize: 6 }).tokens.slice(4)).toEqual(["the", "cat"]);
    expect(Vocabulary.from(sentences, { maxSize: 4 }).tokens.slice(4)).toEqual([]);
    expect(Vocabulary.from(sentences, { specials: [], maxSize: 1 }).tokens).toEqual(["the"]);
  });

  test("encodes and decodes, unknown tokens as <unk>", () => {
    const vocabulary = Vocabulary.from(sentences);
    const ids = vocabulary.encode(["the", "bird", "sat"], { bos: true, eos: true });
    expect([...ids]).toEqual([1, 4, 3, 6, 2]);
    expect(vocabulary.decode(ids)).toEqual(["the", "<unk>", "sat"]);
    expect(vocabulary.decode(ids, { skipSpecials: false })).toEqual(["<bos>", "the", "<unk>", "sat", "<eos>"]);
    expect(vocabulary.decode([])).toEqual([]);
    expect([vocabulary.has("dog"), vocabulary.has("bird"), vocabulary.indexOf("bird")]).toEqual([true, false, 3]);
  });

  test("counts no special that is written in the text", () => {
    const vocabulary = Vocabulary.from([["<unk>", "<unk>", "x"]]);
    expect(vocabulary.tokens).toEqual(["<pad>", "<bos>", "<eos>", "<unk>", "x"]);
  });

  test("knows tokens that are names of Object's properties", () => {
    const vocabulary = Vocabulary.from([["constructor", "__proto__", "toString"]]);
    expect(vocabulary.decode(vocabulary.encode(["__proto__", "constructor"]))).toEqual(["__proto__", "constructor"]);
    expect(Vocabulary.from([["x"]]).has("constructor")).toBe(false);
    expect(Vocabulary.fromJSON(JSON.parse(JSON.stringify(vocabulary))).tokens).toEqual(vocabulary.tokens);
  });

  test("does without specials", () => {
    const vocabulary = Vocabulary.from(sentences, { specials: [] });
    expect([vocabulary.padIndex, vocabulary.unkIndex]).toEqual([null, null]);
    expect(() => vocabulary.encode(["bird"])).toThrow('token "bird" is unknown, and there is no "<unk>"');
    expect(() => vocabulary.encode(["the"], { eos: true })).toThrow('no special token "<eos>"');
    // A word of the text is no special, whatever it is called.
    expect(Vocabulary.from([["<eos>"]], { specials: [] }).eosIndex).toBeNull();
  });

  test("goes to JSON and back", () => {
    const vocabulary = Vocabulary.from(sentences, { specials: ["<pad>", "[SEP]"] });
    const again = Vocabulary.fromJSON(JSON.parse(JSON.stringify(vocabulary)));
    expect(again.tokens).toEqual(vocabulary.tokens);
    expect(again.specialCount).toBe(2);
    expect(again.decode([0, 1, 2])).toEqual(["the"]);
  });

  test("refuses JSON that is no vocabulary", () => {
    const good = { type: "vocabulary", tokens: ["a", "b"], specials: 1 };
    const bad: [unknown, string][] = [
      [null, "expected an object"],
      ["text", "got string"],
      [[], "got an array"],
      [{ ...good, type: "byte-pair" }, 'type is "byte-pair"'],
      [{ ...good, tokens: "ab" }, "tokens are no array"],
      [{ ...good, tokens: { length: 3 } }, "tokens are no array"],
      [{ ...good, tokens: ["a", 1] }, "tokens[1] is 1"],
      [{ ...good, tokens: ["a", "a"] }, 'hold "a" twice'],
      [{ ...good, specials: 3 }, "specials is 3"],
      [{ ...good, specials: 0.5 }, "specials is 0.5"],
      [{ type: "vocabulary" }, "tokens are no array"],
    ];
    for (const [json, message] of bad) {
      expect(() => Vocabulary.fromJSON(json), message).toThrow(FormatError);
      expect(() => Vocabulary.fromJSON(json), message).toThrow(message);
    }
    expect(Vocabulary.fromJSON(good).length).toBe(2);
  });

  test("refuses text in place of tokens, bad numbers and bad options", () => {
    expect(() => Vocabulary.from(["the cat"])).toThrow('a sequence is the text "the cat"; expected its tokens');
    expect(() => new Vocabulary(["a", "a"])).toThrow('token "a" is there twice');
    expect(() => new Vocabulary(["<pad>"])).toThrow("twice");
    expect(() => Vocabulary.from(sentences, { maxSize: 3 })).toThrow("maxSize is 3");
    expect(() => Vocabulary.from(sentences, { min: 3 } as never)).toThrow('unknown option "min"');
    const vocabulary = Vocabulary.from(sentences);
    expect(() => vocabulary.decode([9])).toThrow("id is 9; expected an integer from 0 to 8");
    expect(() => vocabulary.encode([], { sos: true } as never)).toThrow('unknown option "sos"');
  });
});

describe("tokenizers", () => {
  test("cut text into Unicode characters", () => {
    const tokenizer = new CharacterTokenizer();
    expect(tokenizer.tokenize("né😀\n")).toEqual(["n", "é", "😀", "\n"]);
    expect(tokenizer.join(tokenizer.tokenize("né😀\n"))).toBe("né😀\n");
  });

  test("cut text into words and punctuation marks", () => {
    const tokenizer = new WordTokenizer();
    expect(tokenizer.tokenize("Don't stop, (J’ai vu) well-known  № 42!\n")).toEqual([
      "Don't",
      "stop",
      ",",
      "(",
      "J’ai",
      "vu",
      ")",
      "well-known",
      "№",
      "42",
      "!",
    ]);
    expect(tokenizer.tokenize("it''s -- 'so'")).toEqual(["it", "'", "'", "s", "-", "-", "'", "so", "'"]);
    expect(tokenizer.tokenize("")).toEqual([]);
    expect(new WordTokenizer({ lowerCase: true }).tokenize("ÇA va?")).toEqual(["ça", "va", "?"]);
    expect(new WordTokenizer({ splitPunctuation: false }).tokenize(" Yes, (no) ")).toEqual(["Yes,", "(no)"]);
  });

  test("join words as they are usually written", () => {
    const tokenizer = new WordTokenizer();
    const text = "Don't stop, (J’ai vu) 42!";
    expect(tokenizer.join(tokenizer.tokenize(text))).toBe(text);
    expect(new WordTokenizer({ splitPunctuation: false }).join(["a", ",", "b"])).toBe("a , b");
    expect(() => new WordTokenizer({ lowercase: true } as never)).toThrow('unknown option "lowercase"');
    expect(() => Reflect.construct(CharacterTokenizer, [{ a: 1 }])).toThrow('unknown option "a"');
  });
});

describe("padCollate", () => {
  const ids = (...list: number[]): Int32Array => Int32Array.from(list);

  test("pads sequences to the longest and tells their lengths", () => {
    scope(() => {
      const [padded, lengths] = padCollate({ padding: 9 })([ids(1, 2, 3), ids(), ids(4)]);
      expect(padded.dtype).toBe("int32");
      expect(padded.tolist()).toEqual([
        [1, 2, 3],
        [9, 9, 9],
        [4, 9, 9],
      ]);
      expect(lengths).toEqual(ids(3, 0, 1));
    });
  });

  test("gives [T, N] if the batch is not first", () => {
    scope(() => {
      const floats = [Float32Array.of(0.5, 1.5), Float32Array.of(2.5)];
      const [padded] = padCollate({ batchFirst: false, padding: -1 })(floats);
      expect(padded.dtype).toBe("float32");
      expect(padded.tolist()).toEqual([
        [0.5, 2.5],
        [1.5, -1],
      ]);
    });
  });

  test("pads tensors along their first dimension", () => {
    const samples = [
      { x: own(tensor([[1, 2]])), y: 1 },
      {
        x: own(
          tensor([
            [3, 4],
            [5, 6],
          ]),
        ),
        y: 0,
      },
    ];
    scope(() => {
      const batch = padCollate()(samples);
      expect(batch.x[0].tolist()).toEqual([
        [
          [1, 2],
          [0, 0],
        ],
        [
          [3, 4],
          [5, 6],
        ],
      ]);
      expect([...batch.x[1]]).toEqual([1, 2]);
      expect(batch.y.tolist()).toEqual([1, 0]);
    });
  });

  test("works in a DataLoader, for pairs of sequences with labels", () => {
    const samples: [Int32Array, Int32Array, number, string][] = [
      [ids(1, 2), ids(3), 0, "a"],
      [ids(4), ids(5, 6, 7), 1, "b"],
      [ids(8), ids(9), 1, "c"],
    ];
    const dataset: data.Dataset<[Int32Array, Int32Array, number, string]> = { length: 3, get: (i) => samples[i]! };
    const seen: unknown[] = [];
    for (const batch of new DataLoader(dataset, { batchSize: 2, collate: padCollate() })) {
      const [[source, sourceLengths], [target, targetLengths], labels, names] = batch;
      seen.push([source.tolist(), [...sourceLengths], target.tolist(), [...targetLengths], labels.tolist(), names]);
    }
    expect(seen).toEqual([
      [
        [
          [1, 2],
          [4, 0],
        ],
        [2, 1],
        [
          [3, 0, 0],
          [5, 6, 7],
        ],
        [1, 3],
        [0, 1],
        ["a", "b"],
      ],
      [[[8]], [1], [[9]], [1], [1], ["c"]],
    ]);
  });

  test("refuses samples of different form", () => {
    const x = own(tensor([1, 2]));
    const scalar = own(tensor(1));
    const wide = own(tensor([[1, 2]]));
    const bad: [readonly unknown[], string][] = [
      [[], "got no sample"],
      [[ids(1), Float32Array.of(1)], "sample is no Int32Array in sample 1"],
      [[[ids(1), 1], [ids(1)]], "sample has another form in sample 1"],
      [[{ a: 1 }, { b: 1 }], "expected [a]"],
      [[[x], [3]], "sample[0] is no float32 tensor in sample 1"],
      [[new Date(0)], "sample is a Date, which has no batch"],
      [[ids(1), null], "sample is no Int32Array in sample 1"],
      [[1, "1"], "sample is a string in sample 1"],
    ];
    for (const [samples, message] of bad) expect(() => padCollate()(samples), message).toThrow(ArgumentError);
    for (const [samples, message] of bad) expect(() => padCollate()(samples), message).toThrow(message);
    expect(() => padCollate()([scalar])).toThrow(ShapeError);
    expect(() => padCollate()([x, wide])).toThrow(ShapeError);
    expect(() => padCollate({ padding: 0.5 })([ids(1), ids()])).toThrow("no int32");
    expect(() => padCollate({ pad: 1 } as never)).toThrow('unknown option "pad"');
  });
});
