// A language model that reads and writes character by character (Karpathy, The Unreasonable Effectiveness of RNNs, 2015).
import { data, functional as F, init, manualSeed, models, nn, optim, type Tensor, train } from "quadlane";
import { example } from "./support/cli.js";
import { continued, corpus, loadText } from "./support/text.js";

const USAGE = `Trains an LSTM on a text, and lets it write.

usage: node build/tools/examples/char_lstm.js [options]

  --text FILE      default: generated sentences
  --epochs N       epochs over the text. Default 3
  --hidden N       features of the LSTM. Default 128
  --dropout P      probability to drop a feature. Default 0
  --lr X           learning rate at the start. Default 0.005
  --threads N      threads of the kernels. Default 1
  --temperature X  how daring it writes. Default 0.8`;

const BATCH = 32;
const STEPS = 64;

const FLAGS = {
  defaults: { text: null, epochs: 3, hidden: 128, dropout: 0, lr: 0.005, threads: 1, temperature: 0.8 },
  short: { epochs: 4 },
};

await example(USAGE, FLAGS, async ({ text: file, epochs, hidden, dropout, lr, threads, temperature, short }) => {
  if (threads !== 1) await init({ threads });
  manualSeed(1);
  const text = corpus(loadText(file, short ? 60_000 : 300_000));
  const sizes = { vocabSize: text.vocabulary.length, embeddingDim: hidden / 2, hiddenSize: hidden, numLayers: 1 };
  const model = new models.CharRNN({ ...sizes, dropout });
  const optimizer = new optim.Adam(model.parameters(), { lr });

  // Batches in the order of the text, each going on where the last one stopped: the state runs on.
  const carried = new nn.utils.CarriedState<models.CharRNNState>();
  const step = (m: models.CharRNN, [x, y]: readonly [Tensor, Tensor]): Tensor => {
    const [scores, after] = m.forward(x, carried.state);
    carried.carry(after);
    return F.crossEntropy(scores.flatten(0, 1), y.flatten());
  };
  const loader = data.sequentialBatches(text.train, BATCH, STEPS);
  const validation = data.sequentialBatches(text.test, BATCH, STEPS, { randomOffset: false });
  const trainer = new train.Trainer(model, {
    optimizer,
    step,
    clipNorm: 1,
    scheduler: new optim.lrScheduler.CosineAnnealingLR(optimizer, epochs * loader.length),
    schedulerInterval: "step",
    callbacks: [
      {
        onEpochBegin: () => carried.reset(),
        onEpochEnd: ({ epoch }, logs) => {
          carried.reset();
          console.log(
            `epoch ${epoch}: ${logs.loss!.toFixed(3)} nats a character, held-out text ${logs.valLoss!.toFixed(3)}`,
          );
        },
      },
    ],
  });
  const history = await trainer.fit(loader, { epochs: epochs, validation });
  console.log(`\n${continued(model, text, "The ", { maxNewTokens: 300, temperature })}\n`);
  // Of a file nothing is known beforehand; 2.5 is what counting pairs of letters gives on English.
  const atMost = file === null ? (short ? 0.6 : 0.4) : 2.5;
  return { name: "nats a character of held-out text", value: history.column("valLoss").at(-1)!, atMost };
});
