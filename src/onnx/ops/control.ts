import { makeTensor } from "../../creation.js";
import * as F from "../../functional/index.js";
import { constant } from "../../ops/copy.js";
import { currentScope } from "../../runtime/scope.js";
import { adopt, type Tensor } from "../../tensor.js";
import { as, axisOf, type Inputs, maybeAt, needed } from "../arguments.js";
import type { Arg, NodeView, OperatorTable, Value } from "../handler.js";
import { argAt, numberAt, tensorsIn, type Values } from "../values.js";

function runIdentity(node: NodeView, [value]: Values): readonly Value[] {
  if (value === null || value === undefined) throw node.fail("input 0 is missing; expected a value");
  return [value];
}

function runIf(node: NodeView, inputs: Values): readonly Value[] {
  return node.run(numberAt(node, inputs, 0) !== 0 ? "then_branch" : "else_branch", []);
}

/** The steps that outputs are made of, a list for each. */
class Collected {
  readonly lists: readonly Arg[][];
  private readonly tensors = new Set<Tensor>();

  constructor(count: number) {
    this.lists = Array.from({ length: count }, () => []);
  }

  add(steps: readonly Arg[]): void {
    for (const [k, list] of this.lists.entries()) {
      list.push(steps[k]!);
      this.tensors.add(steps[k]!.tensor);
    }
  }

  /** Frees what a step has replaced; what came from outside, is collected, or is among the new results, stays. */
  free(old: readonly Value[], results: readonly Value[]): void {
    const own = currentScope();
    const inUse = new Set(results.flatMap(tensorsIn));
    for (const tensor of old.flatMap(tensorsIn)) {
      if (tensor.scope === own && !inUse.has(tensor) && !this.tensors.has(tensor)) tensor.dispose();
    }
  }
}

/** The results of a body, as many as are read. */
function results(node: NodeView, inputs: readonly Value[], count: number): readonly Value[] {
  const outs = node.run("body", inputs);
  if (outs.length < count) throw node.fail(`the body has ${outs.length} outputs; expected ${count}`);
  return outs;
}

/** The results of a body that are tensors, from a place on. */
function tensorsFrom(node: NodeView, outs: readonly Value[], start: number): Arg[] {
  return outs.slice(start).map((_, i) => argAt(node, outs, start + i, "the body's output"));
}

/** Steps along a new axis; the steps' tensors are not needed any more. */
function stacked(node: NodeView, steps: readonly Arg[], axis: number): Arg {
  const first = steps[0];
  if (first === undefined) return { tensor: constant([0], 0), elem: "float32" };
  const dim = axisOf(node, axis, first.tensor.ndim + 1);
  return as(
    first,
    F.stack(
      steps.map((s) => s.tensor),
      { dim },
    ),
  );
}

/** The body gets the number of the iteration, the condition and the states; it returns condition, states and what is collected. */
function runLoop(node: NodeView, inputs: Values): readonly Value[] {
  const most = numberAt(node, inputs, 0) ?? Infinity;
  let goesOn = (numberAt(node, inputs, 1) ?? 1) !== 0;
  // A state that is left out is an optional value that is not there.
  let states: readonly Value[] = inputs.slice(2).map((value) => value ?? { absent: true });
  const collected = new Collected(node.outputs - states.length);
  for (let i = 0; i < most && goesOn; i++) {
    const count: Arg = { tensor: adopt(makeTensor(Int32Array.of(i), { shape: [] })), elem: "int64" };
    const condition: Arg = { tensor: constant([], goesOn ? 1 : 0, "bool"), elem: "bool" };
    const given = [count, condition, ...states];
    const outs = results(node, given, 1 + node.outputs);
    goesOn = argAt(node, outs, 0, "the body's output").tensor.item() !== 0;
    collected.add(tensorsFrom(node, outs, 1 + states.length));
    collected.free(given, outs);
    states = outs.slice(1, 1 + states.length);
  }
  return [...states, ...collected.lists.map((steps) => stacked(node, steps, 0))];
}

/** What a scan goes over, and how. */
interface ScanPlan {
  readonly states: number;
  readonly inputAxes: readonly number[];
  readonly inputBackwards: readonly boolean[];
  readonly outputAxes: readonly number[];
  readonly outputBackwards: readonly boolean[];
}

