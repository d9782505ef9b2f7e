import { checkDType, checkInteger, checkOperand, checkOptions, checkRank, checkTuple } from "../check.js";
import { ShapeError } from "../errors.js";
import { add, mul, sub } from "../ops/arithmetic.js";
import { type ConvAttrs, conv, convAttrs } from "../ops/conv.js";
import { narrow, permute, reshape, select } from "../ops/copy.js";
import { stack } from "../ops/rearrange.js";
import { sigmoidOp, tanhOp } from "../ops/transcendental.js";
import { map } from "../ops/unary.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Sizes } from "../types.js";
import { uniform_ } from "./init.js";
import { Module } from "./module.js";
import { type Parameter, uninitialised } from "./parameter.js";
import { checkPair, type LstmState } from "./recurrent.js";

export interface ConvRecurrentOptions {
  /** Learn an additive bias. Default true. */
  readonly bias?: boolean;
  /** Input and output are [N, T, W, H, C] instead of [N, T, C, H, W]; states stay as they are. Default false. */
  readonly channelsLast?: boolean;
}

/** One step: the input's share of the gates and the states before → the states after, the first of which is the output. */
type Step = (share: Tensor, states: readonly Tensor[] | null) => readonly Tensor[];

/** What the convolutional recurrent layers share: the input's convolutions of all steps are one, the hidden ones follow step by step. */
abstract class ConvRecurrent extends Module {
  readonly kernelSize: readonly number[];
  readonly channelsLast: boolean;
  readonly weightIh: Parameter;
  readonly weightHh: Parameter;
  readonly bias: Parameter | null;
  private readonly attrs: ConvAttrs;

  constructor(
    private readonly op: string,
    gates: number,
    readonly inChannels: number,
    readonly hiddenChannels: number,
    kernelSize: Sizes,
    options: ConvRecurrentOptions,
  ) {
    super();
    checkOptions(op, options, ["bias", "channelsLast"]);
    checkInteger(op, "inChannels", inChannels, 1);
    checkInteger(op, "hiddenChannels", hiddenChannels, 1);
    this.kernelSize = checkTuple(op, "kernelSize", kernelSize, 2, 1);
    this.channelsLast = options.channelsLast ?? false;
    this.attrs = convAttrs(op, this.kernelSize, { padding: "same" });
    const channels = gates * hiddenChannels;
    this.weightIh = uninitialised([channels, inChannels, ...this.kernelSize], op);
    this.weightHh = uninitialised([channels, hiddenChannels, ...this.kernelSize], op);
    this.bias = (options.bias ?? true) ? uninitialised([channels], op) : null;
    this.resetParameters();
  }

  /** Draws all parameters anew, uniform in ±1/√(hiddenChannels · kH · kW). */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.kernelSize.reduce((a, b) => a * b, this.hiddenChannels));
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  /** weightHh ∗ h, or some of its output channels. */
  protected hidden(h: Tensor, from = 0, to = this.weightHh.size(0)): Tensor {
    return conv(h, narrow(this.weightHh, 0, from, to - from), null, this.attrs);
  }

  /** The k-th of the gates' parts of [N, G · hiddenChannels, H, W]. */
  protected part(gates: Tensor, k: number): Tensor {
    return narrow(gates, 1, k * this.hiddenChannels, this.hiddenChannels);
  }

  /** Walks the steps; returns y and the last states. */
  protected run(input: Tensor, given: readonly Tensor[] | null, step: Step): { y: Tensor; states: readonly Tensor[] } {
    const { op, inChannels, hiddenChannels, channelsLast } = this;
    checkDType(op, "input", input, "float32");
    checkRank(op, "input", input.shape, 5);
    const x = channelsLast ? permute(input, [0, 1, 4, 3, 2]) : input;
    const [batch, steps, channels, height, width] = x.shape as [number, number, number, number, number];
    const context = `input ${formatShape(input.shape)}`;
    if (channels !== inChannels) {
      throw new ShapeError(op, `input has ${channels} channels; expected ${inChannels} (${context})`);
    }
    if (steps === 0) throw new ShapeError(op, `input has no steps; expected a length of at least 1 (${context})`);
    for (const state of given ?? []) {
      checkOperand(op, "initial state", state, [batch, hiddenChannels, height, width], context);
    }
    const images = reshape(x, [batch * steps, channels, height, width]);
    const flat = conv(images, this.weightIh, this.bias, this.attrs);
    const shares = reshape(flat, [batch, steps, ...flat.shape.slice(1)]);
    let states = given;
    const outputs: Tensor[] = [];
    for (let t = 0; t < steps; t++) {
      states = step(select(shares, 1, t), states);
      outputs.push(states[0]!);
    }
    const y = stack(outputs, 1);
    return { y: channelsLast ? permute(y, [0, 1, 4, 3, 2]) : y, states: states! };
  }
}

