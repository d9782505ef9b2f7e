import { checkDType, checkInteger, checkOneOf, checkOperand, checkOptions, checkRank } from "../check.js";
import { ShapeError } from "../errors.js";
import { reshape } from "../ops/copy.js";
import type { LayerAttrs, LayerWeights } from "../ops/recurrent.js";
import { gruLayer } from "../ops/recurrent_gru.js";
import { lstmLayer } from "../ops/recurrent_lstm.js";
import { rnnLayer } from "../ops/recurrent_rnn.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { uniform_ } from "./init.js";
import { Module } from "./module.js";
import { type Parameter, uninitialised } from "./parameter.js";
import { checkPair, type LstmState } from "./recurrent.js";

export interface CellOptions {
  /** Learn additive biases. Default true. */
  readonly bias?: boolean;
}

/** What the cells share: a layer's weights, and one step as a sequence of length 1. */
abstract class Cell extends Module {
  readonly weightIh: Parameter;
  readonly weightHh: Parameter;
  readonly biasIh: Parameter | null;
  readonly biasHh: Parameter | null;

  constructor(
    private readonly op: string,
    gates: number,
    readonly inputSize: number,
    readonly hiddenSize: number,
    options: CellOptions,
    others: readonly string[] = [],
  ) {
    super();
    checkOptions(op, options, ["bias", ...others]);
    checkInteger(op, "inputSize", inputSize, 1);
    checkInteger(op, "hiddenSize", hiddenSize, 1);
    const rows = gates * hiddenSize;
    const bias = options.bias ?? true;
    this.weightIh = uninitialised([rows, inputSize], op);
    this.weightHh = uninitialised([rows, hiddenSize], op);
    this.biasIh = bias ? uninitialised([rows], op) : null;
    this.biasHh = bias ? uninitialised([rows], op) : null;
    this.resetParameters();
  }

  /** Draws all parameters anew, uniform in ±1/√hiddenSize. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  /** Checks input and states, and gives `layer` both with a batch dimension; its results lose it again if the input has none. */
  protected step(
    x: Tensor,
    states: readonly Tensor[] | null,
    layer: (x: Tensor, weights: LayerWeights, states: readonly Tensor[] | null, order: LayerAttrs) => readonly Tensor[],
  ): Tensor[] {
    const { op, inputSize, hiddenSize, weightIh, weightHh, biasIh, biasHh } = this;
    checkDType(op, "input", x, "float32");
    checkRank(op, "input", x.shape, 1, 2);
    if (x.size(-1) !== inputSize) {
      throw new ShapeError(
        op,
        `input has ${x.size(-1)} features; expected ${inputSize} (inputSize ${inputSize}, input ${formatShape(x.shape)})`,
      );
    }
    const lead = x.shape.slice(0, -1);
    for (const state of states ?? []) {
      checkOperand(op, "state", state, [...lead, hiddenSize], "the input without its features, then hiddenSize");
    }
    const rows = (t: Tensor): Tensor => (t.ndim === 1 ? reshape(t, [1, t.size(0)]) : t);
    const input = rows(x);
    const weights = { weightIh, weightHh, biasIh, biasHh, weightHr: null };
    const order = { steps: 1, batch: input.size(0), batchSizes: null, op, reverse: false };
    const [y, ...ends] = layer(input, weights, states?.map(rows) ?? null, order);
    y!.dispose();
    return x.ndim === 1 ? ends.map((t) => reshape(t, [hiddenSize])) : ends;
  }
}

export interface RnnCellOptions extends CellOptions {
  /** Default "tanh". */
  readonly nonlinearity?: "tanh" | "relu";
}

/**
 * One step of an RNN: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu instead of tanh.
 * Shapes: x [N, inputSize] and h, h' [N, hiddenSize], or without N; h may be null for zeros. Errors: ShapeError for other shapes.
 */
export class RNNCell extends Cell {
  readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number, hiddenSize: number, options: RnnCellOptions = {}) {
    const nonlinearity = checkOneOf("RNNCell", "nonlinearity", options.nonlinearity ?? "tanh", ["tanh", "relu"]);
    super("RNNCell", 1, inputSize, hiddenSize, options, ["nonlinearity"]);
    this.nonlinearity = nonlinearity;
  }

  forward(x: Tensor, h: Tensor | null = null): Tensor {
    const relu = this.nonlinearity === "relu";
    return this.step(x, h && [h], (rows, weights, states, order) =>
      rnnLayer(rows, weights, states?.[0] ?? null, { ...order, relu }),
    )[0]!;
  }
}

/**
 * One step of an LSTM: [h', c'] from x and [h, c]; see `LSTM`.
 * Shapes: x [N, inputSize], all others [N, hiddenSize], or all without N; the state may be null for zeros. Errors: ShapeError for other shapes.
 */
export class LSTMCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super("LSTMCell", 4, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, state: LstmState | null = null): LstmState {
    checkPair("LSTMCell", state);
    const [h, c] = this.step(x, state, (rows, weights, states, order) =>
      lstmLayer(rows, weights, states?.[0] ?? null, states?.[1] ?? null, order),
    );
    return [h!, c!];
  }
}

export interface GruCellOptions extends CellOptions {
  /** See `GRU`. Default true. */
  readonly resetAfter?: boolean;
}

/**
 * One step of a GRU: h' from x and h; see `GRU`.
 * Shapes: x [N, inputSize] and h, h' [N, hiddenSize], or without N; h may be null for zeros. Errors: ShapeError for other shapes.
 * PyTorch: resetAfter, as in `GRU`.
 */
export class GRUCell extends Cell {
  readonly resetAfter: boolean;

  constructor(inputSize: number, hiddenSize: number, options: GruCellOptions = {}) {
    super("GRUCell", 3, inputSize, hiddenSize, options, ["resetAfter"]);
    this.resetAfter = options.resetAfter ?? true;
  }

  forward(x: Tensor, h: Tensor | null = null): Tensor {
    const { resetAfter } = this;
    return this.step(x, h && [h], (rows, weights, states, order) =>
      gruLayer(rows, weights, states?.[0] ?? null, { ...order, resetAfter }),
    )[0]!;
  }
}
