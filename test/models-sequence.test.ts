import { describe, expect, test } from "vitest";
import { ArgumentError, DTypeError, functional as F, models, nn, noGrad, ShapeError, scope } from "../src/node.js";
import { distance, disturb, freeAfterEach, normal, own } from "./support/modules.js";
import {
  alone,
  expectCausal,
  expectDecoding,
  expectParameters,
  LENGTHS,
  SMALL_MODELS,
  sentences,
  TARGET_WORDS,
  target,
  WORDS,
} from "./support/sequences.js";

freeAfterEach();

const TAGS = 4;
const GATES = { lstm: 4, gru: 3, rnn: 1 } as const;
const CELLS = ["lstm", "gru", "rnn"] as const;

describe("BidirectionalTagger", () => {
  const [e, h] = [6, 5];

  test.each(CELLS)("of %s layers has the parameters of its formula, all of which learn", (cell) => {
    const model = new models.BidirectionalTagger(WORDS, TAGS, { cell, embeddingDim: e, hiddenSize: h, numLayers: 2 });
    const g = GATES[cell];
    const count = WORDS * e + 2 * g * h * (e + h + 2) + 2 * g * h * (3 * h + 2) + TAGS * (2 * h + 1);
    expectParameters(model, count, (m) => {
      const y = m.forward(sentences(), { lengths: LENGTHS });
      expect(y.shape).toEqual([3, 5, TAGS]);
      return y;
    });
  });

  test("tags each row of a padded batch as if it were alone, from the words on both sides", () => {
    const model = disturb(new models.BidirectionalTagger(WORDS, TAGS, { embeddingDim: e, hiddenSize: h })).eval();
    scope(() => {
      const x = sentences();
      const y = model.forward(x, { lengths: LENGTHS });
      LENGTHS.forEach((n, row) => {
        expect(distance(alone(y, row, n), model.forward(alone(x, row, n)))).toBeLessThan(1e-5);
      });
      const other = model.forward(F.cat([x.narrow(1, 0, 4), F.add(x.narrow(1, 4, 1), 1)], { dim: 1 }));
      expect(distance(other.narrow(1, 0, 1), model.forward(x).narrow(1, 0, 1))).toBeGreaterThan(1e-5);
    });
  });

  test("refuses what is no batch of words", () => {
    const model = own(new models.BidirectionalTagger(WORDS, TAGS));
    scope(() => {
      expect(() => model.forward(normal(2, 3))).toThrow(DTypeError);
      expect(() => model.forward(sentences([3]).select(0, 0))).toThrow("BidirectionalTagger: input has shape [3]");
      expect(() => model.forward(sentences([3]).narrow(1, 0, 0))).toThrow(ShapeError);
      expect(() => model.forward(sentences([3]), { lengths: [4] })).toThrow(ArgumentError);
    });
  });
});

