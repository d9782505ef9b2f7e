// The models of sequences: a few hundred steps on the characters of a text, held against what counting pairs of characters gives on the
// part of the text that was held out.
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  data,
  functional as F,
  manualSeed,
  models,
  type nn,
  noGrad,
  optim,
  scope,
  type Tensor,
  tensor,
} from "quadlane";
import { grammarText } from "../../examples/support/text.js";
import { generatorOf } from "../support/make.js";
import type { Form, Outcome, Trial } from "./trial.js";

/** Characters of one sample; word 0 is padding, so that characters count from 1. */
const LENGTH = 32;
const HALF = LENGTH / 2;
const BATCH = 32;
const TEST_BATCHES = 20;
/** Steps of the trainings. */
const STEPS = { long: 600, short: 300 };
const CHARACTERS = { long: 1_000_000, short: 100_000 };

/** What a model is asked: the loss of a batch of windows [N, LENGTH + 1], the mean over what it predicts. */
type Loss = (windows: Int32Array[]) => Tensor;

interface Row {
  readonly name: string;
  /** The model and what it is asked, for so many words. */
  readonly make: (words: number) => { readonly model: nn.Module; readonly loss: Loss };
  /** What the pairs tell: the next character, or whether a character was a capital. */
  readonly task: Task;
  /** Highest rate. Default 0.005. */
  readonly lr?: number;
  /** Whether it is part of the short form. */
  readonly short?: boolean;
}

type Task = "next" | "capitals";

const TRANSFORMER = { dModel: 64, nhead: 4, dimFeedforward: 128, dropout: 0 };

const ROWS: readonly Row[] = [
  {
    name: "char_rnn (rnn)",
    task: "next",
    make: (vocabSize) => reader(new models.CharRNN({ vocabSize, cell: "rnn", hiddenSize: 96, numLayers: 1 })),
  },
  {
    name: "char_rnn (gru)",
    task: "next",
    short: true,
    make: (vocabSize) => reader(new models.CharRNN({ vocabSize, cell: "gru", hiddenSize: 96, numLayers: 1 })),
  },
  {
    name: "char_rnn (lstm)",
    task: "next",
    make: (vocabSize) => reader(new models.CharRNN({ vocabSize, hiddenSize: 96, numLayers: 1 })),
  },
  {
    name: "decoder_lm",
    task: "next",
    short: true,
    make: (vocabSize) =>
      reader(
        models.create("decoder_lm", {
          vocabSize,
          hiddenDim: 64,
          numHeads: 4,
          mlpDim: 128,
          numLayers: 2,
          contextLength: LENGTH,
        }),
      ),
  },
  { name: "deep_rnn", task: "next", make: deepRnn },
  { name: "bidirectional_tagger", task: "capitals", short: true, make: tagger },
  {
    name: "seq2seq",
    task: "next",
    make: (words) =>
      translator(
        models.create("seq2seq", { sourceWords: words, targetWords: words, embeddingDim: 64, hiddenSize: 96 }),
      ),
  },
  {
    name: "seq2seq_attention",
    task: "next",
    make: (words) =>
      translator(
        models.create("seq2seq_attention", {
          sourceWords: words,
          targetWords: words,
          embeddingDim: 64,
          hiddenSize: 96,
        }),
      ),
  },
  {
    name: "transformer",
    task: "next",
    make: (words) =>
      translator(
        models.create("transformer", {
          ...TRANSFORMER,
          sourceWords: words,
          targetWords: words,
          numEncoderLayers: 1,
          numDecoderLayers: 2,
        }),
      ),
  },
  { name: "transformer_classifier", task: "next", make: classifier },
  { name: "transformer_decoder", task: "next", make: decoder },
];

/** A batch's part from one column to another, int32 [N, to − from]. */
function columns(windows: readonly Int32Array[], from: number, to: number): Tensor {
  const values = Int32Array.from(windows.flatMap((w) => Array.from(w.subarray(from, to))));
  return tensor(values, { shape: [windows.length, to - from] });
}

/** logits [N, T, V] against targets [N, T]. */
function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  return F.crossEntropy(logits.flatten(0, 1), targets.flatten());
}

/** A model that says after each character what comes next. */
function reader(model: { forward(x: Tensor): Tensor } & nn.Module): ReturnType<Row["make"]> {
  return { model, loss: (w) => crossEntropy(model.forward(columns(w, 0, LENGTH)), columns(w, 1, LENGTH + 1)) };
}

function deepRnn(words: number): ReturnType<Row["make"]> {
  const model = new models.DeepRNN(words, words, {
    cell: "gru",
    hiddenSize: 96,
    numLayers: 2,
    residual: true,
    output: "many",
  });
  const read = (x: Tensor): Tensor => model.forward(F.oneHot(x, { numClasses: words }).to("float32"));
  return { model, loss: (w) => crossEntropy(read(columns(w, 0, LENGTH)), columns(w, 1, LENGTH + 1)) };
}

/** A model that reads the first half and writes the second. */
function translator(model: { forward(source: Tensor, target: Tensor): Tensor } & nn.Module): ReturnType<Row["make"]> {
  return {
    model,
    loss: (w) =>
      crossEntropy(model.forward(columns(w, 0, HALF), columns(w, HALF - 1, LENGTH - 1)), columns(w, HALF, LENGTH)),
  };
}

