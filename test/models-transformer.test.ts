import { describe, expect, test } from "vitest";
import { ArgumentError, DTypeError, models, nn, noGrad, ShapeError, scope } from "../src/node.js";
import { distance, disturb, freeAfterEach, normal, own } from "./support/modules.js";
import {
  alone,
  countOf,
  expectCausal,
  expectDecoding,
  expectParameters,
  LENGTHS,
  sentences,
  TARGET_WORDS,
  target,
  WORDS,
} from "./support/sequences.js";

freeAfterEach();

const SMALL = { dModel: 8, nhead: 2, dimFeedforward: 10, dropout: 0, maxLength: 16 };
const [D, F, LAYERS] = [SMALL.dModel, SMALL.dimFeedforward, 2];
const ENCODER = LAYERS * (4 * D * D + 2 * D * F + F + 9 * D) + 2 * D;
const DECODER = LAYERS * (8 * D * D + 2 * D * F + F + 15 * D) + 2 * D;
const STACK = { ...SMALL, numLayers: LAYERS };
const STACKS = { ...SMALL, numEncoderLayers: LAYERS, numDecoderLayers: LAYERS };

describe("the Transformer", () => {
  const make = (options: models.Seq2SeqTransformerOptions = {}): models.Seq2SeqTransformer =>
    new models.Seq2SeqTransformer(WORDS, TARGET_WORDS, { ...STACKS, ...options });
  const VARIANTS = [{}, { normFirst: true, activation: "gelu" }, { bias: false }] as const;

  test("has the base sizes of the paper by default", () => {
    const model = own(models.create("transformer", { tied: true, maxLength: 8 }));
    expect(countOf(model.transformer)).toBe(44_140_544);
    expect(countOf(model)).toBe(63_084_544);
  });

  test("has the parameters of its formula, all of which learn", () => {
    const count = ENCODER + DECODER + D * (WORDS + 2 * TARGET_WORDS) + TARGET_WORDS;
    expectParameters(make(), count, (model) => model.forward(sentences(), target()));
    const tied = new models.Seq2SeqTransformer(WORDS, WORDS, { ...STACKS, tied: true });
    expectParameters(tied, ENCODER + DECODER + D * WORDS, (model) => model.forward(sentences(), target()));
  });

  test.each(VARIANTS)("sees neither padding nor a later word: %o", (options) => {
    const model = disturb(make(options));
    scope(() => expectCausal((x, y) => model.forward(x, y)));
  });

  test.each(VARIANTS)(
    "writes word by word what the whole target gives at once, with a cache and without: %o",
    (options) => {
      const model = disturb(make(options)).eval();
      scope(() => {
        const source = sentences();
        for (const cache of [true, false]) {
          expectDecoding(model, { source, begin: 1 }, (y) => model.forward(source, y), cache);
        }
      });
    },
  );

  test("takes padding for a word if told so", () => {
    const model = disturb(make({ paddingIdx: null }));
    scope(() => {
      const [x, y] = [sentences(), target()];
      expect(model.encode(x).padding).toBeNull();
      const short = model.forward(alone(x, 1, 2), alone(y, 1, 4));
      expect(distance(alone(model.forward(x, y), 1, 4), short)).toBeGreaterThan(1e-4);
    });
  });

  test("begins with words of variance 1 and a vector of zeros for padding", () => {
    const { embedding } = own(new models.TransformerEmbedding(500, own(new nn.SinusoidalPositionalEncoding(64)), 0));
    scope(() => {
      expect(embedding.weight.select(0, 0).abs().max().item()).toBe(0);
      expect(embedding.weight.square().mean().item() * 64).toBeCloseTo(1, 1);
    });
  });

  test("refuses by name what does not fit, and leaves nothing behind", () => {
    const wrong: [models.Seq2SeqTransformerOptions, string][] = [
      [{ nhead: 3 }, "dModel is 8; expected a multiple of nhead, 3"],
      [{ dropout: 2 }, "2"],
      [{ numDecoderLayers: 0 }, "numDecoderLayers is 0"],
      [{ paddingIdx: 9 }, "paddingIdx is 9"],
      [{ tied: true }, "there are 11 and 9 words; expected the same if tied"],
      [{ activation: "tanh" as never }, "activation is tanh"],
      [{ batchFirst: true } as never, 'unknown option "batchFirst"'],
    ];
    for (const [options, message] of wrong) {
      expect(() => make(options)).toThrow(ArgumentError);
      expect(() => make(options)).toThrow(message);
    }
    const model = own(make());
    scope(() => {
      const [x, y] = [sentences(), target()];
      expect(() => model.forward(x, target(2))).toThrow("memory has shape [3, 5, 8]; expected [2, S, 8]");
      expect(() => model.forward(normal(3, 5), y)).toThrow(DTypeError);
      expect(() => model.forward(x, target(3, 17))).toThrow("at most 16 (maxLength)");
      noGrad(() => {
        expect(() => model.startDecoding({ source: sentences([17]), begin: 1 })).toThrow("at most 16 (maxLength)");
        expect(() => model.startDecoding({ source: x, begin: TARGET_WORDS })).toThrow("begin is 9");
      });
    });
  });
});

