import { checkInteger, checkNumber, checkOneOf, checkOptions, checkRank, type NoOptions } from "../check.js";
import { full } from "../creation.js";
import { ArgumentError } from "../errors.js";
import * as F from "../functional/index.js";
import { checkBounds } from "../ops/activation.js";
import { checkRange } from "../ops/random.js";
import type { Generator } from "../random.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

/** y = max(x, 0); see `functional.relu`. */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return F.relu(x);
  }
}

/** y = 1/(1 + e^−x); see `functional.sigmoid`. */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return F.sigmoid(x);
  }
}

/** y = tanh x; see `functional.tanh`. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return F.tanh(x);
  }
}

/** y = min(max(x, 0), 6); see `functional.relu6`. */
export class ReLU6 extends Module {
  forward(x: Tensor): Tensor {
    return F.relu6(x);
  }
}

/** y = x above 0, else negativeSlope·x; see `functional.leakyRelu`. */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;
  constructor(options: F.LeakyReluOptions = {}) {
    super();
    checkOptions("LeakyReLU", options, ["negativeSlope"]);
    this.negativeSlope = checkNumber("LeakyReLU", "negativeSlope", options.negativeSlope ?? 0.01);
  }
  forward(x: Tensor): Tensor {
    return F.leakyRelu(x, { negativeSlope: this.negativeSlope });
  }
}

export interface PReLUOptions {
  /** 1 (the default), or the number of channels: one slope for each index of dimension 1. */
  readonly numParameters?: number;
  /** Initial slopes. Default 0.25. */
  readonly init?: number;
}

/** y = x above 0, else weight·x with a learned weight [numParameters]; see `functional.prelu`. */
export class PReLU extends Module {
  readonly numParameters: number;
  readonly weight: Parameter;
  constructor(options: PReLUOptions = {}) {
    super();
    checkOptions("PReLU", options, ["numParameters", "init"]);
    this.numParameters = checkInteger("PReLU", "numParameters", options.numParameters ?? 1, 1);
    this.weight = new Parameter(full([this.numParameters], checkNumber("PReLU", "init", options.init ?? 0.25)));
  }
  forward(x: Tensor): Tensor {
    return F.prelu(x, this.weight);
  }
}

/** y = x above 0, else x times a slope: drawn for each element in training, (lower + upper)/2 in evaluation; see `functional.rrelu`. */
export class RReLU extends Module {
  readonly lower: number;
  readonly upper: number;
  private readonly generator: Generator | undefined;
  constructor(options: Omit<F.RReluOptions, "training"> = {}) {
    super();
    checkOptions("RReLU", options, ["lower", "upper", "generator"]);
    this.lower = options.lower ?? 1 / 8;
    this.upper = options.upper ?? 1 / 3;
    checkRange("RReLU", this.lower, this.upper);
    this.generator = options.generator;
  }
  forward(x: Tensor): Tensor {
    const { lower, upper, training, generator } = this;
    return F.rrelu(x, generator === undefined ? { lower, upper, training } : { lower, upper, training, generator });
  }
}

/** y = x above 0, else alpha·(e^x − 1); see `functional.elu`. */
export class ELU extends Module {
  readonly alpha: number;
  constructor(options: F.EluOptions = {}) {
    super();
    checkOptions("ELU", options, ["alpha"]);
    this.alpha = checkNumber("ELU", "alpha", options.alpha ?? 1);
  }
  forward(x: Tensor): Tensor {
    return F.elu(x, { alpha: this.alpha });
  }
}

/** y = λ·elu(x, α) with λ = 1.0507… and α = 1.6732…; see `functional.selu`. */
export class SELU extends Module {
  forward(x: Tensor): Tensor {
    return F.selu(x);
  }
}

/** y = max(x, 0) + min(alpha·(e^{x/alpha} − 1), 0); see `functional.celu`. */
export class CELU extends Module {
  readonly alpha: number;
  constructor(options: F.EluOptions = {}) {
    super();
    checkOptions("CELU", options, ["alpha"]);
    this.alpha = checkNumber("CELU", "alpha", options.alpha ?? 1);
    if (this.alpha === 0) throw new ArgumentError("CELU", "alpha is 0; expected another number");
  }
  forward(x: Tensor): Tensor {
    return F.celu(x, { alpha: this.alpha });
  }
}

/** y = ln(1 + e^{beta·x})/beta, or x where beta·x is above the threshold; see `functional.softplus`. */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;
  constructor(options: F.SoftplusOptions = {}) {
    super();
    checkOptions("Softplus", options, ["beta", "threshold"]);
    this.beta = checkNumber("Softplus", "beta", options.beta ?? 1);
    this.threshold = checkNumber("Softplus", "threshold", options.threshold ?? 20);
    if (this.beta === 0) throw new ArgumentError("Softplus", "beta is 0; expected another number");
  }
  forward(x: Tensor): Tensor {
    return F.softplus(x, { beta: this.beta, threshold: this.threshold });
  }
}

/** y = ln σ(x); see `functional.logsigmoid`. */
export class LogSigmoid extends Module {
  forward(x: Tensor): Tensor {
    return F.logsigmoid(x);
  }
}

