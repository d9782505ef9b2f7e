import { checkInteger, checkOneOf, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { modesOf } from "../nn/mode.js";
import { checkModule, type HookHandle, type Module } from "../nn/module.js";
import { Buffer, Parameter } from "../nn/parameter.js";
import { receptiveField, type WindowLayer } from "../nn/receptive.js";
import { constant } from "../ops/copy.js";
import { type OpReport, type OpWatcher, watchOps } from "../profile.js";
import { defaultGenerator } from "../random.js";
import { forEachTensor, noGrad } from "../scoping.js";
import { Tensor } from "../tensor.js";
import { bytesOf, type DType, type Shape } from "../types.js";
import { type SummaryTableOptions, summaryTable } from "./summary_table.js";

export type { SummaryTableOptions } from "./summary_table.js";

/** An input by its shape; it is filled with zeros. */
export interface InputSpec {
  readonly shape: Shape;
  /** Default "float32". */
  readonly dtype?: DType;
}

/** An input: a shape, a shape with a dtype, or what `forward` is to get as it is: a tensor, null, an object of options. */
export type SummaryInput = Shape | InputSpec | Tensor | null | Readonly<Record<string, unknown>>;

/** Parameters, multiply-adds and bytes, of a module alone or with all that is below it. */
export interface SummaryCounts {
  /** Elements of parameters; a parameter that several modules share counts where it is found first. */
  readonly parameters: number;
  /** Those of them that require a gradient. */
  readonly trainable: number;
  /** Multiply-adds of all its calls; see `summary` for what counts. */
  readonly multiplyAdds: number;
  /** Bytes of the results that its ops wrote; views and what a fused op keeps inside count nothing. */
  readonly activationBytes: number;
}

/** One module of a summary. Its counts are its own, without those of the modules below it, so that columns add up to the totals. */
export interface SummaryRow extends SummaryCounts {
  /** Dotted name; the model's is "". */
  readonly path: string;
  /** Last part of the path. */
  readonly name: string;
  /** Name of the class. */
  readonly type: string;
  /** Levels below the model. */
  readonly depth: number;
  /** How often `forward` ran; a module that is used in several places has one row. */
  readonly calls: number;
  /** Shapes of the tensors in the result of the first call. */
  readonly outputShapes: readonly Shape[];
  /** Inputs that one output of the first call depends on, by dimension; null unless only windows, batch norms and element by element ops lie before it. */
  readonly receptiveField: readonly number[] | null;
  /** Counts with those of all modules below. */
  readonly below: SummaryCounts;
}

export interface SummaryTotals extends SummaryCounts {
  readonly inputBytes: number;
  /** Bytes of parameters and buffers. */
  readonly parameterBytes: number;
}

/** What `summary` found. Printed as a string it is a table. */
export class Summary {
  constructor(
    /** One row a module: the model, then what is below it, in the order of `namedModules`. */
    readonly rows: readonly SummaryRow[],
    readonly totals: SummaryTotals,
  ) {}

  /** The table; `depth` limits how many levels of modules it shows. Errors: ArgumentError for a depth below 0. */
  table(options: SummaryTableOptions = {}): string {
    checkOptions("summary", options, ["depth"]);
    const { depth } = options;
    return summaryTable(this, depth === undefined ? Infinity : checkInteger("summary", "depth", depth, 0));
  }

  toString(): string {
    return this.table();
  }
}

/**
 * Runs a model once, without gradients and in evaluation mode, and tells of each module what it gives and costs:
 * `console.log(String(summary(model, [1, 3, 224, 224])))`.
 *
 * A multiply-add is one product that is added to a sum. Convolutions, also transposed ones, linear layers, matrix products, recurrent layers and
 * both products of attention count, by their plain definition whatever algorithm computes them; biases, normalisations, activations,
 * pooling, sums and look-ups do not. An op counts for the innermost module in whose `forward` it ran.
 *
 * Inputs are arguments of `forward`: shapes such as [1, 3, 224, 224] and `{ shape, dtype: "int32" }` stand for tensors of zeros; everything else
 * is passed on. Mode, random numbers and hooks of the model are afterwards what they were, and no tensor is left behind.
 * Errors: ArgumentError for something that is no module, a shape that is none, or a `forward` that is asynchronous.
 */
export function summary(model: Module, ...inputs: readonly SummaryInput[]): Summary {
  checkModule("summary", "model", model);
  for (const input of inputs) checkInput(input);
  const tracer = new Tracer(model);
  const restoreModes = modesOf(model);
  const random = defaultGenerator.getState();
  let inputBytes = 0;
  try {
    tracer.attach();
    model.eval();
    noGrad(() => {
      const args = inputs.map(argumentOf);
      forEachTensor(args, (t) => {
        inputBytes += t.numel * bytesOf(t.dtype);
        tracer.begin(t);
      });
      if (watchOps(tracer, () => model.forward(...args)) instanceof Promise) {
        throw new ArgumentError("summary", `${model.constructor.name} gave a promise; expected a synchronous forward`);
      }
    });
  } finally {
    tracer.detach();
    restoreModes();
    defaultGenerator.setState(random);
  }
  const rows = rowsOf(model, tracer.tallies);
  const held = [...model.parameters(), ...model.buffers()];
  const parameterBytes = held.reduce((sum, t) => sum + t.numel * bytesOf(t.dtype), 0);
  return new Summary(rows, { ...rows[0]!.below, inputBytes, parameterBytes });
}

function isShape(input: unknown): input is Shape {
  return Array.isArray(input) && input.every((n) => typeof n === "number");
}

function isSpec(input: unknown): input is InputSpec {
  return typeof input === "object" && input !== null && !(input instanceof Tensor) && "shape" in input;
}

function checkInput(input: unknown): void {
  const shape = isSpec(input) ? input.shape : input;
  if (isSpec(input)) {
    checkOptions("summary", input, ["shape", "dtype"]);
    checkOneOf("summary", "dtype", input.dtype ?? "float32", ["float32", "int32", "bool"]);
    if (!isShape(shape)) throw new ArgumentError("summary", `shape is ${String(shape)}; expected a list of sizes`);
  }
  if (isShape(shape)) for (const n of shape) checkInteger("summary", "a size", n, 0);
}

function argumentOf(input: unknown): unknown {
  if (isShape(input)) return constant(input, 0);
  return isSpec(input) ? constant(input.shape, 0, input.dtype ?? "float32") : input;
}

/** What ran in one module. */
interface Tally {
  calls: number;
  multiplyAdds: number;
  activationBytes: number;
  outputShapes: Shape[];
  receptiveField: readonly number[] | null;
}

/** Ops whose output depends, place by place, on its inputs at the same place. */
const ELEMENTWISE = new Set(
  (
    "add sub mul div minimum maximum neg affine relu abs sign sqrt rsqrt reciprocal square clamp gelu gelu_tanh silu elu selu " +
    "celu softplus logsigmoid hardtanh relu6 leakyRelu prelu rrelu exp expm1 log log1p tanh sigmoid erf pow_scalar pow " +
    "batch_norm_eval dropout cat contiguous cast where pad_constant pad_repeat"
  ).split(" "),
);

/** Sees ops and calls, and gives each op to the module at the top of the stack. */
class Tracer implements OpWatcher {
  readonly tallies = new Map<Module, Tally>();
  private readonly stack: Tally[] = [];
  private readonly hooks: HookHandle[] = [];
  /** The windows between the model's input and a tensor. */
  private readonly chains = new WeakMap<Tensor, readonly WindowLayer[]>();

  constructor(private readonly model: Module) {}

  attach(): void {
    for (const module of this.model.modules()) {
      const tally: Tally = {
        calls: 0,
        multiplyAdds: 0,
        activationBytes: 0,
        outputShapes: [],
        receptiveField: null,
      };
      this.tallies.set(module, tally);
      this.hooks.push(module.wrapForward((inner, args) => this.call(tally, () => inner(...args))));
    }
  }

  detach(): void {
    for (const hook of this.hooks) hook.remove();
  }

  /** Nothing lies before this tensor. */
  begin(t: Tensor): void {
    if (t.dtype === "float32") this.chains.set(t, []);
  }

  note({ op, flops, written, inputs, outs, window }: OpReport): void {
    const tally = this.stack.at(-1);
    if (tally === undefined) return;
    tally.multiplyAdds += (flops ?? 0) / 2;
    tally.activationBytes += written;
    let chain: readonly WindowLayer[] | null = null;
    if (window !== null) {
      const { kernel: kernelSize, stride, dilation } = window;
      chain = this.chains.get(inputs[0]!) ?? null;
      if (chain !== null)
        chain = this.widest([[...chain, { kernelSize, stride, dilation }], ...this.others(op, inputs)]);
    } else if (ELEMENTWISE.has(op)) chain = this.widest(inputs.flatMap((t) => this.chainOf(t)));
    if (chain !== null) for (const out of outs) this.chains.set(out, chain);
  }

  private call(tally: Tally, forward: () => unknown): unknown {
    this.stack.push(tally);
    try {
      const result = forward();
      if (tally.calls++ === 0) this.describe(tally, result);
      return result;
    } finally {
      this.stack.pop();
    }
  }

  private describe(tally: Tally, result: unknown): void {
    forEachTensor(result, (t) => tally.outputShapes.push(t.shape));
    const chain = result instanceof Tensor ? this.chains.get(result) : undefined;
    if (chain !== undefined && chain.length > 0) tally.receptiveField = receptiveField(chain);
  }

  /** A convolution adds its residual, the fourth operand, to what its window gives. */
  private others(op: string, inputs: OpReport["inputs"]): (readonly WindowLayer[] | null)[] {
    return op === "conv" ? this.chainOf(inputs[3] ?? null) : [];
  }

  /** None for what says nothing about places: a constant, a parameter. Null for a tensor that is no chain. */
  private chainOf(t: Tensor | null): (readonly WindowLayer[] | null)[] {
    if (t === null || t.numel === 1 || t instanceof Parameter || t instanceof Buffer) return [];
    return [this.chains.get(t) ?? null];
  }

  /** The chain with the largest field among branches of the same stride; null if a branch is no chain or they do not fit together. */
  private widest(chains: readonly (readonly WindowLayer[] | null)[]): readonly WindowLayer[] | null {
    let best: readonly WindowLayer[] | null = null;
    for (const chain of chains) {
      if (chain === null) return null;
      if (best === null) best = chain;
      else if (best.length === 0 || chain.length === 0) {
        const longer: readonly WindowLayer[] = best.length === 0 ? chain : best;
        if (stepOf(longer).some((step) => step !== 1)) return null;
        best = longer;
      } else {
        if (String(stepOf(best)) !== String(stepOf(chain))) return null;
        if (area(chain) > area(best)) best = chain;
      }
    }
    return best;
  }
}

/** Inputs between neighbouring outputs of a chain, by dimension. */
function stepOf(chain: readonly WindowLayer[]): number[] {
  // What one more window of two taps adds to the field.
  const rank = receptiveField(chain).length;
  const wider = receptiveField([...chain, { kernelSize: new Array<number>(rank).fill(2) }]);
  return receptiveField(chain).map((field, d) => wider[d]! - field);
}

function area(chain: readonly WindowLayer[]): number {
  return receptiveField(chain).reduce((product, n) => product * n, 1);
}

interface OpenRow extends SummaryRow {
  readonly below: { -readonly [K in keyof SummaryCounts]: SummaryCounts[K] };
}

function rowsOf(model: Module, tallies: ReadonlyMap<Module, Tally>): SummaryRow[] {
  const rows: OpenRow[] = [];
  const counted = new Set<Parameter>();
  const seen = new Set<Module>();
  const visit = (module: Module, path: string, name: string, above: readonly OpenRow[]): void => {
    if (seen.has(module)) return;
    seen.add(module);
    const tally = tallies.get(module)!;
    const own = parametersOf(module, counted);
    const counts: SummaryCounts = {
      parameters: own.reduce((sum, p) => sum + p.numel, 0),
      trainable: own.reduce((sum, p) => sum + (p.requiresGrad ? p.numel : 0), 0),
      multiplyAdds: tally.multiplyAdds,
      activationBytes: tally.activationBytes,
    };
    const below = { parameters: 0, trainable: 0, multiplyAdds: 0, activationBytes: 0 };
    const { calls, outputShapes, receptiveField } = tally;
    const described = { path, name, type: module.constructor.name, depth: above.length, calls, outputShapes };
    const row: OpenRow = { ...described, receptiveField, ...counts, below };
    rows.push(row);
    const lineage = [...above, row];
    for (const { below } of lineage) {
      below.parameters += counts.parameters;
      below.trainable += counts.trainable;
      below.multiplyAdds += counts.multiplyAdds;
      below.activationBytes += counts.activationBytes;
    }
    for (const [child, m] of module.namedChildren()) visit(m, path === "" ? child : `${path}.${child}`, child, lineage);
  };
  visit(model, "", "", []);
  return rows;
}

/** The parameters that a module holds itself and that have not been counted yet. */
function parametersOf(module: Module, counted: Set<Parameter>): Parameter[] {
  const below = new Set([...module.children()].flatMap((child) => [...child.parameters()]));
  const own = [...module.parameters()].filter((p) => !below.has(p) && !counted.has(p));
  for (const p of own) counted.add(p);
  return own;
}