/**
 * An RNN over images: h' = tanh(weightIh ∗ x + weightHh ∗ h + bias), ∗ a convolution with zero "same" padding.
 *
 * `forward(x, h0)` → [y, hN]. x [N, T, inChannels, H, W] and y [N, T, hiddenChannels, H, W], with `channelsLast` both [N, T, W, H, C];
 * h0 and hN [N, hiddenChannels, H, W], h0 may be null for zeros. Parameters begin uniform in ±1/√(hiddenChannels · kH · kW).
 * Errors: ShapeError for other shapes.
 */
export class ConvRNN2d extends ConvRecurrent {
  constructor(inChannels: number, hiddenChannels: number, kernelSize: Sizes, options: ConvRecurrentOptions = {}) {
    super("ConvRNN2d", 1, inChannels, hiddenChannels, kernelSize, options);
  }

  forward(x: Tensor, h0: Tensor | null = null): [y: Tensor, hN: Tensor] {
    const { y, states } = this.run(x, h0 && [h0], (share, before) => [
      map(tanhOp, before === null ? share : add(share, this.hidden(before[0]!))),
    ]);
    return [y, states[0]!];
  }
}

/**
 * An LSTM over images (Shi et al. 2015, without peepholes): (i, f, g, o) = weightIh ∗ x + weightHh ∗ h + bias,
 * c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c'), ∗ a convolution with zero "same" padding.
 *
 * `forward(x, [h0, c0])` → [y, [hN, cN]]; shapes and errors as ConvRNN2d's, c like h.
 */
export class ConvLSTM2d extends ConvRecurrent {
  constructor(inChannels: number, hiddenChannels: number, kernelSize: Sizes, options: ConvRecurrentOptions = {}) {
    super("ConvLSTM2d", 4, inChannels, hiddenChannels, kernelSize, options);
  }

  forward(x: Tensor, state: LstmState | null = null): [y: Tensor, state: LstmState] {
    checkPair("ConvLSTM2d", state);
    const { y, states } = this.run(x, state, (share, before) => {
      const gates = before === null ? share : add(share, this.hidden(before[0]!));
      const [i, f, g, o] = [0, 1, 2, 3].map((k) => map(k === 2 ? tanhOp : sigmoidOp, this.part(gates, k)));
      const fresh = mul(i!, g!);
      const c = before === null ? fresh : add(mul(f!, before[1]!), fresh);
      return [mul(o!, map(tanhOp, c)), c];
    });
    return [y, [states[0]!, states[1]!]];
  }
}

/**
 * A GRU over images, the reset gate applied before the hidden convolution: r, z = σ of their parts of weightIh ∗ x + weightHh ∗ h + bias,
 * n = tanh(weightIh_n ∗ x + weightHh_n ∗ (r ⊙ h) + bias_n), h' = (1 − z) ⊙ n + z ⊙ h, ∗ a convolution with zero "same" padding.
 *
 * `forward(x, h0)` → [y, hN]; shapes and errors as ConvRNN2d's.
 */
export class ConvGRU2d extends ConvRecurrent {
  constructor(inChannels: number, hiddenChannels: number, kernelSize: Sizes, options: ConvRecurrentOptions = {}) {
    super("ConvGRU2d", 3, inChannels, hiddenChannels, kernelSize, options);
  }

  forward(x: Tensor, h0: Tensor | null = null): [y: Tensor, hN: Tensor] {
    const two = 2 * this.hiddenChannels;
    const { y, states } = this.run(x, h0 && [h0], (share, before) => {
      const fromInput = narrow(share, 1, 0, two);
      const candidate = this.part(share, 2);
      if (before === null) {
        const n = map(tanhOp, candidate);
        return [sub(n, mul(map(sigmoidOp, this.part(fromInput, 1)), n))];
      }
      const h = before[0]!;
      const gates = map(sigmoidOp, add(fromInput, this.hidden(h, 0, two)));
      const n = map(tanhOp, add(candidate, this.hidden(mul(this.part(gates, 0), h), two)));
      return [add(n, mul(this.part(gates, 1), sub(h, n)))];
    });
    return [y, states[0]!];
  }
}