describe("DeepRNN", () => {
  const [features, h, out] = [3, 5, 2];

  test.each(CELLS)("of %s layers has the parameters of its formula, all of which learn", (cell) => {
    const model = new models.DeepRNN(features, out, { cell, hiddenSize: h, numLayers: 3, residual: true });
    const g = GATES[cell];
    const count = g * h * (features + h + 2) + 2 * g * h * (2 * h + 2) + out * (h + 1);
    expectParameters(model, count, (m) => m.forward(normal(2, 4, features)));
  });

  test("without residual connections is nn.LSTM of several layers and a linear layer", () => {
    const model = disturb(new models.DeepRNN(features, out, { hiddenSize: h, numLayers: 3 }));
    const lstm = own(new nn.LSTM(features, h, { numLayers: 3, batchFirst: true }));
    scope(() => {
      const state = [...model.stateDict()].filter(([key]) => key.startsWith("layers"));
      lstm.loadStateDict(new Map(state.map(([key, t]) => [key.replace(/layers\.(\d)\.(.*)_l0/, "$2_l$1"), t])));
      const x = normal(2, 4, features);
      expect(distance(model.forward(x), model.head.forward(lstm.forward(x)[0]))).toBeLessThan(1e-6);
    });
  });

  test("adds each layer's input to its output from the second layer on, if residual", () => {
    const model = disturb(
      new models.DeepRNN(features, out, { cell: "gru", hiddenSize: h, numLayers: 3, residual: true }),
    );
    scope(() => {
      const x = normal(2, 4, features);
      const [a, b, c] = [...model.layers] as [nn.GRU, nn.GRU, nn.GRU];
      const first = a.forward(x)[0];
      const second = F.add(first, b.forward(first)[0]);
      const third = F.add(second, c.forward(second)[0]);
      expect(distance(model.forward(x), model.head.forward(third))).toBeLessThan(1e-6);
    });
  });

  test.each(["many", "one"] as const)("gives each row of a padded batch what it gives it alone: %s", (output) => {
    const options = { hiddenSize: h, numLayers: 2, residual: true, output };
    const model = disturb(new models.DeepRNN(features, out, options));
    scope(() => {
      const x = normal(3, 5, features);
      const y = model.forward(x, { lengths: LENGTHS });
      expect(y.shape).toEqual(output === "one" ? [3, out] : [3, 5, out]);
      LENGTHS.forEach((n, row) => {
        const wanted = model.forward(alone(x, row, n));
        const got = y.narrow(0, row, 1);
        expect(distance(output === "one" ? got : got.narrow(1, 0, n), wanted)).toBeLessThan(1e-5);
      });
      const all = own(new models.DeepRNN(features, out, { ...options, output: "many" }));
      all.loadStateDict(model.stateDict());
      const last = all.forward(x).select(1, -1);
      if (output === "one") expect(distance(model.forward(x), last)).toBeLessThan(1e-6);
    });
  });

  test("drops features between layers and before the head while training only", () => {
    const model = disturb(new models.DeepRNN(features, out, { hiddenSize: h, numLayers: 2, dropout: 0.5 }));
    scope(() => {
      const x = normal(2, 4, features);
      expect(distance(model.forward(x), model.forward(x))).toBeGreaterThan(0);
      model.eval();
      expect(distance(model.forward(x), model.forward(x))).toBe(0);
    });
  });
});

