import { expect, test, vi } from "vitest";
import { splitNames } from "../src/backend/threaded.js";
import { splits } from "../src/backend/threaded_splits.js";
import {
  arange,
  type DataArray,
  functional as F,
  Generator,
  manualSeed,
  nn,
  noGrad,
  optim,
  randn,
  scope,
  type Tensor,
  tensor,
} from "../src/node.js";
import { withFrugality } from "../src/runtime/frugal.js";
import { Pool } from "../src/runtime/threads.js";
import { dtypeOf, generatorOf, seedOf, tensorOf, valuesOf } from "./support/make.js";
import type { OpCase, Sample } from "./support/op-case.js";
import { loadRows } from "./support/rows.js";
import { expectSameBits } from "./support/threads.js";

const rows = await loadRows();

/** Outputs and gradients of one sample. */
function runSample(row: OpCase<never>, sample: Sample<never>, results: Map<string, DataArray>): void {
  const name = `${row.name}/${sample.name}`;
  const random = generatorOf(seedOf(name));
  manualSeed(1);
  const tensors = sample.inputs.map((spec) => {
    if (spec === null) return null;
    const t = tensorOf(valuesOf(spec, random), dtypeOf(spec));
    return !sample.forwardOnly && (spec.grad ?? t.dtype === "float32") ? t.requiresGrad_() : t;
  });
  scope(() => {
    const outs = [row.run(tensors, sample.options as never)].flat() as Tensor[];
    for (const [i, out] of outs.entries()) results.set(`${name}, output ${i}`, out.data());
    const sums = outs.filter((t) => t.requiresGrad).map((t) => t.mul(0.7).sum());
    if (sums.length > 0) sums.reduce((a, b) => a.add(b)).backward();
  });
  for (const [i, t] of tensors.entries()) {
    if (t?.grad) results.set(`${name}, gradient ${i}`, t.grad.data());
    t?.dispose();
  }
}

const { Adam, AdamW, NAdam, RAdam, Adamax, RMSprop, Adagrad, Adadelta, ASGD, Rprop, SGD } = optim;
const optimizers: ((p: Tensor[]) => optim.Optimizer)[] = [
  (p) => new Adam(p, { amsgrad: true, weightDecay: 0.1 }),
  (p) => new AdamW(p),
  (p) => new NAdam(p),
  (p) => new RAdam(p),
  (p) => new Adamax(p),
  (p) => new RMSprop(p, { momentum: 0.9, centered: true }),
  (p) => new Adagrad(p),
  (p) => new Adadelta(p),
  (p) => new ASGD(p),
  (p) => new Rprop(p),
  (p) => new SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true }),
];

/** Parameters of two sizes after three steps towards a ramp. */
function runOptimizer(make: (p: Tensor[]) => optim.Optimizer, results: Map<string, DataArray>): void {
  const parameters = [1003, 50].map((n) => tensor(new Float32Array(n).fill(0.1), { requiresGrad: true }));
  const optimizer = make(parameters);
  for (let step = 0; step < 3; step++) {
    scope(() => {
      optimizer.zeroGrad();
      for (const p of parameters) p.sub(arange(p.numel)).square().mean().backward();
      optimizer.step();
    });
  }
  for (const p of parameters) {
    results.set(`${optimizer.constructor.name}, ${p.numel} parameters`, p.data());
    p.dispose();
  }
  optimizer.dispose();
}

/** From the second use on the weights of a convolution are kept in another form, unless memory counts more than time. */
function runConvolution(results: Map<string, DataArray>, frugal: boolean): void {
  const generator = new Generator(1);
  const x = randn([2, 24, 14, 14], { generator }).requiresGrad_();
  const w = randn([40, 24, 3, 3], { generator });
  for (let use = 0; use < 3; use++) {
    scope(() => {
      const y = F.conv2d(x, w, null, { padding: 1 });
      results.set(`convolution ${use}, ${frugal}`, y.data());
      y.sum().backward();
    });
  }
  results.set(`gradient of three convolutions, ${frugal}`, x.grad!.data());
  x.dispose();
  w.dispose();
}

/** So are those of linear layers, whose products are cut by rows or by columns, and of recurrent ones. */
function runPacked(results: Map<string, DataArray>): void {
  const generator = new Generator(1);
  const shapes = [
    [70, 300, 24],
    [20, 300, 300],
  ] as const;
  const [lstm, gru, x] = [new nn.LSTM(8, 24), new nn.GRU(8, 24), randn([5, 6, 8], { generator })];
  for (const p of [...lstm.parameters(), ...gru.parameters()]) {
    scope(() => noGrad(() => void p.copy_(randn(p.shape, { generator }))));
  }
  const products = shapes.map(([m, k, n]) => [randn([m, k], { generator }), randn([n, k], { generator })] as const);
  for (let use = 0; use < 3; use++) {
    scope(() => {
      for (const [a, w] of products) results.set(`linear ${w.shape} ${use}`, F.linear(a, w).data());
      const ys = noGrad(() => [lstm.forward(x)[0], gru.forward(x)[0]]);
      for (const [i, y] of ys.entries()) results.set(`recurrent ${i} ${use}`, y.data());
    });
  }
  for (const t of [x, ...products.flat(), lstm, gru]) t.dispose();
}

test("every op and optimizer gives the same bits on two, three and four threads as on one, gradients too", async () => {
  const run = vi.spyOn(Pool.prototype, "run");
  const work = (): Map<string, DataArray> => {
    const results = new Map<string, DataArray>();
    for (const row of rows) for (const sample of row.samples) runSample(row, sample, results);
    for (const make of optimizers) runOptimizer(make, results);
    for (const frugal of [false, true]) withFrugality(frugal, () => runConvolution(results, frugal));
    runPacked(results);
    return results;
  };
  await expectSameBits([2, 3, 4], work, true);
  const cut = new Set(run.mock.calls.map(([call]) => call.name));
  expect(
    splitNames(splits).filter((name) => !cut.has(name)),
    "kernels that no sample is large enough for",
  ).toEqual([]);
});
