import { detached } from "../autograd.js";
import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { narrow } from "../ops/copy.js";
import { defaultGenerator, type Generator } from "../random.js";
import { Scope } from "../runtime/scope.js";
import { forEachTensor } from "../scoping.js";
import { formatShape } from "../shape.js";
import { adopt, adoptUnscoped, Tensor } from "../tensor.js";

// Truncated back-propagation through time: a long sequence is cut into segments, the state runs on, gradients stop at the cuts.

/** A recurrent state: a tensor, or tensors in arrays and plain objects. */
export type RecurrentState = Tensor | readonly RecurrentState[] | { readonly [key: string]: RecurrentState };

/** The same state, unknown to the tape: gradients stop here. The tensors share their storage with the given ones. */
export function detachState<S extends RecurrentState>(state: S): S {
  return mapState(state, (t) => adopt(detached(t)));
}

function mapState<S extends RecurrentState>(state: S, fn: (t: Tensor) => Tensor): S;
function mapState(state: RecurrentState, fn: (t: Tensor) => Tensor): RecurrentState {
  if (state instanceof Tensor) return fn(state);
  if (Array.isArray(state)) return state.map((s: RecurrentState) => mapState(s, fn));
  return Object.fromEntries(Object.entries(state).map(([key, s]) => [key, mapState(s, fn)]));
}

/**
 * A state that is carried from one batch or segment to the next, detached: `layer.forward(x, carried.state)`, then
 * `carried.carry(newState)`. It owns its tensors, so that they outlive the scope they were made in.
 */
export class CarriedState<S extends RecurrentState> {
  private held: S | null = null;

  /** What was carried last; null at the beginning, for which layers take zeros. */
  get state(): S | null {
    return this.held;
  }

  /** Detaches a state and keeps it in place of the last one, which is freed. */
  carry(state: S): void {
    const next = mapState(state, (t) => adoptUnscoped(detached(t)));
    this.reset();
    this.held = next;
  }

  /** Forgets the state: a new sequence begins. */
  reset(): void {
    if (this.held !== null) forEachTensor(this.held, (t) => t.dispose());
    this.held = null;
  }

  dispose(): void {
    this.reset();
  }
}

export interface SegmentOptions {
  /** Steps of a segment, or the lowest and the highest number of which each segment draws one; the last segment may be shorter. */
  readonly length: number | readonly [min: number, max: number];
  /** The dimension of the steps. Default 0; 1 for sequences with the batch first. */
  readonly dim?: number;
  /** Where random lengths come from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

/**
 * Cuts sequences [T, N, …] of one length T (inputs, targets) along their steps and yields the parts, as views, segment by segment. Each
 * segment has a scope of its own, which closes when the loop advances.
 *
 *     const carried = new CarriedState<nn.LstmState>();
 *     for (const [x, target] of bpttSegments([tokens, targets], { length: 35 })) {
 *       const [y, state] = lstm.forward(x, carried.state);
 *       …loss, backward, step…
 *       carried.carry(state);
 *     }
 *
 * Errors: ShapeError if the sequences differ in T; ArgumentError for lengths below 1.
 */
export function* bpttSegments<const T extends readonly Tensor[]>(
  sequences: T,
  options: SegmentOptions,
): IterableIterator<{ [K in keyof T]: Tensor }> {
  const op = "bpttSegments";
  checkOptions(op, options, ["length", "dim", "generator"]);
  const { length, dim = 0, generator = defaultGenerator } = options;
  const [min, max] = typeof length === "number" ? [length, length] : length;
  checkInteger(op, "length", min, 1);
  checkInteger(op, "length", max, min);
  const [first] = sequences;
  if (first === undefined) throw new ArgumentError(op, "got no sequence; expected at least one");
  const steps = first.size(dim);
  for (const s of sequences) {
    if (s.size(dim) !== steps) {
      throw new ShapeError(
        op,
        `sequences have shapes ${sequences.map((t) => formatShape(t.shape)).join(", ")}; expected ${steps} steps in dim ${dim} of each`,
      );
    }
  }
  for (let at = 0; at < steps; ) {
    const drawn = min === max ? min : min + (generator.words(1)[0]! % (max - min + 1));
    const count = Math.min(drawn, steps - at);
    const scope = new Scope();
    try {
      yield sequences.map((s) => narrow(s, dim, at, count)) as { [K in keyof T]: Tensor };
    } finally {
      scope.close();
    }
    at += count;
  }
}
