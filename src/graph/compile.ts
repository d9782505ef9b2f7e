import { checkInteger, checkOneOf, checkOptions } from "../check.js";
import { ArgumentError, RuntimeError } from "../errors.js";
import { Module } from "../nn/module.js";
import { withFrugality } from "../runtime/frugal.js";
import { scope } from "../scoping.js";
import { adopt, Tensor } from "../tensor.js";
import { mapTensors, namedTensors } from "./arguments.js";
import { Graph } from "./graph_class.js";
import { optimize } from "./optimize.js";
import { type GraphSource, type Prepared, Session } from "./session.js";
import { solveSymbols, specialise } from "./specialise.js";
import { type TraceInputs, type TraceOptions, trace } from "./trace.js";

export interface SessionOptions {
  /** Fold constants and normalisations, fuse and leave out ops; results may then differ in the last bits. Default true. */
  readonly optimize?: boolean;
  /** How many combinations of input shapes are remembered. Each has memory of its own. Default 4. */
  readonly maxPlans?: number;
  /**
   * "fast" keeps forms of the weights that kernels read faster, four times as large as those of 3 × 3 convolutions, and copies of weights that
   * normalisations are folded into. "least" does without both: a run needs the weights, which are the model's own, a slab for each plan and a few
   * MB of work space; it takes longer (ResNet-18 about a quarter), and results differ in the last bits. While the model is traced, what a
   * module makes and does not return is freed when it returns; a model for which that is too early is traced again without. Default "fast".
   */
  readonly memory?: "fast" | "least";
}

export interface CompileOptions extends SessionOptions, Omit<TraceOptions, "dynamic"> {
  /** Run twice at once, so that not the first runs are the ones that bring the weights into the form that kernels read fastest. Default false. */
  readonly warmup?: boolean;
}

const SESSION_OPTIONS = ["optimize", "maxPlans", "memory"];
const COMPILE_OPTIONS = [...SESSION_OPTIONS, "inputNames", "outputNames", "warmup"];

/**
 * Makes a session that computes what the module does in evaluation mode. The module is traced with the example inputs, and again for
 * inputs of other shapes, for other values where its `forward` reads values, and after its weights have changed. The inputs are the arguments
 * of `forward`; see `trace` for the names of the tensors in them.
 * Errors: RuntimeError for a module in training mode; what `trace` throws.
 */
export function compile(model: Module, inputs: TraceInputs, options?: CompileOptions): Session;
/**
 * Makes a session that runs a graph. Inputs may have other sizes where the graph has symbols. Errors of a run: RuntimeError for inputs
 * for which the graph's guards do not hold.
 */
export function compile(graph: Graph, options?: SessionOptions): Session;
export function compile(what: Module | Graph, ...rest: readonly unknown[]): Session {
  if (what instanceof Graph) return compileGraph(what, rest[0] as SessionOptions | undefined);
  if (what instanceof Module) return compileModule(what, rest[0] as TraceInputs, rest[1] as CompileOptions | undefined);
  throw new ArgumentError("compile", `got ${String(what)}; expected a Module and example inputs, or a Graph`);
}

function compileGraph(graph: Graph, options: SessionOptions = {}): Session {
  checkOptions("compile", options, SESSION_OPTIONS);
  const { inputs, outputs } = graph;
  const source: GraphSource = {
    inputs,
    outputs,
    retraces: false,
    keeps: [graph],
    check: (op, shapes) => void solveSymbols(op, inputs, shapes),
    graphFor: (given) => {
      const symbols = solveSymbols(
        "compile",
        inputs,
        given.map((t) => t.shape),
      );
      return prepared(specialise(graph, symbols), options);
    },
  };
  return sessionOf(source, options);
}

function compileModule(model: Module, inputs: TraceInputs, options: CompileOptions = {}): Session {
  checkOptions("compile", options, COMPILE_OPTIONS);
  const { inputNames, outputNames, warmup = false } = options;
  if (model.training) {
    throw new RuntimeError("compile", `${model.constructor.name} is in training mode; call eval() first`);
  }
  const args = inputs instanceof Tensor ? [inputs] : inputs;
  const examples = [...namedTensors("input", args, inputNames).values()];
  const names = { ...(inputNames && { inputNames }), ...(outputNames && { outputNames }) };
  const traced = (given: readonly Tensor[]): Graph => {
    let i = 0;
    // A tensor that is fed twice is two inputs.
    const own = given.map((t, at) => (given.indexOf(t) === at ? t : adopt(t.alias())));
    return trace(model, mapTensors(args, () => own[i++]!) as readonly unknown[], names);
  };
  const compiled = (): Session => {
    // The trace that makes the first plan also tells the names.
    let first: Graph | null = traced(examples);
    const source: GraphSource = {
      inputs: first.inputs,
      outputs: first.outputs,
      retraces: true,
      keeps: [],
      graphFor: (given) => {
        const graph = first ?? traced(given);
        first = null;
        return prepared(graph, options);
      },
    };
    const made = sessionOf(source, options);
    made.prepare(examples, warmup ? 2 : 0);
    return made;
  };
  const sparing = isSparing(options);
  return scope(() => withFrugality(sparing, compiled));
}

function sessionOf(source: GraphSource, options: SessionOptions): Session {
  return new Session(source, checkInteger("compile", "maxPlans", options.maxPlans ?? 4, 1), isSparing(options));
}

function isSparing({ memory = "fast" }: SessionOptions): boolean {
  return checkOneOf("compile", "memory", memory, ["fast", "least"]) === "least";
}

/** As it came, and as it is to run. */
function prepared(traced: Graph, { optimize: wanted = true }: SessionOptions): Prepared {
  return { traced, graph: wanted ? optimize(traced) : traced };
}
