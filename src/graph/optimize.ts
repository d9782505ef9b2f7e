import { checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Graph } from "./graph_class.js";
import { activationFusion } from "./passes/activations.js";
import { scalarArithmetic } from "./passes/arithmetic.js";
import { attentionFusion } from "./passes/attention.js";
import { batchNormFolding } from "./passes/batch_norm.js";
import { commonSubexpressions } from "./passes/common.js";
import { constantFolding } from "./passes/constant_folding.js";
import { deadCode } from "./passes/dead_code.js";
import { epilogues } from "./passes/epilogues.js";
import { geluFusion } from "./passes/gelu.js";
import { layerNormFusion } from "./passes/layer_norm.js";
import { linearLayers } from "./passes/linear_layers.js";
import { transposeElimination } from "./passes/transposes.js";
import { viewMerging } from "./passes/views.js";

/** Makes another graph that computes the same; the same object if there is nothing to do. */
export type Pass = (graph: Graph) => Graph;

/** All passes, in the order in which `optimize` runs them: canonical forms first, then what looks for them. */
export const passes = {
  deadCode,
  linearLayers,
  constantFolding,
  scalarArithmetic,
  viewMerging,
  commonSubexpressions,
  transposeElimination,
  layerNormFusion,
  geluFusion,
  activationFusion,
  attentionFusion,
  batchNormFolding,
  epilogues,
} as const satisfies Readonly<Record<string, Pass>>;

export interface OptimizeOptions {
  /** What runs, in this order. Default: all of `passes`. */
  readonly passes?: readonly Pass[];
}

/** No model needs as many; a bound all the same, so that two passes that undo each other end. */
const ROUNDS = 16;

/**
 * Runs passes over a graph, again and again until none changes anything. The result computes the same but for rounding. Weights that
 * a pass has folded into others are copies: a graph that is to follow later changes of its model must be made again.
 */
export function optimize(graph: Graph, options: OptimizeOptions = {}): Graph {
  checkOptions("optimize", options, ["passes"]);
  const list = options.passes ?? Object.values(passes);
  for (const pass of list) {
    if (typeof pass !== "function")
      throw new ArgumentError("optimize", `a pass is ${String(pass)}; expected a function`);
  }
  let now = graph;
  for (let round = 0; round < ROUNDS; round++) {
    const before = now;
    for (const pass of list) {
      const next = pass(now);
      // What one pass has made and another has replaced.
      if (next !== now && now !== graph) now.dispose(graph, next);
      now = next;
    }
    if (now === before) break;
  }
  return now;
}
