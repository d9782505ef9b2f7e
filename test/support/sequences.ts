import { expect } from "vitest";
import { functional as F, type models, type nn, noGrad, scope, type Tensor, tensor } from "../../src/node.js";
import { distance, disturb, own } from "./modules.js";

// Models of sequences under test: words, and what holds for all of them. Word 0 is padding.

export const [WORDS, TARGET_WORDS] = [11, 9];

/** Words of the three rows of `sentences`. */
export const LENGTHS = [5, 2, 3];

/** Models by name, with options that make them small. */
export const SMALL_MODELS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  bidirectional_tagger: { numWords: WORDS, hiddenSize: 4 },
  deep_rnn: { inputSize: 3, outputSize: 2, hiddenSize: 4, numLayers: 2 },
  seq2seq: { sourceWords: WORDS, targetWords: TARGET_WORDS, hiddenSize: 4 },
  seq2seq_attention: { sourceWords: WORDS, targetWords: TARGET_WORDS, hiddenSize: 4 },
  transformer: { sourceWords: WORDS, targetWords: TARGET_WORDS, dModel: 8, numEncoderLayers: 1, numDecoderLayers: 1 },
  transformer_classifier: { numWords: WORDS, dModel: 8, numLayers: 1 },
  transformer_decoder: { numWords: TARGET_WORDS, dModel: 8, numLayers: 1 },
  transformer_encoder: { numWords: WORDS, dModel: 8, numLayers: 1 },
};

/** int32 [rows, steps]. */
const words = (values: readonly number[], rows: number): Tensor =>
  own(tensor(Int32Array.from(values), { shape: [rows, values.length / rows] }));

/** int32 [3, 5] of source words; or rows of other lengths. */
export function sentences(lengths: readonly number[] = LENGTHS): Tensor {
  const steps = Math.max(...lengths);
  const values = lengths.flatMap((n, row) =>
    Array.from({ length: steps }, (_, t) => (t < n ? 1 + ((3 * row + 7 * t + t * t) % (WORDS - 1)) : 0)),
  );
  return words(values, lengths.length);
}

/** int32 [rows, steps] of target words. */
export function target(rows = LENGTHS.length, steps = 4): Tensor {
  return words(
    Array.from({ length: rows * steps }, (_, i) => 1 + ((5 * i) % (TARGET_WORDS - 1))),
    rows,
  );
}

/** `y`, a target, with another word at its last step. */
export function changed(y: Tensor): Tensor {
  const before = y.size(1) - 1;
  return F.cat([y.narrow(1, 0, before), F.add(y.narrow(1, before, 1), -1)], { dim: 1 });
}

/** Row n without its padding, as a batch of one. */
export const alone = (x: Tensor, n: number, length: number): Tensor => x.narrow(0, n, 1).narrow(1, 0, length);

export const countOf = (model: nn.Module): number => [...model.parameters()].reduce((sum, p) => sum + p.numel, 0);

/** The model has so many parameters, and a loss on what `run` gives reaches each of them. */
export function expectParameters<M extends nn.Module>(made: M, count: number, run: (model: M) => Tensor): void {
  const model = disturb(made);
  expect(countOf(model)).toBe(count);
  scope(() => run(model).square().sum().backward());
  for (const [key, p] of model.namedParameters()) {
    expect(p.grad, key).not.toBeNull();
    scope(() => {
      const size = p.grad!.abs().sum().item();
      expect(size > 0 && Number.isFinite(size), `${key}: ${size}`).toBe(true);
    });
  }
  model.zeroGrad();
}

/** The logits of a target without its last word depend neither on that word nor on padding of the sources; those of the last do on both. */
export function expectCausal(
  logitsOf: (source: Tensor, target: Tensor, lengths: readonly number[] | null) => Tensor,
): void {
  const [x, y] = [sentences(), target()];
  const logits = logitsOf(x, y, LENGTHS);
  expect(logits.shape).toEqual([...y.shape, TARGET_WORDS]);
  LENGTHS.forEach((n, row) => {
    const wanted = logitsOf(alone(x, row, n), alone(y, row, y.size(1)), null);
    expect(distance(alone(logits, row, y.size(1)), wanted)).toBeLessThan(1e-5);
  });
  const others = logitsOf(x, changed(y), LENGTHS);
  expect(distance(others.narrow(1, 0, 3), logits.narrow(1, 0, 3))).toBeLessThan(1e-6);
  expect(distance(others.narrow(1, 3, 1), logits.narrow(1, 3, 1))).toBeGreaterThan(1e-4);
}

/**
 * Writing word by word gives the logits that the whole target gives at once, with rows that change places on the way; nothing is left
 * behind when it is disposed of.
 */
export function expectDecoding<P>(
  model: models.GenerativeModel<P>,
  prompt: P,
  logitsOf: (target: Tensor) => Tensor,
  cache: boolean,
): void {
  const order = [2, 0, 0, 1];
  noGrad(() => {
    const first = words(
      LENGTHS.map(() => 1),
      LENGTHS.length,
    );
    const written = F.cat([first, target().narrow(1, 1, 3)], { dim: 1 });
    const wanted = logitsOf(written);
    const column = (t: number): Int32Array => Int32Array.from(written.select(1, t).data());
    const [logits, decoding] = model.startDecoding(prompt, { cache });
    expect(distance(logits, wanted.select(1, 0))).toBeLessThan(1e-5);
    // Each step in a scope of its own, as in a loop that frees what it made.
    noGrad(() => expect(distance(decoding.step(column(1)), wanted.select(1, 1))).toBeLessThan(1e-5));
    decoding.reorder(Int32Array.from(order));
    for (const t of [2, 3]) {
      noGrad(() => {
        const got = decoding.step(Int32Array.from(order, (row) => column(t)[row]!));
        const taken = F.stack(
          order.map((row) => wanted.select(1, t).select(0, row)),
          { dim: 0 },
        );
        expect(distance(got, taken)).toBeLessThan(1e-5);
      });
    }
    decoding.dispose();
  });
}
