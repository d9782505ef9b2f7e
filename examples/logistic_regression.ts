// Logistic regression: one linear layer and the sigmoid of its score.
import { data, functional as F, manualSeed, metrics, nn, optim, randn, scope, type Tensor, train } from "quadlane";
import { example } from "./support/cli.js";

const USAGE = `Tells two classes apart by a line through the data.

usage: node build/tools/examples/logistic_regression.js [options]

  --csv FILE       a table with a header; default: two generated clouds
  --target NAME    its column with the class, 0 or 1; default: the last one
  --epochs N       passes over the training set. Default 30`;

/** Rows with their classes: x [N, F], y [N, 1]. */
type Rows = readonly [x: Tensor, y: Tensor];

/** Two clouds whose means are 3 apart: no line does better than 93 %. */
function clouds(): Rows {
  const n = 2000;
  const y = scope(() => randn([n, 1]).gt(0).to("float32").keep());
  const x = scope(() =>
    randn([n, 2])
      .add(y.sub(0.5).mul(3 / Math.SQRT2))
      .keep(),
  );
  return [x, y];
}

function table(file: string, target: string | null): Rows {
  const rows = data.readCsv(file);
  const goal = target ?? rows.names.at(-1)!;
  return [rows.numbers(rows.names.filter((name) => name !== goal)), rows.numbers([goal])];
}

const FLAGS = {
  defaults: { csv: null, target: null, epochs: 30 },
  short: { epochs: 10 },
  needs: { target: "csv" },
} as const;

await example(USAGE, FLAGS, async ({ csv, target, epochs }) => {
  manualSeed(1);
  const [x, y] = csv === null ? clouds() : table(csv, target);
  const [training, test] = data.randomSplit(new data.TensorDataset(x, y), [0.8, 0.2]);
  const features = x.size(1);

  // The first layer normalises by the training set's statistics, which it gathers in the first epochs.
  const linear = new nn.Linear(features, 1);
  const model = new nn.Sequential(new nn.BatchNorm1d(features, { affine: false }), linear);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
  const trainer = new train.Trainer(model, {
    optimizer,
    loss: F.binaryCrossEntropyWithLogits,
    metrics: { accuracy: new metrics.Accuracy({ task: "binary", threshold: 0 }) },
  });
  const loader = new data.DataLoader(training!, { batchSize: 64, shuffle: true });
  await trainer.fit(loader, { epochs });
  const { valLoss, valAccuracy } = await trainer.validate(new data.DataLoader(test!, { batchSize: 256 }));
  console.log(`test accuracy ${(100 * valAccuracy!).toFixed(1)} %`);
  console.log(`weights ${linear.weight.tolist()}`);
  return { name: "test loss", value: valLoss!, atMost: 0.3 };
});
