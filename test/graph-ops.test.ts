import { describe, expect, test } from "vitest";
import { evaluate } from "../src/graph/evaluate.js";
import type { Graph } from "../src/graph/graph_class.js";
import { optimize } from "../src/graph/optimize.js";
import { trace } from "../src/graph/trace.js";
import { QuadlaneError, RuntimeError, type Tensor } from "../src/node.js";
import { eager, expectNear, inputsOf, moduleOf, sampleCases, type Values } from "./support/graph-samples.js";

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

const cases = await sampleCases();

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
