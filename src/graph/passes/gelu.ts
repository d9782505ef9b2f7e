import { geluOp, geluTanhOp } from "../../ops/activation.js";
import { erfOp, tanhOp } from "../../ops/transcendental.js";
import { type Draft, rewrite, sameDims } from "../draft.js";
import type { GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { nodeOf, runs } from "../node.js";
import { isPolynomial, polynomial } from "../polynomial.js";

/** The arguments of erf and tanh, as polynomials of x. */
const ERF = { "1": Math.SQRT1_2 };
const TANH = { "1": Math.sqrt(2 / Math.PI), "3": 0.044715 * Math.sqrt(2 / Math.PI) };

/** x/2 + x·t/2. */
const GATED = { "1,0": 0.5, "1,1": 0.5 };

/** How many ops lie between erf or tanh and x, or the result, at most. */
const REACH = 6;

/** Makes one op of x/2 · (1 + erf(x/√2)), and of the form with tanh, in whatever order the factors stand. */
export function geluFusion(graph: Graph): Graph {
  return rewrite(graph, (node, draft) => {
    const isErf = runs(node, erfOp);
    if (!isErf && !runs(node, tanhOp)) return;
    const [inner] = node.inputs as readonly [Value];
    const [t] = node.outputs as readonly [Value];
    for (const x of ancestors(inner, draft)) {
      if (!sameDims(x, t) || !isPolynomial(polynomial(inner, [x], draft), isErf ? ERF : TANH)) continue;
      const end = descendants(t, draft).find((n) => isPolynomial(polynomial(n.outputs[0]!, [x, t], draft), GATED));
      if (end === undefined) continue;
      draft.replace(end, nodeOf(isErf ? geluOp : geluTanhOp, [x], end.outputs, undefined, end.module));
      return;
    }
  });
}

/** What a value is made from, the nearest first. */
function ancestors(value: Value, draft: Draft): Value[] {
  const found = new Set<Value>();
  let level = [value];
  for (let depth = 0; depth < REACH && level.length > 0; depth++) {
    level = level.flatMap((v) => draft.maker(v)?.inputs.filter((input) => input !== null) ?? []);
    for (const v of level) found.add(v);
  }
  return [...found];
}

/** The nodes that read a value, and those that read what they make. */
function descendants(value: Value, draft: Draft): GraphNode[] {
  const found = new Set<GraphNode>();
  let level = [value];
  for (let depth = 0; depth < REACH && level.length > 0; depth++) {
    const readers = level.flatMap((v) => draft.readersOf(v));
    for (const node of readers) found.add(node);
    level = readers.flatMap((node) => node.outputs);
  }
  return [...found];
}
