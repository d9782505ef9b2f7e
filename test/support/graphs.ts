import { expect } from "vitest";
import { evaluate } from "../../src/graph/evaluate.js";
import type { Graph } from "../../src/graph/graph_class.js";
import type { Pass } from "../../src/graph/optimize.js";
import { type TraceOptions, trace } from "../../src/graph/trace.js";
import { nn, type Tensor } from "../../src/node.js";

export type Forward = (...args: readonly Tensor[]) => unknown;

/** A module of a function; `parts` are its sub-modules and tensors. */
export class Fn extends nn.Module {
  constructor(
    private readonly fn: Forward,
    readonly parts: nn.Module | null = null,
  ) {
    super();
  }
  override forward(...args: readonly Tensor[]): unknown {
    return this.fn(...args);
  }
}

/** The lines of a graph's ops. */
export function body(graph: Graph): string[] {
  const lines = String(graph).split("\n").slice(1, -1);
  return lines.map((line) => line.trim()).filter((line) => !/^(input|const) /.test(line));
}

/** How a pass changes the graph of a function, whose outputs it must leave as they are. */
export function rewritten(
  pass: Pass,
  fn: Forward | nn.Module,
  inputs: readonly Tensor[],
  options: TraceOptions = {},
): { before: string; after: string; graph: Graph } {
  const before = trace(fn instanceof nn.Module ? fn : new Fn(fn), inputs, options);
  const graph = pass(before);
  expectSame(graph, before, inputs);
  expect(pass(graph)).toBe(graph);
  return { before: body(before).join("\n"), after: body(graph).join("\n"), graph };
}

/** Both graphs give the same but for rounding, under the same names. */
export function expectSame(graph: Graph, other: Graph, inputs: readonly Tensor[], tolerance = 1e-5): void {
  const want = evaluate(other, inputs);
  const got = evaluate(graph, inputs);
  expect(Object.keys(got)).toEqual(Object.keys(want));
  for (const [name, t] of Object.entries(want)) {
    const values = t.data();
    const found = got[name]!;
    expect(found.shape).toEqual(t.shape);
    const largest = Math.max(1, ...Array.from(values, Math.abs));
    const error = Math.max(0, ...Array.from(found.data(), (v, i) => Math.abs(v - values[i]!)));
    expect(error).toBeLessThanOrEqual(tolerance * largest);
  }
}
