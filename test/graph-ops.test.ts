import { describe, expect, test } from "vitest";
import { evaluate } from "../src/graph/evaluate.js";
import type { Graph } from "../src/graph/graph_class.js";
import { optimize } from "../src/graph/optimize.js";
import { trace } from "../src/graph/trace.js";
import { noGrad, QuadlaneError, RuntimeError, type Tensor, tensor } from "../src/node.js";
import { Fn } from "./support/graphs.js";
import { dtypeOf, generatorOf, seedOf, tensorOf, valuesOf } from "./support/make.js";
import type { OpCase, Sample } from "./support/op-case.js";
import { loadRows } from "./support/rows.js";

type Values = Readonly<Record<string, readonly number[]>>;

/** The inputs of a sample, and the same values in another order. */
function inputsOf(row: OpCase<never>, sample: Sample<never>): [Tensor[], Tensor[]] {
  const random = generatorOf(seedOf(`${row.name}/${sample.name}`));
  const first = sample.inputs.flatMap((spec) =>
    spec === null ? [] : [tensorOf(valuesOf(spec, random), dtypeOf(spec))],
  );
  const second = first.map((t) => tensor(t.data().toReversed(), { shape: t.shape, dtype: t.dtype }));
  return [first, second];
}

/** The module of a sample's call: its inputs are those that are there. */
function moduleOf(row: OpCase<never>, sample: Sample<never>): Fn {
  return new Fn((...given) => {
    const left = [...given];
    const all = sample.inputs.map((spec) => (spec === null ? null : left.shift()!));
    return row.run(all, sample.options as never);
  });
}

function eager(model: Fn, inputs: readonly Tensor[]): (readonly number[])[] {
  return noGrad(() => {
    const result = model.forward(...inputs) as Tensor | readonly Tensor[];
    return (Array.isArray(result) ? result : [result]).map((t: Tensor) => Array.from(t.data()));
  });
}

function computed(graph: Graph, inputs: readonly Tensor[]): Values {
  return Object.fromEntries(Object.entries(evaluate(graph, inputs)).map(([name, t]) => [name, Array.from(t.data())]));
}

/** What a graph's attributes are made of. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return typeof value !== "function";
  const prototype: unknown = Object.getPrototypeOf(value);
  const plain = Array.isArray(value) || ArrayBuffer.isView(value) || prototype === Object.prototype;
  return plain && Object.values(value).every(isPlain);
}

/** Equal but for rounding; NaN and infinities are the same. */
function expectNear(got: Values, want: Values): void {
  expect(Object.keys(got)).toEqual(Object.keys(want));
  for (const [name, values] of Object.entries(want)) {
    const wrong = got[name]!.findIndex((v, i) => {
      const w = values[i]!;
      return !Object.is(v, w) && !(Math.abs(v - w) <= 1e-5 + 1e-4 * Math.abs(w));
    });
    expect(wrong < 0 ? "alike" : `${name}[${wrong}] is ${got[name]![wrong]}; expected ${values[wrong]}`).toBe("alike");
  }
}

const cases = (await loadRows()).flatMap((row) =>
  row.samples
    .filter((sample) => sample.inputs.some((spec) => spec !== null))
    .map((sample) => ({ row, sample, name: `${row.name}: ${sample.name}` })),
);

describe("the graph of an op", () => {
  test.each(cases)("$name", ({ row, sample }) => {
    const model = moduleOf(row, sample);
    const [inputs, others] = inputsOf(row, sample);
    let graph: Graph;
    try {
      graph = trace(model, inputs);
    } catch (error) {
      expect(error).toBeInstanceOf(RuntimeError);
      expect(String(error)).toContain("random numbers");
      return;
    }
    for (const node of graph.nodes) expect(isPlain(node.attrs), node.op.name).toBe(true);
    const found = computed(graph, inputs);
    expect(Object.values(found)).toEqual(eager(model, inputs));
    const small = optimize(graph);
    expectNear(computed(small, inputs), found);
    // Other values: the same, or a guard says no, or the op itself refuses them.
    try {
      const want = eager(model, others);
      expect(Object.values(computed(graph, others))).toEqual(want);
      expectNear(computed(small, others), computed(graph, others));
    } catch (error) {
      if (!(error instanceof QuadlaneError)) throw error;
    }
  });
});
