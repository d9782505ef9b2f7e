// Rosenblatt's perceptron: learns from its mistakes alone, until there are none.
import { data, functional as F, Generator, manualSeed, nn, noGrad, type Tensor, tensor } from "quadlane";
import { example } from "./support/cli.js";

const USAGE = `Learns which side of a line points lie on by the perceptron rule, and XOR, which no line separates.

usage: node build/tools/examples/perceptron.js [options]

  --csv FILE       a table with a header; default: generated points
  --target NAME    its column with the class, 0 or 1; default: the last one
  --epochs N       passes at most. Default 200`;

/** Points at least 0.1 away from a line. */
function separable(): [x: Tensor, y: Tensor] {
  const generator = new Generator(2);
  const points: number[][] = [];
  const sides: number[][] = [];
  while (points.length < 200) {
    const [a, b] = Array.from(generator.words(2), (w) => w / 2 ** 31 - 1) as [number, number];
    const distance = 0.8 * a - 0.6 * b + 0.1;
    if (Math.abs(distance) < 0.1) continue;
    points.push([a, b]);
    sides.push([distance > 0 ? 1 : 0]);
  }
  return [tensor(points), tensor(sides)];
}

function table(file: string, target: string | null): [x: Tensor, y: Tensor] {
  const rows = data.readCsv(file);
  const goal = target ?? rows.names.at(-1)!;
  return [rows.numbers(rows.names.filter((name) => name !== goal)), rows.numbers([goal])];
}

/** Mistakes of each pass, until one has none. */
function learn(model: nn.Perceptron, x: Tensor, y: Tensor, epochs: number): number[] {
  const mistakes: number[] = [];
  while (mistakes.length < epochs && mistakes.at(-1) !== 0) mistakes.push(model.learn(x, y, 0.1));
  return mistakes;
}

const FLAGS = {
  defaults: { csv: null, target: null, epochs: 200 },
  short: { epochs: 50 },
  needs: { target: "csv" },
} as const;

await example(USAGE, FLAGS, ({ csv, target, epochs }) => {
  manualSeed(1);
  const [x, y] = csv === null ? separable() : table(csv, target);
  const model = new nn.Perceptron(x.size(1), 1);
  const mistakes = learn(model, x, y, epochs);
  console.log(`mistakes in each pass: ${mistakes.join(", ")}`);
  console.log(`weights ${model.weight.tolist()}, bias ${model.bias!.tolist()}`);

  const xor = learn(
    new nn.Perceptron(2, 1),
    tensor([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]),
    tensor([[0], [1], [1], [0]]),
    20,
  );
  console.log(`XOR, which it cannot learn: ${xor.join(", ")}`);

  const wrong = noGrad(() => F.ne(model.forward(x), y).to("float32").mean().item());
  return { name: "share of mistakes", value: wrong, atMost: csv === null ? 0 : 0.5 };
});
