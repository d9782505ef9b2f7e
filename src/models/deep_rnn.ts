import { checkInteger, checkOneOf, checkOptions, checkRank } from "../check.js";
import { add } from "../functional/arithmetic.js";
import { ModuleList } from "../nn/container.js";
import { Dropout } from "../nn/dropout.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import type { RecurrentForwardOptions } from "../nn/recurrent.js";
import { checkProbability } from "../ops/random.js";
import type { Tensor } from "../tensor.js";
import { checkBoolean } from "./options.js";
import { CELL_KINDS, type CellKind, type CellLayer, cellLayer, lastSteps, runCell } from "./sequence_parts.js";

export interface DeepRNNOptions {
  /** Kind of the layers. Default "lstm". */
  readonly cell?: CellKind;
  /** Features of each layer's state. Default 250. */
  readonly hiddenSize?: number;
  /** Default 5. */
  readonly numLayers?: number;
  /** Probability to drop a feature between two layers and before the last linear layer. Default 0. */
  readonly dropout?: number;
  /** Add each layer's input to its output, from the second layer on. Default false. */
  readonly residual?: boolean;
  /** "one": an output for the sequence, from the last step; "many": one for each step. Default "many". */
  readonly output?: "one" | "many";
}

/**
 * Recurrent layers on top of each other and a linear layer on the last: h^k_t = f(h^(k−1)_t, h^k_(t−1)) with h^0 = x, to which h^(k−1)_t is
 * added if residual (Graves, Mohamed and Hinton, Speech Recognition with Deep Recurrent Neural Networks, 2013, with 5 layers of 250;
 * residual: Wu et al., Google's Neural Machine Translation System, 2016, Section 3.1). With L layers of H features on F and G gates (LSTM
 * 4, GRU 3, RNN 1) it has G·H·(F + H + 2) + (L − 1)·G·H·(2·H + 2) + outputSize·(H + 1) parameters.
 * Shapes: x [N, T, inputSize] → [N, T, outputSize], or [N, outputSize] with output "one". `lengths` of a padded batch make a sequence's
 * result that which it has alone. Keys: layers.0.weight_ih_l0, …, head.weight, head.bias. Errors: ShapeError for other inputs.
 */
export class DeepRNN extends Module {
  readonly layers: ModuleList<CellLayer>;
  readonly head: Linear;
  readonly dropout: Dropout;
  readonly residual: boolean;
  readonly output: "one" | "many";

  constructor(inputSize: number, outputSize: number, options: DeepRNNOptions = {}) {
    super();
    const op = "DeepRNN";
    checkOptions(op, options, ["cell", "hiddenSize", "numLayers", "dropout", "residual", "output"]);
    checkInteger(op, "inputSize", inputSize, 1);
    checkInteger(op, "outputSize", outputSize, 1);
    const kind = checkOneOf(op, "cell", options.cell ?? "lstm", CELL_KINDS);
    const hiddenSize = checkInteger(op, "hiddenSize", options.hiddenSize ?? 250, 1);
    const length = checkInteger(op, "numLayers", options.numLayers ?? 5, 1);
    const p = checkProbability(op, options.dropout ?? 0);
    this.residual = checkBoolean(op, "residual", options.residual ?? false);
    this.output = checkOneOf(op, "output", options.output ?? "many", ["one", "many"]);
    const features = (layer: number): number => (layer === 0 ? inputSize : hiddenSize);
    this.layers = new ModuleList(Array.from({ length }, (_, k) => cellLayer(kind, features(k), hiddenSize, {})));
    this.head = new Linear(hiddenSize, outputSize);
    this.dropout = new Dropout({ p });
  }

  forward(x: Tensor, options: RecurrentForwardOptions = {}): Tensor {
    checkOptions("DeepRNN", options, ["lengths"]);
    checkRank("DeepRNN", "input", x.shape, 3);
    let y = x;
    for (const [k, layer] of [...this.layers].entries()) {
      const below = k === 0 ? y : this.dropout.forward(y);
      const [states] = runCell(layer, below, null, options);
      y = this.residual && k > 0 ? add(y, states) : states;
    }
    const top = this.output === "one" ? lastSteps("DeepRNN", y, options.lengths ?? null) : y;
    return this.head.forward(this.dropout.forward(top));
  }
}

export interface DeepRNNModelOptions extends DeepRNNOptions {
  /** Default 123, the features of the paper. */
  readonly inputSize?: number;
  /** Default 62, the phonemes of the paper and a blank. */
  readonly outputSize?: number;
}

/** By name. */
export const deepRnns = {
  deep_rnn: ({ inputSize = 123, outputSize = 62, ...rest }: DeepRNNModelOptions = {}): DeepRNN =>
    new DeepRNN(inputSize, outputSize, rest),
};
