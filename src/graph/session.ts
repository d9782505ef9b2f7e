import { RuntimeError } from "../errors.js";
import { copyStrided } from "../layout.js";
import { copyInto } from "../ops/copy.js";
import { arena } from "../runtime/arena.js";
import { withFrugality } from "../runtime/frugal.js";
import type { Storage } from "../runtime/storage.js";
import { hostWatcher } from "../runtime/watch.js";
import { scope } from "../scoping.js";
import { formatShape, sameShape } from "../shape.js";
import { adopt, Tensor } from "../tensor.js";
import { bytesOf, type Shape } from "../types.js";
import type { Value } from "./graph.js";
import type { Graph } from "./graph_class.js";
import { Plan, type StepWatcher } from "./plan.js";
import { programOf } from "./program.js";
import {
  arrayInto,
  checkKind,
  checkNamed,
  checkTarget,
  type Feed,
  feedTensor,
  type Named,
  shapeOf,
  type Target,
} from "./session_feeds.js";
import { SessionProfile } from "./session_profile.js";

/** Where a session has its graphs from. */
export interface GraphSource {
  /** What the inputs are called, and their dtypes and dimensions. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Whether another graph may come of the same shapes, because the values are others. */
  readonly retraces: boolean;
  /** Graphs whose constants are not the session's to free. */
  readonly keeps: readonly Graph[];
  /** Refuses shapes that no graph can be had for. */
  check?(op: string, shapes: readonly Shape[]): void;
  graphFor(inputs: readonly Tensor[]): Prepared;
}

/** A graph for some inputs. */
export interface Prepared {
  /** As it came. */
  readonly traced: Graph;
  /** As it is to run. */
  readonly graph: Graph;
}

/** What `session.memory()` reports, in bytes. */
export interface SessionMemory {
  /** The blocks in which inputs, outputs and everything between them lie; one for each plan. */
  readonly slabBytes: number;
  /** What those blocks need at least: the largest sum of bytes that live at one step. */
  readonly lowerBoundBytes: number;
  /** Parameters and other constants, the model's own included. */
  readonly weightBytes: number;
  /** Forms of the weights that kernels read faster; kept from the second run on, unless `memory` is "least". */
  readonly packedBytes: number;
  /** The most that is needed during a run: all of these, and the tensors that `run` returns. */
  readonly peakBytes: number;
}

/** A plan, and at which versions of the weights it was made. */
interface Entry {
  readonly plan: Plan;
  readonly sources: readonly (readonly [storage: Storage, version: number])[];
}

/**
 * A model made ready to run: see `compile`. For every combination of input shapes it keeps a plan, for the latest ones at least, in which each
 * op's operands have their places. So a run calls kernels and little else: it takes from the arena what it returns, and nothing more.
 * Sessions are independent of each other; each has its memory until `dispose()`.
 */
