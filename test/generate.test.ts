import { describe, expect, test } from "vitest";
import {
  functional as F,
  Generator,
  memory,
  models,
  nn,
  noGrad,
  setBackend,
  type Tensor,
  tensor,
} from "../src/node.js";
import { freeAfterEach, own } from "./support/modules.js";
import { charRNN, decoderLM, KINDS, VOCABULARY } from "./support/writers.js";

freeAfterEach();

const { generate, beamSearch } = models;
const PROMPT = [
  [1, 2, 3],
  [4, 5, 6],
];
const GREEDY = { temperature: 0, maxNewTokens: 12 };
const lists = (rows: readonly Int32Array[]): number[][] => rows.map((row) => [...row]);

/** The best token of `forward` on everything so far, `steps` times. */
function byHand(model: models.CharRNN | models.DecoderLM, row: readonly number[], steps: number): number[] {
  const all = [...row];
  for (let i = 0; i < steps; i++) {
    noGrad(() => {
      const x = own(tensor(Int32Array.from(all), { shape: [1, all.length] }));
      all.push(F.argmax(model.forward(x).select(1, all.length - 1)).item());
    });
  }
  return all.slice(row.length);
}

describe.each(KINDS)("%s", (_, make) => {
  test("writes greedily what forward on the whole sequence gives, on both back ends, with a cache and without", () => {
    const model = make();
    const want = PROMPT.map((row) => byHand(model, row, 12));
    expect(new Set(want.flat()).size).toBeGreaterThan(2);
    for (const backend of ["js", "wasm"] as const) {
      setBackend(backend);
      for (const cache of [true, false]) expect(lists(generate(model, PROMPT, { ...GREEDY, cache }))).toEqual(want);
    }
    expect(lists(generate(model, PROMPT, { maxNewTokens: 12, topK: 1 }))).toEqual(want);
    expect(lists(generate(model, PROMPT, { maxNewTokens: 12, topP: 1e-6 }))).toEqual(want);
    expect(lists(generate(model, PROMPT, { maxNewTokens: 12, temperature: 1e-30 }))).toEqual(want);
    const beams = beamSearch(model, PROMPT, { beams: 1, maxNewTokens: 12 });
    expect(beams.map(([best]) => [...best!.tokens])).toEqual(want);
  });

  test("draws the same with a cache and without, and from one seed", () => {
    const model = make();
    const text = (seed: number, options: models.GenerateOptions = {}): number[][] =>
      lists(generate(model, PROMPT, { maxNewTokens: 16, generator: new Generator(seed), ...options }));
    for (const options of [{}, { topK: 4, temperature: 0.7 }, { topP: 0.8 }, { topK: 5, topP: 0.9 }]) {
      expect(text(1, options)).toEqual(text(1, { ...options, cache: false }));
    }
    expect(text(1)).not.toEqual(text(2));
    expect(text(1)).toEqual(text(1, { topP: 1, topK: VOCABULARY + 5 }));
  });

  test("goes on from prompts of several lengths as from each alone", () => {
    const model = make();
    const prompts = [[1, 2, 3, 4, 5], [6], [7, 8, 9]];
    const alone = prompts.flatMap((row) => generate(model, row, GREEDY));
    expect(lists(generate(model, prompts, GREEDY))).toEqual(lists(alone));
    const options = { beams: 3, maxNewTokens: 5, eos: 2 };
    const each = prompts.map((row) => beamSearch(model, row, options)[0]!);
    const found = beamSearch(model, prompts, options);
    expect(found.map((list) => list.map((s) => [...s.tokens]))).toEqual(
      each.map((list) => list.map((s) => [...s.tokens])),
    );
  });
});

