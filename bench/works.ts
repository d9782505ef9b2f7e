// What is measured: one entry a work. An entry is plain data, so that it can be sent to the process of any implementation; what it
// means is written once in every implementation, by `kind`.

/** A layer of the models that every implementation builds. Shapes are PyTorch's: NCHW, weights [out, in, k, k] and [out, in]. */
export type Layer =
  | {
      readonly type: "conv";
      readonly inC: number;
      readonly outC: number;
      readonly kernel: number;
      readonly padding: number;
    }
  | { readonly type: "linear"; readonly inF: number; readonly outF: number }
  | { readonly type: "relu" }
  /** 2×2, stride 2. */
  | { readonly type: "maxpool" }
  | { readonly type: "flatten" };

export interface Model {
  /** Shape of one example. */
  readonly input: readonly number[];
  readonly layers: readonly Layer[];
}

export interface GemmWork {
  readonly kind: "gemm";
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** One image, square, stride 1, as many zeros around it as keep its size. */
export interface ConvWork {
  readonly kind: "conv";
  readonly size: number;
  readonly inC: number;
  readonly outC: number;
  readonly kernel: number;
  readonly groups: number;
}

/** A training step: forward, cross-entropy, backward, plain gradient descent with rate `lr`. The outputs are the first three losses. */
export interface TrainWork {
  readonly kind: "train";
  readonly model: Model;
  readonly batch: number;
  readonly lr: number;
}

export interface InferWork {
  readonly kind: "infer";
  readonly model: Model;
  readonly batch: number;
}

/** A call of an op on a bench size of its row in test/cases, forward or with its gradients too; see ops.ts. */
export interface OpWork {
  readonly kind: "op";
  /** Name of the row. */
  readonly row: string;
  /** Name of the bench size. */
  readonly size: string;
  readonly backward: boolean;
}

/** Multiply-adds on registers alone. */
export interface CeilingWork {
  readonly kind: "ceiling";
}

export type Work = {
  readonly name: string;
  /** Floating-point operations of one run; a multiply-add counts two. The ceiling finds out itself, a cold start has no rate. */
  readonly flops?: number;
  /** Bytes that one run must read and write at least: for works that are bound by memory; 0 for a view. */
  readonly bytes?: number;
  /** Two implementations agree if |a − b| ≤ tolerance · (largest |a|). */
  readonly tolerance: number;
  /** Measure the time from the start of a new process to the first result, instead of runs in a warm one. */
  readonly fresh?: true;
} & (GemmWork | ConvWork | TrainWork | InferWork | OpWork | CeilingWork);

const lenet: Model = {
  input: [1, 28, 28],
  layers: [
    { type: "conv", inC: 1, outC: 6, kernel: 5, padding: 2 },
    { type: "relu" },
    { type: "maxpool" },
    { type: "conv", inC: 6, outC: 16, kernel: 5, padding: 0 },
    { type: "relu" },
    { type: "maxpool" },
    { type: "flatten" },
    { type: "linear", inF: 400, outF: 120 },
    { type: "relu" },
    { type: "linear", inF: 120, outF: 84 },
    { type: "relu" },
    { type: "linear", inF: 84, outF: 10 },
  ],
};

const mlp: Model = {
  input: [784],
  layers: [
    { type: "linear", inF: 784, outF: 512 },
    { type: "relu" },
    { type: "linear", inF: 512, outF: 256 },
    { type: "relu" },
    { type: "linear", inF: 256, outF: 10 },
  ],
};

export const works: readonly Work[] = [
  { name: "ceiling", kind: "ceiling", tolerance: 0 },
  gemm("gemm/64", 64, 64, 64),
  gemm("gemm/128", 128, 128, 128),
  gemm("gemm/256", 256, 256, 256),
  gemm("gemm/512", 512, 512, 512),
  gemm("gemm/1024", 1024, 1024, 1024),
  gemm("gemm/1x1024x1024", 1, 1024, 1024),
  gemm("gemm/32x784x256", 32, 784, 256),
  conv("conv/56x64x64k3", 56, 64, 64, 3),
  conv("conv/28x128x128k3", 28, 128, 128, 3),
  conv("conv/56x64x256k1", 56, 64, 256, 1),
  conv("conv/112x32x32k3", 112, 32, 32, 3),
  conv("dwconv/112x32k3", 112, 32, 32, 3, 32),
  train("train/lenet-b64", lenet, 64, 0.05),
  train("train/mlp-b128", mlp, 128, 0.05),
  infer("infer/lenet-b1", lenet, 1),
  coldstart("coldstart", lenet),
];

/** [m, k] · [k, n] */
function gemm(name: string, m: number, k: number, n: number): Work {
  return { name, kind: "gemm", m, k, n, flops: 2 * m * k * n, tolerance: 1e-5 };
}

function conv(name: string, size: number, inC: number, outC: number, kernel: number, groups = 1): Work {
  const flops = (2 * size * size * outC * inC * kernel * kernel) / groups;
  return { name, kind: "conv", size, inC, outC, kernel, groups, flops, tolerance: 1e-5 };
}

function train(name: string, model: Model, batch: number, lr: number): Work {
  const perLayer = flopsOf(model);
  // Backward costs twice the forward pass, but nobody needs the gradient of the model's input.
  const flops = batch * (3 * perLayer.reduce((a, b) => a + b, 0) - perLayer.find((f) => f > 0)!);
  return { name, kind: "train", model, batch, lr, flops, tolerance: 1e-3 };
}

function infer(name: string, model: Model, batch: number): Work {
  const flops = batch * flopsOf(model).reduce((a, b) => a + b, 0);
  return { name, kind: "infer", model, batch, flops, tolerance: 1e-5 };
}

/** From the start of a process to the first result of a model. */
function coldstart(name: string, model: Model): Work {
  return { name, kind: "infer", model, batch: 1, fresh: true, tolerance: 1e-5 };
}

/** Operations of the matrix products and convolutions in a forward pass of one example, by layer. */
function flopsOf(model: Model): number[] {
  let side = model.input.at(-1)!;
  return model.layers.map((layer) => {
    if (layer.type === "linear") return 2 * layer.inF * layer.outF;
    if (layer.type === "maxpool") side /= 2;
    if (layer.type !== "conv") return 0;
    side += 2 * layer.padding - layer.kernel + 1;
    return 2 * side * side * layer.inC * layer.outC * layer.kernel ** 2;
  });
}