/** Reads all, and says the one character that comes next. */
function classifier(words: number): ReturnType<Row["make"]> {
  const model = new models.TransformerClassifier(words, words, { ...TRANSFORMER, numLayers: 2, pooling: "first" });
  // "first" looks at one place only; there the latest character stands.
  const reversed = (w: readonly Int32Array[]): Int32Array[] => w.map((row) => row.slice(0, LENGTH).reverse());
  return {
    model,
    loss: (w) =>
      F.crossEntropy(model.forward(columns(reversed(w), 0, LENGTH)), columns(w, LENGTH, LENGTH + 1).flatten()),
  };
}

/** A decoder that has nothing to look at but what it has read. */
function decoder(words: number): ReturnType<Row["make"]> {
  const model = new models.TransformerDecoderModel(words, { ...TRANSFORMER, numLayers: 2 });
  const nothing = (n: number): Tensor =>
    tensor(new Float32Array(n * TRANSFORMER.dModel), { shape: [n, 1, TRANSFORMER.dModel] });
  return {
    model,
    loss: (w) => crossEntropy(model.forward(columns(w, 0, LENGTH), nothing(w.length)), columns(w, 1, LENGTH + 1)),
  };
}

/** Reads a text without capitals, and says where they were: the windows hold 2 · letter + capital. */
function tagger(words: number): ReturnType<Row["make"]> {
  const model = new models.BidirectionalTagger(words, 2, { embeddingDim: 32, hiddenSize: 48, numLayers: 1 });
  const part = (w: readonly Int32Array[], of: (code: number) => number): Tensor =>
    columns(
      w.map((row) => row.map(of)),
      0,
      LENGTH,
    );
  return {
    model,
    loss: (w) =>
      crossEntropy(
        model.forward(part(w, (c) => c >> 1)),
        part(w, (c) => c & 1),
      ),
  };
}

interface Corpus {
  readonly train: Int32Array;
  readonly test: Int32Array;
  readonly words: number;
}

/** The beginning of Shakespeare, else generated sentences; the last tenth is held out. */
function corpus(task: Task, form: Form): Corpus {
  const file = join(form.data, "tinyshakespeare", "input.txt");
  const characters = form.short ? CHARACTERS.short : CHARACTERS.long;
  const text = (existsSync(file) ? data.readText(file) : grammarText(characters)).slice(0, characters);
  const shown = task === "next" ? text : text.toLowerCase();
  const alphabet = new Map([...new Set(shown)].sort().map((c, i) => [c, i + 1]));
  const codes = Int32Array.from(shown, (c, i) => {
    const code = alphabet.get(c)!;
    return task === "next" ? code : 2 * code + Number(text[i] !== c);
  });
  const cut = Math.floor(0.9 * codes.length);
  return { train: codes.subarray(0, cut), test: codes.subarray(cut), words: alphabet.size + 1 };
}

/** Nats of what is to be told, given the character before and, for capitals, the character itself: counts, and one more of each. */
function bigramLoss({ train, test, words }: Corpus, task: Task): number {
  const classes = task === "next" ? words - 1 : 2;
  const keyOf = (codes: Int32Array, i: number): number =>
    task === "next" ? codes[i - 1]! : (codes[i - 1]! >> 1) * words + (codes[i]! >> 1);
  const toldOf = (code: number): number => (task === "next" ? code : code & 1);
  const counts = new Map<number, Map<number, number>>();
  const totals = new Map<number, number>();
  for (let i = 1; i < train.length; i++) {
    const key = keyOf(train, i);
    const told = toldOf(train[i]!);
    const row = counts.get(key) ?? new Map<number, number>();
    row.set(told, (row.get(told) ?? 0) + 1);
    counts.set(key, row);
    totals.set(key, (totals.get(key) ?? 0) + 1);
  }
  let sum = 0;
  for (let i = 1; i < test.length; i++) {
    const key = keyOf(test, i);
    const seen = counts.get(key)?.get(toldOf(test[i]!)) ?? 0;
    sum -= Math.log((seen + 1) / ((totals.get(key) ?? 0) + classes));
  }
  return sum / (test.length - 1);
}

/** Windows of LENGTH + 1 characters that begin at random places. */
function windows(codes: Int32Array, random: () => number): Int32Array[] {
  return Array.from({ length: BATCH }, () => {
    const at = Math.floor(random() * (codes.length - LENGTH));
    return codes.subarray(at, at + LENGTH + 1);
  });
}

function learn({ make, task, lr = 0.005 }: Row, form: Form): Outcome {
  const text = corpus(task, form);
  manualSeed(1);
  const { model, loss } = make(text.words);
  const random = generatorOf(1);
  const steps = form.short ? STEPS.short : STEPS.long;
  const optimizer = new optim.AdamW(model.parameters(), { lr });
  const schedule = new optim.lrScheduler.OneCycleLR(optimizer, lr, { totalSteps: steps + 1 });
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    scope(() => {
      const l = loss(windows(text.train, random));
      optimizer.zeroGrad();
      l.backward();
      optimizer.step();
      losses.push(l.item());
    });
    schedule.step();
  }
  model.eval();
  let sum = 0;
  for (let i = 0; i < TEST_BATCHES; i++) sum += noGrad(() => loss(windows(text.test, random)).item());
  optimizer.dispose();
  model.dispose();
  return { measure: "nats", value: sum / TEST_BATCHES, bound: { atMost: bigramLoss(text, task) }, losses };
}

export const sequenceTrials: readonly Trial[] = ROWS.map((row) => ({
  name: row.name,
  short: row.short ?? false,
  run: (form) => learn(row, form),
}));
