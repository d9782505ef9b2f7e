// Translation by an encoder, a decoder and attention (Luong et al., 2015): trained with teacher forcing, tested on pairs it has not seen.
import { data, functional as F, Generator, init, manualSeed, metrics, models, optim, tensor, train } from "quadlane";
import { example } from "./support/cli.js";

const USAGE = `Learns to translate from pairs of sentences.

usage: node build/tools/examples/seq2seq_attention.js [options]

  --train FILE     pairs, a tab between: source, target; default: generated dates
  --test FILE      pairs to test on; default: every tenth of the training pairs, which is then left out of training
  --epochs N       passes over the pairs. Default 10
  --hidden N       features of the states. Default 128
  --dropout P      probability to drop a feature. Default 0.2
  --lr X           learning rate at the start. Default 0.002
  --threads N      threads of the kernels. Default 1`;

type Pair = readonly [source: readonly string[], target: readonly string[]];

const MAX_LENGTH = 40;

/** "march 7 1984" → "1 9 8 4 - 0 3 - 0 7", digit by digit. */
function dates(count: number): Pair[] {
  const months = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
  ];
  const draws = new Generator(3).words(3 * count);
  return Array.from({ length: count }, (_, i) => {
    const [month, day, year] = [draws[3 * i]! % 12, 1 + (draws[3 * i + 1]! % 28), 1900 + (draws[3 * i + 2]! % 120)];
    const two = (n: number): string => String(n).padStart(2, "0");
    return [[months[month]!, String(day), ...String(year)], [...`${year}-${two(month + 1)}-${two(day)}`]];
  });
}

type Sample = readonly [source: Int32Array, target: Int32Array];
type Batch = data.Padded<Sample>;

/** The best word at each step, until every sentence has ended. */
function translate(
  model: models.Seq2Seq,
  [source, lengths]: data.PaddedSequences,
  vocabulary: data.Vocabulary,
): string[][] {
  const prompt = { source, lengths, begin: vocabulary.bosIndex! };
  const sentences = models.generate(model, prompt, {
    temperature: 0,
    eos: vocabulary.eosIndex!,
    maxNewTokens: MAX_LENGTH,
  });
  return sentences.map((codes) => vocabulary.decode(codes));
}

function readPairs(file: string): Pair[] {
  const words = new data.WordTokenizer({ lowerCase: true });
  return data.readPairs(file).map(([source, target]) => [words.tokenize(source), words.tokenize(target)]);
}

const FLAGS = {
  defaults: { train: null, test: null, epochs: 10, hidden: 128, dropout: 0.2, lr: 0.002, threads: 1 },
  short: { epochs: 6 },
  needs: { test: "train" },
} as const;

await example(
  USAGE,
  FLAGS,
  async ({ train: trainFile, test: testFile, epochs, hidden, dropout, lr, threads, short }) => {
    if (threads !== 1) await init({ threads });
    manualSeed(1);
    const all = trainFile === null ? dates(short ? 2000 : 4000) : readPairs(trainFile);
    const test = testFile === null ? all.filter((_, i) => i % 10 === 0) : readPairs(testFile);
    const pairs = testFile === null ? all.filter((_, i) => i % 10 !== 0) : all;
    const minCount = trainFile === null ? 1 : 2;
    const sources = data.Vocabulary.from(
      pairs.map(([source]) => source),
      { minCount },
    );
    const targets = data.Vocabulary.from(
      pairs.map(([, target]) => target),
      { minCount },
    );
    const loaderOf = (part: readonly Pair[], shuffle: boolean): data.DataLoader<Sample, Batch> => {
      const samples = part.map(
        ([source, target]) => [sources.encode(source, { eos: true }), targets.encode(target, { eos: true })] as const,
      );
      const dataset = { length: samples.length, get: (i: number) => samples[i]! };
      return new data.DataLoader(dataset, { batchSize: 64, shuffle, collate: data.padCollate() });
    };

    const model = new models.Seq2Seq(sources.length, targets.length, {
      embeddingDim: hidden,
      hiddenSize: hidden,
      dropout,
      bidirectional: true,
      attention: "general",
    });
    const optimizer = new optim.Adam(model.parameters(), { lr });
    const loader = loaderOf(pairs, true);
    const trainer = new train.Trainer<models.Seq2Seq, Batch>(model, {
      optimizer,
      // The decoder is shown the right words so far, and asked for the next.
      step: (m, [[source, lengths], [target]]) => {
        const begin = tensor(new Int32Array(target.size(0)).fill(targets.bosIndex!), {
          shape: [target.size(0), 1],
        });
        const shown = F.cat([begin, target.narrow(1, 0, target.size(1) - 1)], { dim: 1 });
        return F.crossEntropy(m.forward(source, shown, { lengths }).flatten(0, 1), target.flatten(), {
          ignoreIndex: 0,
          labelSmoothing: 0.1,
        });
      },
      clipNorm: 1,
      scheduler: new optim.lrScheduler.CosineAnnealingLR(optimizer, epochs * loader.length),
      schedulerInterval: "step",
      callbacks: [{ onEpochEnd: ({ epoch }, logs) => console.log(`epoch ${epoch}: loss ${logs.loss!.toFixed(3)}`) }],
    });
    await trainer.fit(loader, { epochs });

    model.eval();
    const bleu = new metrics.BLEUScore();
    const translations: string[][] = [];
    for (const [source] of loaderOf(test, false)) translations.push(...translate(model, source, targets));
    bleu.update(
      translations,
      test.map(([, target]) => [target]),
    );
    for (const i of [0, 1, 2, 3, 4]) console.log(`${test[i]![0].join(" ")} → ${translations[i]!.join(" ")}`);
    const score = 100 * bleu.compute();
    console.log(`BLEU ${score.toFixed(2)} on ${test.length} pairs`);
    return { name: "BLEU short of 100", value: 100 - score, atMost: trainFile === null ? (short ? 60 : 5) : 80 };
  },
);
