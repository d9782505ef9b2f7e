// Linear regression two ways: the closed form of least squares and gradient descent, which must agree.
import {
  data,
  functional as F,
  linalg,
  manualSeed,
  nn,
  noGrad,
  ones,
  optim,
  randn,
  scope,
  type Tensor,
  tensor,
} from "quadlane";
import { example } from "./support/cli.js";

const USAGE = `Fits y = X w + b by the closed form and by gradient descent, and tells how far apart they are.

usage: node build/tools/examples/linear_regression.js [options]

  --csv FILE       a table with a header; default: generated data
  --target NAME    its column to predict; default: the last one
  --epochs N       steps of gradient descent. Default 500`;

interface Problem {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly names: readonly string[];
}

function generated(): Problem {
  const weights = [2, -3.4, 1.5];
  const x = randn([1000, weights.length]);
  const y = scope(() =>
    x
      .matmul(tensor(weights))
      .add(4.2)
      .add(randn([1000]).mul(0.1))
      .reshape([-1, 1])
      .keep(),
  );
  return { x, y, names: weights.map((w) => `x (${w})`) };
}

/** Columns with mean 0 and variance 1: gradient descent is slow on others. */
function table(file: string, target: string | null): Problem {
  const rows = data.readCsv(file);
  const goal = target ?? rows.names.at(-1)!;
  const names = rows.names.filter((name) => name !== goal);
  const [x, y] = [rows.numbers(names), rows.numbers([goal])];
  return { x: new data.Standardizer().fit(x).transform(x), y: new data.Standardizer().fit(y).transform(y), names };
}

const FLAGS = {
  defaults: { csv: null, target: null, epochs: 500 },
  short: { epochs: 250 },
  needs: { target: "csv" },
} as const;

await example(USAGE, FLAGS, ({ csv, target, epochs }) => {
  manualSeed(1);
  const { x, y, names } = csv === null ? generated() : table(csv, target);
  const exact = scope(() => linalg.lstsq(F.cat([x, ones([x.size(0), 1])], { dim: 1 }), y).solution.data());

  const model = new nn.Linear(names.length, 1);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
  for (let epoch = 0; epoch < epochs; epoch++) {
    scope(() => {
      const loss = F.mseLoss(model.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      if (epoch % 100 === 0) console.log(`epoch ${epoch}: loss ${loss.item().toFixed(5)}`);
    });
  }

  const found = [...model.weight.data(), ...model.bias!.data()];
  console.log("\n                     closed form    descent");
  [...names, "bias"].forEach((name, i) => {
    console.log(`${name.padEnd(20)} ${exact[i]!.toFixed(5).padStart(11)} ${found[i]!.toFixed(5).padStart(10)}`);
  });
  console.log(`loss ${noGrad(() => F.mseLoss(model.forward(x), y).item()).toFixed(5)}`);
  return { name: "largest difference", value: Math.max(...found.map((v, i) => Math.abs(v - exact[i]!))), atMost: 1e-3 };
});
