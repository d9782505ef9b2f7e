import { arange, functional as F, manualSeed, nn, type Tensor, tensor } from "../../src/node.js";
import { generatorOf } from "./make.js";

/** A module whose sizes stay open, at the sizes that it is traced with and at others. */
export interface OpenLayer {
  readonly name: string;
  readonly make: () => nn.Module;
  /** The inputs' shapes for given sizes. */
  readonly shapes: (n: number, l: number) => readonly (readonly number[])[];
  /** Which dimensions of the inputs are N, and which L. */
  readonly n?: readonly (readonly [input: number, dim: number])[];
  readonly l?: readonly (readonly [input: number, dim: number])[];
  /** Inputs are indices below this. */
  readonly below?: number;
}

/** A module from a function. */
export class Compute extends nn.Module {
  constructor(private readonly run: (...tensors: Tensor[]) => unknown) {
    super();
  }

  forward(...tensors: Tensor[]): unknown {
    return this.run(...tensors);
  }
}

const made = (run: (...tensors: Tensor[]) => unknown) => () => new Compute(run);

/** [N, L, features], both open. */
const sequences = (features: number) => ({
  shapes: (n: number, l: number) => [[n, l, features]],
  n: [[0, 0]] as const,
  l: [[0, 1]] as const,
});

/** [N, channels, L], both open. */
const signals = (channels: number) => ({
  shapes: (n: number, l: number) => [[n, channels, l]],
  n: [[0, 0]] as const,
  l: [[0, 2]] as const,
});

/** [L, N, features] and a state [layers, N, hidden]. */
const stepsAndState = (features: number, layers: number, ...hidden: number[]) => ({
  shapes: (n: number, l: number) => [[l, n, features], ...hidden.map((h) => [layers, n, h])],
  n: [[0, 1], ...hidden.map((_, i) => [i + 1, 1] as const)] as readonly (readonly [number, number])[],
  l: [[0, 0]] as const,
});

/** A recurrent layer with given states as inputs. */
function withState(layer: nn.Module): nn.Module {
  class Stated extends nn.Module {
    inner = layer;
    forward(x: Tensor, ...state: Tensor[]): unknown {
      return this.inner.forward(x, state.length > 1 ? state : state[0]);
    }
  }
  return new Stated();
}

class SelfAttention extends nn.Module {
  attention = new nn.MultiheadAttention(8, 2, { batchFirst: true });
  forward(x: Tensor): unknown {
    return this.attention.forward(x, x, x, { needWeights: true });
  }
}

class Causal extends nn.Module {
  layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12, batchFirst: true, activation: "gelu" });
  forward(x: Tensor): Tensor {
    return this.layer.forward(x, { isCausal: true });
  }
}

const lengths = [4, 2, 1];

