import { describe, expect, test } from "vitest";
import { functional as F, models, nn, noGrad, scope, setBackend, type Tensor, tensor } from "../src/node.js";
import { distance, freeAfterEach, own } from "./support/modules.js";
import { charRNN, decoderLM, KINDS, VOCABULARY } from "./support/writers.js";

freeAfterEach();

/** Tokens [N, T], the same at each call. */
function tokens(n: number, t: number): Tensor {
  const values = Int32Array.from({ length: n * t }, (_, i) => (i * i + 3 * i) % VOCABULARY);
  return own(tensor(values, { shape: [n, t] }));
}

const part = (x: Tensor, start: number, length: number): Tensor => F.narrow(x, { dim: 1, start, length });

describe.each(KINDS)("%s", (_, make) => {
  test("gives a logit for each token, which depends on earlier tokens only, and trains every parameter", () => {
    const model = make();
    const x = tokens(2, 9);
    for (const backend of ["js", "wasm"] as const) {
      setBackend(backend);
      scope(() => {
        const y = model.forward(x);
        expect(y.shape).toEqual([2, 9, VOCABULARY]);
        expect(distance(model.forward(part(x, 0, 5)), part(y, 0, 5))).toBeLessThan(1e-4);
        y.square().mean().backward();
        for (const [key, p] of model.namedParameters()) {
          expect(F.abs(p.grad!).sum().item(), key).toBeGreaterThan(0);
        }
        model.zeroGrad();
      });
    }
  });

  test("is what its registered name builds", () => {
    const [model, sizes] = [make(), { vocabSize: 7 }];
    const built =
      model instanceof models.CharRNN ? models.create("char_rnn", sizes) : models.create("decoder_lm", sizes);
    expect(own(built).constructor).toBe(model.constructor);
  });
});

describe("CharRNN", () => {
  test.each(["rnn", "lstm", "gru"] as const)("goes on from a state (%s)", (cell) => {
    const model = charRNN({ cell });
    const x = tokens(2, 9);
    noGrad(() => {
      const whole = model.forward(x);
      const [first, state] = model.forward(part(x, 0, 4), null);
      expect(state.map((s) => s.shape)).toEqual(new Array(cell === "lstm" ? 2 : 1).fill([2, 2, 12]));
      const [second] = model.forward(part(x, 4, 5), state);
      expect(distance(F.cat([first, second], { dim: 1 }), whole)).toBeLessThan(1e-5);
      expect(() => model.forward(x, [...state, state[0]!])).toThrow("CharRNN: state has");
    });
  });

  test("has the parameters of its docstring, and their keys", () => {
    const count = (model: nn.Module): number => [...own(model).parameters()].reduce((sum, p) => sum + p.numel, 0);
    expect(count(models.create("char_rnn"))).toBe(240_321);
    expect(count(charRNN({ cell: "gru" }))).toBe(3 * 12 * (11 + 12 + 2) + 6 * 12 * 13 + 11 * 13);
    const keys = (options: models.CharRNNOptions): string[] => [
      ...charRNN({ numLayers: 1, ...options })
        .stateDict()
        .keys(),
    ];
    const rnn = ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0"];
    expect(keys({})).toEqual([...rnn, "head.weight", "head.bias"]);
    expect(keys({ embeddingDim: 3 })).toEqual(["embedding.weight", ...rnn, "head.weight", "head.bias"]);
    expect(keys({ tied: true })).toEqual(["embedding.weight", ...rnn]);
  });

  test("drops features of the embedding and before the head while training", () => {
    const model = charRNN({ dropout: 0.5, embeddingDim: 6 });
    scope(() => {
      const x = tokens(1, 6);
      expect(distance(model.forward(x), model.forward(x))).toBeGreaterThan(0.01);
      model.eval();
      expect(distance(model.forward(x), model.forward(x))).toBe(0);
    });
  });
});

