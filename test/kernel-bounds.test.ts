import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { installKernels } from "../src/backend/threads.js";
import { functional as F, nn, noGrad, scope, type Tensor } from "../src/node.js";
import { edgeOfArena } from "./support/guarded-arena.js";
import { dtypeOf, generatorOf, tensorOf, valuesOf } from "./support/make.js";
import type { OpCase, Sample } from "./support/op-case.js";
import { loadRows } from "./support/rows.js";

/** Samples with more elements than this take no other way through a kernel than smaller ones, or one that its own tests cover. */
const LARGE = 3000;

/** Forward and, where there is one, backward of one sample. */
function runSample(row: OpCase<never>, sample: Sample<never>): void {
  const random = generatorOf(1);
  const tensors = sample.inputs.map((spec) => {
    if (spec === null) return null;
    const t = tensorOf(valuesOf(spec, random), dtypeOf(spec));
    return !sample.forwardOnly && (spec.grad ?? t.dtype === "float32") ? t.requiresGrad_() : t;
  });
  scope(() => {
    const outs = [row.run(tensors, sample.options as never)].flat() as Tensor[];
    const sums = outs.filter((t) => t.requiresGrad).map((t) => t.mul(0.7).sum());
    if (!sample.forwardOnly && sums.length > 0) sums.reduce((a, b) => a.add(b)).backward();
  });
  for (const t of tensors) t?.dispose();
}

/** From their second use on the weights of these are read in another form. */
function runPacked(): void {
  const random = generatorOf(1);
  const make = (...shape: number[]): Tensor => tensorOf(valuesOf({ shape }, random), "float32");
  const [a, w] = [make(17, 9), make(13, 9)];
  const layers = [new nn.LSTM(2, 7), new nn.RNN(2, 7)] as const;
  for (let use = 0; use < 2; use++) {
    scope(() => {
      F.linear(a, w);
      for (const n of [1, 5]) {
        const x = make(4, n, 2);
        noGrad(() => [layers[0].forward(x), layers[1].forward(x)]);
      }
    });
  }
  for (const t of [a, w, ...layers]) t.dispose();
}

test("no kernel reads more than the slack behind a block, nor misses a precondition that the debug build asserts", async () => {
  installKernels(new WebAssembly.Module(readFileSync("build/kernels.debug.wasm")), false);
  const atTheEdge = edgeOfArena();
  const trapped: string[] = [];
  const runAtEdges = (name: string, run: () => void): void => {
    let requests = 1;
    for (let k = 0; k < requests; k++) {
      try {
        requests = atTheEdge(k, run);
      } catch (error) {
        trapped.push(`${name}, request ${k}: ${String(error)}`);
        break;
      }
    }
  };
  for (const row of await loadRows()) {
    for (const sample of row.samples) {
      const elements = sample.inputs.reduce((n, spec) => n + (spec?.shape.reduce((a, b) => a * b, 1) ?? 0), 0);
      if (elements <= LARGE) runAtEdges(`${row.name}/${sample.name}`, () => runSample(row, sample));
    }
  }
  runAtEdges("packed weights", runPacked);
  expect(trapped).toEqual([]);
});
