import { checkDType, checkInteger, checkOneOf, checkOptions, checkRank } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { cat, reshape, select, transpose } from "../ops/copy.js";
import { checkProbability, dropout } from "../ops/random.js";
import { stack } from "../ops/rearrange.js";
import type { LayerAttrs, LayerWeights, Order } from "../ops/recurrent.js";
import { gruLayer } from "../ops/recurrent_gru.js";
import { lstmLayer } from "../ops/recurrent_lstm.js";
import { rnnLayer } from "../ops/recurrent_rnn.js";
import { defaultGenerator, type Generator } from "../random.js";
import { formatShape, sameShape } from "../shape.js";
import { Tensor } from "../tensor.js";
import { uniform_ } from "./init.js";
import { Module } from "./module.js";
import {
  isPackedSequence,
  type Lengths,
  lengthsOf,
  type PackedSequence,
  packPaddedSequence,
  padPackedSequence,
  reorder,
} from "./packed.js";
import { type Parameter, uninitialised } from "./parameter.js";

export interface RecurrentOptions {
  /** Layers on top of each other. Default 1. */
  readonly numLayers?: number;
  /** Learn additive biases. Default true. */
  readonly bias?: boolean;
  /** Input and output are [N, T, *] instead of [T, N, *]; states stay as they are. Default false. */
  readonly batchFirst?: boolean;
  /** Probability to drop an element between two layers while training. Default 0. */
  readonly dropout?: number;
  /** A second network walks the sequence backwards; outputs are joined along the features. Default false. */
  readonly bidirectional?: boolean;
  /** Where the dropout masks come from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

export interface RecurrentForwardOptions {
  /**
   * Steps of each sequence of a padded batch, in any order. Outputs beyond the end are 0, and the last state is that of the
   * sequence's own last step, as with a packed sequence.
   */
  readonly lengths?: Lengths | null;
}

/** State of an LSTM: h [layers · directions, N, projSize or hiddenSize] and c [layers · directions, N, hiddenSize]. */
export type LstmState = readonly [h: Tensor, c: Tensor];

type Kind = "weightIh" | "weightHh" | "biasIh" | "biasHh" | "weightHr";
type Suffix = `L${number}` | `L${number}Reverse`;

const OPTIONS = ["numLayers", "bias", "batchFirst", "dropout", "bidirectional", "generator"];

/** One layer in one direction: what it returns is the output [R, P] and the last states [N, *]. */
type RunLayer = (
  x: Tensor,
  weights: LayerWeights,
  states: readonly Tensor[] | null,
  order: LayerAttrs,
) => readonly Tensor[];

/** What RNN, LSTM and GRU share. */
abstract class Recurrent extends Module {
  /** Parameters of layer k by PyTorch's names: weightIhL0, weightHhL0, biasIhL0, biasHhL0, weightHrL0, weightIhL0Reverse … */
  [name: `${Kind}${Suffix}`]: Parameter;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  private readonly generator: Generator;

  constructor(
    private readonly op: string,
    gates: number,
    readonly inputSize: number,
    readonly hiddenSize: number,
    readonly projSize: number,
    options: RecurrentOptions,
    others: readonly string[],
  ) {
    super();
    checkOptions(op, options, [...OPTIONS, ...others]);
    checkInteger(op, "inputSize", inputSize, 1);
    checkInteger(op, "hiddenSize", hiddenSize, 1);
    checkInteger(op, "projSize", projSize, 0);
    if (projSize >= hiddenSize) {
      throw new ArgumentError(op, `projSize is ${projSize}; expected less than hiddenSize ${hiddenSize}`);
    }
    this.numLayers = checkInteger(op, "numLayers", options.numLayers ?? 1, 1);
    this.bias = options.bias ?? true;
    this.batchFirst = options.batchFirst ?? false;
    this.dropout = checkProbability(op, options.dropout ?? 0);
    this.bidirectional = options.bidirectional ?? false;
    this.generator = options.generator ?? defaultGenerator;
    for (let layer = 0; layer < this.numLayers; layer++) {
      const features = layer === 0 ? inputSize : this.outputSize * this.suffixes(layer).length;
      for (const suffix of this.suffixes(layer)) {
        this[`weightIh${suffix}`] = uninitialised([gates * hiddenSize, features], op);
        this[`weightHh${suffix}`] = uninitialised([gates * hiddenSize, this.outputSize], op);
        if (this.bias) {
          this[`biasIh${suffix}`] = uninitialised([gates * hiddenSize], op);
          this[`biasHh${suffix}`] = uninitialised([gates * hiddenSize], op);
        }
        if (projSize > 0) this[`weightHr${suffix}`] = uninitialised([projSize, hiddenSize], op);
      }
    }
    this.resetParameters();
  }

