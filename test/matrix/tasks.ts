// What every engine does, by name: the package as its users have it, and no built-in of any platform. The driver outside calls these.
import {
  compile,
  data,
  functional as F,
  init,
  type KernelSources,
  manualSeed,
  models,
  noGrad,
  optim,
  type RuntimeInfo,
  runtime,
  scope,
  type Tensor,
  tensor,
} from "quadlane";

const BATCH = 50;

export interface Training {
  /** Means of the first and of the last ten steps. */
  readonly first: number;
  readonly last: number;
  /** Of images that it was not trained on. */
  readonly accuracy: number;
}

/** Trains LeNet-5 on generated digits for two epochs of 40 steps. */
export function train(): Training {
  manualSeed(1);
  const [training, test] = data.randomSplit(data.drawDigits(2500), [0.8, 0.2]);
  const model = new models.LeNet5();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.003 });
  const losses: number[] = [];
  for (let epoch = 0; epoch < 2; epoch++) {
    for (const [images, labels] of new data.DataLoader(training!, { batchSize: BATCH, shuffle: true })) {
      const loss = F.crossEntropy(model.forward(images), labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      losses.push(loss.item());
    }
  }
  let right = 0;
  model.eval();
  for (const [images, labels] of new data.DataLoader(test!, { batchSize: BATCH })) {
    right += noGrad(() => model.forward(images).argmax(1).eq(labels).sum()).item();
  }
  const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  optimizer.dispose();
  model.dispose();
  return { first: mean(losses.slice(0, 10)), last: mean(losses.slice(-10)), accuracy: right / test!.length };
}

/** The largest difference between a session's logits and the module's, relative to the largest logit. */
export function session(): number {
  manualSeed(2);
  const model = new models.LeNet5().eval();
  return scope(() => {
    const x = tensor(wave(8 * 784, 0.37), { shape: [8, 1, 28, 28] });
    const session = compile(model, x);
    const want = Float32Array.from(noGrad(() => model.forward(x)).data());
    const got = session.run({ input: x }).output!.data();
    session.dispose();
    model.dispose();
    const largest = want.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    return want.reduce((most, v, i) => Math.max(most, Math.abs(v - got[i]!)), 0) / largest;
  });
}

const SIDE = 256;
let operands: [Tensor, Tensor] | null = null;

/** Multiplies two matrices of 256 × 256 so many times; the caller holds the watch. Returns a sum over the bits of the last product. */
export function gemm(times: number): number {
  operands ??= [0.013, 0.029].map((step) => tensor(wave(SIDE * SIDE, step), { shape: [SIDE, SIDE] })) as [
    Tensor,
    Tensor,
  ];
  const [a, b] = operands;
  let bits = 0;
  for (let i = 0; i < times; i++) {
    scope(() => {
      const product = a.matmul(b);
      if (i === times - 1) bits = sumOfBits(product);
    });
  }
  return bits;
}

function sumOfBits(t: Tensor): number {
  const values = Float32Array.from(t.data());
  return new Int32Array(values.buffer).reduce((sum, word) => (Math.imul(sum, 31) + word) | 0, 0);
}

function wave(length: number, step: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * step));
}

/** The tasks of an engine whose kernels come from there; what is left out is found by the package itself. */
export function tasksOf(kernels?: KernelSources) {
  return {
    start: (threads: number): Promise<RuntimeInfo> => init(kernels, { threads }),
    runtime,
    train,
    session,
    gemm,
  };
}