/** Steps along one axis of each of `sequences`: the body gets the states and one step of each. */
function scan(node: NodeView, first: readonly Arg[], sequences: readonly Arg[], plan: ScanPlan): readonly Arg[] {
  const axes = sequences.map(({ tensor }, i) => axisOf(node, plan.inputAxes[i] ?? 0, tensor.ndim));
  const length = sequences[0]?.tensor.size(axes[0]!) ?? 0;
  const collected = new Collected(node.outputs - plan.states);
  let states = first;
  for (let i = 0; i < length; i++) {
    const steps = sequences.map((s, k) =>
      as(s, F.select(s.tensor, { dim: axes[k]!, index: plan.inputBackwards[k] ? length - 1 - i : i })),
    );
    const outs = tensorsFrom(node, results(node, [...states, ...steps], node.outputs), 0);
    collected.add(outs.slice(plan.states));
    collected.free([...states, ...steps], outs);
    states = outs.slice(0, plan.states);
  }
  const lists = collected.lists.map((list, k) => (plan.outputBackwards[k] ? list.toReversed() : list));
  return [...states, ...lists.map((list, k) => stacked(node, list, plan.outputAxes[k] ?? 0))];
}

function backwards(node: NodeView, name: string): boolean[] {
  return node.ints(name, []).map((direction) => direction !== 0);
}

function runScan(node: NodeView, inputs: Inputs): readonly Arg[] {
  const args = inputs.map((_, i) => needed(node, inputs, i));
  const states = args.length - node.int("num_scan_inputs");
  return scan(node, args.slice(0, states), args.slice(states), {
    states,
    inputAxes: node.ints("scan_input_axes", []),
    inputBackwards: backwards(node, "scan_input_directions"),
    outputAxes: node.ints("scan_output_axes", []),
    outputBackwards: backwards(node, "scan_output_directions"),
  });
}

/** Operator set 8: everything has a batch in front, and each of its sequences may have a length of its own. */
function runBatchedScan(node: NodeView, inputs: Inputs): readonly Arg[] {
  const args = inputs.slice(1).map((_, i) => needed(node, inputs, i + 1));
  const states = args.length - node.int("num_scan_inputs");
  const batch = args[0]?.tensor.size(0) ?? 0;
  const longest = args.at(-1)?.tensor.size(1) ?? 0;
  const lengths = maybeAt(inputs, 0)?.data();
  const plan = {
    states,
    inputAxes: [],
    inputBackwards: backwards(node, "directions"),
    outputAxes: [],
    outputBackwards: [],
  };
  const samples = Array.from({ length: batch }, (_, b) => {
    const own = args.map((arg) => as(arg, F.select(arg.tensor, { dim: 0, index: b })));
    const length = lengths?.[b] ?? longest;
    const cut = own.slice(states).map((arg) => as(arg, F.narrow(arg.tensor, { dim: 0, start: 0, length })));
    const outs = scan(node, own.slice(0, states), cut, plan);
    return outs.map((arg, k) => (k < states ? arg : as(arg, filledUp(arg.tensor, longest))));
  });
  return Array.from({ length: node.outputs }, (_, k) =>
    stacked(
      node,
      samples.map((outs) => outs[k]!),
      0,
    ),
  );
}

/** With zeros up to a length. */
function filledUp(x: Tensor, length: number): Tensor {
  const missing = length - x.size(0);
  return missing === 0 ? x : F.cat([x, constant([missing, ...x.shape.slice(1)], 0, x.dtype)]);
}

const SCAN = [
  "num_scan_inputs",
  "scan_input_axes",
  "scan_input_directions",
  "scan_output_axes",
  "scan_output_directions",
];

/** Control flow: conditions are read on the host. */
export const control: OperatorTable = {
  Identity: [{ since: 1, attributes: [], runValues: runIdentity }],
  If: [{ since: 1, attributes: ["then_branch", "else_branch"], runValues: runIf }],
  Loop: [{ since: 1, attributes: ["body"], runValues: runLoop }],
  Scan: [
    { since: 8, attributes: ["body", "directions", "num_scan_inputs"], run: runBatchedScan },
    { since: 9, attributes: ["body", ...SCAN], run: runScan },
  ],
};