  /** Draws all parameters anew, uniform in ±1/√hiddenSize. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  /** Size of h, and of the output of one direction. */
  private get outputSize(): number {
    return this.projSize > 0 ? this.projSize : this.hiddenSize;
  }

  /** Ends of a layer's parameter names, one a direction. */
  private suffixes(layer: number): Suffix[] {
    return this.bidirectional ? [`L${layer}`, `L${layer}Reverse`] : [`L${layer}`];
  }

  /** Present weights; a parametrisation may compute them anew for each pass. */
  private weights(suffix: Suffix): LayerWeights {
    return {
      weightIh: this[`weightIh${suffix}`]!,
      weightHh: this[`weightHh${suffix}`]!,
      biasIh: this[`biasIh${suffix}`] ?? null,
      biasHh: this[`biasHh${suffix}`] ?? null,
      weightHr: this[`weightHr${suffix}`] ?? null,
    };
  }

  /** Brings any kind of input to rows of steps, runs all layers and brings the results back. */
  protected run(
    x: Tensor | PackedSequence,
    given: readonly Tensor[] | null,
    options: RecurrentForwardOptions,
    layer: RunLayer,
  ): { y: Tensor | PackedSequence; states: Tensor[] } {
    checkOptions(this.op, options, ["lengths"]);
    const lengths = options.lengths ?? null;
    if (isPackedSequence(x)) {
      if (lengths !== null)
        throw new ArgumentError(this.op, "lengths come with a packed sequence; expected none, as it has its own");
      return this.runPacked(x, given, layer);
    }
    this.checkInput(x, 2, 3);
    const single = x.ndim === 2;
    if (single && lengths !== null) {
      throw new ArgumentError(this.op, `lengths come with one sequence ${formatShape(x.shape)}; expected a batch`);
    }
    if (lengths !== null) return this.runPadded(x, given, lengths, layer);
    const timeMajor = single ? reshape(x, [x.size(0), 1, x.size(1)]) : this.batchFirst ? transpose(x, 0, 1) : x;
    const [steps, batch, features] = timeMajor.shape as [number, number, number];
    if (steps === 0) {
      throw new ShapeError(this.op, `input ${formatShape(x.shape)} has no steps; expected a length of at least 1`);
    }
    const states = single ? (given?.map((s) => this.lift(s)) ?? null) : given;
    this.checkStates(states, batch);
    const rows = reshape(timeMajor, [steps * batch, features]);
    const out = this.layers(rows, states, { steps, batch, batchSizes: null }, layer);
    if (single) return { y: out.y, states: out.states.map((s) => reshape(s, [s.size(0), s.size(2)])) };
    const y = reshape(out.y, [steps, batch, out.y.size(1)]);
    return { y: this.batchFirst ? transpose(y, 0, 1) : y, states: out.states };
  }

  private runPacked(
    x: PackedSequence,
    given: readonly Tensor[] | null,
    layer: RunLayer,
  ): { y: PackedSequence; states: Tensor[] } {
    const { data, batchSizes, sortedIndices, unsortedIndices } = x;
    this.checkInput(data, 2);
    const batch = batchSizes[0] ?? 0;
    const rows = batchSizes.reduce((a, b) => a + b, 0);
    if (
      rows !== data.size(0) ||
      rows === 0 ||
      batchSizes.some((n, t) => n < 1 || n > batchSizes[Math.max(0, t - 1)]!)
    ) {
      throw new ShapeError(
        this.op,
        `packed data ${formatShape(data.shape)} does not fit its batch sizes [${batchSizes.join(", ")}]; expected sizes that do not grow and sum up to the rows`,
      );
    }
    this.checkStates(given, batch);
    const sorted = sortedIndices === null ? given : (given?.map((s) => reorder(s, 1, sortedIndices)) ?? null);
    const out = this.layers(data, sorted, { steps: batchSizes.length, batch, batchSizes }, layer);
    const states = unsortedIndices === null ? out.states : out.states.map((s) => reorder(s, 1, unsortedIndices));
    return { y: { data: out.y, batchSizes, sortedIndices, unsortedIndices }, states };
  }

  private runPadded(
    x: Tensor,
    given: readonly Tensor[] | null,
    lengths: Lengths,
    layer: RunLayer,
  ): { y: Tensor; states: Tensor[] } {
    const { batchFirst, op } = this;
    const [steps, batch] = batchFirst ? [x.size(1), x.size(0)] : [x.size(0), x.size(1)];
    this.checkStates(given, batch);
    const packed = packPaddedSequence(x, lengthsOf(op, lengths, batch, steps), { batchFirst, enforceSorted: false });
    const out = this.runPacked(packed, given, layer);
    return { y: padPackedSequence(out.y, { batchFirst, totalLength: steps })[0], states: out.states };
  }

