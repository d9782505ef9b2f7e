// A small decoder-only transformer that writes character by character (Radford et al., 2018).
import {
  data,
  functional as F,
  init,
  manualSeed,
  multinomial,
  nn,
  noGrad,
  optim,
  type Tensor,
  tensor,
  train,
} from "quadlane";
import { example } from "./support/cli.js";
import { type Corpus, corpus, loadText } from "./support/text.js";

const USAGE = `Trains a transformer language model on a text, and lets it write.

usage: node build/tools/examples/transformer_lm.js [options]

  --text FILE      default: generated sentences
  --steps N        optimizer steps. Default 600
  --width N        features. Default 64
  --layers N       blocks. Default 2
  --threads N      threads of the kernels. Default 1
  --temperature X  how daring it writes. Default 0.8`;

const BATCH = 16;
const CONTEXT = 64;

class TransformerLM extends nn.Module {
  embedding: nn.Embedding;
  positions: nn.LearnedPositionalEncoding;
  blocks: nn.TransformerEncoder;
  norm: nn.LayerNorm;
  head: nn.Linear;

  constructor(characters: number, width: number, layers: number) {
    super();
    const layer = new nn.TransformerEncoderLayer(width, 4, {
      dimFeedforward: 4 * width,
      dropout: 0,
      activation: "gelu",
      batchFirst: true,
      normFirst: true,
    });
    this.embedding = new nn.Embedding(characters, width);
    this.positions = new nn.LearnedPositionalEncoding(CONTEXT, width, { batchFirst: true });
    this.blocks = new nn.TransformerEncoder(layer, layers);
    this.norm = new nn.LayerNorm(width);
    this.head = new nn.Linear(width, characters);
  }

  /** x [N, T] → scores [N, T, characters] of the next character. */
  forward(x: Tensor): Tensor {
    const h = this.blocks.forward(this.positions.forward(this.embedding.forward(x)), { isCausal: true });
    return this.head.forward(this.norm.forward(h));
  }
}

function write(
  model: TransformerLM,
  { vocabulary, encode }: Corpus,
  prompt: string,
  length: number,
  temperature: number,
): string {
  const codes = [...encode(prompt)];
  model.eval();
  while (codes.length < prompt.length + length) {
    noGrad(() => {
      const seen = codes.slice(-CONTEXT);
      const scores = model.forward(tensor(Int32Array.from(seen), { shape: [1, seen.length] })).select(0, 0);
      codes.push(multinomial(F.softmax(scores.select(0, seen.length - 1).div(temperature), { dim: 0 }), 1).item());
    });
  }
  return codes.map((c) => vocabulary[c]).join("");
}

const FLAGS = {
  defaults: { text: null, steps: 600, width: 64, layers: 2, threads: 1, temperature: 0.8 },
  short: { steps: 150 },
};

await example(USAGE, FLAGS, async ({ text: file, steps, width, layers, threads, temperature, short }) => {
  if (threads !== 1) await init({ threads });
  manualSeed(1);
  const text = corpus(loadText(file, short ? 60_000 : 300_000));
  const model = new TransformerLM(text.vocabulary.length, width, layers);
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.003 });
  const trainer = new train.Trainer<TransformerLM>(model, {
    optimizer,
    step: (m, [x, y]) => F.crossEntropy(m.forward(x).flatten(0, 1), y.flatten()),
    clipNorm: 1,
    scheduler: new optim.lrScheduler.OneCycleLR(optimizer, 0.003, { totalSteps: steps }),
    schedulerInterval: "step",
    callbacks: [
      {
        onStepEnd: ({ step }, logs) => {
          if (step % 50 === 0) console.log(`step ${step}: ${logs.loss!.toFixed(3)} nats a character`);
        },
      },
    ],
  });
  const loader = data.randomBatches(text.train, BATCH, CONTEXT);
  const validation = data.sequentialBatches(text.test, BATCH, CONTEXT, { randomOffset: false });
  await trainer.fit(loader, { maxSteps: steps });
  const { valLoss } = await trainer.validate(validation);
  console.log(`\n${write(model, text, "The ", 200, temperature)}\n`);
  return {
    name: "nats a character of held-out text",
    value: valLoss!,
    atMost: file === null ? (short ? 1.2 : 0.45) : 2.5,
  };
});
