import { describe, expect, test } from "vitest";
import { functional as F, models, nn, scope, type Tensor, tensor } from "../src/node.js";
import { freeAfterEach, own } from "./support/modules.js";
import { decoderLM, KINDS } from "./support/writers.js";

freeAfterEach();

/** A model whose next token depends on the last one only: log p is a table. */
class Bigram extends nn.Module implements models.GenerativeModel<number> {
  readonly table: nn.Parameter;

  constructor(p: readonly (readonly number[])[]) {
    super();
    this.table = new nn.Parameter(tensor(p.map((row) => row.map(Math.log))));
  }

  forward(tokens: Tensor): Tensor {
    return F.embedding(tokens, this.table);
  }

  startDecoding(first: number): [logits: Tensor, decoding: models.Decoding] {
    const step = (tokens: Int32Array): Tensor => {
      const x = tensor(tokens);
      const logits = this.forward(x);
      x.dispose();
      return logits;
    };
    return [step(Int32Array.of(first)), { step, reorder: () => {}, dispose: () => {} }];
  }
}

/** The greedy way from 0 is 1, then 1 in 4 at best; through 2 it is likelier. 3 ends a sequence. */
const P = [
  [0.0001, 0.5, 0.4, 0.0999],
  [0.25, 0.25, 0.25, 0.25],
  [0.05, 0.05, 0.1, 0.8],
  [0.25, 0.25, 0.25, 0.25],
];

/** All sequences up to a length, with what beam search should tell of them. */
function everything(lengthPenalty: number, max: number): models.ScoredSequence[] {
  const found: models.ScoredSequence[] = [];
  const walk = (tokens: number[], logProbability: number): void => {
    for (const [token, p] of P[tokens.at(-1) ?? 0]!.entries()) {
      const [all, logP, ended] = [[...tokens, token], logProbability + Math.log(p), token === 3];
      const score = logP / all.length ** lengthPenalty;
      if (ended || all.length === max) {
        found.push({ tokens: Int32Array.from(ended ? tokens : all), logProbability: logP, score, ended });
      } else walk(all, logP);
    }
  };
  walk([], 0);
  return found.sort((a, b) => b.score - a.score);
}

describe("beam search", () => {
  test.each([0, 0.7, 1, 2])(
    "that is wide enough finds the best of all sequences (length penalty %s)",
    (lengthPenalty) => {
      const model = own(new Bigram(P));
      const want = everything(lengthPenalty, 4);
      const [found] = models.beamSearch(model, 0, { beams: 256, lengthPenalty, eos: 3, maxNewTokens: 4 });
      expect(found!.length).toBe(want.length);
      for (const [i, sequence] of found!.entries()) {
        expect(sequence.score).toBeCloseTo(want[i]!.score, 5);
        expect(sequence.logProbability).toBeCloseTo(
          sequence.score * (sequence.tokens.length + Number(sequence.ended)) ** lengthPenalty,
          5,
        );
      }
      expect(found![0]).toMatchObject({ tokens: want[0]!.tokens, ended: want[0]!.ended });
    },
  );

  test("finds a likelier sequence than greedy choice, with two beams", () => {
    const model = own(new Bigram(P));
    const [greedy] = models.generate(model, 0, { temperature: 0, eos: 3, maxNewTokens: 2 });
    expect([...greedy!]).toEqual([1, 0]);
    const [[best, other]] = models.beamSearch(model, 0, { beams: 2, eos: 3, maxNewTokens: 2 }) as [
      models.ScoredSequence[],
    ];
    expect(best).toMatchObject({ tokens: Int32Array.of(2), ended: true });
    expect(best!.logProbability).toBeCloseTo(Math.log(0.32), 5);
    expect(other).toMatchObject({ tokens: Int32Array.of(1, 0), ended: false });
  });

  test("with one beam ends where greedy choice ends, however likely another end is", () => {
    const model = decoderLM();
    for (const eos of [1, 3, 5, 7]) {
      const prompt = [
        [1, 2],
        [3, 4],
        [5, 6],
      ];
      const greedy = models.generate(model, prompt, { temperature: 0, eos, maxNewTokens: 9 });
      const found = models.beamSearch(model, prompt, { beams: 1, lengthPenalty: 2, eos, maxNewTokens: 9 });
      expect(found.map((list) => list.length)).toEqual([1, 1, 1]);
      expect(found.map(([best]) => best!.tokens)).toEqual(greedy);
    }
  });

  test.each(KINDS)("of %s scores what forward on each sequence gives, with a cache and without", (_, make) => {
    const model = make();
    const prompt = [
      [1, 2],
      [7, 8],
    ];
    const options = { beams: 4, eos: 3, maxNewTokens: 7 };
    const found = models.beamSearch(model, prompt, options);
    const again = models.beamSearch(model, prompt, { ...options, cache: false });
    for (const [i, list] of found.entries()) {
      expect(list.length).toBe(4);
      expect(list.map((s) => s.tokens)).toEqual(again[i]!.map((s) => s.tokens));
      for (const { tokens, logProbability, ended } of list) {
        const all = Int32Array.from([...prompt[i]!, ...tokens, ...(ended ? [3] : [])]);
        const sum = scope(() => {
          const x = own(tensor(all, { shape: [1, all.length] }));
          const logP = F.logSoftmax(model.forward(x), { dim: 2 }).select(0, 0).tolist() as number[][];
          return [...all].slice(2).reduce((s, token, t) => s + logP[t + 1]![token]!, 0);
        });
        expect(logProbability).toBeCloseTo(sum, 3);
      }
      const scores = list.map((s) => s.score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
      expect(new Set(list.map((s) => `${s.tokens} ${s.ended}`)).size).toBe(4);
    }
  });
});
