import { checkInteger, checkOneOf, checkOptions } from "../check.js";
import * as F from "../functional/index.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

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

/** A module that works along one dimension. */
abstract class Along extends Module {
  readonly dim: number;
  constructor(options: F.SoftmaxOptions) {
    super();
    checkOptions(new.target.name, options, ["dim"]);
    this.dim = checkInteger(new.target.name, "dim", options?.dim, -(2 ** 31));
  }
}

/** y = e^x / Σ e^x along `dim`; see `functional.softmax`. */
export class Softmax extends Along {
  forward(x: Tensor): Tensor {
    return F.softmax(x, { dim: this.dim });
  }
}

/** y = x − ln Σ e^x along `dim`; see `functional.logSoftmax`. */
export class LogSoftmax extends Along {
  forward(x: Tensor): Tensor {
    return F.logSoftmax(x, { dim: this.dim });
  }
}

/** y = e^−x / Σ e^−x along `dim`; see `functional.softmin`. */
export class Softmin extends Along {
  forward(x: Tensor): Tensor {
    return F.softmin(x, { dim: this.dim });
  }
}