  /** All layers over rows [R, inputSize] → y [R, directions · P] and the last states [layers · directions, N, *]. */
  private layers(
    x: Tensor,
    given: readonly Tensor[] | null,
    order: Order,
    layer: RunLayer,
  ): { y: Tensor; states: Tensor[] } {
    const { op } = this;
    const last: Tensor[][] = [];
    let y = x;
    for (let k = 0; k < this.numLayers; k++) {
      if (k > 0 && this.training && this.dropout > 0) y = dropout(y, this.dropout, this.generator);
      const outs = this.suffixes(k).map((suffix, direction) => {
        const states = given?.map((s) => select(s, 0, last.length)) ?? null;
        const [out, ...ends] = layer(y, this.weights(suffix), states, { ...order, op, reverse: direction === 1 });
        last.push(ends);
        return out!;
      });
      y = outs.length === 1 ? outs[0]! : cat(outs, 1);
    }
    const states = last[0]!.map((_, i) => {
      const ends = last.map((list) => list[i]!);
      return ends.length === 1 ? reshape(ends[0]!, [1, ...ends[0]!.shape]) : stack(ends, 0);
    });
    return { y, states };
  }

  private checkInput(x: Tensor, ...ranks: number[]): void {
    if (!(x instanceof Tensor))
      throw new ArgumentError(this.op, "input is no Tensor; expected one, or a packed sequence");
    checkDType(this.op, "input", x, "float32");
    checkRank(this.op, "input", x.shape, ...ranks);
    const features = x.size(-1);
    if (features !== this.inputSize) {
      throw new ShapeError(
        this.op,
        `input has ${features} features; expected ${this.inputSize} (inputSize ${this.inputSize}, input ${formatShape(x.shape)})`,
      );
    }
  }

  private checkStates(states: readonly Tensor[] | null, batch: number): void {
    const lead = this.numLayers * this.suffixes(0).length;
    [this.outputSize, this.hiddenSize].forEach((size, i) => {
      const state = states?.[i];
      if (state === undefined) return;
      const want = [lead, batch, size];
      const what = `initial ${i === 0 ? "hidden" : "cell"} state`;
      checkDType(this.op, what, state, "float32");
      if (!sameShape(state.shape, want)) {
        throw new ShapeError(
          this.op,
          `${what} has shape ${formatShape(state.shape)}; expected ${formatShape(want)} (layers · directions, batch, size)`,
        );
      }
    });
  }

  /** The state of one sequence as that of a batch of one. */
  private lift(state: Tensor): Tensor {
    checkRank(this.op, "initial state", state.shape, 2);
    return reshape(state, [state.size(0), 1, state.size(1)]);
  }
}

export interface RnnOptions extends RecurrentOptions {
  /** Default "tanh". */
  readonly nonlinearity?: "tanh" | "relu";
}

/**
 * Elman's recurrent network: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh), or relu instead of tanh.
 *
 * `forward(x, h0)` → [y, hN]. x [T, N, inputSize], [N, T, inputSize] with `batchFirst`, [T, inputSize] for one sequence, or a packed
 * sequence; y alike with D · hiddenSize features (D directions). h0 and hN [numLayers · D, N, hiddenSize], without N for one sequence;
 * h0 may be null for zeros. Parameters begin uniform in ±1/√hiddenSize. An output layer is a Linear on y.
 * Errors: ShapeError for another number of features or another state; ArgumentError for lengths outside 1 to T.
 * PyTorch: `forward` also takes the lengths of a padded batch.
 */
export class RNN extends Recurrent {
  readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number, hiddenSize: number, options: RnnOptions = {}) {
    const nonlinearity = checkOneOf("RNN", "nonlinearity", options.nonlinearity ?? "tanh", ["tanh", "relu"]);
    super("RNN", 1, inputSize, hiddenSize, 0, options, ["nonlinearity"]);
    this.nonlinearity = nonlinearity;
  }

  forward(x: Tensor, h0?: Tensor | null, options?: RecurrentForwardOptions): [y: Tensor, hN: Tensor];
  forward(x: PackedSequence, h0?: Tensor | null): [y: PackedSequence, hN: Tensor];
  forward(
    x: Tensor | PackedSequence,
    h0: Tensor | null = null,
    options: RecurrentForwardOptions = {},
  ): [y: Tensor | PackedSequence, hN: Tensor] {
    const relu = this.nonlinearity === "relu";
    const { y, states } = this.run(x, h0 && [h0], options, (rows, weights, given, order) =>
      rnnLayer(rows, weights, given?.[0] ?? null, { ...order, relu }),
    );
    return [y, states[0]!];
  }
}

