import { checkOptions } from "../check.js";
import { ArenaError, ArgumentError } from "../errors.js";
import { modesOf } from "../nn/mode.js";
import { checkModule, type Module } from "../nn/module.js";
import { contiguous, contiguousOp } from "../ops/copy.js";
import { watchOps } from "../profile.js";
import { frugal } from "../runtime/frugal.js";
import { watchHost } from "../runtime/watch.js";
import { noGrad } from "../scoping.js";
import type { Tensor } from "../tensor.js";
import { mapTensors, namedTensors } from "./arguments.js";
import type { GraphNode, GraphParts, Value } from "./graph.js";
import { Graph } from "./graph_class.js";
import { nodeOf } from "./node.js";
import { withoutDeadCode } from "./passes/dead_code.js";
import { Names, Recorder } from "./recorder.js";
import { checkDynamic, generalised, type Sample, samplesOf } from "./symbols.js";

/** What varies together: every dimension of an input that a symbol stands for. */
export type DynamicSizes = Readonly<Record<string, readonly (readonly [input: string, dim: number])[]>>;

export interface TraceOptions {
  /** Names of the tensors among the inputs, in order. Default: "input", or "input_0", "input_1" … if there are several. */
  readonly inputNames?: readonly string[];
  /** Names of the tensors in the result, in order. Default: "output", "output_0" … or the keys of the object that holds them. */
  readonly outputNames?: readonly string[];
  /** Sizes that are to stay open, as `{ N: [["input", 0]] }`. Default: none. */
  readonly dynamic?: DynamicSizes;
}

/** The arguments of `forward`; tensors in them, in arrays and plain objects too, are the graph's inputs. One tensor stands for itself. */
export type TraceInputs = Tensor | readonly unknown[];

/**
 * Runs a module once, in evaluation mode and without gradients, and notes its ops: the graph computes what `forward` does for
 * inputs of the same shapes, as long as the values that `forward` reads in JavaScript (`item()`, `data()`, `tolist()`) come out the
 * same: they are the graph's guards. What depends on no input is a constant. Ops whose results nobody uses are left out.
 *
 * With `dynamic`, the module runs at a few other sizes as well, and every size and attribute that changes is an expression of the symbols. An
 * example of size 1 is repeated to 2 for that, since a size of 1 broadcasts. Modes are restored and no tensor of the run is left behind.
 *
 * Errors: ArgumentError for something that is no module, an asynchronous `forward`, a result without tensors, names that are
 * taken, sizes for which the module takes another way or needs other constants; RuntimeError if it draws random numbers or overwrites
 * in place what the graph reads.
 */
export function trace(model: Module, inputs: TraceInputs, options: TraceOptions = {}): Graph {
  checkModule("trace", "model", model);
  checkOptions("trace", options, ["inputNames", "outputNames", "dynamic"]);
  const given = Array.isArray(inputs) ? inputs : [inputs];
  const symbols = checkDynamic(namedTensors("input", given, options.inputNames), options.dynamic ?? {});
  return noGrad(() => {
    // How the examples lie in memory is no part of what they are examples of.
    const args = mapTensors(given, contiguous) as readonly unknown[];
    const samples = samplesOf(namedTensors("input", args, options.inputNames), symbols);
    return new Graph(
      generalised(
        samples.map(({ sizes, tensors }): Sample => {
          const replaced = mapTensors(args, (t) => tensors.get(t) ?? t) as readonly unknown[];
          return { sizes, parts: recorded(model, replaced, options) };
        }),
      ),
    );
  });
}

function recorded(model: Module, args: readonly unknown[], options: TraceOptions): GraphParts {
  if (!frugal) return recordedOnce(model, args, options, false);
  try {
    return recordedOnce(model, args, options, true);
  } catch (error) {
    // A module may hand a tensor on in other ways than by returning it: then it was freed too early.
    if (!(error instanceof ArenaError)) throw error;
    return recordedOnce(model, args, options, false);
  }
}

/** One run; see `Recorder.attach` for `tidy`. */
function recordedOnce(model: Module, args: readonly unknown[], options: TraceOptions, tidy: boolean): GraphParts {
  const named = namedTensors("input", args, options.inputNames);
  const names = new Names();
  const recorder = new Recorder(model, names);
  const restoreModes = modesOf(model);
  try {
    recorder.attach(tidy);
    model.eval();
    return noGrad(() => {
      const inputs = Array.from(named, ([name, t]) => recorder.input(name, t));
      const result = watchHost(recorder, () => watchOps(recorder, () => model.forward(...args)));
      if (result instanceof Promise) {
        throw new ArgumentError("trace", `${model.constructor.name} gave a promise; expected a synchronous forward`);
      }
      return withoutDeadCode(finished(recorder, names, inputs, namedTensors("output", result, options.outputNames)));
    });
  } catch (error) {
    recorder.dispose();
    throw error;
  } finally {
    recorder.detach();
    restoreModes();
  }
}

/** The graph's parts with its outputs under their names; each is a value of its own, no input, constant or other output. */
function finished(
  recorder: Recorder,
  names: Names,
  inputs: readonly Value[],
  results: ReadonlyMap<string, Tensor>,
): GraphParts {
  const fixed = new Set<Value>(inputs);
  const copies: GraphNode[] = [];
  const renamed = new Map<Value, Value>();
  const outputs = Array.from(results, ([name, t]) => {
    const value = recorder.valueOf(t);
    const own = names.fresh(name);
    if (own !== name)
      throw new ArgumentError("trace", `an output is called "${name}", as another value; expected a new name`);
    const output = { ...value, name };
    if (fixed.has(value) || recorder.constants.has(value) || renamed.has(value)) {
      const from = renamed.get(value) ?? value;
      copies.push(nodeOf(contiguousOp, [from], [output], undefined));
    } else renamed.set(value, output);
    return output;
  });
  const now = (value: Value): Value => renamed.get(value) ?? value;
  const nodes = recorder.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((value) => value && now(value)),
    outputs: node.outputs.map(now),
  }));
  const guards = recorder.guards.map(({ value, data }) => ({ value: now(value), data }));
  return { inputs, outputs, constants: recorder.constants, nodes: [...nodes, ...copies], guards };
}