export class Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** The latest first. */
  private entries: Entry[] = [];
  private disposed = false;

  constructor(
    private readonly source: GraphSource,
    private readonly maxPlans: number,
    private readonly frugal: boolean,
  ) {
    this.inputNames = source.inputs.map((value) => value.name);
    this.outputNames = source.outputs.map((value) => value.name);
  }

  /**
   * Computes the outputs, by name, from the inputs, by name: tensors, or typed arrays, row-major, whose shape follows from their length.
   * The outputs are new tensors that belong to the open scope, or to the garbage collector's care if none is open; no gradient reaches them.
   * The first run with other shapes takes longer: it makes a plan.
   * Errors: ArgumentError for an unknown or missing name; DTypeError; ShapeError for a shape that does not fit the input's dimensions;
   * RuntimeError after `dispose()`, or if a graph is run with values for which the traced code would have taken another way.
   */
  run(feeds: Named<Feed>): Record<string, Tensor> {
    const { outputs } = this.execute("run", feeds);
    const result: Record<string, Tensor> = {};
    for (let i = 0; i < outputs.length; i++) {
      const from = outputs[i]!;
      const to = Tensor.allocate(from.shape, from.dtype, "session");
      copyStrided(to, from, from.shape, from.dtype);
      result[this.outputNames[i]!] = adopt(to);
    }
    return result;
  }

  /**
   * As `run`, but some of the outputs, or all, go into tensors or typed arrays of the caller's, by name. Nothing is allocated.
   * Errors: as `run`; ShapeError or DTypeError for a target that does not fit, before any is written.
   */
  runInto(feeds: Named<Feed>, targets: Named<Target>): void {
    const op = "runInto";
    checkNamed(op, "output", targets, this.outputNames, false);
    for (const { name, dtype } of this.source.outputs) {
      if (name in targets) checkKind(op, `target of output "${name}"`, targets[name], dtype);
    }
    const { outputs } = this.execute(op, feeds);
    this.eachTarget(targets, outputs, (name, target, output) => checkTarget(op, name, target, output));
    this.eachTarget(targets, outputs, (_, target, output) => {
      if (target instanceof Tensor) copyInto(target, output);
      else target.set(output.isContiguous ? arena.view(output.ptr, output.numel, output.dtype) : output.data());
    });
  }

  /**
   * The file of a program: what `run` does for inputs of these shapes, to be run by `quadlane/program` alone, on the kernel binary that is
   * in use now; of the three, "simd" is the one that every engine runs. It holds the weights as they are now; shapes are fixed, and so are
   * values that the model's code has looked at. The feeds are examples.
   * Errors: as `run`; RuntimeError without WebAssembly kernels, which is what a program runs on.
   */
  toProgram(feeds: Named<Feed>): Uint8Array<ArrayBuffer> {
    return withFrugality(this.frugal, () =>
      scope(() => {
        const { inputs } = this.executed("toProgram", feeds, null);
        const given = inputs.map((t, i) => feedTensor(feeds[this.inputNames[i]!]!, t.shape, t.dtype));
        const { traced, graph } = this.source.graphFor(given);
        try {
          return programOf(graph, (plan) => load(plan, given));
        } finally {
          for (const done of [graph, traced]) done.dispose(...this.source.keeps);
        }
      }),
    );
  }

  /** Runs once and tells the time of every step. Errors: as `run`. */
  profile(feeds: Named<Feed>): SessionProfile {
    const taken: Parameters<StepWatcher>[] = [];
    this.execute("profile", feeds);
    // The plan is there now, and what the kernels keep of the weights.
    this.execute("profile", feeds, (step, ms) => taken.push([step, ms]));
    return new SessionProfile(taken);
  }

  /** What the session's memory is used for. The work space of the kernels, which all share, is in the library's `memory()`. */
  memory(): SessionMemory {
    this.assertUsable("memory");
    const plans = this.entries.map((entry) => entry.plan);
    const total = (bytes: readonly number[]): number => bytes.reduce((sum, n) => sum + n, 0);
    const weights = [...new Set(plans.flatMap((plan) => plan.weights))];
    const slabBytes = total(plans.map((plan) => plan.slabBytes));
    const weightBytes = total(weights.map((storage) => storage.bytes));
    const packedBytes = total(weights.map((storage) => storage.packedBytes));
    const results = plans.map((plan) => total(plan.outputs.map((t) => t.numel * bytesOf(t.dtype))));
    return {
      slabBytes,
      lowerBoundBytes: total(plans.map((plan) => plan.lowerBoundBytes)),
      weightBytes,
      packedBytes,
      peakBytes: slabBytes + weightBytes + packedBytes + Math.max(0, ...results),
    };
  }

  /** Inputs, outputs and plans, one a line. */
  toString(): string {
    if (this.disposed) return "Session(disposed)";
    const list = (tensors: readonly Tensor[], names: readonly string[]): string =>
      tensors.map((t, i) => `${names[i]}: ${t.dtype} ${formatShape(t.shape)}`).join(", ");
    const lines = this.entries.map(({ plan }) => {
      const types = `${list(plan.inputs, this.inputNames)} → ${list(plan.outputs, this.outputNames)}`;
      return `  ${types}; ${plan.steps.length} steps, slab ${plan.slabBytes} bytes (at least ${plan.lowerBoundBytes})\n`;
    });
    return `Session(\n${lines.join("")})`;
  }

  /** Frees all that the session holds; the model's parameters stay. A second call does nothing. */
  dispose(): void {
    this.disposed = true;
    this.forget();
  }

  /** Makes the plan for some inputs and, with `runs`, runs it as often: kernels then have kept what they keep. */
  prepare(inputs: readonly Tensor[], runs: number): void {
    withFrugality(this.frugal, () => {
      const { plan } = this.add(inputs);
      for (let i = 0; i < runs; i++) {
        load(plan, inputs);
        plan.run();
      }
    });
  }

  private eachTarget(
    targets: Named<Target>,
    outputs: readonly Tensor[],
    visit: (name: string, target: Target, output: Tensor) => void,
  ): void {
    for (const [i, name] of this.outputNames.entries()) if (name in targets) visit(name, targets[name]!, outputs[i]!);
  }

  /** Runs the plan for the inputs' shapes and values; its outputs hold the result until the next run. */
  private execute(op: string, feeds: Named<Feed>, watcher: StepWatcher | null = null): Plan {
    return withFrugality(this.frugal, () => this.executed(op, feeds, watcher));
  }

  private executed(op: string, feeds: Named<Feed>, watcher: StepWatcher | null): Plan {
    this.assertUsable(op);
    const { inputs } = this.source;
    checkNamed(op, "input", feeds, this.inputNames, true);
    const given = inputs.map(({ name, dtype }): Feed => {
      const feed = feeds[name];
      checkKind(op, `input "${name}"`, feed, dtype);
      return feed;
    });
    this.forgetIfChanged();
    const shapes = given.map((feed, i) => {
      const likely = feed instanceof Tensor ? [] : this.entries.map(({ plan }) => plan.inputs[i]!.shape);
      return shapeOf(op, inputs[i]!, feed, likely);
    });
    let tried = false;
    for (const entry of this.entries) {
      if (!entry.plan.inputs.every((t, i) => sameShape(t.shape, shapes[i]!))) continue;
      tried = true;
      if (!attempt(entry.plan, given, watcher)) continue;
      this.moveToFront(entry);
      return entry.plan;
    }
    if (!tried || this.source.retraces) {
      this.source.check?.(op, shapes);
      const { plan } = scope(() => this.add(given.map((feed, i) => feedTensor(feed, shapes[i]!, inputs[i]!.dtype))));
      if (attempt(plan, given, watcher)) return plan;
    }
    throw new RuntimeError(
      op,
      "the traced code has read values that depend on the inputs, and they come out otherwise for these; " +
        "expected the same, or a session compiled from the module itself",
    );
  }

  private add(inputs: readonly Tensor[]): Entry {
    const { traced, graph } = this.source.graphFor(inputs);
    try {
      const storages = new Set(Array.from(traced.constants.values(), (t) => t.storage));
      const sources = Array.from(storages, (storage) => [storage, storage.version] as const);
      const entry = { plan: new Plan(graph), sources };
      this.entries.unshift(entry);
      while (this.entries.length > this.maxPlans) this.entries.pop()?.plan.dispose();
      return entry;
    } finally {
      // The plan has handles of its own.
      for (const done of [graph, traced]) done.dispose(...this.source.keeps);
    }
  }

  private moveToFront(entry: Entry): void {
    const at = this.entries.indexOf(entry);
    if (at > 0) this.entries.unshift(...this.entries.splice(at, 1));
  }

  /** Plans hold values that follow from the weights, such as folded normalisations. */
  private forgetIfChanged(): void {
    if (this.entries.some(({ sources }) => sources.some(([storage, version]) => storage.version !== version))) {
      this.forget();
    }
  }

  private forget(): void {
    for (const { plan } of this.entries) plan.dispose();
    this.entries = [];
  }

  private assertUsable(op: string): void {
    if (this.disposed) throw new RuntimeError(op, "the session was disposed; expected one that is in use");
  }
}

function attempt(plan: Plan, given: readonly Feed[], watcher: StepWatcher | null): boolean {
  load(plan, given);
  return plan.run(watcher);
}

function load(plan: Plan, given: readonly Feed[]): void {
  for (let i = 0; i < given.length; i++) {
    const from = given[i]!;
    const to = plan.inputs[i]!;
    if (!(from instanceof Tensor)) arrayInto(to, from);
    else {
      copyStrided(to, from, to.shape, to.dtype);
      // A trace around the session does not see what it computes: the values become a guard.
      if (hostWatcher !== null) from.data();
    }
  }
}