describe("DecoderLM", () => {
  test("has GPT-2's number of parameters", () => {
    const blocks = (d: number, l: number): number => l * (12 * d * d + 13 * d) + 2 * d;
    const count = (model: nn.Module): number => [...own(model).parameters()].reduce((sum, p) => sum + p.numel, 0);
    expect(50_257 * 768 + 1024 * 768 + blocks(768, 12)).toBe(124_439_808);
    const small = { hiddenDim: 24, numLayers: 1 };
    expect(count(models.create("gpt2", small))).toBe((50_257 + 1024) * 24 + blocks(24, 1));
    expect(count(decoderLM({ positions: "rotary", tied: false }))).toBe(2 * 11 * 16 + blocks(16, 2));
  });

  test("has the keys of its docstring", () => {
    const names = (options: models.DecoderLMOptions): Set<string> =>
      new Set([...decoderLM(options).stateDict().keys()].map((key) => key.replace(/\.layers\.[01]\..*/, "")));
    expect([...names({})]).toEqual(["embedding.weight", "positions.weight", "blocks", "norm.weight", "norm.bias"]);
    const rest = ["embedding.weight", "blocks", "norm.weight", "norm.bias", "head.weight"];
    expect([...names({ positions: "rotary", tied: false })]).toEqual(rest);
  });

  test("begins as GPT-2", () => {
    const model = own(new models.DecoderLM({ hiddenDim: 64, numLayers: 2 }));
    scope(() => {
      const { selfAttn, linear2 } = model.blocks.layers.at(1)!;
      const std = (t: Tensor): number => F.std(t).item();
      for (const w of [model.embedding.weight, selfAttn.inProjWeight!]) expect(std(w)).toBeCloseTo(0.02, 3);
      for (const w of [selfAttn.outProj.weight, linear2.weight]) expect(std(w)).toBeCloseTo(0.01, 3);
      for (const b of [selfAttn.inProjBias!, linear2.bias!]) expect(F.abs(b).sum().item()).toBe(0);
    });
  });

  test.each(["learned", "sinusoidal", "rotary"] as const)("with %s positions tells orders apart", (positions) => {
    const model = decoderLM({ positions });
    scope(() => {
      const last = (...row: number[]): Tensor => {
        const x = own(tensor(Int32Array.from(row), { shape: [1, 3] }));
        return part(model.forward(x), 2, 1);
      };
      expect(distance(last(1, 2, 3), last(2, 1, 3))).toBeGreaterThan(1e-3);
    });
  });

  test("goes on from a cache, within its context", () => {
    const model = decoderLM();
    const cache = own(new nn.KeyValueCache());
    noGrad(() => {
      const x = tokens(2, 24);
      const whole = model.forward(x);
      const parts = [part(x, 0, 7), part(x, 7, 1), part(x, 8, 16)].map((p) => model.forward(p, { cache }));
      expect(distance(F.cat(parts, { dim: 1 }), whole)).toBeLessThan(1e-4);
      expect(() => model.forward(part(x, 0, 1), { cache })).toThrow(
        "there are 25 positions; expected at most contextLength 24",
      );
    });
  });
});

describe("what does not fit is refused:", () => {
  const refused: [string, () => unknown, string][] = [
    ["an unknown option", () => models.create("char_rnn", { width: 3 } as object), 'CharRNN: unknown option "width"'],
    [
      "another cell",
      () => models.create("char_rnn", { cell: "mlp" } as object),
      'cell is "mlp"; expected one of "rnn"',
    ],
    [
      "a tied table of another size",
      () => new models.CharRNN({ tied: true, embeddingDim: 5 }),
      "embeddingDim is 5; expected hiddenSize 128",
    ],
    ["no layers", () => new models.CharRNN({ numLayers: 0 }), "numLayers is 0"],
    ["an unknown option", () => models.create("gpt2", { layers: 3 } as object), 'DecoderLM: unknown option "layers"'],
    [
      "heads that do not divide",
      () => new models.DecoderLM({ hiddenDim: 10 }),
      "hiddenDim is 10; expected a multiple of 4",
    ],
    [
      "an odd head with rotary positions",
      () => new models.DecoderLM({ hiddenDim: 12, positions: "rotary" }),
      "hiddenDim is 12; expected a multiple of 8 (2 · numHeads, for rotary positions)",
    ],
    ["floats as tokens", () => decoderLM().forward(own(tensor([[1, 2]]))), "tokens [1, 2] is float32; expected int32"],
    [
      "tokens without a batch",
      () => charRNN().forward(own(tensor(Int32Array.of(1)))),
      "tokens has shape [1] of rank 1",
    ],
    [
      "a token that there is not",
      () => scope(() => decoderLM().forward(own(tensor([[11]], { dtype: "int32" })))),
      "11",
    ],
    ["a token that there is not", () => scope(() => charRNN().forward(own(tensor([[11]], { dtype: "int32" })))), "11"],
  ];
  test.each(refused)("%s", (_, fn, message) => {
    expect(fn).toThrow(message);
  });
});
