// Networks out of this library's modules.
import { functional as F, nn, type Tensor } from "quadlane";
import { layerWeights, type Values } from "../inputs.js";
import type { Layer, Model } from "../models.js";
import { dispose, toTensor } from "./tensors.js";

/** The sum and a relu behind it are left to the last layer of the body, as in this library's own blocks. */
class Residual extends nn.Module {
  constructor(
    readonly body: nn.Sequential,
    readonly shortcut: nn.Sequential,
    readonly activation: "none" | "relu",
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.body.forward(x, { residual: this.shortcut.forward(x), activation: this.activation });
  }
}

class Concat extends nn.Module {
  readonly branches: nn.ModuleList<nn.Sequential>;

  constructor(branches: readonly nn.Sequential[]) {
    super();
    this.branches = new nn.ModuleList(branches);
  }

  forward(x: Tensor): Tensor {
    return F.cat(
      Array.from(this.branches, (branch) => branch.forward(x)),
      { dim: 1 },
    );
  }
}

class Positions extends nn.Module {
  readonly weight: nn.Parameter;

  constructor(length: number, width: number) {
    super();
    this.weight = new nn.Parameter(toTensor({ shape: [length, width], data: new Float32Array(length * width) }));
  }

  forward(x: Tensor): Tensor {
    return x.add(this.weight);
  }
}

/** The sequence of states, without the last ones. */
class States extends nn.Module {
  constructor(readonly lstm: nn.LSTM) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.lstm.forward(x)[0];
  }
}

class Encoder extends nn.Module {
  constructor(
    readonly layer: nn.TransformerEncoderLayer,
    readonly isCausal: boolean,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.layer.forward(x, { isCausal: this.isCausal });
  }
}

/** A model with the weights of the benchmarks. */
export function build(model: Model): nn.Sequential {
  return sequence(model.layers, "");
}

/** `prefix` is the path of the layers' holder, with a dot at its end if there is one. */
function sequence(layers: readonly Layer[], prefix: string): nn.Sequential {
  return new nn.Sequential(
    ...layers.map((layer, i) => {
      const [before, behind] = [layers[i - 1]?.type, layers[i + 1]?.type];
      if (layer.type === "relu" && before === "residual") return new nn.Identity();
      return loaded(layer, `${prefix}${i}`, behind === "relu" ? "relu" : "none");
    }),
  );
}

/** `activation` is what follows a residual layer. */
function loaded(layer: Layer, path: string, activation: Residual["activation"]): nn.Module {
  switch (layer.type) {
    case "residual": {
      const [body, shortcut] = [layer.body, layer.shortcut];
      return new Residual(sequence(body, `${path}.body.`), sequence(shortcut, `${path}.shortcut.`), activation);
    }
    case "concat":
      return new Concat(layer.branches.map((branch, i) => sequence(branch, `${path}.branches.${i}.`)));
    default: {
      const module = moduleOf(layer);
      const inner = module instanceof States ? module.lstm : module instanceof Encoder ? module.layer : module;
      load(inner, Object.entries(layerWeights(layer, path)));
      return module;
    }
  }
}

function moduleOf(layer: Exclude<Layer, { type: "residual" | "concat" }>): nn.Module {
  switch (layer.type) {
    case "conv": {
      const { inC, outC, kernel, stride = 1, padding = 0, groups = 1, bias = true } = layer;
      return new nn.Conv2d(inC, outC, kernel, { stride, padding, groups, bias });
    }
    case "linear":
      return new nn.Linear(layer.inF, layer.outF);
    case "batchnorm":
      return new nn.BatchNorm2d(layer.channels);
    case "relu":
      return new nn.ReLU();
    case "relu6":
      return new nn.ReLU6();
    case "maxpool":
      return new nn.MaxPool2d(layer.kernel, { stride: layer.stride, padding: layer.padding ?? 0 });
    case "avgpool":
      return new nn.AdaptiveAvgPool2d(1);
    case "flatten":
      return new nn.Flatten();
    case "embedding":
      return new nn.Embedding(layer.count, layer.width);
    case "positions":
      return new Positions(layer.length, layer.width);
    case "lstm":
      return new States(new nn.LSTM(layer.inF, layer.outF, { batchFirst: true }));
    case "encoder": {
      const options = { dimFeedforward: layer.hidden, dropout: 0, batchFirst: true };
      return new Encoder(new nn.TransformerEncoderLayer(layer.width, layer.heads, options), layer.causal);
    }
  }
}

/** Gives a module its weights; a count of batches, which batch normalisation keeps besides, stays as it is. */
export function load(module: nn.Module, weights: readonly (readonly [string, Values])[]): void {
  const state = new Map(weights.map(([name, given]) => [name, toTensor(given)]));
  const own = [...module.stateDict().keys()].filter((key) => key !== "num_batches_tracked");
  const missing = own.filter((key) => !state.has(key));
  if (missing.length > 0) throw new Error(`no weights for ${missing.join(", ")}`);
  module.loadStateDict(state, { strict: false });
  dispose(state.values());
}
