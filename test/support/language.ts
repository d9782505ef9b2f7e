import { readFileSync } from "node:fs";
import { functional as F, nn, type Tensor, tensor } from "../../src/node.js";
import { generatorOf } from "./make.js";
import { sharedFile } from "./shared.js";
import type { Task } from "./training.js";

/** A text as a model reads it. */
interface Corpus {
  /** The number of each character. */
  readonly codes: Int32Array;
  readonly characters: number;
  /** The loss, in nats a character, that a trained model must fall below. */
  readonly bound: number;
}

/** How often each of its four successors follows a character: their entropy is 1.11 nats. */
const CHANCES = [0.55, 0.25, 0.15, 0.05];
const GENERATED = { length: 700_000, characters: 24, bound: 1.2 };

/** Shakespeare where it is at hand, else a chain in which each character tells which four may follow. */
function corpus(): Corpus {
  const file = sharedFile("tinyshakespeare/input.txt");
  if (file === null) return generated();
  const text = readFileSync(file, "latin1");
  const alphabet = [...new Set(text)].sort();
  const codeOf = new Map(alphabet.map((character, code) => [character, code]));
  const codes = Int32Array.from(text, (character) => codeOf.get(character)!);
  return { codes, characters: alphabet.length, bound: 2.35 };
}

function generated(): Corpus {
  const { length, characters, bound } = GENERATED;
  const random = generatorOf(1);
  const successors = Array.from({ length: characters }, (_, c) =>
    CHANCES.map((_, k) => (c * 5 + k * k + 1) % characters),
  );
  const codes = new Int32Array(length);
  for (let i = 1; i < length; i++) {
    let [k, rest] = [0, random()];
    while (k < CHANCES.length - 1 && rest >= CHANCES[k]!) rest -= CHANCES[k++]!;
    codes[i] = successors[codes[i - 1]!]![k]!;
  }
  return { codes, characters, bound };
}

const { codes, characters, bound } = corpus();

/** See `Corpus.bound`. */
export const languageBound = bound;

export interface LanguageSizes {
  readonly hidden: number;
  readonly batch: number;
  readonly length: number;
  readonly steps: number;
}

/** A recurrent layer: steps of a batch and the state before → outputs and the state after. */
type Recurrent<S extends nn.utils.RecurrentState> = {
  forward(x: Tensor, state: S | null): readonly [y: Tensor, state: S];
} & nn.Module;

/** Guesses the next character from all before. */
export class Reader<S extends nn.utils.RecurrentState> extends nn.Module {
  readonly embedding: nn.Embedding;
  readonly head: nn.Linear;

  constructor(
    readonly recurrent: Recurrent<S>,
    hidden: number,
  ) {
    super();
    this.embedding = new nn.Embedding(characters, hidden / 2);
    this.head = new nn.Linear(hidden, characters);
  }

  /** x [T, N] → scores [T · N, characters]. */
  forward(x: Tensor, before: S | null): readonly [scores: Tensor, after: S] {
    const [y, after] = this.recurrent.forward(this.embedding.forward(x), before);
    return [this.head.forward(y.reshape([-1, y.size(2)])), after];
  }
}

/**
 * To guess a text character by character: `batch` places of it are read side by side in segments of `length`, and the state runs on
 * from segment to segment. No segment is seen twice.
 */
export function languageTask<S extends nn.utils.RecurrentState>(
  recurrent: (inputSize: number, hiddenSize: number) => Recurrent<S>,
  { hidden, batch, length, steps }: LanguageSizes,
): Task<Reader<S>, readonly [x: Tensor, y: Tensor]> {
  const carried = new nn.utils.CarriedState<S>();
  return {
    build: () => new Reader(recurrent(hidden / 2, hidden), hidden),
    *batches() {
      const [inputs, targets] = [0, 1].map((ahead) => streams(batch, length * steps, ahead));
      try {
        yield* nn.utils.bpttSegments([inputs!, targets!] as const, { length });
      } finally {
        for (const t of [inputs!, targets!, carried]) t.dispose();
      }
    },
    loss(model, [x, y]) {
      const [scores, after] = model.forward(x, carried.state);
      carried.carry(after);
      return F.crossEntropy(scores, y.reshape([-1]));
    },
    lr: 0.01,
    maxNorm: 1,
  };
}

/** [length, batch]: in column n the characters from place n + `ahead` on, the places being spread over the text. */
function streams(batch: number, length: number, ahead: number): Tensor {
  const apart = Math.floor((codes.length - 1) / batch);
  const at = (i: number): number => (i % batch) * apart + Math.floor(i / batch) + ahead;
  return tensor(
    Int32Array.from({ length: length * batch }, (_, i) => codes[at(i)]!),
    { shape: [length, batch] },
  );
}