describe("the Transformer's encoder", () => {
  test("gives each row of a padded batch what it gives it alone", () => {
    const model = new models.TransformerEncoderModel(WORDS, STACK);
    expectParameters(model, WORDS * D + ENCODER, (m) => m.forward(sentences()));
    scope(() => {
      const x = sentences();
      const y = model.forward(x);
      expect(y.shape).toEqual([3, 5, D]);
      LENGTHS.forEach((n, row) => {
        expect(distance(alone(y, row, n), model.forward(alone(x, row, n)))).toBeLessThan(1e-5);
      });
    });
  });

  test.each(["mean", "first"] as const)("classifies by the %s of its outputs, without padding", (pooling) => {
    const model = new models.TransformerClassifier(WORDS, 3, { ...STACK, pooling });
    expectParameters(model, WORDS * D + ENCODER + 3 * (D + 1), (m) => m.forward(sentences()));
    scope(() => {
      const x = sentences();
      const y = model.forward(x);
      LENGTHS.forEach((n, row) => {
        const features = model.encoder.forward(alone(x, row, n));
        const wanted = model.head.forward(pooling === "mean" ? features.mean(1) : features.select(1, 0));
        expect(distance(y.narrow(0, row, 1), wanted)).toBeLessThan(1e-5);
      });
    });
  });

  test("has the parameters of its docstring at the base sizes", () => {
    const model = own(new models.TransformerEncoderModel(10, { maxLength: 1 }));
    expect(countOf(model)).toBe(512 * 10 + 18_915_328);
  });

  test("refuses options that it does not take", () => {
    expect(() => new models.TransformerEncoderModel(WORDS, { pooling: "mean" } as never)).toThrow(ArgumentError);
    expect(() => new models.TransformerClassifier(WORDS, 3, { pooling: "max" as never })).toThrow('pooling is "max"');
    expect(() => new models.TransformerClassifier(WORDS, 0)).toThrow("numClasses is 0");
  });
});

describe("the Transformer's decoder", () => {
  test("has the parameters of its formula, sees no later word, and reads on with a cache", () => {
    const model = new models.TransformerDecoderModel(TARGET_WORDS, STACK);
    const memory = own(normal(3, 5, D));
    const count = TARGET_WORDS * (2 * D + 1) + DECODER;
    expectParameters(model, count, (m) => m.forward(target(), memory));
    const cache = own(new nn.KeyValueCache());
    noGrad(() => {
      const y = target();
      const logits = model.forward(y, memory);
      expect(distance(model.forward(y.narrow(1, 0, 2), memory), logits.narrow(1, 0, 2))).toBeLessThan(1e-5);
      const parts = [y.narrow(1, 0, 2), y.narrow(1, 2, 2)].map((part) => model.forward(part, memory, { cache }));
      parts.forEach((part, i) => {
        expect(distance(part, logits.narrow(1, 2 * i, 2))).toBeLessThan(1e-5);
      });
    });
  });

  test("has the parameters of its docstring at the base sizes", () => {
    const model = own(new models.TransformerDecoderModel(10, { maxLength: 1 }));
    expect(countOf(model)).toBe(1025 * 10 + 25_225_216);
  });

  test("refuses a memory of other sizes", () => {
    const model = own(new models.TransformerDecoderModel(TARGET_WORDS, STACK));
    scope(() => {
      expect(() => model.forward(target(), normal(2, 5, D))).toThrow(ShapeError);
      expect(() => model.forward(target(), normal(3, 5, 7))).toThrow(
        "TransformerDecoderModel: memory has shape [3, 5, 7]",
      );
      expect(() => model.forward(target(), target())).toThrow(DTypeError);
      expect(() => model.forward(target(), normal(3, 5, D), { mask: null } as never)).toThrow('unknown option "mask"');
    });
  });
});
