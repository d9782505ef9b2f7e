import { describe, expect, test } from "vitest";
import { ArgumentError, metrics } from "../src/node.js";

const { BLEUScore, CharErrorRate, EditDistance, WordErrorRate, editDistance } = metrics;

describe("BLEUScore", () => {
  // NLTK's examples of sentence_bleu and corpus_bleu, after Papineni et al.
  const first = "It is a guide to action which ensures that the military always obeys the commands of the party";
  const firstReferences = [
    "It is a guide to action that ensures that the military will forever heed Party commands",
    "It is the guiding principle which guarantees the military forces always being under the command of the Party",
    "It is the practical guide for the army always to heed the directions of the party",
  ];
  const second = "he read the book because he was interested in world history";
  const secondReferences = ["he was interested in world history because he read the book"];

  const bleu = (options: metrics.BLEUScoreOptions, candidate: string, references: string[]): number => {
    const metric = new BLEUScore(options);
    metric.update([candidate], [references]);
    return metric.compute();
  };

  test("agrees with NLTK's examples", () => {
    expect(bleu({}, first, firstReferences)).toBeCloseTo(0.5045666840058485, 12);
    const weights = [1 / 5, 1 / 5, 1 / 5, 1 / 5, 1 / 5];
    expect(bleu({ nGram: 5, weights }, first, firstReferences)).toBeCloseTo(0.392, 4);
  });

  test("pools the counts of a corpus, over batches as all at once", () => {
    const metric = new BLEUScore();
    metric.update([first, second], [firstReferences, secondReferences]);
    expect(metric.compute()).toBeCloseTo(0.5920778868801042, 12);
    metric.reset();
    expect(metric.compute()).toBe(0);
    metric.update([first], [firstReferences]);
    metric.update([second], [secondReferences]);
    expect(metric.compute()).toBeCloseTo(0.5920778868801042, 12);
  });

  test("agrees with torchmetrics' example", () => {
    const references = ["there is a cat on the mat", "a cat is on the mat"];
    expect(bleu({}, "the cat is on the mat", references)).toBeCloseTo(0.7598, 4);
  });

  test("counts a word as often as a reference has it", () => {
    // Papineni's example: 2 of 7.
    const references = ["the cat is on the mat", "there is a cat on the mat"];
    expect(bleu({ nGram: 1 }, "the the the the the the the", references)).toBeCloseTo(2 / 7, 12);
  });

  test("punishes brevity by the nearest reference, the shorter of two", () => {
    expect(bleu({ nGram: 1 }, "a b", ["a b c d"])).toBeCloseTo(Math.exp(1 - 4 / 2), 12);
    expect(bleu({ nGram: 1 }, "a b c", ["a b c d", "a b"])).toBe(1);
    expect(bleu({ nGram: 1 }, "a b c d e", ["a b"])).toBeCloseTo(2 / 5, 12);
  });

  test("is 0 without a match for some n, unless smoothed", () => {
    expect(bleu({}, "a b c", ["a b c"])).toBe(0);
    // 3/3, 3/3, 2/2, 1/1 with one more each from pairs on.
    expect(bleu({ smooth: true }, "a b c", ["a b c"])).toBe(1);
    expect(bleu({ nGram: 2, smooth: true }, "a b", ["b a"])).toBeCloseTo(Math.sqrt(1 / 2), 12);
    expect(bleu({}, "", ["a"])).toBe(0);
  });

  test("takes tokens in place of text, ids too", () => {
    const metric = new BLEUScore({ nGram: 2 });
    metric.update([[1, 2, 3]], [[[1, 2, 4]]]);
    expect(metric.compute()).toBeCloseTo(Math.sqrt((2 / 3) * (1 / 2)), 12);
    const words = new BLEUScore({ nGram: 1 });
    words.update([["New York", "is"]], [[["New York", "was"]]]);
    expect(words.compute()).toBe(0.5);
  });

  test("refuses what does not pair up, and counts nothing then", () => {
    const metric = new BLEUScore({ nGram: 1 });
    const bad: unknown[][] = [
      [["a"], []],
      ["a", "a"],
      [["a"], ["a"]],
      [["a"], [[]]],
      [
        ["a", "b"],
        [["a"], [3]],
      ],
      [[3], [["a"]]],
    ];
    for (const args of bad) expect(() => Reflect.apply(metric.update, metric, args)).toThrow(ArgumentError);
    expect(metric.compute()).toBe(0);
    expect(() => new BLEUScore({ nGram: 0 })).toThrow("nGram is 0");
    expect(() => new BLEUScore({ weights: [1] })).toThrow("expected 4, one for each n");
    expect(() => new BLEUScore({ n: 4 } as never)).toThrow('unknown option "n"');
  });
});

describe("edit distances", () => {
  test("count insertions, deletions and substitutions", () => {
    expect(editDistance("kitten", "sitting")).toBe(3);
    expect(editDistance("", "abc")).toBe(3);
    expect(editDistance("abc", "")).toBe(3);
    expect(editDistance("same", "same")).toBe(0);
    expect(editDistance(["a", "b"], ["b"])).toBe(1);
    expect(editDistance("rain", "shine", { substitutionCost: 2 })).toBe(5);
    expect(() => editDistance("a", "b", { cost: 2 } as never)).toThrow('unknown option "cost"');
  });

  test("see one character where UTF-16 has two units", () => {
    expect(editDistance("😀", "😁")).toBe(1);
    expect(editDistance("a😀", "a")).toBe(1);
  });

  test("agree with torchmetrics' examples", () => {
    const each = new EditDistance({ reduction: "none" });
    each.update(["rain", "lnaguaeg"], ["shine", "language"]);
    expect(each.compute()).toEqual([3, 4]);
    const mean = new EditDistance();
    mean.update(["rain"], ["shine"]);
    mean.update(["lnaguaeg"], ["language"]);
    expect(mean.compute()).toBe(3.5);
    const sum = new EditDistance({ reduction: "sum" });
    sum.update(["rain", "lnaguaeg"], ["shine", "language"]);
    expect(sum.compute()).toBe(7);
    mean.reset();
    expect(mean.compute()).toBe(0);
  });

  test("divided by the references' length are error rates", () => {
    const predictions = ["this is the prediction", "there is an other sample"];
    const references = ["this is the reference", "there is another one"];
    const chars = new CharErrorRate();
    const words = new WordErrorRate();
    for (const i of [0, 1]) {
      chars.update([predictions[i]!], [references[i]!]);
      words.update([predictions[i]!], [references[i]!]);
    }
    expect(chars.compute()).toBeCloseTo(0.3415, 4);
    expect(words.compute()).toBe(0.5);
    words.reset();
    expect(words.compute()).toBe(0);
    words.update(["a b"], [""]);
    expect(words.compute()).toBe(Infinity);
  });

  test("refuse lists that do not pair up", () => {
    expect(() => new CharErrorRate().update(["a"], [])).toThrow("CharErrorRate: predictions and references");
    expect(() => new EditDistance().update([3 as never], ["a"])).toThrow("entry 0 is no pair");
    expect(() => new EditDistance({ reduction: "max" as never })).toThrow('reduction is "max"');
  });
});