export interface LstmOptions extends RecurrentOptions {
  /** Size to which h is projected by W_hr; 0 for none. Default 0. */
  readonly projSize?: number;
}

/**
 * Long short-term memory: (i, f, g, o) = W_ih x_t + b_ih + W_hh h_{t−1} + b_hh, c_t = σ(f) c_{t−1} + σ(i) tanh(g),
 * h_t = σ(o) tanh(c_t), or W_hr σ(o) tanh(c_t) with `projSize`.
 *
 * `forward(x, [h0, c0])` → [y, [hN, cN]]. x [T, N, inputSize], [N, T, inputSize] with `batchFirst`, [T, inputSize] for one sequence, or
 * a packed sequence; y alike with D · P features (D directions, P projSize or else hiddenSize). h [numLayers · D, N, P] and c
 * [numLayers · D, N, hiddenSize], without N for one sequence; the state may be null for zeros. Parameters begin uniform in
 * ±1/√hiddenSize.
 * Errors: ShapeError for another number of features or another state; ArgumentError for lengths outside 1 to T.
 * PyTorch: `forward` also takes the lengths of a padded batch.
 */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: LstmOptions = {}) {
    super("LSTM", 4, inputSize, hiddenSize, options.projSize ?? 0, options, ["projSize"]);
  }

  forward(x: Tensor, state?: LstmState | null, options?: RecurrentForwardOptions): [y: Tensor, state: LstmState];
  forward(x: PackedSequence, state?: LstmState | null): [y: PackedSequence, state: LstmState];
  forward(
    x: Tensor | PackedSequence,
    state: LstmState | null = null,
    options: RecurrentForwardOptions = {},
  ): [y: Tensor | PackedSequence, state: LstmState] {
    checkPair("LSTM", state);
    const { y, states } = this.run(x, state, options, (rows, weights, given, order) =>
      lstmLayer(rows, weights, given?.[0] ?? null, given?.[1] ?? null, order),
    );
    return [y, [states[0]!, states[1]!]];
  }
}

/** Refuses anything but a pair of tensors, or nothing. */
export function checkPair(op: string, state: LstmState | null): void {
  const pair = Array.isArray(state) && state.length === 2 && state.every((s) => s instanceof Tensor);
  if (state !== null && !pair) throw new ArgumentError(op, "state is no pair of tensors; expected [h, c] or null");
}

export interface GruOptions extends RecurrentOptions {
  /** Apply the reset gate to the hidden product (true, as PyTorch) or to the state before it (false). Default true. */
  readonly resetAfter?: boolean;
}

/**
 * Gated recurrent units: r and z = σ of their parts of W_ih x_t + b_ih + W_hh h_{t−1} + b_hh,
 * n = tanh(W_in x_t + b_in + r ⊙ (W_hn h_{t−1} + b_hn)), h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}; with `resetAfter: false` the original form
 * n = tanh(W_in x_t + b_in + W_hn (r ⊙ h_{t−1}) + b_hn). Some texts swap z and 1 − z: the same network, z being relabelled (change the
 * sign of its weights and biases).
 *
 * `forward(x, h0)` → [y, hN]; shapes and errors as RNN's. Parameters begin uniform in ±1/√hiddenSize.
 * PyTorch: resetAfter; `forward` also takes the lengths of a padded batch.
 */
export class GRU extends Recurrent {
  readonly resetAfter: boolean;

  constructor(inputSize: number, hiddenSize: number, options: GruOptions = {}) {
    super("GRU", 3, inputSize, hiddenSize, 0, options, ["resetAfter"]);
    this.resetAfter = options.resetAfter ?? true;
  }

  forward(x: Tensor, h0?: Tensor | null, options?: RecurrentForwardOptions): [y: Tensor, hN: Tensor];
  forward(x: PackedSequence, h0?: Tensor | null): [y: PackedSequence, hN: Tensor];
  forward(
    x: Tensor | PackedSequence,
    h0: Tensor | null = null,
    options: RecurrentForwardOptions = {},
  ): [y: Tensor | PackedSequence, hN: Tensor] {
    const { resetAfter } = this;
    const { y, states } = this.run(x, h0 && [h0], options, (rows, weights, given, order) =>
      gruLayer(rows, weights, given?.[0] ?? null, { ...order, resetAfter }),
    );
    return [y, states[0]!];
  }
}