export const openLayers: readonly OpenLayer[] = [
  { name: "linear", make: () => new nn.Linear(4, 3), ...sequences(4) },
  {
    name: "embedding, mean of the steps",
    make: () => new nn.Sequential(new nn.Embedding(11, 4), new Compute((x) => F.mean(x!, { dim: 1 }))),
    shapes: (n, l) => [[n, l]],
    n: [[0, 0]],
    l: [[0, 1]],
    below: 11,
  },
  {
    name: "lstm",
    make: () => new nn.LSTM(4, 5, { numLayers: 2, bidirectional: true, batchFirst: true }),
    ...sequences(4),
  },
  { name: "lstm with states", make: () => withState(new nn.LSTM(4, 5)), ...stepsAndState(4, 1, 5, 5) },
  {
    name: "lstm with projection",
    make: () => new nn.LSTM(4, 5, { projSize: 2, bidirectional: true }),
    ...stepsAndState(4, 1),
  },
  {
    name: "lstm with projection and states",
    make: () => withState(new nn.LSTM(4, 5, { projSize: 2 })),
    ...stepsAndState(4, 1, 2, 5),
  },
  { name: "gru", make: () => withState(new nn.GRU(4, 5)), ...stepsAndState(4, 1, 5) },
  {
    name: "classic gru",
    make: () => new nn.GRU(4, 5, { resetAfter: false, bidirectional: true }),
    ...stepsAndState(4, 1),
  },
  { name: "rnn", make: () => new nn.RNN(4, 5, { nonlinearity: "relu", bias: false }), ...stepsAndState(4, 1) },
  { name: "attention with weights", make: () => new SelfAttention(), ...sequences(8) },
  { name: "causal encoder layer", make: () => new Causal(), ...sequences(8) },
  { name: "encoder", make: () => new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12 }), ...stepsAndState(8, 1) },
  {
    name: "group norm",
    make: () => new nn.Sequential(new nn.GroupNorm(2, 4), new nn.InstanceNorm1d(4, { affine: true })),
    ...signals(4),
  },
  {
    name: "convolutions and pools",
    make: () =>
      new nn.Sequential(
        new nn.Conv1d(4, 6, 3, { padding: 1 }),
        new nn.BatchNorm1d(6),
        new nn.ReLU(),
        new nn.MaxPool1d(2, { stride: 1 }),
        new nn.ConvTranspose1d(6, 4, 2),
        new nn.AvgPool1d(3, { stride: 1, padding: 1 }),
        new nn.AdaptiveAvgPool1d(1),
        new nn.Flatten(),
      ),
    ...signals(4),
  },
  { name: "flatten of everything", make: made((x) => x!.reshape(-1)), ...sequences(3) },
  { name: "swap and merge", make: made((x) => x!.permute(1, 0, 2).reshape(x!.shape[1]!, -1)), ...sequences(3) },
  {
    name: "split into heads",
    make: made((x) => x!.reshape(x!.shape[0]!, x!.shape[1]!, 2, 3).permute(0, 2, 1, 3)),
    ...sequences(6),
  },
  { name: "last step", make: made((x) => F.select(x!, { dim: 1, index: -1 })), ...sequences(3) },
  { name: "all but the ends", make: made((x) => F.slice(x!, { dim: 1, start: 1, end: -1 })), ...sequences(3) },
  {
    name: "every second step",
    make: made((x) => F.narrow(x!, { dim: 1, start: 1, length: x!.shape[1]! - 1 })),
    ...sequences(3),
  },
  {
    name: "shifted steps",
    make: made((x) => [F.roll(x!, { shifts: 1, dims: 1 }), F.roll(x!, { shifts: -1, dims: 1 })]),
    ...sequences(3),
  },
  { name: "flipped steps", make: made((x) => F.flip(x!, { dims: [1, 2] })), ...sequences(3) },
  { name: "steps beside themselves", make: made((x) => F.cat([x!, x!, x!], { dim: 1 }).add(1)), ...sequences(3) },
  { name: "repeated", make: made((x) => F.repeat(x!, { repeats: [1, 2, 3] })), ...sequences(3) },
  { name: "deviation of the steps", make: made((x) => F.std(x!, { dim: 1 })), ...sequences(3) },
  { name: "order of the steps", make: made((x) => F.argsort(x!, { dim: 1 })), ...sequences(3) },
  { name: "largest steps", make: made((x) => F.max(x!, { dim: 1 })), ...sequences(3) },
  {
    name: "lower triangles",
    make: made((x) => F.tril(F.matmul(x!, x!.permute(0, 2, 1)), { diagonal: -1 })),
    ...sequences(3),
  },
  { name: "outer product", make: made((x) => F.einsum(x!, x!, { equation: "nld,nmd->nlm" })), ...sequences(3) },
  {
    name: "first and last replaced",
    make: made((x) => F.sliceScatter(x!, F.narrow(x!, { dim: 1, start: 1, length: 1 }), { dim: 1, start: -1 })),
    ...sequences(3),
  },
  {
    name: "images side by side",
    make: () => new nn.Upsample({ scaleFactor: 2 }),
    shapes: (n) => [[n, 2, 3, 4]],
    n: [[0, 0]],
  },
  {
    name: "windows of images",
    make: made((x) =>
      F.fold(F.unfold(x!, { kernelSize: 2, stride: 2 }), { outputSize: [4, 6], kernelSize: 2, stride: 2 }),
    ),
    shapes: (n) => [[n, 2, 4, 6]],
    n: [[0, 0]],
  },
  {
    name: "sequences of several lengths",
    make: () =>
      new (class extends nn.Module {
        gru = new nn.GRU(3, 4, { bidirectional: true });
        forward(x: Tensor): unknown {
          return this.gru.forward(x, null, { lengths });
        }
      })(),
    shapes: () => [[4, 3, 3]],
  },
  {
    name: "projected sequences of several lengths",
    make: () =>
      new (class extends nn.Module {
        lstm = new nn.LSTM(3, 4, { bidirectional: true, projSize: 2 });
        forward(x: Tensor): unknown {
          return this.lstm.forward(x, null, { lengths });
        }
      })(),
    shapes: () => [[4, 3, 3]],
  },
  {
    name: "positions",
    make: made((x) => x!.add(arange(x!.shape[2]!).to("float32"))),
    shapes: (n, l) => [[n, l, 3]],
    n: [[0, 0]],
    l: [[0, 1]],
  },
];

/** The inputs of a layer for given sizes. */
export function layerInputs({ shapes, below }: OpenLayer, n: number, l: number): Tensor[] {
  const random = generatorOf(n * 31 + l);
  return shapes(n, l).map((shape) => {
    const count = shape.reduce((p, s) => p * s, 1);
    const values = Array.from({ length: count }, () =>
      below === undefined ? 2 * random() - 1 : Math.floor(random() * below),
    );
    return below === undefined
      ? tensor(Float32Array.from(values), { shape })
      : tensor(Int32Array.from(values), { shape });
  });
}

/** The option `dynamic` of a layer, and names for its inputs. */
export function openSizes({ n = [], l = [], shapes }: OpenLayer): {
  inputNames: string[];
  dynamic: Record<string, readonly (readonly [string, number])[]>;
} {
  const inputNames = shapes(2, 4).map((_, i) => `x${i}`);
  const places = (list: readonly (readonly [number, number])[]) => list.map(([i, d]) => [`x${i}`, d] as const);
  const dynamic = { ...(n.length > 0 ? { N: places(n) } : {}), ...(l.length > 0 ? { L: places(l) } : {}) };
  return { inputNames, dynamic };
}

/** A layer with weights of its own. */
export function makeLayer(layer: OpenLayer): nn.Module {
  manualSeed(5);
  return layer.make();
}
