import { K, type Kernels, withKernels } from "../backend/index.js";
import { RuntimeError } from "../errors.js";
import { copyStrided } from "../layout.js";
import type { Block } from "../runtime/allocator.js";
import { type ArenaRecorder, arena } from "../runtime/arena.js";
import { Storage } from "../runtime/storage.js";
import { contiguousStrides } from "../shape.js";
import { adoptUnscoped, Tensor } from "../tensor.js";
import { bytesOf, type Ptr } from "../types.js";
import type { GraphParts } from "./graph.js";
import { Plan, type Step } from "./plan.js";

// What a plan does to the memory, call by call.

/** One thing that happened. */
export type Event =
  | {
      readonly kind: "call";
      readonly kernel: string;
      readonly args: readonly number[];
      readonly result: number | undefined;
    }
  | { readonly kind: "write"; readonly at: number; readonly words: Int32Array }
  | { readonly kind: "expect"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "take" | "give"; readonly block: Span };

/** Bytes of the arena. */
export interface Span {
  readonly start: number;
  readonly size: number;
}

/** A plan's memory and what it did there, in a run that needs nothing of an earlier one and in those after it. */
export interface Recording {
  readonly constants: readonly Span[];
  readonly slab: Span;
  readonly scratch: Span;
  /** Outputs that the plan leaves in another order than rows. */
  readonly copies: readonly Span[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** The run in which packed forms of the weights are made. */
  readonly first: readonly Event[];
  readonly later: readonly Event[];
}

class Recorder implements ArenaRecorder {
  readonly events: Event[] = [];
  private readonly taken = new Map<Block, Span>();
  private readonly done: Block[] = [];

  took(block: Block): void {
    // The arena goes on to use the block.
    const span = { start: block.start, size: block.size };
    this.taken.set(block, span);
    this.events.push({ kind: "take", block: span });
  }

  /** Blocks stay taken: what is recorded next must not have them at the same addresses. */
  gave(block: Block): boolean {
    const span = this.taken.get(block);
    if (span === undefined) return false;
    this.events.push({ kind: "give", block: span });
    this.done.push(block);
    return true;
  }

  /** Frees the blocks that were given back. */
  end(): void {
    for (const block of this.done) arena.free(block);
  }

  wrote(at: Ptr, words: Int32Array): void {
    this.events.push({ kind: "write", at, words });
  }

  read(at: Ptr, bytes: Uint8Array): void {
    this.events.push({ kind: "expect", at, bytes });
  }

  /** The kernels in use, each call of which is an event. */
  kernels(): Kernels {
    const recorded: Record<string, unknown> = {};
    for (const [kernel, run] of Object.entries(K)) {
      recorded[kernel] = (...args: number[]): unknown => {
        const result = (run as (...args: number[]) => number | undefined)(...args);
        this.events.push({ kind: "call", kernel, args, result });
        return result;
      };
    }
    return recorded as Kernels;
  }

  /** Records what `fn` does. */
  during(fn: () => void): readonly Event[] {
    arena.recorder = this;
    try {
      withKernels(this.kernels(), fn);
    } finally {
      arena.recorder = null;
    }
    return this.events;
  }
}

/**
 * Makes a plan of a graph on copies of its constants, runs it, and passes what it did to `use`; the plan and the copies are freed afterwards.
 * `load` writes the inputs.
 */
export function record<R>(graph: GraphParts, load: (plan: Plan) => void, use: (recording: Recording) => R): R {
  const storages = [...new Set(Array.from(graph.constants.values(), (t) => t.storage))];
  const held: Tensor[] = [];
  /** A block of its own, freed with the rest. */
  const own = (bytes: number): Storage => {
    const storage = new Storage(bytes);
    held.push(adoptUnscoped(new Tensor(storage, "bool", { shape: [bytes], strides: [1], offset: 0 }, "toProgram")));
    return storage;
  };
  const copied = new Map(
    storages.map((from) => {
      const to = own(from.bytes);
      arena.u8.copyWithin(to.at(0), from.at(0), from.at(0) + from.bytes);
      return [from, to] as const;
    }),
  );
  const constants = new Map(
    Array.from(graph.constants, ([value, t]) => {
      const { shape, strides, offset, dtype, origin, isContiguous } = t;
      return [value, new Tensor(copied.get(t.storage)!, dtype, { shape, strides, offset }, origin, isContiguous)];
    }),
  );
  const { inputs, outputs, nodes, guards } = graph;
  const plan = new Plan({ inputs, outputs, nodes, guards, constants });
  const recorders: Recorder[] = [];
  try {
    const ordered = plan.outputs.map((t) => {
      if (t.isContiguous) return t;
      const layout = { shape: t.shape, strides: contiguousStrides(t.shape), offset: 0 };
      return new Tensor(own(t.numel * bytesOf(t.dtype)), t.dtype, layout, "toProgram");
    });
    const run = (): readonly Event[] => {
      load(plan);
      const recorder = new Recorder();
      recorders.push(recorder);
      return recorder.during(() => {
        expectAll(recorder, plan.first);
        if (!plan.run((step) => expectAll(recorder, step.checks))) throw unfit();
        for (const [i, t] of ordered.entries()) {
          if (t !== plan.outputs[i]) copyStrided(t, plan.outputs[i]!, t.shape, t.dtype);
        }
      });
    };
    // In the first run kernels see the weights for the first time, in the second one forms of them are kept.
    run();
    const first = run();
    const later = run();
    const span = (storage: Storage): Span => ({ start: storage.at(0), size: storage.bytes });
    const scratch = arena.scratchSpace;
    return use({
      constants: storages.map((storage) => span(copied.get(storage)!)),
      slab: span(plan.slab),
      scratch: scratch === null ? { start: 0, size: 0 } : { start: scratch.start, size: scratch.size },
      copies: ordered.filter((t) => !plan.outputs.includes(t)).map((t) => span(t.storage)),
      inputs: plan.inputs.map((t) => t.ptr),
      outputs: ordered.map((t) => t.ptr),
      first,
      later,
    });
  } finally {
    for (const recorder of recorders) recorder.end();
    plan.dispose();
    for (const t of held) t.dispose();
  }
}

/** What must hold for the inputs that the steps are good for. */
function expectAll(recorder: Recorder, checks: Step["checks"]): void {
  for (const { guard, tensor } of checks) {
    if (!tensor.isContiguous) {
      throw new RuntimeError(
        "toProgram",
        `"${guard.value.name}" is read out of order; expected values that lie in rows`,
      );
    }
    const from = tensor.ptr;
    recorder.read(from, arena.u8.slice(from, from + tensor.numel * bytesOf(tensor.dtype)));
  }
}

function unfit(): RuntimeError {
  return new RuntimeError("toProgram", "the traced code reads values that come out otherwise in another run");
}