describe("generate", () => {
  test("takes a tensor, a list or lists as prompt", () => {
    const model = decoderLM();
    const [want] = lists(generate(model, PROMPT, GREEDY));
    const rows = own(tensor([[1, 2, 3]], { dtype: "int32" }));
    const row = own(tensor([1, 2, 3], { dtype: "int32" }));
    for (const prompt of [rows, row, [1, 2, 3], Int32Array.of(1, 2, 3), [Int32Array.of(1, 2, 3)]]) {
      expect(lists(generate(model, prompt, GREEDY))).toEqual([want]);
    }
  });

  test("ends a row at a token of eos, and computes it no further", () => {
    const model = charRNN({ cell: "rnn", tied: true });
    const whole = lists(generate(model, PROMPT, GREEDY));
    const eos = whole[1]![4]!;
    const cut = whole.map((row) => row.slice(0, [...row, eos].indexOf(eos)));
    expect(cut[0]!.length).not.toBe(cut[1]!.length);
    const batches: number[] = [];
    model.embedding!.registerForwardHook((_, [x]) => void batches.push((x as Tensor).size(0)));
    for (const end of [eos, [eos]]) {
      expect(lists(generate(model, PROMPT, { ...GREEDY, eos: end }))).toEqual(cut);
      expect(new Set(batches)).toEqual(new Set([2, 1]));
    }
  });

  test("sees the last tokens only beyond the context", () => {
    const model = decoderLM({ contextLength: 6 });
    const written = [1, 2, 3];
    for (let i = 0; i < 14; i++) written.push(...byHand(model, written.slice(-6), 1));
    for (const cache of [true, false]) {
      const [row] = generate(model, [1, 2, 3], { temperature: 0, maxNewTokens: 14, cache });
      expect([...row!]).toEqual(written.slice(3));
    }
    const long = generate(model, written, { temperature: 0, maxNewTokens: 3 });
    expect(lists(long)).toEqual([byHandWithin(model, written, 3)]);
  });

  function byHandWithin(model: models.DecoderLM, row: readonly number[], steps: number): number[] {
    const all = [...row];
    for (let i = 0; i < steps; i++) all.push(...byHand(model, all.slice(-6), 1));
    return all.slice(row.length);
  }

  test("draws as often as told by the probabilities that topK and topP leave", () => {
    const model = charRNN({ numLayers: 1 });
    const p = noGrad(() => {
      const x = own(tensor([[3]], { dtype: "int32" }));
      return [...F.softmax(model.forward(x).reshape([VOCABULARY]).div(1.5), { dim: 0 }).data()];
    });
    const order = p.map((_, i) => i).sort((a, b) => p[b]! - p[a]!);
    const sum = (count: number): number => order.slice(0, count).reduce((s, i) => s + p[i]!, 0);
    const prompts = Array.from({ length: 4000 }, () => [3]);
    // Just as much as the first three have suffices with them; a little more takes a fourth.
    const rows: [models.GenerateOptions, number][] = [
      [{}, VOCABULARY],
      [{ topK: 3 }, 3],
      [{ topP: sum(3) - 1e-4 }, 3],
      [{ topP: sum(3) + 1e-4 }, 4],
      [{ topK: 2, topP: 0.999999 }, 2],
      [{ topP: p[order[0]!]! / 2 }, 1],
    ];
    for (const [options, kept] of rows) {
      const drawn = generate(model, prompts, {
        maxNewTokens: 1,
        temperature: 1.5,
        generator: new Generator(7),
        ...options,
      });
      const share = new Array<number>(VOCABULARY).fill(0);
      for (const [token] of drawn) share[token!]! += 1 / prompts.length;
      for (const [rank, token] of order.entries()) {
        if (rank >= kept) expect(share[token], JSON.stringify(options)).toBe(0);
        else expect(Math.abs(share[token]! - p[token]! / sum(kept))).toBeLessThan(0.035);
      }
    }
  });

  test("works in evaluation mode, and leaves each module's mode and the default generator as they were", () => {
    const model = decoderLM({ dropout: 0.5 });
    model.train();
    model.norm.training = false;
    const [first, second] = [1, 2].map(() => lists(generate(model, PROMPT, GREEDY)));
    expect(first).toEqual(second);
    expect([model.training, model.norm.training, model.blocks.training]).toEqual([true, false, true]);
  });

  test.each([
    ["CharRNN", () => charRNN()],
    ["DecoderLM", () => decoderLM({ contextLength: 40 })],
  ])("keeps memory flat over a long text (%s)", (_, make) => {
    const model = make();
    const run = (maxNewTokens: number): void => {
      generate(model, [1, 2], { maxNewTokens, generator: new Generator(1) });
      beamSearch(model, [1, 2], { maxNewTokens: maxNewTokens / 4, beams: 3 });
    };
    // Layers may have put their weights in another order for the kernels.
    run(200);
    const { liveBlocks, peakBytes } = memory();
    run(1000);
    expect(memory()).toMatchObject({ liveBlocks, peakBytes });
  });

  test("leaves nothing behind and restores the mode when a step fails", () => {
    const model = decoderLM();
    model.train();
    let calls = 0;
    const hook = model.norm.registerForwardHook(() => {
      if (++calls === 3) throw new Error("third step");
    });
    const blocks = memory().liveBlocks;
    expect(() => generate(model, PROMPT)).toThrow("third step");
    expect(memory().liveBlocks).toBe(blocks);
    expect(model.training).toBe(true);
    hook.remove();
  });
});

describe("generation refuses", () => {
  const rnn = (): models.CharRNN => charRNN();
  const run =
    (options: object, prompt: unknown = [1]) =>
    () =>
      generate(rnn(), prompt as models.Prompt, options);
  const search = (options: object) => () => beamSearch(rnn(), [1], options);
  const refused: [string, () => unknown, string][] = [
    ["an unknown option", run({ beams: 2 }), 'generate: unknown option "beams"'],
    ["a negative temperature", run({ temperature: -1 }), "temperature is -1"],
    ["topK 0", run({ topK: 0 }), "topK is 0"],
    ["topP 0", run({ topP: 0 }), "topP is 0; expected a number above 0, up to 1"],
    ["topP above 1", run({ topP: 1.1 }), "topP is 1.1"],
    ["no new tokens", run({ maxNewTokens: 0 }), "maxNewTokens is 0"],
    ["an eos that is no token", run({ eos: [1, -2] }), "eos is -2"],
    ["a cache that is no boolean", run({ cache: 1 }), "cache is 1; expected true or false"],
    ["a prompt without rows", run({}, []), "prompt has no rows"],
    ["an empty row", run({}, [[1], []]), "row 1 of the prompt is empty"],
    ["half a token", run({}, [1, 0.5]), "token 1 of row 0 is 0.5"],
    ["a token that there is not", run({}, [1, 11]), "11"],
    ["a model that cannot", () => generate(new nn.ReLU() as never, [1]), "model has no startDecoding"],
    ["an unknown option", search({ topK: 2 }), 'beamSearch: unknown option "topK"'],
    ["no beams", search({ beams: 0 }), "beams is 0"],
    ["a penalty that is no number", search({ lengthPenalty: Number.NaN }), "lengthPenalty is NaN"],
  ];
  test.each(refused)("%s", (_, fn, message) => {
    expect(fn).toThrow(message);
  });

  test("floats, and a tensor of another rank, as a prompt", () => {
    const [floats, cube] = [own(tensor([[1]])), own(tensor([[[1]]], { dtype: "int32" }))];
    expect(run({}, floats)).toThrow("CharRNN: prompt [1, 1] is float32; expected int32");
    expect(run({}, cube)).toThrow("prompt [1, 1, 1]; expected [T] or [N, T]");
  });
});
