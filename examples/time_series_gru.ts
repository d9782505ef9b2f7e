// Forecasting with a GRU, beside the forecast that any season gives: the same as one season ago.
import { data, functional as F, Generator, manualSeed, nn, optim, type Tensor, tensor, train } from "quadlane";
import { example } from "./support/cli.js";

const USAGE = `Forecasts the next week of a series of days.

usage: node build/tools/examples/time_series_gru.js [options]

  --csv FILE       a table with a header; default: a generated series
  --column NAME    the column to forecast; default: the last one
  --season N       values in a season. Default 365
  --window N       values that the model sees. Default 60
  --horizon N      values that it forecasts. Default 7
  --epochs N       passes over the training set. Default 15`;

/** Ten years of days: a yearly wave, weather that lingers for days, noise. */
function weather(): number[] {
  const generator = new Generator(7);
  const noise = (): number => generator.words(4).reduce((sum, w) => sum + w / 2 ** 32 - 0.5, 0) * Math.sqrt(3);
  let lasting = 0;
  return Array.from({ length: 3650 }, (_, day) => {
    lasting = 0.8 * lasting + noise();
    return 12 + 6 * Math.cos((2 * Math.PI * day) / 365) + 1.5 * lasting + noise();
  });
}

/** Reads the last values [N, window] and forecasts the next ones as differences from the last. */
class Forecaster extends nn.Module {
  gru: nn.GRU;
  head: nn.Linear;

  constructor(horizon: number) {
    super();
    this.gru = new nn.GRU(1, 32, { batchFirst: true });
    this.head = new nn.Linear(32, horizon);
  }

  forward(x: Tensor): Tensor {
    const [, last] = this.gru.forward(x.unsqueeze(2));
    return this.head.forward(last.select(0, 0)).add(x.narrow(1, x.size(1) - 1, 1));
  }
}

const FLAGS = {
  defaults: { csv: null, column: null, season: 365, window: 60, horizon: 7, epochs: 15 },
  short: { epochs: 3 },
  needs: { column: "csv" },
} as const;

await example(USAGE, FLAGS, async ({ csv, column, season, window, horizon, epochs }) => {
  manualSeed(1);
  const values = csv === null ? weather() : readColumn(csv, column);
  const cut = Math.floor(values.length * 0.8);
  const scaler = new data.Standardizer().fit(tensor(values.slice(0, cut)).reshape([-1, 1]));
  const scaled = scaler.transform(tensor(values).reshape([-1, 1])).reshape([-1]);
  const windows = (from: number, to: number): data.SlidingWindows =>
    new data.SlidingWindows(scaled.narrow(0, from, to - from), { window, horizon });

  const model = new Forecaster(horizon);
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.003 });
  const trainer = new train.Trainer(model, { optimizer, loss: F.smoothL1Loss, clipNorm: 1 });
  const history = await trainer.fit(new data.DataLoader(windows(0, cut), { batchSize: 64, shuffle: true }), {
    epochs,
  });
  for (const { epoch, logs } of history.epochs) console.log(`epoch ${epoch}: ${logs.loss!.toFixed(4)}`);

  const unit = scaler.std[0]!;
  const test = new data.DataLoader(windows(cut - window, values.length), { batchSize: 256 });
  const mae = async (forecast: (x: Tensor) => Tensor): Promise<number> => {
    const step: train.TrainingStep<Forecaster, readonly [Tensor, Tensor]> = (_, [x, y]) => F.l1Loss(forecast(x), y);
    const { valLoss } = await new train.Trainer(model, { optimizer, step }).validate(test);
    return unit * valLoss!;
  };
  const gru = await mae((x) => model.forward(x));
  const persistence = await mae((x) => x.narrow(1, window - 1, 1).expand([x.size(0), horizon]));
  const seasonal = seasonalNaive(values, cut, season, horizon);
  console.log(`mean absolute error on the last fifth, ${horizon} values ahead:`);
  console.log(
    `GRU ${gru.toFixed(3)}, the last value again ${persistence.toFixed(3)}, a season ago ${seasonal.toFixed(3)}`,
  );
  return { name: "error of the GRU ÷ error of the seasonal forecast", value: gru / seasonal, atMost: 0.95 };
});

/** Mean error of "the same as a season ago" over the same forecasts as the model's. */
function seasonalNaive(values: readonly number[], cut: number, season: number, horizon: number): number {
  const errors: number[] = [];
  for (let start = cut; start + horizon <= values.length; start++) {
    for (let i = start; i < start + horizon; i++) errors.push(Math.abs(values[i]! - values[i - season]!));
  }
  return errors.reduce((a, b) => a + b, 0) / errors.length;
}

function readColumn(file: string, column: string | null): number[] {
  const table = data.readCsv(file);
  return [...table.numbers([column ?? table.names.at(-1)!]).data()];
}
