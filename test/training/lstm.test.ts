import { describe, expect, test } from "vitest";
import { nn } from "../../src/node.js";
import { type LanguageSizes, languageBound, languageTask } from "../support/language.js";
import { expectSameCourse, finalLoss, train } from "../support/training.js";

const task = (sizes: LanguageSizes) =>
  languageTask<nn.LstmState>((inputSize, hiddenSize) => new nn.LSTM(inputSize, hiddenSize), sizes);

describe("an LSTM that reads text", () => {
  test(`guesses the next character with a loss below ${languageBound} after 300 steps`, () => {
    const losses = train(task({ hidden: 128, batch: 32, length: 64, steps: 300 }), 300);
    expect(finalLoss(losses)).toBeLessThan(languageBound);
  }, 180_000);

  test("follows the same course on both back ends", () => {
    expectSameCourse(task({ hidden: 128, batch: 4, length: 16, steps: 20 }));
  });
});
