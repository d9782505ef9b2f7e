// A small decoder-only transformer that writes character by character (Radford et al., 2018).
import { data, functional as F, init, manualSeed, models, optim, train } from "quadlane";
import { example } from "./support/cli.js";
import { continued, corpus, loadText } from "./support/text.js";

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

const FLAGS = {
  defaults: { text: null, steps: 600, width: 64, layers: 2, threads: 1, temperature: 0.8 },
  short: { steps: 150 },
};

await example(USAGE, FLAGS, async ({ text: file, steps, width, layers, threads, temperature, short }) => {
  if (threads !== 1) await init({ threads });
  manualSeed(1);
  const text = corpus(loadText(file, short ? 60_000 : 300_000));
  const sizes = { contextLength: CONTEXT, hiddenDim: width, numHeads: 4, numLayers: layers };
  const model = new models.DecoderLM({ vocabSize: text.vocabulary.length, ...sizes, tied: false });
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.003 });
  const trainer = new train.Trainer<models.DecoderLM>(model, {
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
  console.log(`\n${continued(model, text, "The ", { maxNewTokens: 200, temperature })}\n`);
  return {
    name: "nats a character of held-out text",
    value: valLoss!,
    atMost: file === null ? (short ? 1.2 : 0.45) : 2.5,
  };
});
