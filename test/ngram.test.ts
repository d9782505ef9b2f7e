import { describe, expect, test } from "vitest";
import { data, Generator } from "../src/node.js";

const { NGram } = data;

describe("NGram", () => {
  const sentence = ["a", "b", "a", "b", "c"];

  test("smooths counts as Laplace did", () => {
    const bigram = new NGram(2).fit(sentence);
    expect(bigram.vocabSize).toBe(3);
    // a is followed by b twice; b by a and c.
    expect(bigram.logProb(["a"], "b")).toBeCloseTo(Math.log(3 / 5), 12);
    expect(bigram.logProb(["a"], "c")).toBeCloseTo(Math.log(1 / 5), 12);
    expect(bigram.logProb(["b"], "c")).toBeCloseTo(Math.log(2 / 5), 12);
    // Nothing ever followed c; the sequence begins with a.
    expect(bigram.logProb(["c"], "a")).toBeCloseTo(Math.log(1 / 3), 12);
    expect(bigram.logProb([], "a")).toBeCloseTo(Math.log(2 / 4), 12);
    // Only the last token of the context counts.
    expect(bigram.logProb(["c", "c", "a"], "b")).toBe(bigram.logProb(["a"], "b"));
    expect(bigram.logProb(["x"], "y")).toBeCloseTo(Math.log(1 / 3), 12);
  });

  test("has probabilities that sum up to 1 in every context", () => {
    const trigram = new NGram(3, { alpha: 0.3 }).fit(sentence);
    for (const context of [[], ["a"], ["a", "b"], ["b", "a"], ["c", "c"]]) {
      const total = ["a", "b", "c"].reduce((s, t) => s + Math.exp(trigram.logProb(context, t)), 0);
      expect(total, context.join()).toBeCloseTo(1, 12);
    }
  });

  test("gives the perplexity of a sequence", () => {
    const unigram = new NGram(1, { alpha: 0 }).fit(["a", "a", "a", "b"]);
    expect(unigram.perplexity(["a", "b"])).toBeCloseTo(Math.sqrt(1 / (0.75 * 0.25)), 12);
    expect(unigram.perplexity(["z"])).toBe(Infinity);
    expect(unigram.perplexity([])).toBeNaN();
    const bigram = new NGram(2).fit(sentence);
    const logs = [Math.log(1 / 2), Math.log(3 / 5), Math.log(2 / 5)];
    expect(bigram.perplexity(["a", "b", "c"])).toBeCloseTo(Math.exp(-logs.reduce((a, b) => a + b) / 3), 12);
  });

  test("counts sequences on top of each other, each with its own beginning", () => {
    const model = new NGram<number>(2, { alpha: 0 }).fit([1, 2]).fit([2, 2]);
    expect(Math.exp(model.logProb([], 1))).toBeCloseTo(0.5, 12);
    expect(model.logProb([2], 2)).toBe(0);
    expect(model.logProb([2], 1)).toBe(-Infinity);
    // Behind a context that was never seen all tokens are alike.
    expect(Math.exp(model.logProb([3], 1))).toBeCloseTo(0.5, 12);
  });

  test("spreads what it adds over the given number of tokens", () => {
    const model = new NGram(1, { vocabSize: 10 }).fit(["a", "b"]);
    expect(Math.exp(model.logProb([], "z"))).toBeCloseTo(1 / 12, 12);
    expect(() => new NGram(1, { vocabSize: 1 }).fit(["a", "b"])).toThrow("2 different tokens; expected at most 1");
    expect(new NGram(1, { vocabSize: 4 }).logProb([], "a")).toBeCloseTo(Math.log(1 / 4), 12);
  });

  test("draws tokens with their probabilities, the same for the same seed", () => {
    const model = new NGram(1, { alpha: 0 }).fit(["a", "a", "a", "b"]);
    const drawn = model.sample(new Generator(1), { length: 4000 });
    const share = drawn.filter((t) => t === "a").length / 4000;
    expect(share).toBeGreaterThan(0.72);
    expect(share).toBeLessThan(0.78);
    expect(model.sample(new Generator(1), { length: 4000 })).toEqual(drawn);
    const smoothed = new NGram(1, { alpha: 4 }).fit(["a", "a", "a", "b"]);
    const even = smoothed.sample(new Generator(2), { length: 4000 }).filter((t) => t === "a").length / 4000;
    // (3 + 4) / (4 + 8)
    expect(Math.abs(even - 7 / 12)).toBeLessThan(0.03);
  });

  test("goes on from a context and stops behind a token", () => {
    const model = new NGram(3, { alpha: 0 }).fit(["<", "x", "y", "z", ">"]);
    expect(model.sample(new Generator(1), { context: ["x", "y"], stop: ">" })).toEqual(["z", ">"]);
    expect(model.sample(new Generator(1), { stop: ">" })).toEqual(["<", "x", "y", "z", ">"]);
    expect(model.sample(new Generator(1), { length: 2 })).toEqual(["<", "x"]);
    expect(model.sample(new Generator(1), { length: 0 })).toEqual([]);
  });

  test("refuses what it cannot do", () => {
    expect(() => new NGram(0)).toThrow("n is 0");
    expect(() => new NGram(2, { alpha: -1 })).toThrow("alpha is -1");
    expect(() => new NGram(2, { k: 1 } as never)).toThrow('unknown option "k"');
    expect(() => new NGram(2).sample(new Generator(1))).toThrow("nothing was fitted");
    expect(() => new NGram(2).logProb([], "a")).toThrow("nothing was fitted");
    expect(() => new NGram(2).fit(["a"]).sample(new Generator(1), { size: 2 } as never)).toThrow(
      'unknown option "size"',
    );
  });
});