describe("Seq2Seq", () => {
  const [e, h] = [6, 4];
  const ATTENTIONS = [null, "additive", "dot", "general"] as const;
  const GRID = ATTENTIONS.flatMap((attention) =>
    (
      [
        ["gru", true],
        ["lstm", false],
        ["lstm", true],
        ["rnn", false],
      ] as const
    ).map(([cell, bidirectional]) => ({ attention, cell, bidirectional })),
  );
  const make = (options: models.Seq2SeqOptions): models.Seq2Seq =>
    new models.Seq2Seq(WORDS, TARGET_WORDS, { embeddingDim: e, hiddenSize: h, ...options });
  test.each(GRID)(
    "with attention $attention of $cell layers, bidirectional $bidirectional, has the parameters of its formula, all of which learn",
    (options) => {
      const { attention, cell, bidirectional } = options;
      const g = GATES[cell];
      const attentions = { additive: 2 * h * h + 2 * h + g * h * h, general: h * h, dot: 0 };
      const count =
        (WORDS + TARGET_WORDS) * e +
        2 * g * h * (e + h + 2) +
        TARGET_WORDS * (h + 1) +
        (bidirectional ? (cell === "lstm" ? 2 : 1) * h * (h + 1) - (g * h * h) / 2 : 0) +
        (attention === null ? 0 : h * (2 * h + 1) + attentions[attention]);
      expectParameters(make(options), count, (model) => {
        const logits = model.forward(sentences(), target(), { lengths: LENGTHS });
        expect(logits.shape).toEqual([3, 4, TARGET_WORDS]);
        return logits;
      });
    },
  );

  test.each(GRID)(
    "gives each row of a padded batch what it gives it alone, and sees no later word: $attention, $cell",
    (options) => {
      const model = disturb(make({ ...options, numLayers: 2 })).eval();
      scope(() => expectCausal((x, y, lengths) => model.forward(x, y, { lengths })));
    },
  );

  test.each(GRID)(
    "writes word by word what the whole target gives at once: $attention, $cell, $bidirectional",
    (options) => {
      const model = disturb(make({ ...options, numLayers: 2 })).eval();
      scope(() => {
        const source = sentences();
        const prompt = { source, lengths: LENGTHS, begin: 1 };
        for (const cache of [true, false]) {
          expectDecoding(model, prompt, (y) => model.forward(source, y, { lengths: LENGTHS }), cache);
        }
      });
    },
  );

  test.each(ATTENTIONS)("without a teacher reads its own best words, with one now and then both: %s", (attention) => {
    const model = disturb(make({ attention }));
    scope(() => {
      const [x, y] = [sentences(), target(3, 12)];
      const own = model.forward(x, y, { lengths: LENGTHS, teacherForcing: 0 });
      const read = F.cat([y.narrow(1, 0, 1), own.argmax(2).narrow(1, 0, 11)], { dim: 1 });
      expect(distance(model.forward(x, read, { lengths: LENGTHS }), own)).toBeLessThan(1e-5);
      const mixed = model.forward(x, y, { lengths: LENGTHS, teacherForcing: 0.5 });
      const words = mixed.argmax(2);
      const choices = Array.from({ length: 11 }, (_, t) => [y.narrow(1, t + 1, 1), words.narrow(1, t, 1)] as const);
      // Which of both was read at each step shows in the logits; step by step there is one that fits.
      let memory = model.decode(y.narrow(1, 0, 1), model.encode(x, { lengths: LENGTHS }))[1];
      const taught = choices.map((pair, t) => {
        const tried = pair.map((word) => model.decode(word, memory));
        const errors = tried.map(([logits]) => distance(logits, mixed.narrow(1, t + 1, 1)));
        const best = errors[0]! <= errors[1]! ? 0 : 1;
        expect(errors[best]!).toBeLessThan(1e-5);
        memory = tried[best]![1];
        return best === 0;
      });
      expect(new Set(taught)).toEqual(new Set([true, false]));
    });
  });

  test("refuses by name what does not fit, and leaves nothing behind", () => {
    const wrong: [models.Seq2SeqOptions, string][] = [
      [{ attention: "cosine" as never }, 'attention is "cosine"'],
      [{ cell: "qrnn" as never }, 'cell is "qrnn"'],
      [{ bidirectional: true, hiddenSize: 5 }, "hiddenSize is 5; expected an even number"],
      [{ dropout: 2 }, "2"],
      [{ numLayers: 0 }, "numLayers is 0"],
      [{ paddingIdx: 9 }, "paddingIdx is 9"],
      [{ layers: 2 } as never, 'unknown option "layers"'],
    ];
    for (const [options, message] of wrong) {
      expect(() => make(options)).toThrow(ArgumentError);
      expect(() => make(options)).toThrow(message);
    }
    const model = own(make({}));
    scope(() => {
      const [x, y] = [sentences(), target()];
      expect(() => model.forward(x, target(2))).toThrow("Seq2Seq: target has shape [2, 4]; expected [3, T]");
      expect(() => model.forward(x, y, { teacherForcing: 1.5 })).toThrow("teacherForcing is 1.5");
      expect(() => model.forward(x, y, { lengths: [5, 2] })).toThrow("got 2 lengths; expected 3");
      expect(() => model.forward(x, y.float())).toThrow(DTypeError);
      expect(() => noGrad(() => model.startDecoding({ source: x, begin: TARGET_WORDS }))).toThrow("begin is 9");
      expect(() => noGrad(() => model.startDecoding({ source: x, lengths: [5, 2, 9], begin: 1 }))).toThrow(
        "length 2 is 9",
      );
    });
  });
});

describe("create", () => {
  test.each([
    ["bidirectional_tagger", models.BidirectionalTagger],
    ["deep_rnn", models.DeepRNN],
    ["seq2seq", models.Seq2Seq],
    ["seq2seq_attention", models.Seq2Seq],
    ["transformer", models.Seq2SeqTransformer],
    ["transformer_classifier", models.TransformerClassifier],
    ["transformer_decoder", models.TransformerDecoderModel],
    ["transformer_encoder", models.TransformerEncoderModel],
  ] as const)("makes a %s by its name, and refuses options that it does not take", (name, kind) => {
    expect(own(models.create(name as string, SMALL_MODELS[name]!))).toBeInstanceOf(kind);
    expect(() => models.create(name as string, { numChannels: 3 })).toThrow('unknown option "numChannels"');
  });

  test("gives the model with attention that of Bahdanau et al. unless told otherwise", () => {
    const small = { sourceWords: WORDS, targetWords: TARGET_WORDS, hiddenSize: 4 };
    const model = own(models.create("seq2seq_attention", small));
    expect(model.attention).toBeInstanceOf(nn.AdditiveAttention);
    expect(model.bridge!.length).toBe(1);
    expect(own(models.create("seq2seq_attention", { ...small, attention: "dot" })).attention).toBeInstanceOf(
      nn.LuongAttention,
    );
    expect(own(models.create("seq2seq", small)).attention).toBeNull();
  });
});
