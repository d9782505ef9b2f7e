import { describe, expect, test } from "vitest";
import {
  functional as F,
  models,
  type nn,
  noGrad,
  optim,
  scope,
  setBackend,
  type Tensor,
  tensor,
} from "../src/node.js";
import { distance, freeAfterEach, own } from "./support/modules.js";

freeAfterEach();

const [BEGIN, WORDS, ROWS, STEPS] = [1, 10, 12, 4];

/** Words of row n of the source: 2 to 9, the later rows shorter by one. */
const sourceOf = (n: number): number[] =>
  Array.from({ length: n < 6 ? STEPS : STEPS - 1 }, (_, t) => 2 + ((n * (t + 3) + t * t) % (WORDS - 2)));

/** The source backwards, and then nothing but padding. */
const targetOf = (n: number): number[] => {
  const words = sourceOf(n).reverse();
  return [...words, ...new Array<number>(STEPS - words.length).fill(0)];
};

function rows(rowOf: (n: number) => number[]): Tensor {
  const padded = Array.from({ length: ROWS }, (_, n) => [...rowOf(n), 0, 0].slice(0, STEPS)).flat();
  return own(tensor(Int32Array.from(padded), { shape: [ROWS, STEPS] }));
}

const LENGTHS = Array.from({ length: ROWS }, (_, n) => sourceOf(n).length);

type Translator = models.GenerativeModel<models.SourcePrompt>;

/** The best words, read off step by step. */
function written(model: Translator, prompt: models.SourcePrompt): number[][] {
  return noGrad(() => {
    const words: number[][] = Array.from({ length: ROWS }, () => []);
    let [logits, decoding] = model.startDecoding(prompt);
    for (let t = 0; t < STEPS; t++) {
      const best = Int32Array.from(logits.argmax(1).data());
      for (const [n, word] of best.entries()) words[n]!.push(word);
      logits = decoding.step(best);
    }
    decoding.dispose();
    return words;
  });
}

/** Trains on one batch with teacher forcing, and gives what the model then writes. */
function trained<M extends Translator>(
  model: M,
  logitsOf: (model: M, source: Tensor, shown: Tensor) => Tensor,
): number[][] {
  const [source, target] = [rows(sourceOf), rows(targetOf)];
  const shown = rows((n) => [BEGIN, ...targetOf(n)]);
  const optimizer = new optim.Adam(own(model).parameters(), { lr: 0.02 });
  for (let step = 0; step < 80; step++) {
    scope(() => {
      optimizer.zeroGrad();
      F.crossEntropy(logitsOf(model, source, shown).flatten(0, 1), target.flatten()).backward();
      optimizer.step();
    });
  }
  model.eval();
  model.zeroGrad();
  own(optimizer);
  return written(model, { source, begin: BEGIN, ...(model instanceof models.Seq2Seq ? { lengths: LENGTHS } : {}) });
}

const WANTED = Array.from({ length: ROWS }, (_, n) => targetOf(n));

describe("learning to write sentences backwards", () => {
  test.each([null, "additive", "dot", "general"] as const)("encoder and decoder with attention %s", (attention) => {
    const options = { attention, embeddingDim: 16, hiddenSize: 24, bidirectional: attention !== null };
    const model = new models.Seq2Seq(WORDS, WORDS, options);
    expect(trained(model, (m, x, y) => m.forward(x, y, { lengths: LENGTHS }))).toEqual(WANTED);
  });

  test("the Transformer, with one table of words", () => {
    const layers = { numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 32, dropout: 0 };
    const model = new models.Seq2SeqTransformer(WORDS, WORDS, {
      dModel: 16,
      nhead: 2,
      tied: true,
      maxLength: 8,
      ...layers,
    });
    expect(trained(model, (m, x, y) => m.forward(x, y))).toEqual(WANTED);
  });
});

describe("both back ends", () => {
  const tagger = () => new models.BidirectionalTagger(WORDS, 3);
  const seq2seq = () => new models.Seq2Seq(WORDS, WORDS, { attention: "additive", bidirectional: true });
  const classifier = () => new models.TransformerClassifier(WORDS, 3, { dModel: 16, numLayers: 2, maxLength: 8 });
  const made = <M extends nn.Module>(make: () => M, run: (model: M, x: Tensor) => Tensor) => {
    return () => {
      const model = own(make()).eval();
      return (x: Tensor): Tensor => run(model, x);
    };
  };

  test.each([
    ["the tagger", made(tagger, (m, x) => m.forward(x, { lengths: LENGTHS }))],
    ["encoder and decoder", made(seq2seq, (m, x) => m.forward(x, x, { lengths: LENGTHS }))],
    ["the Transformer's encoder", made(classifier, (m, x) => m.forward(x))],
  ])("give the same for %s", (_, make) => {
    const [run, x] = [make(), rows(sourceOf)];
    scope(() => {
      const wasm = run(x);
      setBackend("js");
      const js = run(x);
      expect(distance(wasm, js)).toBeLessThan(1e-5);
    });
  });
});