/** y = x·Φ(x); see `functional.gelu`. */
export class GELU extends Module {
  readonly approximate: "none" | "tanh";
  constructor(options: F.GeluOptions = {}) {
    super();
    checkOptions("GELU", options, ["approximate"]);
    this.approximate = checkOneOf("GELU", "approximate", options.approximate ?? "none", ["none", "tanh"]);
  }
  forward(x: Tensor): Tensor {
    return F.gelu(x, { approximate: this.approximate });
  }
}

/** y = x·σ(x); see `functional.silu`. */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return F.silu(x);
  }
}

/** y = x·tanh(ln(1 + e^x)); see `functional.mish`. */
export class Mish extends Module {
  forward(x: Tensor): Tensor {
    return F.mish(x);
  }
}

/** y = x·min(max(x + 3, 0), 6)/6; see `functional.hardswish`. */
export class Hardswish extends Module {
  forward(x: Tensor): Tensor {
    return F.hardswish(x);
  }
}

/** y = min(max(x + 3, 0), 6)/6; see `functional.hardsigmoid`. */
export class Hardsigmoid extends Module {
  forward(x: Tensor): Tensor {
    return F.hardsigmoid(x);
  }
}

/** y = min(max(x, minVal), maxVal); see `functional.hardtanh`. */
export class Hardtanh extends Module {
  readonly minVal: number;
  readonly maxVal: number;
  constructor(options: F.HardtanhOptions = {}) {
    super();
    checkOptions("Hardtanh", options, ["minVal", "maxVal"]);
    this.minVal = options.minVal ?? -1;
    this.maxVal = options.maxVal ?? 1;
    checkBounds("Hardtanh", this.minVal, this.maxVal);
  }
  forward(x: Tensor): Tensor {
    return F.hardtanh(x, { minVal: this.minVal, maxVal: this.maxVal });
  }
}

/** y = x/(1 + |x|); see `functional.softsign`. */
export class Softsign extends Module {
  forward(x: Tensor): Tensor {
    return F.softsign(x);
  }
}

/** y = x − tanh x; see `functional.tanhshrink`. */
export class Tanhshrink extends Module {
  forward(x: Tensor): Tensor {
    return F.tanhshrink(x);
  }
}

/** y = x where |x| > lambd, shrunk by lambd, else 0; see `functional.softshrink`. */
export class Softshrink extends Module {
  readonly lambd: number;
  constructor(options: F.ShrinkOptions = {}) {
    super();
    checkOptions("Softshrink", options, ["lambd"]);
    this.lambd = checkNumber("Softshrink", "lambd", options.lambd ?? 0.5, 0);
  }
  forward(x: Tensor): Tensor {
    return F.softshrink(x, { lambd: this.lambd });
  }
}

/** y = x where |x| > lambd, else 0; see `functional.hardshrink`. */
export class Hardshrink extends Module {
  readonly lambd: number;
  constructor(options: F.ShrinkOptions = {}) {
    super();
    checkOptions("Hardshrink", options, ["lambd"]);
    this.lambd = checkNumber("Hardshrink", "lambd", options.lambd ?? 0.5);
  }
  forward(x: Tensor): Tensor {
    return F.hardshrink(x, { lambd: this.lambd });
  }
}

/** y = x where x > threshold, else value; see `functional.threshold`. */
export class Threshold extends Module {
  constructor(
    readonly threshold: number,
    readonly value: number,
    ...none: NoOptions
  ) {
    super(...none);
    checkNumber("Threshold", "threshold", threshold);
    checkNumber("Threshold", "value", value);
  }
  forward(x: Tensor): Tensor {
    return F.threshold(x, { threshold: this.threshold, value: this.value });
  }
}

/** y = a ⊙ σ(b), a and b being the halves of x along `dim`; see `functional.glu`. */
export class GLU extends Module {
  readonly dim: number;
  constructor(options: { dim?: number } = {}) {
    super();
    checkOptions("GLU", options, ["dim"]);
    this.dim = checkInteger("GLU", "dim", options.dim ?? -1, -(2 ** 31));
  }
  forward(x: Tensor): Tensor {
    return F.glu(x, { dim: this.dim });
  }
}

/** A module that works along one dimension. */
abstract class Along extends Module {
  readonly dim: number;
  constructor(options: F.SoftmaxOptions) {
    super();
    checkOptions(new.target.name, options, ["dim"]);
    this.dim = checkInteger(new.target.name, "dim", options?.dim, -(2 ** 31));
  }
}

/** y = e^x / Σ e^x along `dim`; see `functional.softmax`. PyTorch: dim may be left out. */
export class Softmax extends Along {
  forward(x: Tensor): Tensor {
    return F.softmax(x, { dim: this.dim });
  }
}

/** y = x − ln Σ e^x along `dim`; see `functional.logSoftmax`. PyTorch: dim may be left out. */
export class LogSoftmax extends Along {
  forward(x: Tensor): Tensor {
    return F.logSoftmax(x, { dim: this.dim });
  }
}

/** y = e^−x / Σ e^−x along `dim`; see `functional.softmin`. PyTorch: dim may be left out. */
export class Softmin extends Along {
  forward(x: Tensor): Tensor {
    return F.softmin(x, { dim: this.dim });
  }
}

/** y = e^x / Σ e^x over the channels of each place: x [N, C, H, W] or [C, H, W]; see `functional.softmax`. */
export class Softmax2d extends Module {
  forward(x: Tensor): Tensor {
    checkRank("Softmax2d", "input", x.shape, 3, 4);
    return F.softmax(x, { dim: -3 });
  }
}
